"""What an assignment skips, commits and reports."""

from hypothesis import given
from hypothesis import strategies as st

from lienthong.record import Place
from lienthong.transport import commit_metadata
from lienthong.transport.assignment import Assignment, Slice

PLACE = Place("records.dossier", 3)


def _commit(start: int, *ranges: tuple[int, int]) -> Assignment:
    return Assignment(PLACE, start, commit_metadata.encode(start, ranges))


@given(st.sets(st.integers(1, 60)), st.lists(st.integers(1, 9), min_size=1))
def test_the_next_owner_skips_exactly_what_was_settled(settled: set[int], cuts: list[int]) -> None:
    """However the same offsets are cut into slices the second time, no settled record is repeated and none is lost."""
    first = Assignment(PLACE, 0)
    first.deliver(list(range(61)))
    first.settle(settled)
    offset, metadata = first.progress()
    second = Assignment(PLACE, offset, metadata)
    repeated: list[int] = []
    at, index = offset, 0
    while at < 70:
        slice_ = list(range(at, min(70, at + cuts[index % len(cuts)])))
        known = second.deliver(slice_) or [False] * len(slice_)
        repeated += [each for each, skip in zip(slice_, known, strict=True) if not skip]
        at, index = slice_[-1] + 1, index + 1
    assert repeated == [each for each in range(offset, 70) if each not in settled]
    second.settle(repeated)
    assert second.position == 70


def test_the_first_commit_of_a_new_owner_keeps_what_the_last_one_settled() -> None:
    """A commit replaces the text: without the old ranges a crash soon after the assignment would repeat them all."""
    assignment = _commit(10, (12, 20), (30, 40))
    assert assignment.progress() == (10, commit_metadata.encode(10, [(12, 20), (30, 40)]))
    assignment.deliver(list(range(10, 16)))
    offset, metadata = assignment.progress()
    assert commit_metadata.decode(offset, metadata) == [(12, 15), (16, 20), (30, 40)]
    assignment.settle([10, 11])
    offset, metadata = assignment.progress()
    assert (offset, commit_metadata.decode(offset, metadata)) == (16, [(16, 20), (30, 40)])


def test_a_position_beyond_the_skipped_ranges_still_makes_a_text() -> None:
    """A gap at the end that reaches over skipped offsets must not make numbers that cannot be written."""
    assignment = _commit(10, (12, 20))
    assignment.reached_end(15)
    offset, metadata = assignment.progress()
    assert (offset, commit_metadata.decode(offset, metadata)) == (15, [(15, 20)])
    assignment.reached_end(50)
    assert commit_metadata.decode(50, assignment.progress().metadata) == []


def test_a_slice_that_was_settled_before_moves_the_watermark_by_itself() -> None:
    """A slice of which nothing is handed out has nobody who would settle it."""
    assignment = _commit(10, (11, 20))
    assert assignment.deliver([10]) is None
    assert assignment.deliver(list(range(11, 21))) == [True] * 10
    assert assignment.in_flight == 1
    assignment.settle([10])
    assert assignment.position == 21


def test_the_age_is_that_of_the_oldest_unsettled_slice() -> None:
    """The alarm on old records must look at the record that holds the watermark, not at the newest."""
    assignment = Assignment(PLACE, 0)
    assert assignment.oldest_timestamp_ms() is None
    assignment.deliver([0, 1], 100)
    assignment.deliver([2, 3], 200)
    assert assignment.oldest_timestamp_ms() == 100
    assignment.settle([0, 1])
    assert assignment.oldest_timestamp_ms() == 200
    assignment.settle([2])
    assert assignment.oldest_timestamp_ms() == 200
    assignment.settle([3])
    assert assignment.oldest_timestamp_ms() is None


def test_lag_counts_from_the_watermark() -> None:
    """Records in flight are not done, so they are lag."""
    assignment = Assignment(PLACE, 5)
    assignment.end_offset = 9
    assignment.deliver([5, 6, 7, 8])
    assert assignment.lag == 4
    assert assignment.oldest == 5
    item = Slice(assignment, 5, [])
    item.settle_all()
    assert assignment.lag == 0
    assert assignment.oldest is None
    assert repr(item) == "Slice(records.dossier[3]@5, records=0)"
