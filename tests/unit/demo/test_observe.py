"""What Kafka's topics show: the access log is counted by whom was asked, and only a result after its intent counts."""

from datetime import UTC, datetime
from pathlib import Path

from lienthong.access_log import AccessEntry, AccessPhase
from lienthong.receipt import Receipt, ReceiptBatch
from lienthong_connectors.demo.evidence import evidence
from lienthong_connectors.demo.observe import Topics


def _entry(phase: AccessPhase, target: str, question: str) -> AccessEntry:
    result = "" if phase is AccessPhase.INTENT else "match"
    at = datetime(2026, 10, 5, tzinfo=UTC)
    return AccessEntry(
        question, phase, at, "officer-1", "", "", "purpose", "law", target, "ask", 1, question, "0" * 64, (), result
    )


def test_questions_to_other_platforms_are_not_mistaken_for_those_about_dossiers() -> None:
    """A sign-in in the place of a missing question to the population database would hide that it is missing."""
    topics = Topics()
    for target, question in (("population", "a"), ("vneid", "b")):
        topics._access(_entry(AccessPhase.INTENT, target, question))
        topics._access(_entry(AccessPhase.RESULT, target, question))
    topics._access(_entry(AccessPhase.RESULT, "vneid", "without-intent"))
    assert (topics.intents, topics.answered, dict(topics.elsewhere)) == ({"a"}, {"a"}, {"vneid": {"b"}})


def test_records_without_a_name_that_could_be_known_are_counted_together() -> None:
    """Each keeps its own place, so none of them hides another."""
    rows = [Receipt(number, "/hue/sign-in", f"id-{number}", "", f"key-{number}", "delivered") for number in range(3)]
    topics = Topics()
    topics._receipts(ReceiptBatch("intake", "topic", 0, datetime(2026, 10, 5, tzinfo=UTC), rows))
    assert topics.outcomes("intake") == {("/hue/sign-in", ""): ["delivered"] * 3}


def test_everything_but_records_people_and_secrets_is_evidence(tmp_path: Path) -> None:
    """Who an official is stands in a secret; anywhere else it is a leak."""
    for name in ("kafka/records/0", "people.jsonl", "secrets/official-full_name", "logs/gateway.log", "lienthong.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    places = {place for place, _ in evidence(tmp_path, Topics(), {})}
    assert places == {"file logs/gateway.log", "file lienthong.yaml", "names of files"}
