"""The promise: never too many calls in any interval, and hardly any slot wasted."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lienthong.limits.policy import Priority

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
_SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_RATES = st.sampled_from([(3, 1.0), (20, 1.0), (100, 1.0), (7, 0.5), (30, 10.0), (60, 60.0), (1, 2.0)])


def _rate(count: int, interval: float) -> dict[str, Any]:
    return {"rate_limit": {"count": count, "interval": f"{interval}s"}}


async def _saturate(world: Any, workers: int, in_flight: int, seconds: float) -> list[asyncio.Task[None]]:
    tasks = [
        asyncio.ensure_future(world.keep_calling(allocator))
        for allocator in [world.worker() for _ in range(workers)]
        for _ in range(in_flight)
    ]
    await asyncio.sleep(seconds)
    return tasks


class TestRate:
    """No sliding interval holds more calls than the target allows."""

    @_SETTINGS
    @given(seed=st.integers(0, 10**6), rate=_RATES, faults=st.sets(st.sampled_from(["away", "lost", "crash", "slow"])))
    def test_eight_workers_never_exceed_it_whatever_fails(self, make_world, make_clock, seed, rate, faults):
        """Skewed clocks, slow wake-ups, lost replies, an absent store and dead workers never add a call."""
        count, interval = rate
        world = make_world(_rate(count, interval), seed)
        guard = world.limits.rate_limit.guard_seconds
        world.travel_seconds = guard / 2
        world.lost_replies = 0.1 if "lost" in faults else 0.0
        chance = world.chance
        seconds = 3 * interval

        async def lane(allocator):
            while True:
                await world.call(allocator, chance.choice(list(Priority)))
                if chance.random() < 0.2:
                    await asyncio.sleep(chance.expovariate(3 / interval))

        async def work():
            running = []
            for _ in range(8):
                wake = guard * (4 if "slow" in faults else 0.2)
                clock = make_clock(world, chance.uniform(-1, 1), chance.uniform(-2e-4, 2e-4), wake)
                allocator = world.worker(clock)
                lanes = [asyncio.ensure_future(lane(allocator)) for _ in range(chance.randint(1, 12))]
                running.append((allocator, lanes))
            for number in range(8):
                await asyncio.sleep(seconds / 8)
                if "away" in faults:
                    world.is_store_away = number % 3 == 1
                if "crash" in faults:
                    _, lanes = running.pop()
                    for each in lanes:
                        each.cancel()
                    fresh = world.worker(make_clock(world, chance.uniform(-1, 1)))
                    running.insert(0, (fresh, [asyncio.ensure_future(lane(fresh)) for _ in range(5)]))

        world.run(work())

        assert world.most_in(interval) <= count
        assert faults or world.count() > 0

    @pytest.mark.parametrize(("count", "interval"), [(20, 1.0), (200, 1.0), (60, 60.0)])
    @pytest.mark.parametrize("workers", [1, 8])
    def test_saturated_workers_use_at_least_95_percent(self, make_world, make_clock, count, interval, workers):
        """Pacing costs the guard and nothing else."""
        world = make_world(_rate(count, interval))

        async def work():
            await _saturate(world, workers, 25, 4 * interval)
            before = world.exchanges
            await asyncio.sleep(2 * interval)
            return (world.exchanges - before) / (2 * interval)

        exchanges_per_second = world.run(work())

        assert world.most_in(interval) <= count
        assert world.count() >= 0.95 * 6 * count
        assert exchanges_per_second <= 15 * workers

    def test_a_call_after_a_quiet_time_goes_at_once(self, make_world):
        """Officers do not wait for slots that nobody uses."""
        world = make_world(_rate(60, 60.0))

        async def work():
            allocator = world.worker()
            await asyncio.sleep(100)
            before = world.loop.seconds
            await world.call(allocator)
            return world.loop.seconds - before

        assert world.run(work()) < 0.01

    def test_store_away_spends_what_is_leased_and_then_stops(self, make_world):
        """Without the store there are only the calls of leases that were given before."""
        world = make_world(_rate(100, 1.0))

        async def work():
            await _saturate(world, 4, 25, 2.0)
            world.is_store_away = True
            before = world.count()
            await asyncio.sleep(2.0)
            leased = world.count() - before
            await asyncio.sleep(20.0)
            silent = world.count() - before - leased
            world.is_store_away = False
            await asyncio.sleep(5.0)
            return leased, silent, world.count() - before - leased

        leased, silent, afterwards = world.run(work())

        assert 0 < leased <= 60
        assert silent == 0
        assert afterwards > 200

    @pytest.mark.parametrize("count", [20, 100])
    def test_live_traffic_goes_before_bulk_of_other_workers(self, make_world, count):
        """A back-fill in another worker gets what live traffic leaves, and all of it when there is none."""
        world = make_world(_rate(count, 1.0))

        async def work():
            live, bulk = world.worker(), world.worker()
            tasks = [asyncio.ensure_future(world.keep_calling(bulk, Priority.BULK, "bulk")) for _ in range(25)]
            await asyncio.sleep(5)
            alone = world.count("bulk")
            lanes = [asyncio.ensure_future(world.keep_calling(live, Priority.LIVE, "live")) for _ in range(25)]
            await asyncio.sleep(10)
            del tasks, lanes
            return alone, world.count("bulk") - alone, world.count("live")

        alone, beside, live = world.run(work())

        assert alone >= 4.5 * count
        assert live >= 9.3 * count
        assert beside <= 0.2 * count

    def test_an_urgent_call_passes_those_who_wait(self, make_world):
        """An officer waits for about one horizon, not for the queue."""
        world = make_world(_rate(10, 1.0))

        async def work():
            busy = await _saturate(world, 4, 50, 5.0)
            before = world.loop.seconds
            await world.call(world.worker(), Priority.INTERACTIVE, "urgent")
            del busy
            return world.loop.seconds - before

        assert world.run(work()) < 1.2

    def test_cancelled_callers_take_nothing_with_them(self, make_world):
        """A lane that is revoked while it waits neither blocks nor consumes what others wait for."""
        world = make_world(_rate(20, 1.0))

        async def work():
            allocator = world.worker()
            kept = [asyncio.ensure_future(world.call(allocator)) for _ in range(20)]
            gone = [asyncio.ensure_future(world.call(allocator, Priority.INTERACTIVE, "gone")) for _ in range(200)]
            await asyncio.sleep(0.1)
            for each in gone:
                each.cancel()
            await asyncio.gather(*kept)
            return world.loop.seconds, allocator.waiting

        seconds, waiting = world.run(work())

        assert seconds < 2.5
        assert waiting == (0, 0, 0)

    def test_a_caller_that_resumes_too_late_waits_for_another_slot(self, make_world):
        """A busy event loop must not turn yesterday's slot into a call of now."""
        world = make_world(_rate(10, 1.0))

        async def work():
            allocator = world.worker()
            take = allocator._bucket.take
            turns = []

            def slow_take(priority, now):
                permit = take(priority, now)
                if permit is not None:
                    turns.append(permit)
                    world.loop.seconds += 1.0 if len(turns) == 1 else 0.0
                return permit

            allocator._bucket.take = slow_take
            await allocator.acquire()
            used = allocator._bucket._used[Priority.LIVE]
            return len(turns), used

        assert world.run(work()) == (2, 1)

    def test_a_caller_that_is_cancelled_at_its_turn_has_used_nothing(self, make_world):
        """The call comes back to the budget of the day."""
        world = make_world({"budget": {"daily": 10}})

        async def work():
            allocator = world.worker()
            caller = asyncio.ensure_future(allocator.acquire())
            take = allocator._bucket.take

            def cancelling_take(priority, now):
                permit = take(priority, now)
                if permit is not None:
                    world.loop.call_soon(caller.cancel)
                return permit

            allocator._bucket.take = cancelling_take
            await asyncio.wait({caller})
            return caller.cancelled(), allocator._bucket._used

        assert world.run(work()) == (True, [0, 0, 0])

    def test_try_acquire_never_waits(self, make_world):
        """A caller that cannot wait is refused, and served once the lease has come."""
        world = make_world(_rate(10, 1.0))

        async def work():
            allocator = world.worker()
            answers = [allocator.try_acquire()]
            await asyncio.sleep(0.01)
            answers += [allocator.try_acquire(), allocator.try_acquire()]
            return answers

        assert world.run(work()) == [False, True, False]
