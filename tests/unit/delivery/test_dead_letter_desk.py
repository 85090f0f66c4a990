"""What operators may do with dead letters, and what is refused before anything is written."""

from datetime import UTC, datetime

import pytest

from lienthong.delivery.command import Action, parse_command
from lienthong.delivery.dead_letter import to_dead_letter
from lienthong.delivery.dead_letter_desk import DeadLetterDesk, in_portions, wanted_values
from lienthong.delivery.dead_letter_selection import Selection
from lienthong.errors import LienthongError, RecordTooLargeError, RejectedByTargetError
from lienthong.record import Record
from lienthong.testing.clock import FakeClock
from lienthong.topic_names import TopicNames

NAMES = TopicNames("hue")
WHO = {"actor": "operator-3", "reason": "mended"}
SECRET = b"k" * 32


def _letter(number, at, value=b'{"a":1}', key=b"H57.12-250101-0001", **options):
    headers = [("ce_id", b"e-%d" % number), ("ce_source", b"/hue/one-stop"), ("ce_legalbasis", b"Law 1")]
    source = Record("hue.records.dossier", 3, number, 5, key, value, headers)
    out = to_dead_letter(
        source,
        topic="hue.deadletters.x",
        pipeline="x",
        stage="sink_write",
        error=RejectedByTargetError("refused"),
        first_failed_at=datetime(2026, 10, 5, tzinfo=UTC),
        **options,
    )
    return Record(out.topic, 1, at, 1_000, out.key, out.value, out.headers)


def _desk(*letters, commands=(), max_command_bytes=10_000):
    return DeadLetterDesk("x", letters, commands, NAMES, FakeClock(), max_command_bytes)


def test_one_record_is_one_entry_in_the_order_of_its_source():
    """A crash between dead letter and receipt writes it twice; it must be put back once, and the oldest first."""
    desk = _desk(_letter(9, 0), _letter(4, 1), _letter(9, 2), Record("hue.deadletters.x", 1, 3, 1, b"", b"", []))
    found = desk.select(Selection())
    assert [(each.letter.offset, each.deaths, each.offset) for each in found] == [(4, 1, 1), (9, 2, 2)]
    assert desk.unreadable == 1
    assert all(each.letter.value is None for each in found)


def test_a_decision_answers_what_was_dead_when_it_was_taken():
    """Not clocks but offsets tell whether a record died again, so no clock that runs ahead hides one."""
    first = _desk(_letter(9, 0))
    (stored,) = first.select(Selection())
    out = first.outgoing(first.command(stored, Action.DISCARD, None, **WHO))
    command = Record(out.topic, out.partition, 0, 1, out.key, out.value, out.headers)
    assert [each.state for each in _desk(_letter(9, 0), commands=[command]).select(Selection())] == ["discarded"]
    assert [each.state for each in _desk(_letter(9, 0), _letter(9, 1), commands=[command]).select(Selection())] == [
        "open"
    ]
    assert _desk(_letter(9, 0), commands=[command]).select(Selection(is_open_only=True)) == []
    parsed = parse_command(command)
    assert (parsed.value, parsed.headers, parsed.partition) == (None, stored.letter.headers, 3)


def test_a_record_without_key_gets_none():
    """Its dead letter is keyed by its own id, which is no key of a record."""
    desk = _desk(_letter(9, 0, key=None))
    (stored,) = desk.select(Selection())
    assert desk.command(stored, Action.REPLAY, b"{}", **WHO).key is None


def test_what_cannot_be_replayed_is_refused_before_it_is_written():
    """A value that was not kept, or does not fit, would otherwise die again or stop the sending of all others."""
    desk = _desk(_letter(1, 0, value=b"x" * 5_000, max_bytes=4_000), _letter(2, 1))
    truncated, kept = desk.select(Selection())
    with pytest.raises(RecordTooLargeError, match="publish the record again"):
        desk.command(truncated, Action.REPLAY, b"", **WHO)
    assert desk.command(truncated, Action.DISCARD, None, **WHO).value is None
    with pytest.raises(RecordTooLargeError, match="max_message_bytes"):
        desk.outgoing(desk.command(kept, Action.REPLAY, b"x" * 10_000, **WHO))


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ({"actor": " ", "reason": "mended"}, "--actor is missing"),
        ({"actor": "operator-3", "reason": ""}, "--reason is missing"),
        ({"actor": "000199012345", "reason": "mended"}, "personal ID"),
        ({"actor": "operator-3", "reason": "for 000199012345"}, "personal ID"),
    ],
)
def test_nobody_decides_without_a_name_and_a_reason(who, told):
    """The decision is kept for years; it must say who and why, and name no citizen."""
    desk = _desk(_letter(1, 0))
    with pytest.raises(LienthongError, match=told):
        desk.command(desk.select(Selection())[0], Action.REPLAY, b"{}", **who)


def test_a_look_needs_a_purpose_and_takes_the_records_own_legal_basis():
    """The access log says who looked at whose data, why and on what legal basis."""
    desk = _desk(_letter(1, 0))
    (stored,) = desk.select(Selection())
    entry = desk.access(stored, actor="operator-3", purpose="mend", legal_basis="", secret=SECRET)
    assert (entry.key, entry.legal_basis, entry.operation) == ("H57.12-250101-0001", "Law 1", "dead_letter.show")
    with pytest.raises(LienthongError, match="--purpose"):
        desk.access(stored, actor="operator-3", purpose="", legal_basis="", secret=SECRET)


def test_a_short_beginning_of_an_id_is_refused():
    """A decision on whatever begins with one letter is a slip."""
    with pytest.raises(LienthongError, match="6 characters"):
        Selection(id="a1")


def test_values_are_read_in_portions_that_fit_into_memory():
    """A topic may hold more than a machine's memory; the order stays."""
    desk = _desk(*(_letter(number, number, value=b"x" * 40) for number in range(5)))
    found = desk.select(Selection())
    portions = list(in_portions(found, 100))
    assert [[each.letter.offset for each in portion] for portion in portions] == [[0, 1], [2, 3], [4]]
    assert wanted_values(found[1:4]) == {1: (1, 4)}
