"""A model of the dispatcher, driven through every mixture of work, priority, revocation, pause and failure."""

import asyncio
from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lienthong.delivery.lanes import LaneDispatcher
from lienthong.testing.clock import FakeClock

KEYS = st.sampled_from(["a", "b", "c", "d", "e", None])


class LanesMachine(RuleBasedStateMachine):
    """Items are (key, number, is bulk); numbers rise, so order is visible."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.submitted, self.started, self.done, self.cancelled, self.dropped = [], [], [], [], []
        self.given_up, self.failed = [], []
        self.waiting = {}
        self.open = {}
        self.held = {}
        self.holds = False

    @initialize(max_in_flight=st.integers(1, 4), max_queued=st.integers(1, 6))
    def begin(self, max_in_flight: int, max_queued: int) -> None:
        """Make a dispatcher."""
        self.max_in_flight, self.max_queued = max_in_flight, max_queued

        async def make() -> LaneDispatcher:
            return LaneDispatcher(self._handle, FakeClock(), max_in_flight=max_in_flight, max_queued=max_queued)

        self.lanes = self.runner.run(make())

    async def _handle(self, item) -> None:
        key = item[0]
        assert key is None or all(other[0] != key for other in self.open), "two of one key at once"
        assert key not in self.held, "a held lane went on"
        self.started.append(item)
        self.open[item] = asyncio.get_running_loop().create_future()
        try:
            await self.open[item]
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        except RuntimeError:
            self.failed.append(item)
            raise
        finally:
            del self.open[item]
        self.done.append(item)
        if self.holds and key is not None:
            self.held[key] = asyncio.get_running_loop().create_future()
            self.lanes.hold(key, self.held[key])

    def _play(self, action=lambda: None) -> None:
        async def play() -> None:
            action()
            for _ in range(12):
                await asyncio.sleep(0)

        self.runner.run(play())

    @property
    def has_failed(self) -> bool:
        """Whether a handler failed, after which nothing new begins."""
        return bool(self.failed)

    @precondition(lambda self: not self.has_failed)
    @rule(key=KEYS, bulk=st.booleans())
    def submit(self, key, bulk: bool) -> None:
        """Hand over an item."""
        item = (key, len(self.submitted), bulk)
        self.submitted.append(item)

        def hand_over() -> None:
            self.waiting[item] = asyncio.ensure_future(self.lanes.submit(item, key, bulk=bulk))

        self._play(hand_over)

    @rule(index=st.integers(0, 9), fails=st.sampled_from([False] * 15 + [True]))
    def end(self, index: int, fails: bool) -> None:
        """Let a handler end, seldom with a failure."""
        if self.open:
            future = list(self.open.values())[index % len(self.open)]
            self._play(lambda: future.set_exception(RuntimeError("bug")) if fails else future.set_result(None))

    @rule(holds=st.booleans())
    def hold(self, holds: bool) -> None:
        """From now on, hold lanes whose handlers end, or do not."""
        self.holds = holds

    @rule(index=st.integers(0, 9), ends_well=st.booleans())
    def let_go(self, index: int, ends_well: bool) -> None:
        """Let a held lane go on."""
        if self.held:
            key = list(self.held)[index % len(self.held)]
            until = self.held.pop(key)
            self._play(lambda: until.set_result(None) if ends_well else until.cancel())

    @rule(key=KEYS, running=st.booleans())
    def revoke(self, key, running: bool) -> None:
        """Drop what waits of a key, perhaps with what runs."""
        self._play(lambda: self.dropped.extend(self.lanes.cancel(lambda item: item[0] == key, running=running)))

    @rule(index=st.integers(0, 9))
    def give_up(self, index: int) -> None:
        """Stop waiting for room."""
        pending = [item for item, task in self.waiting.items() if not task.done()]
        if pending:
            item = pending[index % len(pending)]
            self._play(self.waiting[item].cancel)
            self.given_up.append(item)

    @rule()
    def pause(self) -> None:
        """Begin nothing new."""
        self._play(self.lanes.pause)

    @rule()
    def resume(self) -> None:
        """Begin again."""
        self._play(self.lanes.resume)

    @rule()
    def drain_shortly(self) -> None:
        """Ask for a drain that may come to nothing."""
        drained = self.runner.run(self.lanes.drain(0))
        assert not drained or not self.open

    @invariant()
    def is_bounded(self) -> None:
        """Neither queue nor work grows over its bound."""
        if hasattr(self, "lanes"):
            assert self.lanes.queued <= self.max_queued
            assert self.lanes.in_flight == len(self.open) <= self.max_in_flight

    @invariant()
    def keeps_order(self) -> None:
        """Items of one key begin in the order in which they came, whatever their priority."""
        by_key = defaultdict(list)
        for key, number, _ in self.started:
            by_key[key].append(number)
        for key, numbers in by_key.items():
            if key is not None:
                assert numbers == sorted(numbers)

    def teardown(self) -> None:
        """Let everything end: each item is accounted for exactly once."""
        if not hasattr(self, "lanes"):
            self.runner.close()
            return
        self.holds = False
        for key in list(self.held):
            self._play(self.held.pop(key).cancel)
        self._play(self.lanes.resume)
        while self.open:
            self._play(lambda: [future.set_result(None) for future in self.open.values()])
        ended = self.done + self.cancelled + self.dropped + self.given_up + self.failed
        assert len(ended) == len(set(ended))
        if self.has_failed:
            assert set(ended) <= set(self.submitted)
            left = set(self.submitted) - set(ended)
            refused = {item for item, task in self.waiting.items() if _is_refused(task)}
            assert self.lanes.queued == len(left - refused)
        else:
            assert sorted(ended, key=str) == sorted(self.submitted, key=str)
            assert (self.lanes.queued, self.lanes.lanes, self.lanes.in_flight) == (0, 0, 0)
        self._play(lambda: [task.cancel() for task in self.waiting.values()])
        self.runner.run(self.lanes.close())
        self.runner.close()


def _is_refused(task) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


TestLanes = LanesMachine.TestCase
TestLanes.settings = settings(deadline=None, max_examples=80, stateful_step_count=30)
TestLanes.__doc__ = "Order, bounds and accounts hold after any history."
