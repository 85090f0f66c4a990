"""The one thing that a call to a target passes: its calendar and its limits."""

import asyncio
from datetime import timedelta
from enum import StrEnum

from lienthong.clock import Clock
from lienthong.limits.allocator import Allocator, Runner
from lienthong.limits.forecast import Forecast
from lienthong.limits.policy import Priority, TargetLimits
from lienthong.limits.store import LeaseStore
from lienthong.limits.windows import MaintenanceCalendar

#: A call that is begun now arrives later, and the target's clock is another one; so long before a window none begins.
_LEAD = timedelta(seconds=2)


class GateState(StrEnum):
    """Why calls wait, if they do."""

    OPEN = "open"
    MAINTENANCE = "maintenance"
    WAITING = "waiting"
    STORE_AWAY = "store_away"


class Gate:
    """Everything that must be true before one attempt is made.

    Args:
        target: Name of the target.
        limits: As configured.
        store: Shared with all workers that call the target.
        clock: Where to read the time and wait.
        worker: Name that no other process ever had.
        runner: How exchanges with the store leave the event loop.
    """

    def __init__(
        self,
        target: str,
        limits: TargetLimits,
        store: LeaseStore,
        clock: Clock,
        *,
        worker: str,
        runner: Runner = asyncio.to_thread,
    ) -> None:
        self._clock = clock
        self.calendar = MaintenanceCalendar(limits.maintenance, _LEAD)
        self.allocator: Allocator | None = None
        if limits.rate_limit is not None or limits.budget is not None:
            self.allocator = Allocator(target, limits, store, clock, worker=worker, runner=runner)

    @property
    def is_in_maintenance(self) -> bool:
        """Whether the target is closed by plan, so that neither calls nor alerts make sense."""
        return self.calendar.is_closed(self._clock.now())

    async def wait_until_open(self) -> bool:
        """Wait for the end of planned maintenance; take nothing of the rate or budget.

        Returns:
            Whether there was anything to wait for.
        """
        if not self.is_in_maintenance:
            return False
        await self.calendar.wait_until_open(self._clock)
        return True

    @property
    def state(self) -> GateState:
        """Why calls wait, if they do."""
        if self.is_in_maintenance:
            return GateState.MAINTENANCE
        if self.allocator is None or not any(self.allocator.waiting):
            return GateState.OPEN
        return GateState.STORE_AWAY if self.allocator.is_store_away else GateState.WAITING

    async def enter(self, priority: Priority = Priority.LIVE) -> None:
        """Wait until one attempt may be made; make it at once.

        Args:
            priority: Who is served first.

        Raises:
            FatalError: If the store refuses a statement.

        Delivery:
            However long it takes, nothing is given up. A probe of the circuit breaker passes here like any call, so
            planned maintenance is not probed.
        """
        while True:
            await self.calendar.wait_until_open(self._clock)
            if self.allocator is None:
                return
            await self.allocator.acquire(priority)
            if not self.is_in_maintenance:
                return

    def forecast(self) -> Forecast | None:
        """Return when the day's budget ends; None if there is no budget."""
        return self.allocator.forecast() if self.allocator is not None else None

    async def aclose(self) -> None:
        """Give back what is not used."""
        if self.allocator is not None:
            await self.allocator.aclose()


class Gates:
    """The gates of one process: one for each target, whatever pipelines call it.

    Args:
        store: Shared with the other processes.
        clock: Where to read the time and wait.
        worker: Name that no other process ever had.
    """

    def __init__(self, store: LeaseStore, clock: Clock, *, worker: str) -> None:
        self._store = store
        self._clock = clock
        self._worker = worker
        self._gates: dict[str, Gate] = {}

    def of(self, target: str, limits: TargetLimits) -> Gate:
        """Return the gate of a target, always the same one.

        Args:
            target: Name of the target.
            limits: As configured; they count when the gate is made.
        """
        if target not in self._gates:
            self._gates[target] = Gate(target, limits, self._store, self._clock, worker=self._worker)
        return self._gates[target]

    async def aclose(self) -> None:
        """Give back what is not used, and close the store."""
        for gate in self._gates.values():
            await gate.aclose()
        await asyncio.to_thread(self._store.close)
