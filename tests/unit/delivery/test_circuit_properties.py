"""The circuit breaker under any order of results, waits and cancellations."""

import asyncio
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lienthong.delivery.circuit import CircuitBreaker, CircuitState
from lienthong.delivery.policy import CircuitPolicy
from lienthong.testing.clock import FakeClock

_POLICY = CircuitPolicy.model_validate(
    {"failures": 2, "initial_interval": "1s", "max_interval": "8s", "retry_after_cap": "30s"}
)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["lane", "succeeded", "failed", "refused", "released", "cancelled", "slowly", "time"]),
        st.integers(0, 50),
    ),
    max_size=80,
)


class Clock(FakeClock):
    """Waits end when the test moves the time."""

    def __init__(self) -> None:
        super().__init__()
        self._waits: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        woken = asyncio.get_running_loop().create_future()
        self._waits.append((self.monotonic() + seconds, woken))
        await woken

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.advance(seconds)
        for moment, woken in self._waits:
            if moment <= self.monotonic() and not woken.done():
                woken.set_result(None)


class World:
    """Lanes that wait and calls that are under way."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.circuit = CircuitBreaker(_POLICY, self.clock, starts_slowly=True)
        self.lanes: list[asyncio.Task[None]] = []
        self.under_way: list = []
        self.told = Counter()

    async def lane(self) -> None:
        """Wait for the right to call."""
        admission = await self.circuit.admit()
        assert self.circuit.state is not CircuitState.OPEN, "a call was let in while the circuit is open"
        self.under_way.append(admission)

    async def settle(self) -> None:
        """Let everything run that can."""
        for _ in range(10):
            await asyncio.sleep(0)
        for lane in self.lanes:
            if lane.done() and not lane.cancelled():
                lane.result()
        self.lanes = [lane for lane in self.lanes if not lane.done()]
        state = self.circuit.state
        probes = [each for each in self.under_way if each.is_probe and each.generation == self.circuit._generation]
        assert len(probes) == (state is CircuitState.HALF_OPEN), "a half-open circuit has exactly one probe"
        assert self.circuit.waiting == len(self.lanes)
        now = [each for each in self.under_way if each.generation == self.circuit._generation]
        assert self.circuit._under_way == len(now)

    async def step(self, what: str, number: int) -> None:
        """Do one thing."""
        if what == "lane":
            self.lanes.append(asyncio.ensure_future(self.lane()))
        elif what == "time":
            self.clock.pass_(number)
        elif what == "slowly":
            self.circuit.begin_slowly()
        elif what == "cancelled" and self.lanes:
            self.lanes[number % len(self.lanes)].cancel()
        elif what in {"succeeded", "failed", "refused", "released"} and self.under_way:
            admission = self.under_way.pop(number % len(self.under_way))
            getattr(self.circuit, what)(admission)
        if number % 3:
            await self.settle()

    async def finish(self) -> None:
        """Let the target be well from now on: every lane must get its call."""
        for _ in range(1_000):
            await self.settle()
            if not self.lanes and not self.under_way:
                return
            if self.under_way:
                self.circuit.succeeded(self.under_way.pop(0))
            else:
                self.clock.pass_(1)
        raise AssertionError(f"{len(self.lanes)} lanes wait for ever")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_STEPS)
def test_no_lane_waits_for_ever_and_no_call_is_made_while_the_circuit_is_open(steps) -> None:
    """Whatever happens in whatever order, there is at most one probe, and a target that is well serves everybody."""

    async def run() -> None:
        world = World()
        for what, number in steps:
            await world.step(what, number)
        await world.settle()
        await world.finish()

    asyncio.run(run())
