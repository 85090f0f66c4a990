"""Lanes: order per key, bounds, and that nothing is lost."""

import asyncio
import random
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.delivery.lanes import LaneDispatcher
from lienthong.testing.clock import FakeClock


class Handler:
    """Works on items only when told to, and checks the promises while doing so."""

    def __init__(self, max_in_flight):
        self.max_in_flight = max_in_flight
        self.open = {}
        self.done = []
        self.cancelled = []
        self.started = []

    async def __call__(self, item):
        """Work on one item until it is released."""
        key, _ = item
        assert key is None or all(other[0] != key for other in self.open), "two of one key at once"
        self.started.append(item)
        self.open[item] = asyncio.get_running_loop().create_future()
        assert len(self.open) <= self.max_in_flight, "too many at once"
        try:
            await self.open[item]
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        finally:
            del self.open[item]
        self.done.append(item)

    def release(self, index):
        """Let one running item end."""
        items = sorted(self.open, key=str)
        if items:
            future = self.open[items[index % len(items)]]
            if not future.done():
                future.set_result(None)

    def release_all(self):
        """Let all running items end."""
        for future in self.open.values():
            if not future.done():
                future.set_result(None)


async def _settle():
    for _ in range(10):
        await asyncio.sleep(0)


def _by_key(items):
    lanes = defaultdict(list)
    for key, number in items:
        lanes[key].append(number)
    return dict(lanes)


OPERATION = st.one_of(
    st.tuples(st.just("submit"), st.sampled_from(["a", "b", "c", "d"])),
    st.tuples(st.just("release"), st.integers(min_value=0, max_value=7)),
    st.tuples(st.just("cancel_queued"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("cancel_running"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("resume"), st.just(0)),
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(OPERATION, max_size=60),
    st.integers(min_value=1, max_value=4),
    st.integers(min_value=1, max_value=5),
)
def test_any_history_keeps_order_and_loses_nothing(operations, max_in_flight, max_queued):
    """Whatever is submitted, ended, revoked or paused: keys stay in order and every item is accounted for."""

    async def run():
        """Play one history."""
        handler = Handler(max_in_flight)
        lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=max_in_flight, max_queued=max_queued)
        submitted, dropped, waiting = [], [], []
        for number, (name, argument) in enumerate(operations):
            if name == "submit":
                submitted.append((argument, number))
                waiting.append(asyncio.ensure_future(lanes.submit((argument, number), argument)))
            elif name == "release":
                handler.release(argument)
            elif name == "cancel_queued":
                dropped += lanes.cancel(lambda item, key=argument: item[0] == key)
            elif name == "cancel_running":
                dropped += lanes.cancel(lambda item, key=argument: item[0] == key, running=True)
            elif name == "pause":
                lanes.pause()
            else:
                lanes.resume()
            await _settle()
            assert lanes.queued <= max_queued
            assert lanes.in_flight == len(handler.open)
        lanes.resume()
        while handler.open or lanes.lanes:
            handler.release_all()
            await _settle()
        await asyncio.gather(*waiting)
        assert await lanes.drain(0)
        assert (lanes.in_flight, lanes.queued, lanes.lanes) == (0, 0, 0)
        ended = handler.done + handler.cancelled + dropped
        assert sorted(ended) == sorted(submitted)
        for numbers in _by_key(handler.started).values():
            assert numbers == sorted(numbers)

    asyncio.run(run())


async def test_one_slow_key_does_not_hold_others():
    """A lane whose target call hangs takes one slot and no more."""
    handler = Handler(3)
    lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=3)
    for number in range(5):
        await lanes.submit(("slow", number), "slow")
    for number in range(5):
        await lanes.submit(("fast", number), "fast")
    await _settle()
    for _ in range(5):
        handler.open[next(item for item in handler.open if item[0] == "fast")].set_result(None)
        await _settle()

    assert _by_key(handler.done) == {"fast": [0, 1, 2, 3, 4]}
    assert list(handler.open) == [("slow", 0)]
    await lanes.close()


async def test_lanes_take_turns():
    """A key with a long backlog does not starve a key with one item."""
    order = []

    async def handler(item):
        """Write the order down."""
        order.append(item)

    lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=1)
    for item in ("a1", "a2", "a3", "b1"):
        await lanes.submit(item, item[0])
    await lanes.drain(1)

    assert order == ["a1", "b1", "a2", "a3"]


async def test_items_without_key_run_side_by_side():
    """What has no order to keep is not forced into one lane."""
    handler = Handler(4)
    lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=4)
    for number in range(4):
        await lanes.submit((None, number), None)
    await _settle()

    assert lanes.in_flight == 4
    await lanes.close()


async def test_intake_waits_while_too_many_items_wait():
    """Memory stays bounded: what does not fit stays with the submitter, and so in Kafka."""
    handler = Handler(1)
    lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=1, max_queued=2)
    tasks = [asyncio.ensure_future(lanes.submit(("a", number), "a")) for number in range(5)]
    await _settle()
    assert [task.done() for task in tasks] == [True, True, True, False, False]

    handler.release_all()
    await _settle()

    assert [task.done() for task in tasks] == [True, True, True, True, False]
    await lanes.close()


async def test_a_submit_given_up_is_never_handled():
    """A submitter that stopped waiting has not handed its item over."""
    handler = Handler(1)
    lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=1, max_queued=1)
    tasks = [asyncio.ensure_future(lanes.submit(("a", number), "a")) for number in range(4)]
    await _settle()
    tasks[2].cancel()
    while handler.open:
        handler.release_all()
        await _settle()

    assert [number for _, number in handler.done] == [0, 1, 3]
    assert await lanes.drain(0)


