"""What is remembered of each key survives a restart and stays small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.errors import DecodeError
from lienthong.pipeline.key_state import KeyState, KeyStates, decode, encode, mark_of
from lienthong.record import Record

STATES = st.builds(
    KeyState,
    st.integers(0, 2**53),
    st.text("0123456789abcdef", max_size=32),
    st.lists(st.text("0123456789abcdef", min_size=16, max_size=16), max_size=64).map(tuple),
    st.lists(st.text("0123456789abcdef", min_size=16, max_size=16), max_size=64).map(tuple),
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
