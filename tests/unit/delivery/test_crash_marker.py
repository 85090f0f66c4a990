"""A record that keeps ending its worker is found, and no other record is blamed for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.delivery.crash_marker import LIMIT, Journal, decode, encode
from lienthong.errors import DecodeError

JOURNALS = st.builds(
    Journal,
    st.integers(-1, 2**53),
    st.integers(0, 9),
    st.booleans(),
    st.booleans(),
    st.integers(-1, 2**53),
    st.dictionaries(st.integers(0, 2**53), st.integers(1, 9), max_size=9),
)


@given(JOURNALS)
def test_a_journal_is_read_as_it_was_written(journal: Journal) -> None:
    """The next owner learns what the last one knew."""
    assert decode(encode(journal)) == journal


def test_a_journal_of_another_version_is_read_as_far_as_it_goes() -> None:
    """Two versions work in one group."""
    assert decode({"start": 4, "new": True}) == Journal(4)


@pytest.mark.parametrize("document", [None, [], {"start": "x"}, {"crashes": [1]}, {"crashes": 3}])
def test_what_is_no_journal_is_a_decode_error(document: object) -> None:
    """A journal that cannot be read must not be taken for "nothing happened"."""
    with pytest.raises(DecodeError):
        decode(document)


def test_exceptions_at_one_record_condemn_it() -> None:
    """The first two may be chance, the third is not."""
    journal = Journal()
    for count in range(1, LIMIT + 1):
        assert not journal.is_condemned(7)
        journal = journal.begun(5).crashed(7)
        assert journal.crashes == {7: count}
    assert journal.is_condemned(7)
    assert not journal.begun(5).is_careful, "the culprit is known, so nobody needs to be careful"
    assert not journal.without(7).is_condemned(7)


def test_exceptions_at_different_records_condemn_none() -> None:
    """A worker with a defect of its own must not put a whole partition into quarantine."""
    journal = Journal()
    for offset in range(LIMIT * 2):
        journal = journal.begun(0).crashed(offset)
    assert not any(journal.is_condemned(offset) for offset in range(LIMIT * 2))


def test_deaths_without_a_word_lead_to_care_and_then_to_the_record() -> None:
    """A worker that is killed in the middle of a record names it only if it wrote the record down before."""
    journal = Journal()
    for _ in range(LIMIT):
        journal = journal.begun(10)
        assert not journal.is_careful
    journal = journal.begun(10)
    assert journal.is_careful
    for at_start in (10, 12, 13):
        assert journal.is_careful
        journal = journal.working(11).working(13).begun(at_start)
    assert journal.is_condemned(13)
    assert not journal.is_condemned(11)
    assert not journal.is_careful, "the culprit is known, so work goes on at full speed"


def test_deaths_at_a_watermark_that_moves_are_no_reason_for_care() -> None:
    """A node that dies now and then, while records flow, must not make workers slow."""
    journal = Journal()
    for start in range(20):
        journal = journal.begun(start)
        assert not journal.is_careful


def test_a_good_end_forgets_deaths() -> None:
    """Rolling restarts while a target is away say nothing about records."""
    journal = Journal()
    for _ in range(20):
        journal = journal.begun(3).begun(3).closed()
        assert not journal.begun(3).is_careful


def test_a_good_end_while_careful_stays_careful() -> None:
    """A rebalance in the middle of the search does not end it."""
    journal = Journal(is_careful=True).begun(3).working(4).closed().begun(3)
    assert journal.is_careful
    assert journal.crashes == {}
    assert not journal.relaxed().is_careful


def test_only_so_many_crashes_are_remembered() -> None:
    """The journal is one small record, whatever happens."""
    journal = Journal()
    for offset in range(1_000):
        journal = journal.crashed(offset)
    assert len(journal.crashes) == 64
    assert 999 in journal.crashes


@given(st.integers(0, 30), st.integers(1, 8), st.lists(st.booleans(), max_size=6))
def test_the_culprit_is_found_wherever_it_is_and_nobody_else(
    culprit: int, per_commit: int, restarts: list[bool]
) -> None:
    """Simulated owners that die at one record find it in a bounded number of deaths, also with good ends between."""
    journal, watermark, deaths = Journal(), 0, 0
    good_ends = iter(restarts)
    while True:
        journal = journal.begun(watermark)
        if journal.is_condemned(culprit):
            break
        if next(good_ends, False):
            journal = journal.closed()
            continue
        deaths += 1
        assert deaths < 2 * culprit + 5 * LIMIT
        if journal.is_careful:
            for offset in range(watermark, culprit + 1):
                journal = journal.working(offset)
        watermark = min(culprit, watermark + per_commit * (deaths % 2))
    assert [offset for offset in journal.crashes if journal.is_condemned(offset)] == [culprit]
