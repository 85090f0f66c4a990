"""Calendar and limits as one door."""

import asyncio
from datetime import datetime, timedelta

from lienthong.limits.gate import Gate, Gates, GateState
from lienthong.limits.policy import TargetLimits
from lienthong.limits.store import MemoryStore
from lienthong.testing.clock import FakeClock

EVENING = datetime.fromisoformat("2026-10-05T21:59:59+07:00")
NIGHT = datetime.fromisoformat("2026-10-05T22:00:00+07:00")
MORNING = datetime.fromisoformat("2026-10-06T05:00:00+07:00")


async def _inline(exchange, request, terms):
    return exchange(request, terms)


def _gate(clock, **limits):
    made = TargetLimits.model_validate(limits)
    return Gate("portal", made, MemoryStore(clock), clock, worker="w", runner=_inline)


class TestGate:
    """What a call waits for."""

    async def test_a_target_without_limits_is_always_open(self):
        """Nothing is asked and nothing waits."""
        clock = FakeClock()
        gate = _gate(clock)
        await gate.enter()

        assert clock.sleeps == []
        assert gate.state is GateState.OPEN
        assert gate.forecast() is None
        await gate.aclose()

    async def test_calls_wait_for_the_end_of_maintenance(self):
        """Also a probe of the circuit breaker does."""
        clock = FakeClock(NIGHT)
        gate = _gate(clock, maintenance=[{"daily": "22:00-05:00"}])

        assert gate.state is GateState.MAINTENANCE
        assert gate.is_in_maintenance
        await gate.enter()
        assert clock.now() == MORNING
        assert gate.state is GateState.OPEN

    def test_a_call_whose_turn_comes_in_the_window_waits_for_its_end(self, make_world, make_clock):
        """Waiting for the rate may reach into the night; the call does not."""
        world = make_world(
            {"rate_limit": {"count": 1, "interval": "2s"}, "maintenance": [{"daily": "22:00-22:05"}]}, start=EVENING
        )

        async def work():
            clock = make_clock(world)
            gate = Gate("portal", world.limits, MemoryStore(clock), clock, worker="w", runner=_inline)
            await asyncio.gather(gate.enter(), gate.enter())
            return world.now()

        assert world.run(work()) >= NIGHT + timedelta(minutes=5)

    def test_says_that_the_store_is_away(self, make_world, make_clock):
        """Operators see why nothing moves."""
        world = make_world({"rate_limit": {"count": 10, "interval": "1s"}})

        async def work():
            clock = make_clock(world)
            gate = Gate("portal", world.limits, world.store, clock, worker="w", runner=world.runner(clock))
            world.is_store_away = True
            waits = asyncio.ensure_future(gate.enter())
            await asyncio.sleep(1)
            away = gate.state
            world.is_store_away = False
            await waits
            return away, gate.state

        assert world.run(work()) == (GateState.STORE_AWAY, GateState.OPEN)

    async def test_pipelines_of_a_process_share_the_gate_of_a_target(self):
        """Two pipelines that call one target have one bucket."""
        clock = FakeClock()
        gates = Gates(MemoryStore(clock), clock, worker="w")
        limits = TargetLimits.model_validate({"budget": {"daily": 10}})

        assert gates.of("portal", limits) is gates.of("portal", limits)
        assert gates.of("portal", limits) is not gates.of("population", limits)
        await gates.aclose()

    def test_an_unknown_failure_of_the_store_reaches_who_waits(self, make_world):
        """Nobody waits for ever for a store that is broken."""
        world = make_world({"rate_limit": {"count": 10, "interval": "1s"}})

        class Broken:
            def exchange(self, request, terms):
                raise ZeroDivisionError

        world.store = Broken()

        async def work():
            return await asyncio.gather(world.call(world.worker()), return_exceptions=True)

        assert isinstance(world.run(work())[0], ZeroDivisionError)
