"""Parking: the log and its fold; what engines make of it is in the tests of the remote engine."""

from datetime import UTC, datetime

import pytest

from lienthong.delivery.parked_state import ParkedState
from lienthong.delivery.parking import (
    BEHIND,
    DEAD_LETTER,
    SCOPE,
    entry_id,
    lane_of,
    parse_parked,
    to_closed,
    to_done,
    to_parked,
)
from lienthong.delivery.scope import scope_of
from lienthong.errors import DecodeError
from lienthong.outcome import Finding
from lienthong.record import Place, Record

AT = datetime(2026, 10, 5, 1, 2, 3, tzinfo=UTC)
TOPIC = "hue.parked.deliver-dossier"
HEADERS = [("ce_id", b"e-1"), ("ce_source", b"/hue/one-stop"), ("lt-key-id", b"0a1b")]


def _record(key, offset, value=b"{}", partition=2):
    return Record("hue.records.dossier", partition, offset, 99, key, value, HEADERS)


def _read(outgoing, offset=0):
    return Record(outgoing.topic, outgoing.partition, offset, 1, outgoing.key, outgoing.value, outgoing.headers)


@pytest.mark.parametrize("value", [b"{}", b"", None])
def test_a_parked_record_comes_back_unchanged(value):
    """Key, value, headers and place are those of the source, so source, id and effect key stay."""
    record = _record(b"k", 7, value)
    outgoing = to_parked(record, topic=TOPIC, reason="review", parked_at=AT, review_id="r1")
    entry = parse_parked(_read(outgoing))

    assert (outgoing.key, outgoing.partition) == (b"k", 2)
    assert outgoing.value is not None
    assert entry.record == record
    assert (entry.reason, entry.review_id, entry.parked_at) == ("review", "r1", AT)


def test_what_a_person_is_asked_is_kept():
    """A review that was not written can be written again, with its reason and findings."""
    findings = (Finding("owner.full_name", "differs"), Finding("owner.birth_date", "differs"))
    outgoing = to_parked(
        _record(b"k", 7), topic=TOPIC, reason="review", parked_at=AT, asked="identity_mismatch", findings=findings
    )
    entry = parse_parked(_read(outgoing))

    assert (entry.asked, entry.findings) == ("identity_mismatch", findings)


def test_parking_again_does_not_pile_up_headers():
    """A record that is parked, released and parked again looks like one parked once."""
    once = to_parked(_record(b"k", 7), topic=TOPIC, reason="review", parked_at=AT)
    again = to_parked(parse_parked(_read(once)).record, topic=TOPIC, reason="review", parked_at=AT)

    assert again == once


def test_what_waits_holds_its_key_only():
    """Other keys and records without key go on."""
    state = ParkedState()
    state.apply(to_parked(_record(b"k", 7), topic=TOPIC, reason="review", parked_at=AT, review_id="r1"))

    assert state.is_parked(b"k")
    assert not state.is_parked(b"other")
    assert not state.is_parked(lane_of(_record(None, 8)))
    assert state.find_review("r1").record.offset == 7
    assert (len(state), [entry.id for entry in state]) == (1, ["hue.records.dossier:2:7"])

    state.apply(to_closed(_record(b"k", 7), topic=TOPIC))

    assert not state.is_parked(b"k")
    assert state.find_review("r1") is None


def test_a_waiting_record_can_get_its_own_review_without_losing_its_place():
    """A record that fails when it is released waits where it was, so nothing has to be closed before it is safe."""
    state = ParkedState()
    for offset in (7, 8, 9):
        state.apply(to_parked(_record(b"k", offset), topic=TOPIC, reason=BEHIND, parked_at=AT))

    state.apply(to_parked(_record(b"k", 8), topic=TOPIC, reason="review", parked_at=AT, review_id="r8"))
    state.apply(to_parked(_record(b"k", 8), topic=TOPIC, reason=BEHIND, parked_at=AT))

    assert [entry.record.offset for entry in state.entries(b"k")] == [7, 8, 9]
    assert state.find_review("r8").record.offset == 8
    assert state.entries(b"k")[1].review_id == "r8"


