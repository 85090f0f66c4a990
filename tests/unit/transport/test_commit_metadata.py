"""Settled offsets as text: what is written is read again, and what is damaged says nothing."""

from hypothesis import given
from hypothesis import strategies as st

from lienthong.transport.commit_metadata import MAX_CHARACTERS, decode, encode


@st.composite
def ranges_above(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """Draw a committed offset and disjoint ranges above it."""
    base = draw(st.integers(0, 2**50))
    at = base
    ranges = []
    for gap, length in draw(st.lists(st.tuples(st.integers(1, 2**20), st.integers(0, 2**20)), max_size=50)):
        ranges.append((at + gap, at + gap + length))
        at += gap + length
    return base, ranges


@given(ranges_above())
def test_a_restart_reads_what_was_written(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    """Every range survives, whatever its numbers."""
    base, ranges = drawn
    text = encode(base, ranges)
    assert text.isascii()
    assert decode(base, text) == ranges


@given(st.integers(0, 2**40), st.integers(2_000, 5_000))
def test_the_text_never_grows_beyond_what_kafka_takes(base: int, number: int) -> None:
    """A text over 4,096 characters would fail the whole commit; the lowest ranges stay, for they are reached first."""
    ranges = [(base + 1_000 * index, base + 1_000 * index + 400) for index in range(1, number)]
    text = encode(base, ranges)
    assert len(text) <= MAX_CHARACTERS
    kept = decode(base, text)
    assert kept == ranges[: len(kept)]
    assert len(kept) > 500


@given(ranges_above(), st.data())
def test_a_damaged_text_says_nothing(drawn: tuple[int, list[tuple[int, int]]], data: st.DataObject) -> None:
    """Cut or changed text must never let a record be skipped."""
    base, ranges = drawn
    text = encode(base, ranges)
    cut = data.draw(st.integers(0, len(text) - 1))
    assert decode(base, text[:cut]) == []
    index = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda each: each.lower() != text[index].lower()))
    assert decode(base, text[:index] + other + text[index + 1 :]) in ([], ranges)
    assert decode(base + 1, text) == []


@given(st.one_of(st.none(), st.text(), st.text(alphabet="1.0abcdef=-_A+/ ")))
def test_a_foreign_text_is_no_error(text: str | None) -> None:
    """Whatever another tool stored with the group's offset, the worker starts."""
    assert decode(7, text) == []
    assert decode(7, f"1.{text}") == []
