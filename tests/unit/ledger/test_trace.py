"""The timeline of a record and of a dossier."""

from typing import Any

from lienthong.access_log import AccessPhase
from lienthong.ledger.reader import ReceiptReader
from lienthong.ledger.trace import OUTCOMES_VI, trace
from lienthong.outcome import OutcomeKind


def _story(feeder: Any) -> None:
    feeder.apply(
        feeder.batch(
            feeder.receipt("id-1", "delivered", 4),
            pipeline="intake",
            topic="hue.inbound.dossier.one-stop",
            at_seconds=1,
        ),
        feeder.entry("check-1", at_seconds=2),
        feeder.entry("check-1", at_seconds=3, phase=AccessPhase.RESULT, result="mismatch", fields=("full_name",)),
        feeder.batch(
            feeder.receipt(
                "id-1", "review", reason="identity.mismatch", effect_key="check-1", findings=["name:differs"]
            ),
            pipeline="verify-dossier",
            at_seconds=4,
        ),
        feeder.batch(feeder.receipt("id-1", "delivered", attempts=3), at_seconds=5),
        feeder.batch(feeder.receipt("id-2", "superseded"), at_seconds=6),
        feeder.batch(
            feeder.receipt("id-1", "cancelled", effect_key="check-1"), pipeline="verify-dossier", at_seconds=9
        ),
        feeder.entry("check-2", at_seconds=7),
    )


def test_a_dossier_shows_everything_in_order_of_time(sqlite_feeder: Any) -> None:
    """From acceptance over every question about the citizen to the last outcome."""
    _story(sqlite_feeder)

    steps = trace(sqlite_feeder.store, sqlite_feeder.dossier)

    assert [(step.where, step.what) for step in steps] == [
        ("hue.inbound.dossier.one-stop", "accepted"),
        ("intake", "delivered"),
        ("population", "intent"),
        ("population", "result"),
        ("verify-dossier", "review"),
        ("deliver-dossier", "delivered"),
        ("hue.records.dossier", "accepted"),
        ("deliver-dossier", "superseded"),
        ("population", "intent"),
        ("verify-dossier", "cancelled"),
    ]
    assert [step.at for step in steps] == sorted(step.at for step in steps)


def test_an_event_shows_only_its_own_accesses(sqlite_feeder: Any) -> None:
    """Questions asked for another record of the same dossier are left out."""
    _story(sqlite_feeder)

    steps = trace(sqlite_feeder.store, "id-1")

    assert {step.id for step in steps} == {"id-1", "check-1"}


def test_steps_carry_what_officials_ask_for(sqlite_feeder: Any) -> None:
    """Vietnamese names, the time of Viet Nam, attempts, findings and who asked why."""
    _story(sqlite_feeder)

    documents = [step.as_document() for step in trace(sqlite_feeder.store, "id-1")]

    asked = next(item for item in documents if item["what"] == "result")
    assert (asked["reason"], asked["actor"], asked["purpose"]) == ("mismatch", "officer-7", "dossier-verification")
    delivered = next(item for item in documents if item["where"] == "deliver-dossier")
    assert (delivered["what_vi"], delivered["attempts"]) == ("đã chuyển", 3)
    assert delivered["at"] == "2026-10-05T08:00:05+07:00"


def test_nothing_known_is_an_empty_timeline(sqlite_feeder: Any) -> None:
    """An unknown id is no error."""
    assert trace(sqlite_feeder.store, "nobody") == []


def test_every_outcome_has_a_vietnamese_name() -> None:
    """A new outcome must not appear without one."""
    assert OUTCOMES_VI.keys() == set(OutcomeKind)
    assert len(set(OUTCOMES_VI.values())) == len(OutcomeKind)


async def test_the_gateway_reads_receipts_without_blocking(sqlite_feeder: Any) -> None:
    """One document for each pipeline, ready for JSON."""
    _story(sqlite_feeder)

    found = await ReceiptReader(sqlite_feeder.store).find("id-1", sqlite_feeder.source)

    assert [item["pipeline"] for item in found] == ["intake", "verify-dossier", "deliver-dossier"]
    assert found[1] == found[1] | {
        "outcome": "cancelled",
        "first_outcome": "review",
        "first_seen": "2026-10-05T01:00:04+00:00",
        "last_at": "2026-10-05T01:00:09+00:00",
        "arrivals": 1,
        "repeat_possible": False,
    }
    assert await ReceiptReader(sqlite_feeder.store).find("id-1", "urn:other") == []