def test_a_dead_letter_keeps_its_reason_when_it_is_read_again():
    """A worker that dies before the commit reads it once more and only sees that its key is parked."""
    state = ParkedState()
    state.apply(to_parked(_record(b"k", 7), topic=TOPIC, reason=DEAD_LETTER, parked_at=AT))
    state.apply(to_parked(_record(b"k", 7), topic=TOPIC, reason=BEHIND, parked_at=AT))

    assert state.first(b"k").reason == DEAD_LETTER
    assert state.counts() == {DEAD_LETTER: 1}


def test_records_without_key_wait_each_for_itself():
    """They have no order to keep, so none of them holds another one up."""
    state = ParkedState()
    first, second = _record(None, 7), _record(None, 8)
    for record in (first, second):
        state.apply(to_parked(record, topic=TOPIC, reason=SCOPE, parked_at=AT))
    state.apply(to_closed(first, topic=TOPIC))

    assert not state.is_parked(lane_of(first))
    assert state.first(lane_of(second)).record == second


def test_a_scope_is_named_in_the_log_without_its_value():
    """An officer is often identified by a personal number, so only a keyed hash is written."""
    scope = scope_of("population", "officer", "officer-17", b"k" * 32)
    outgoing = to_parked(_record(b"k", 7), topic=TOPIC, reason=SCOPE, parked_at=AT, scope=scope)
    again = to_parked(parse_parked(_read(outgoing)).record, topic=TOPIC, reason=BEHIND, parked_at=AT)

    assert parse_parked(_read(outgoing)).scope == scope
    assert not any(b"officer-17" in raw for _, raw in outgoing.headers)
    assert parse_parked(_read(again)).scope is None


def test_what_was_carried_out_is_known_to_the_next_owner():
    """Commands stay in Kafka; the mark of one partition says nothing of another."""
    read = ParkedState()
    read.apply(_read(to_done(b"k", 2, 41, topic=TOPIC)))
    state = ParkedState()
    state.adopt(read, {Place("hue.records.dossier", 2)})

    assert state.is_done(2, 41)
    assert not state.is_done(1, 41)
    assert not state.is_done(2, 40)
    state.forget_partition("hue.records.dossier", 2)
    assert not state.is_done(2, 41)


def test_what_is_read_of_a_new_partition_replaces_what_was_thought_of_it():
    """An entry that a former owner of this process left behind may have been closed by another worker since."""
    state, read = ParkedState(), ParkedState()
    state.apply(to_parked(_record(b"old", 7), topic=TOPIC, reason=BEHIND, parked_at=AT))
    state.apply(to_parked(_record(b"kept", 7, partition=1), topic=TOPIC, reason=BEHIND, parked_at=AT))
    read.apply(to_parked(_record(b"new", 8), topic=TOPIC, reason=BEHIND, parked_at=AT))
    state.adopt(read, {Place("hue.records.dossier", 2)})

    assert {entry.record.key for entry in state} == {b"kept", b"new"}


def test_a_lost_partition_is_forgotten():
    """What another worker owns now must not be released here."""
    state = ParkedState()
    for partition in (1, 2):
        record = _record(b"k%d" % partition, 7, partition=partition)
        state.apply(to_parked(record, topic=TOPIC, reason="review", parked_at=AT))

    state.forget_partition("hue.records.dossier", 1)

    assert [entry.record.partition for entry in state] == [2]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("lt-parked-state", b"other")],
        [("lt-parked-state", b"parked")],
        [("lt-parked-state", b"done")],
        [("lt-parked-state", b"done"), ("lt-parked-command", b"x")],
    ],
)
def test_what_neither_parks_nor_closes_is_refused(headers):
    """A foreign record in the topic is named, not skipped."""
    with pytest.raises(DecodeError):
        ParkedState().apply(Record(TOPIC, 0, 0, 0, b"k", b"", headers))


def test_an_entry_is_named_by_its_place():
    """The same record parked twice is one entry."""
    assert entry_id(_record(b"k", 7)) == "hue.records.dossier:2:7"
