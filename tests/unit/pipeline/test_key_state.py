"""What is remembered of each key survives a restart and stays small."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.errors import DecodeError
from lienthong.pipeline.key_state import Failing, KeyState, KeyStates, decode, encode, mark_of
from lienthong.record import Record

MARKS = st.text("0123456789abcdef", min_size=16, max_size=16)
FAILING = st.builds(
    Failing,
    MARKS,
    st.integers(1, 99),
    st.integers(1, 99),
    st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)),  # noqa: DTZ001
)
STATES = st.builds(
    KeyState,
    st.integers(0, 2**53),
    st.text("0123456789abcdef", max_size=32),
    st.lists(MARKS, max_size=64).map(tuple),
    st.lists(MARKS, max_size=64).map(tuple),
    st.none() | FAILING,
    st.none() | st.just({"later": [1]}),
    st.just(""),
)


def _read(outgoing, offset: int = 0) -> Record:
    return Record(outgoing.topic, outgoing.partition, offset, 0, outgoing.key, outgoing.value, outgoing.headers)


@given(STATES)
def test_a_state_is_read_as_it_was_written(state: KeyState) -> None:
    """The next owner knows exactly what this one knew."""
    written = encode("state", 3, b"key", state)
    assert written.partition == 3
    assert decode(_read(written)) == state


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"{}", b'{"v": 2}', b'{"v": 1, "s": 1}', b"null"])
def test_a_foreign_record_is_a_decode_error(value: bytes) -> None:
    """A state that cannot be read must not be taken for "nothing known"."""
    with pytest.raises(DecodeError):
        decode(Record("state", 0, 0, 0, b"key", value, []))


def test_a_state_forgets_the_oldest_marks() -> None:
    """A dossier with ten thousand steps must not make a record that no topic takes."""
    state = KeyState()
    for number in range(1_000):
        state = state.with_record(mark_of("s", str(number))).with_question(f"{number:016}")
    assert len(state.recent) == len(state.asked) == 64
    assert state.recent[-1] == mark_of("s", "999")
    assert state.with_record(mark_of("s", "999")) is state
    assert len(encode("state", 0, b"key", state).value) < 4_000


@given(STATES | STATES.map(lambda state: state.with_delivery(0, "no-hex").with_question("short")))
def test_states_in_memory_are_what_was_put(state: KeyState) -> None:
    """Packing saves memory and nothing else; what cannot be packed is kept as it is."""
    states = KeyStates()
    states.put(0, b"key", state)
    assert states.get(0, b"key") == state
    assert states.failing(0, b"key") == state.failing
    assert states.failing(1, b"key") is None
    assert len(states) == 1


def test_a_state_of_a_newer_worker_is_kept_whole() -> None:
    """Two versions work in one group: the older one must not erase what the newer one added."""
    newer = Record("state", 0, 0, 0, b"key", b'{"v":1,"s":4,"d":"","r":[],"q":[],"added":{"x":1}}', [])
    changed = decode(newer).with_record(mark_of("s", "1"))
    again = decode(_read(encode("state", 0, b"key", changed)))
    assert again.unknown == {"added": {"x": 1}}
    assert again.sequence == 4


def test_a_state_without_failures_is_written_as_before() -> None:
    """An older worker reads what this one writes."""
    assert encode("state", 0, b"key", KeyState(7)).value == b'{"v":1,"s":7,"d":"","r":[],"q":[]}'


def test_a_failing_record_is_noted_until_it_ends() -> None:
    """The counter belongs to one record of the key and goes with it."""
    failing = Failing(mark_of("s", "1"), 2, 1, datetime(2026, 1, 1, tzinfo=UTC))
    state = KeyState(7).with_failing(failing)
    assert state.with_record(mark_of("s", "0")).failing == failing
    assert state.with_failing(None) == KeyState(7)
    assert state.with_failing(failing) is state


def test_a_delivery_never_lowers_the_sequence() -> None:
    """The last sequence decides what is superseded."""
    assert KeyState(7).with_delivery(3, "d") == KeyState(7, "d")


def test_marks_tell_source_and_id_apart() -> None:
    """Two publishers may use the same id, and no joining of both must be ambiguous."""
    assert mark_of("a", "bc") != mark_of("ab", "c")
    assert mark_of("a", "b") == mark_of("a", "b")


def test_states_of_a_partition_come_and_go_with_it() -> None:
    """What another worker owns is forgotten; what Kafka says later wins."""
    states = KeyStates()
    states.load(_read(encode("state", 0, b"a", KeyState(1))))
    states.load(_read(encode("state", 0, b"a", KeyState(2))))
    states.load(_read(encode("state", 1, b"a", KeyState(5))))
    assert states.get(0, b"a").sequence == 2
    states.forget_partition(0)
    assert states.get(0, b"a") == KeyState()
    assert states.get(1, b"a").sequence == 5
    states.load(Record("state", 1, 9, 0, b"a", None, []))
    assert states.get(1, b"a") == KeyState()
    states.load(Record("state", 1, 9, 0, None, b"{}", []))
