"""What a system holds against what came in."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from lienthong.ledger.source_check import check_source
from lienthong.ledger.source_list import ListedDossier, SourceListError, read_list
from lienthong.record import Record

TOPIC = "hue.records.dossier"


def _record(code: str | None, state: str, minute: int, value: bytes | None = None) -> Record:
    body = orjson.dumps({"status": state, "occurred_at": f"2026-10-05T08:{minute:02}:00+07:00"})
    return Record(TOPIC, 0, 0, 0, code and code.encode(), body if value is None else value, [])


@pytest.fixture
def check(kafka_of: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that compares rows with records."""

    def compare(records: list[Record], *rows: tuple[str, str], known: str = "") -> Any:
        listed = [ListedDossier(number, *row) for number, row in enumerate(rows, start=2)]
        return check_source(listed, kafka_of(*records), TOPIC, known.__eq__, limit=2)

    return compare


def test_what_was_never_sent_is_found_and_told_from_what_was_forgotten(check: Any) -> None:
    """A dossier that nobody published is the one thing that no receipt can show."""
    report = check([_record("H1", "received", 1)], ("H1", ""), ("H2", ""), ("H3", "received"), known="H3")
    assert (report.listed, report.agreeing, report.never_sent.total, report.forgotten) == (3, 1, 1, 1)
    assert [(each.dossier_code, each.line) for each in report.never_sent.listed] == [("H2", 3)]
    assert not report.is_complete


def test_the_last_state_counts_whichever_record_came_last(check: Any) -> None:
    """A snapshot that was sent late says less than the step that was taken after it."""
    records = [_record("H1", "returned", 9), _record("H1", "processing", 3), _record("H2", "received", 1)]
    report = check(records, ("H1", "returned"), ("H2", "processing"))
    assert (report.agreeing, report.differing.total) == (1, 1)
    (found,) = report.differing.listed
    assert (found.dossier_code, found.theirs, found.ours) == ("H2", "processing", "received")


def test_a_record_that_cannot_be_read_still_came_in(check: Any) -> None:
    """A value whose key was destroyed, or of an older form, is no reason to publish again."""
    records = [_record("H1", "", 1, b"{"), _record("H2", "", 1, b"[]"), _record(None, "received", 1)]
    report = check(records, ("H1", "returned"), ("H2", ""))
    assert (report.agreeing, report.is_complete) == (2, True)


def test_everything_is_counted_and_the_first_are_listed(check: Any) -> None:
    """A system that never published anything does not fill the screen."""
    report = check([], *((f"H{number}", "") for number in range(50)))
    assert (report.never_sent.total, len(report.never_sent.listed)) == (50, 2)
    assert orjson.loads(orjson.dumps(report.as_document()))["never_sent"] == 50


def test_a_code_that_is_listed_twice_counts_once_as_its_last_row_says(check: Any) -> None:
    """An export over several days repeats dossiers."""
    report = check([_record("H1", "returned", 1)], ("H1", "processing"), ("H1", "returned"))
    assert (report.listed, report.agreeing) == (1, 1)


def test_nothing_is_compared_with_a_list_that_cannot_be_used(tmp_path: Any, kafka_of: Any) -> None:
    """Half a list would call the other half complete."""
    path = tmp_path / "list.csv"
    path.write_text("dossier_code\nH1\nx y\n", encoding="utf-8")
    with pytest.raises(SourceListError):
        check_source(read_list(path), kafka_of(), TOPIC, lambda _: False)
