"""The watermark against a model that is too simple to be wrong."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lienthong.transport.watermark import Watermark


class WatermarkMachine(RuleBasedStateMachine):
    """Delivers slices with gaps and settles them in any order, twice, or never."""

    @initialize(start=st.integers(0, 50))
    def begin(self, start: int) -> None:
        """Start both at the same offset."""
        self.mark = Watermark(start)
        self.start = start
        self.delivered: list[int] = []
        self.slices: list[list[int]] = []
        self.settled: set[int] = set()
        self.reached = start
        self.last_position = start

    @rule(gaps=st.lists(st.integers(1, 4), min_size=1, max_size=8))
    def deliver(self, gaps: list[int]) -> None:
        """Hand over offsets, some of which the broker leaves out."""
        at = max(self.reached - 1, self.delivered[-1] if self.delivered else self.start - 1)
        offsets = []
        for gap in gaps:
            at += gap
            offsets.append(at)
        self.mark.delivered(offsets)
        self.delivered += offsets
        self.slices.append(offsets)

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """Settle some, also some again and some that were never delivered."""
        chosen = data.draw(st.sets(st.sampled_from(self.delivered), min_size=1, max_size=10))
        strangers = data.draw(st.sets(st.integers(0, 400), max_size=3)) - set(self.delivered)
        self.mark.settle([*chosen, *strangers])
        self.settled |= chosen

    @precondition(lambda self: self.slices)
    @rule(data=st.data())
    def settle_slice(self, data: st.DataObject) -> None:
        """Settle a whole slice, perhaps again."""
        chosen = data.draw(st.sampled_from(self.slices))
        self.mark.settle_slice(chosen[0])
        self.settled |= set(chosen)

    @rule(gap=st.integers(0, 5))
    def reach(self, gap: int) -> None:
        """Read past transaction markers at the end."""
        self.reached = max(self.reached, (self.delivered[-1] + 1 if self.delivered else self.start) + gap)
        self.mark.idle_position(self.reached)

    @invariant()
    def agrees(self) -> None:
        """Position, count and ranges are those of the model."""
        unsettled = [offset for offset in self.delivered if offset not in self.settled]
        end = max(self.reached, self.delivered[-1] + 1 if self.delivered else self.start)
        position = unsettled[0] if unsettled else end
        assert self.mark.position == position
        assert self.mark.position >= self.last_position
        self.last_position = position
        assert self.mark.in_flight == len(unsettled)
        assert self.mark.is_idle == (not unsettled)
        assert self.mark.oldest == (unsettled[0] if unsettled else None)
        assert self.mark.end == end
        assert self.mark.settled_above == sum(offset > position and offset in self.settled for offset in self.delivered)
        assert self.mark.settled >= self.mark.settled_above
        assert self.mark.settled_ranges() == self._ranges(position)

    def _ranges(self, position: int) -> list[tuple[int, int]]:
        ranges: list[tuple[int, int]] = []
        is_open = False
        for offset in self.delivered:
            if offset < position:
                continue
            if offset in self.settled:
                ranges[-1:] = [(ranges[-1][0], offset)] if is_open else [*ranges[-1:], (offset, offset)]
            is_open = offset in self.settled
        return ranges


TestWatermarkMachine = WatermarkMachine.TestCase
TestWatermarkMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_slice_that_runs_backwards_is_refused() -> None:
    """A second delivery of an offset would let the first settlement hide the second."""
    mark = Watermark(5)
    mark.delivered([5, 6])
    with pytest.raises(ValueError, match="twice"):
        mark.delivered([6, 7])
    mark.delivered([])
    assert mark.in_flight == 2


def test_a_gap_after_the_last_record_closes_when_that_record_settles() -> None:
    """The end of a partition is announced once, usually while records are in flight: lag must still become zero."""
    mark = Watermark(0)
    mark.delivered([0, 1])
    mark.idle_position(5)
    assert mark.position == 0
    mark.settle([0, 1])
    assert mark.position == 5


def test_one_blocking_record_does_not_fill_the_memory() -> None:
    """A key that waits for days holds the watermark; what settles behind it must not pile up."""
    mark = Watermark(0)
    mark.delivered([0])
    for first in range(1, 100_000, 100):
        mark.delivered(list(range(first, first + 100)))
        mark.settle_slice(first)
    assert len(mark._slices) < 200
    assert sum(len(each.offsets) for each in mark._slices) < 400
    assert mark.settled_ranges() == [(1, 100_000)]
    mark.settle([0])
    assert mark.position == 100_001
    assert mark.is_idle
