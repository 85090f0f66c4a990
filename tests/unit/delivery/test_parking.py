"""Parking: the log, its fold, and that no key is ever reordered."""

from collections import defaultdict
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.delivery.parking import BEHIND, ParkedState, entry_id, parse_parked, to_closed, to_parked
from lienthong.errors import DecodeError
from lienthong.record import Record

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
    assert not state.is_parked(None)
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


def test_a_lost_partition_is_forgotten():
    """What another worker owns now must not be released here."""
    state = ParkedState()
    for partition in (1, 2):
        record = _record(b"k%d" % partition, 7, partition=partition)
        state.apply(to_parked(record, topic=TOPIC, reason="review", parked_at=AT))

    state.forget_partition("hue.records.dossier", 1)

    assert [entry.record.partition for entry in state] == [2]


@pytest.mark.parametrize("headers", [[], [("lt-parked-state", b"other")], [("lt-parked-state", b"parked")]])
def test_what_neither_parks_nor_closes_is_refused(headers):
    """A foreign record in the topic is named, not skipped."""
    with pytest.raises(DecodeError):
        ParkedState().apply(Record(TOPIC, 0, 0, 0, b"k", b"", headers))


class Engine:
    """The smallest engine that parks: what it delivers is compared with what came in."""

    def __init__(self):
        self.log = []
        self.state = ParkedState()
        self.delivered = defaultdict(list)
        self.incoming = []

    def write(self, outgoing):
        """Append to the topic and to the memory of it."""
        self.log.append(_read(outgoing, len(self.log)))
        self.state.apply(self.log[-1])

    def handle(self, record, fails):
        """Deliver, or park because of itself or because of an earlier record of its key."""
        if self.state.is_parked(record.key):
            self.write(to_parked(record, topic=TOPIC, reason=BEHIND, parked_at=AT))
        elif fails:
            self.write(to_parked(record, topic=TOPIC, reason="review", parked_at=AT))
        else:
            self.delivered[record.key].append(record.offset)
            return True
        return False

    def release(self, key, failing):
        """Feed what waits through the lane again; the entry with index *failing* fails once more."""
        for index, entry in enumerate(self.state.pop_in_order(key)):
            if self.handle(entry.record, index == failing):
                self.write(to_closed(entry.record, topic=TOPIC))

    def crash(self):
        """Forget everything and read the topic again."""
        self.state = ParkedState()
        for record in self.log:
            self.state.apply(record)


KEYS = st.sampled_from([b"a", b"b", b"c"])
STEPS = st.one_of(
    st.tuples(st.just("record"), KEYS, st.booleans()),
    st.tuples(st.just("redelivered"), KEYS, st.integers(min_value=0, max_value=3)),
    st.tuples(st.just("release"), KEYS, st.integers(min_value=-1, max_value=3)),
    st.tuples(st.just("crash"), KEYS, st.none()),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(STEPS, max_size=50))
def test_no_history_reorders_or_loses_a_record(steps):
    """Records that fail, wait, are released, fail again or are parked twice by a crash leave in the order they came."""
    engine = Engine()
    sent = defaultdict(list)
    for offset, (step, key, argument) in enumerate(steps):
        if step == "record":
            sent[key].append(offset)
            engine.handle(_record(key, offset), argument)
        elif step == "redelivered":
            # A crash before the commit: the last records of a key come again, and those still waiting are parked again.
            waiting = [entry.record for entry in engine.state.entries(key)]
            for record in waiting[len(waiting) - argument :] if argument else ():
                engine.write(to_parked(record, topic=TOPIC, reason=BEHIND, parked_at=AT))
        elif step == "release":
            engine.release(key, argument)
        else:
            before = {entry.id for entry in engine.state}
            engine.crash()
            assert {entry.id for entry in engine.state} == before
    for key, offsets in sent.items():
        waiting = [entry.record.offset for entry in engine.state.entries(key)]
        assert engine.delivered[key] + waiting == offsets
        engine.release(key, -1)
        assert engine.delivered[key] == offsets
    engine.crash()
    assert len(engine.state) == 0


def test_an_entry_is_named_by_its_place():
    """The same record parked twice is one entry."""
    assert entry_id(_record(b"k", 7)) == "hue.records.dossier:2:7"
