"""The day's budget: never exceeded, hardly wasted, and fair to those who wait at the counter."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lienthong.limits.policy import Priority

_SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
#: Ten seconds before midnight in Viet Nam.
EVENING = datetime(2026, 10, 5, 16, 59, 50, tzinfo=UTC)


def _start(world, allocator, priority, lanes):
    return [asyncio.ensure_future(world.keep_calling(allocator, priority, priority.name)) for _ in range(lanes)]


class TestDay:
    """Calls of one day of the target."""

    @_SETTINGS
    @given(
        seed=st.integers(0, 10**6),
        daily=st.integers(1, 400),
        has_rate=st.booleans(),
        faults=st.sets(st.sampled_from(["away", "lost", "crash"])),
    )
    def test_eight_workers_never_exceed_it_whatever_fails(self, make_world, make_clock, seed, daily, has_rate, faults):
        """Lost replies, an absent store and dead workers only ever waste calls."""
        reserve = seed % (daily + 1)
        rate = {"rate_limit": {"count": 100, "interval": "1s"}} if has_rate else {}
        world = make_world({"budget": {"daily": daily, "reserve": reserve}, **rate}, seed)
        world.lost_replies = 0.2 if "lost" in faults else 0.0
        chance = world.chance

        async def work():
            running = []
            for number in range(16):
                allocator = world.worker(make_clock(world, chance.uniform(-1, 1)))
                lanes = _start(world, allocator, chance.choice(list(Priority)), chance.randint(1, 5))
                running.append(lanes)
                await asyncio.sleep(1)
                world.is_store_away = "away" in faults and number % 4 == 1
                if "crash" in faults and number % 2:
                    for each in running.pop(0):
                        each.cancel()
            await asyncio.sleep(20)

        world.run(work())

        assert world.count("INTERACTIVE") + world.count("LIVE") + world.count("BULK") <= daily
        assert world.count("LIVE") + world.count("BULK") <= daily - reserve

    @pytest.mark.parametrize("rate", [{}, {"rate_limit": {"count": 100, "interval": "1s"}}])
    def test_the_whole_budget_is_used_under_load(self, make_world, rate):
        """Unused calls of one worker come back to the others, down to the last one."""
        world = make_world({"budget": {"daily": 500}, **rate})

        async def work():
            lanes = [_start(world, world.worker(), Priority.LIVE, 10) for _ in range(8)]
            await asyncio.sleep(40)
            del lanes

        world.run(work())

        assert world.count("LIVE") == 500

    def test_what_an_idle_worker_held_comes_back(self, make_world):
        """A worker that was busy once does not keep calls for itself."""
        world = make_world({"budget": {"daily": 1000}})

        async def work():
            allocator = world.worker()
            lanes = _start(world, allocator, Priority.LIVE, 20)
            await asyncio.sleep(0.05)
            for each in lanes:
                each.cancel()
            await asyncio.sleep(30)
            calls = world.count("LIVE")
            return calls, allocator.forecast().used

        calls, used = world.run(work())

        assert calls == used

    def test_a_closed_worker_returns_what_it_held(self, make_world):
        """A graceful stop wastes nothing."""
        world = make_world({"budget": {"daily": 100}})

        async def work():
            first = world.worker()
            await world.call(first)
            assert first._bucket.held(0) == (0, 0, 0)
            await asyncio.gather(*(world.call(first) for _ in range(5)))
            await first.aclose()
            second = world.worker()
            await world.call(second)
            return second.forecast().used

        assert world.run(work()) == 7

    def test_only_urgent_calls_use_the_reserve(self, make_world):
        """When live traffic has used its part, an officer is still answered."""
        world = make_world({"budget": {"daily": 100, "reserve": 20}})

        async def work():
            worker = world.worker()
            lanes = _start(world, worker, Priority.LIVE, 5)
            await asyncio.sleep(10)
            live = world.count("LIVE")
            await asyncio.wait_for(world.call(worker, Priority.INTERACTIVE, "INTERACTIVE"), 1)
            lanes += _start(world, world.worker(), Priority.INTERACTIVE, 5)
            await asyncio.sleep(30)
            return live

        assert world.run(work()) == 80
        assert world.count("INTERACTIVE") == 20
        assert world.count("LIVE") == 80

    def test_bulk_takes_only_what_live_traffic_has_left_so_far(self, make_world):
        """At eight in the morning a third of the day is over, so back-fill may have used a third."""
        world = make_world({"budget": {"daily": 300}})

        async def work():
            lanes = _start(world, world.worker(), Priority.BULK, 5)
            await asyncio.sleep(5)
            bulk = world.count("BULK")
            lanes += _start(world, world.worker(), Priority.LIVE, 5)
            await asyncio.sleep(30)
            return bulk

        assert world.run(work()) == 100
        assert world.count("LIVE") == 200

    def test_the_day_turns_at_midnight_of_the_target(self, make_world):
        """The budget is new at 00:00 +07:00, and nothing is called in the two seconds around it."""
        world = make_world({"budget": {"daily": 50}}, start=EVENING)

        async def work():
            lanes = [_start(world, world.worker(), Priority.LIVE, 3) for _ in range(4)]
            await asyncio.sleep(30)
            del lanes

        world.run(work())
        times = [at for at, _ in world.arrivals]

        assert sum(at < 10 for at in times) == 50
        assert sum(at > 10 for at in times) == 50
        assert not [at for at in times if 8 < at < 12]

    def test_paced_calls_stop_before_midnight(self, make_world):
        """A slot that was leased before midnight is not used after it."""
        world = make_world({"rate_limit": {"count": 100, "interval": "1s"}, "budget": {"daily": 9999}}, start=EVENING)

        async def work():
            lanes = [_start(world, world.worker(), Priority.LIVE, 25) for _ in range(4)]
            await asyncio.sleep(15)
            del lanes

        world.run(work())
        times = [at for at, _ in world.arrivals]

        assert not [at for at in times if 8 < at < 12]
        assert sum(at > 12 for at in times) > 200

    def test_leases_shrink_with_what_is_left(self, make_world):
        """A worker that dies late in the day takes only a few calls with it."""
        world = make_world({"budget": {"daily": 160}})

        async def work():
            lost = world.worker()
            lanes = _start(world, lost, Priority.LIVE, 100)
            await asyncio.sleep(0.003)
            for each in lanes:
                each.cancel()
            for task in lost._tasks.values():
                task.cancel()
            before = world.count("LIVE")
            lanes = _start(world, world.worker(), Priority.LIVE, 5)
            await asyncio.sleep(30)
            return before

        world.run(work())

        assert 150 <= world.count("LIVE") <= 160


class TestForecast:
    """When the budget ends at the present rate."""

    def test_tells_when_the_budget_ends(self, make_world):
        """Ten calls a second use up 36,000 in an hour, at nine in the morning."""
        world = make_world({"rate_limit": {"count": 10, "interval": "1s"}, "budget": {"daily": 36_000}})

        async def work():
            allocator = world.worker()
            lanes = _start(world, allocator, Priority.LIVE, 20)
            await asyncio.sleep(300)
            del lanes
            return allocator.forecast()

        forecast = world.run(work())

        assert forecast.is_alert
        assert forecast.calls_per_second == pytest.approx(9.6, rel=0.02)
        assert (forecast.ends_at - world.start).total_seconds() == pytest.approx(36_000 / 9.615, rel=0.02)
        assert forecast.used + forecast.left == 36_000

    def test_is_quiet_when_the_budget_outlasts_the_day(self, make_world):
        """No alert without a reason."""
        world = make_world({"budget": {"daily": 1_000_000}})

        async def work():
            allocator = world.worker()
            for _ in range(120):
                await world.call(allocator)
                await asyncio.sleep(1)
            return allocator.forecast()

        forecast = world.run(work())

        assert forecast.ends_at is None
        assert not forecast.is_alert
        assert forecast.calls_per_second == pytest.approx(1, rel=0.1)

    def test_an_empty_budget_is_an_alert_at_once(self, make_world):
        """When only the reserve is left, nobody waits for a rate to be measured."""
        world = make_world({"budget": {"daily": 30, "reserve": 10}})

        async def work():
            allocator = world.worker()
            lanes = _start(world, allocator, Priority.LIVE, 3)
            await asyncio.sleep(10)
            del lanes
            return allocator.forecast()

        forecast = world.run(work())

        assert forecast.is_alert
        assert forecast.left == 10

    def test_knows_nothing_without_budget(self, make_world):
        """A target without budget has no forecast."""
        world = make_world({"rate_limit": {"count": 10, "interval": "1s"}})

        assert world.worker().forecast() is None
        world.loop.close()