async def test_a_failing_handler_stops_everything():
    """An unexpected exception reaches the owner and every submitter, and nothing further is started."""
    error = RuntimeError("bug")
    started = []

    async def handler(item):
        """Fail."""
        started.append(item)
        raise error

    lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=1, max_queued=1)
    waiting = [asyncio.ensure_future(lanes.submit(number, "a")) for number in range(4)]

    with pytest.raises(RuntimeError) as caught:
        await lanes.wait_failed()

    assert caught.value is error
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert results[-1] is error
    with pytest.raises(RuntimeError):
        await lanes.submit(9, "b")
    assert started == [0]
    assert not await lanes.drain(5)
    await lanes.close()


async def test_a_handler_that_ends_in_spite_of_cancellation_counts_as_ended(clock):
    """A call that could not be cut off safely finishes, and the lane goes on with the next item."""
    done, gate = [], asyncio.Event()

    async def handler(item):
        """End in spite of being cancelled."""
        try:
            await gate.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        done.append(item)

    lanes = LaneDispatcher(handler, clock, max_in_flight=1)
    for number in range(3):
        await lanes.submit(number, "a")
    await _settle()
    assert lanes.cancel(lambda item: item == 0, running=True) == []
    await _settle()
    gate.set()
    await _settle()

    assert done == [0, 1, 2]


async def test_the_next_item_does_not_inherit_a_cancellation(clock):
    """Time limits inside the next call work, because its task is not taken for one that is being cancelled."""
    seen = []

    async def handler(item):
        """Write down whether the task is being cancelled."""
        seen.append((item, asyncio.current_task().cancelling()))
        if item == 0:
            await asyncio.Event().wait()

    lanes = LaneDispatcher(handler, clock, max_in_flight=1)
    for number in range(2):
        await lanes.submit(number, "a")
    await _settle()
    lanes.cancel(lambda item: item == 0, running=True)
    await _settle()

    assert seen == [(0, 0), (1, 0)]


async def test_revoked_items_that_wait_for_room_are_dropped_too():
    """A submitter of a revoked partition is let go, and its item never reaches a handler."""
    handler = Handler(1)
    lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=1, max_queued=1)
    tasks = [asyncio.ensure_future(lanes.submit((key, 1), key)) for key in ("kept", "queued", "revoked", "other")]
    await _settle()

    assert lanes.cancel(lambda item: item[0] == "revoked") == [("revoked", 1)]
    await _settle()
    assert [task.done() for task in tasks] == [True, True, True, False]
    while handler.open:
        handler.release_all()
        await _settle()

    assert [key for key, _ in handler.done] == ["kept", "queued", "other"]


async def test_a_handler_may_cancel_its_own_kind():
    """Cancelling from inside a handler never hits the item that the same worker takes next."""
    done = []

    async def handler(item):
        """Cancel items of its own kind."""
        if item == 0:
            lanes.cancel(lambda other: other == 0, running=True)
        await asyncio.sleep(0)
        done.append(item)

    lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=1)
    for number in range(3):
        await lanes.submit(number, "a")
    await _settle()

    assert done == [0, 1, 2]


async def test_draining_waits_no_longer_than_told(clock):
    """Polling goes on after the drain's deadline, whatever the target does."""
    handler = Handler(2)
    lanes = LaneDispatcher(handler, clock, max_in_flight=2)
    await lanes.submit(("a", 1), "a")
    drained = asyncio.ensure_future(lanes.drain(0.5))
    await clock.step(0.4)
    assert not drained.done()

    await clock.step(0.1)

    assert await drained is False
    await lanes.close()


async def test_draining_can_wait_for_one_partition_only(clock):
    """A revoked partition is waited for, the kept ones go on."""
    handler = Handler(2)
    lanes = LaneDispatcher(handler, clock, max_in_flight=2)
    await lanes.submit(("kept", 1), "kept")
    await lanes.submit(("revoked", 1), "revoked")
    drained = asyncio.ensure_future(lanes.drain(0.5, lambda item: item[0] == "revoked"))
    await clock.step()
    handler.open["revoked", 1].set_result(None)
    await clock.step()

    assert await drained is True
    assert lanes.in_flight == 1
    await lanes.close()


async def test_the_age_of_the_oldest_item_is_known(clock):
    """An item that hangs is visible long before retention ends."""
    handler = Handler(1)
    lanes = LaneDispatcher(handler, clock, max_in_flight=1)
    assert lanes.oldest_age_seconds == 0
    await lanes.submit(("a", 1), "a")
    await clock.step(3)
    await lanes.submit(("b", 1), "b")
    await clock.step(2)
    assert lanes.oldest_age_seconds == 5

    handler.release_all()
    await clock.step()

    assert lanes.oldest_age_seconds == 2
    await lanes.close()
    await lanes.close()


@pytest.mark.parametrize("limits", [{"max_in_flight": 0}, {"max_queued": 0}])
def test_bounds_below_one_are_refused(limits):
    """A dispatcher that can never work is a defect of the caller."""
    with pytest.raises(ValueError, match="at least 1"):
        LaneDispatcher(Handler(1), FakeClock(), **limits)


async def test_a_random_run_with_yielding_handlers_keeps_order():
    """Thousands of items over many keys and awaits keep their order."""
    chance, done = random.Random(7), []

    async def handler(item):
        """Await a few times."""
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
        done.append(item)

    lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=16, max_queued=50)
    items = [(f"k{chance.randrange(40)}", number) for number in range(4000)]
    for item in items:
        await lanes.submit(item, item[0])
    drained = False
    while not drained:
        drained = await lanes.drain(0)

    assert _by_key(done) == _by_key(items)
