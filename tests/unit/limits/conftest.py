"""Workers in simulated time: real allocators, a store that can fail, clocks that disagree."""

import asyncio
import heapq
import random
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lienthong.errors import TargetUnavailableError
from lienthong.limits.allocator import Allocator
from lienthong.limits.leases import Moment
from lienthong.limits.policy import Priority, TargetLimits
from lienthong.limits.store import Answer, ClockSample, LeaseStore, MemoryStore, monotonic_us

START = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer as soon as nothing else is to be done."""

    def __init__(self) -> None:
        """Begin at zero."""
        super().__init__()
        self.seconds = 0.0

    def time(self) -> float:
        """Return the simulated time."""
        return self.seconds

    def _run_once(self) -> None:
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False
            self._timer_cancelled_count -= 1
        if not self._ready:
            if not self._scheduled:
                raise RuntimeError("nothing will ever happen again")
            self.seconds = max(self.seconds, self._scheduled[0]._when)
        super()._run_once()


class WorkerClock:
    """The clock of one worker: its wall clock is skewed, its monotonic clock drifts and waking up takes a while."""

    def __init__(self, world: "World", skew_seconds: float = 0.0, drift: float = 0.0, wake_seconds: float = 0.0):
        """Begin anywhere."""
        self._world = world
        self._skew = timedelta(seconds=skew_seconds)
        self._rate = 1 + drift
        self._wake_seconds = wake_seconds
        self._origin = world.chance.uniform(0, 1e6)

    def now(self) -> datetime:
        """Return what the worker believes."""
        return self._world.now() + self._skew

    def monotonic(self) -> float:
        """Return the worker's own seconds."""
        return self._origin + self._world.loop.seconds * self._rate

    async def sleep(self, seconds: float) -> None:
        """Wait a little longer than was asked for."""
        await asyncio.sleep(seconds + self._world.chance.uniform(0, self._wake_seconds))


class World:
    """Simulated time, a shared store and a target that notes when calls arrive."""

    def __init__(self, limits: dict[str, Any], seed: int = 0, start: datetime = START) -> None:
        """Nothing happens before :meth:`run`."""
        self.limits = TargetLimits.model_validate(limits)
        self.chance = random.Random(seed)
        self.loop = VirtualLoop()
        self.start = start
        self.store: LeaseStore = MemoryStore(WorkerClock(self), self.moment)
        self.arrivals: list[tuple[float, str]] = []
        self.is_store_away = False
        self.lost_replies = 0.0
        self.round_trip_seconds = 0.002
        self.travel_seconds = 0.0
        self.exchanges = 0
        self.made = 0

    def now(self) -> datetime:
        """Return the true time."""
        return self.start + timedelta(seconds=self.loop.seconds)

    def moment(self) -> Moment:
        """Return the store's clocks, which are right."""
        return Moment(1_000_000_000 + int(self.loop.seconds * 1e6), self.now(), "one")

    def worker(self, clock: WorkerClock | None = None, limits: TargetLimits | None = None) -> Allocator:
        """Start a worker."""
        own = clock or WorkerClock(self)
        self.made += 1
        return Allocator(
            "portal", limits or self.limits, self.store, own, worker=f"w{self.made}", runner=self.runner(own)
        )

    def runner(self, own: WorkerClock) -> Any:
        """Return what carries the exchanges of the worker with this clock."""

        async def runner(exchange: Callable[..., Answer], *arguments: Any) -> Answer:
            before = monotonic_us(own)
            await asyncio.sleep(self.chance.uniform(0, self.round_trip_seconds))
            if self.is_store_away:
                raise TargetUnavailableError("the store is away")
            self.exchanges += 1
            answer = exchange(*arguments)
            await asyncio.sleep(self.chance.uniform(0, self.round_trip_seconds))
            if self.chance.random() < self.lost_replies:
                raise TargetUnavailableError("the reply is lost")
            return answer._replace(sample=ClockSample(before, answer.sample.slot_us, monotonic_us(own)))

        return runner

    async def call(self, allocator: Allocator, priority: Priority = Priority.LIVE, label: str = "") -> None:
        """Make one call as the engine does."""
        await allocator.acquire(priority)
        self.arrivals.append((self.loop.seconds + self.chance.uniform(0, self.travel_seconds), label))

    async def keep_calling(self, allocator: Allocator, priority: Priority = Priority.LIVE, label: str = "") -> None:
        """Call again and again."""
        while True:
            await self.call(allocator, priority, label)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run until the work is done."""
        try:
            return self.loop.run_until_complete(work)
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(self.loop.create_task(asyncio.sleep(0)))
            self.loop.run_until_complete(self.loop.create_task(asyncio.sleep(0)))
            self.loop.close()

    def most_in(self, seconds: float) -> int:
        """Return the most calls that arrived in any interval with both its ends."""
        times = sorted(at for at, _ in self.arrivals)
        most = first = 0
        for last, at in enumerate(times):
            while at - times[first] > seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def count(self, label: str = "") -> int:
        """Return the calls with a label."""
        return sum(1 for _, each in self.arrivals if each == label)


@pytest.fixture
def make_world() -> Callable[..., World]:
    """A function that makes a simulated world from limits, a seed and a first moment."""
    return World


@pytest.fixture
def make_clock() -> type[WorkerClock]:
    """The clock of a worker, to give it skew, drift and slow wake-ups."""
    return WorkerClock
