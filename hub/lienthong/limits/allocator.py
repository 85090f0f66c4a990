"""One worker's access to what a target allows: waits for leased calls and renews leases in time."""

import asyncio
import heapq
import math
from collections.abc import Awaitable, Callable
from itertools import count

import structlog

from lienthong.clock import Clock
from lienthong.errors import RetriableError
from lienthong.limits.bucket import Bucket, Permit
from lienthong.limits.forecast import BurnRate, Forecast
from lienthong.limits.leases import NO_CALLS, Counts, LeaseRequest, Terms
from lienthong.limits.policy import Priority, TargetLimits
from lienthong.limits.store import Answer, LeaseStore, monotonic_us

_MICROSECONDS = 1_000_000
_INITIAL_BACKOFF_US = 100_000
_MAX_BACKOFF_US = 2_000_000
#: Sleeping for less costs more than it gains.
_MIN_SLEEP_US = 1_000
#: Time in which the weight of a past call falls to a third in "recent use".
_RECENT_US = 2_000_000

log = structlog.get_logger(__name__)

#: Runs a blocking exchange away from the event loop.
Runner = Callable[[Callable[[LeaseRequest, Terms], Answer], LeaseRequest, Terms], Awaitable[Answer]]
_Waiter = tuple[int, int, "asyncio.Future[Permit]"]


class Allocator:
    """Calls to one target, shared by everything in this process that calls it.

    Args:
        target: Name of the target.
        limits: What it allows.
        store: Shared with all other workers that call it.
        clock: Where to read the time and wait.
        worker: Name that no other process ever had.
        runner: How exchanges leave the event loop; threads by default.

    Delivery:
        Every attempt counts, also a retry. Together all workers never start more calls than the target allows. When
        the store is away, what is leased is spent, then callers wait. A worker that dies only wastes what it held.
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
        self._target = target
        self._terms = Terms.of(limits)
        self._store = store
        self._clock = clock
        self._worker = worker
        self._runner = runner
        self._bucket = Bucket(self._terms)
        self._burn = BurnRate(limits)
        self._waiters: list[_Waiter] = []
        self._waiting = [0 for _ in Priority]
        self._missed = [0 for _ in Priority]
        self._not_before = [0 for _ in Priority]
        self._order = count()
        self._sequence = 0
        self._recent = 0.0
        self._recent_at = monotonic_us(clock)
        self._arrived = asyncio.Event()
        self._needed = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_closed = False
        self._claimed = NO_CALLS
        #: Whether the store did not answer last time.
        self.is_store_away = False

    @property
    def waiting(self) -> Counts:
        """Callers that wait now, by priority."""
        return Counts(*self._waiting)

    async def acquire(self, priority: Priority = Priority.LIVE) -> None:
        """Wait until one call may be made; make it at once, because the right to it ends within milliseconds.

        Args:
            priority: Who is served first.

        Raises:
            FatalError: If the store refuses a statement.
        """
        if self.try_acquire(priority):
            return
        place = (int(priority), next(self._order))
        self._waiting[priority] += 1
        try:
            while True:
                permit = await self._turn(place)
                if not self._bucket.is_late(permit, monotonic_us(self._clock)):
                    return
                self._bucket.give_up(permit)
        finally:
            self._waiting[priority] -= 1

    def try_acquire(self, priority: Priority = Priority.LIVE) -> bool:
        """Return whether a call may be made at once; if not, ask for leases so that a later try may succeed.

        Args:
            priority: Who asks; it does not pass those who wait with the same priority or a higher one.
        """
        now = monotonic_us(self._clock)
        if not any(self._waiting[: priority + 1]) and self._bucket.take(priority, now) is not None:
            self._spent(priority, now)
            return True
        if not self._waiting[priority]:
            self._missed[priority] = 1
        self._need(now)
        return False

    def forecast(self) -> Forecast | None:
        """Return when the day's budget ends at the present rate; None without a budget or before the first lease."""
        return self._burn.forecast(self._clock.now())

    async def aclose(self) -> None:
        """Stop and give back what is not used; callers that still wait are cancelled.

        Delivery:
            If the store is away, what is held is wasted until the next day.
        """
        self._is_closed = True
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for _, _, future in self._waiters:
            future.cancel()
        now = monotonic_us(self._clock)
        unspent = self._bucket.held(now)
        if self._terms.daily and self._bucket.day is not None and unspent != NO_CALLS:
            keeps = self._bucket.keeps(now).minus(unspent)
            self._bucket = Bucket(self._terms)
            try:
                await self._runner(self._store.exchange, self._request(keeps, NO_CALLS), self._terms)
            except RetriableError as error:
                log.warning("limits_not_returned", target=self._target, error_code=error.code)

    async def _turn(self, place: tuple[int, int]) -> Permit:
        future: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (*place, future))
        self._start("serve", self._serve)
        self._arrived.set()
        self._need(monotonic_us(self._clock))
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._bucket.give_up(future.result())
            raise

    async def _serve(self) -> None:
        """Hand permits to callers, the most urgent first, each at its time."""
        nap_us = min(_MIN_SLEEP_US, max(1, self._terms.lateness_us // 4))
        while self._waiters:
            priority, _, future = self._waiters[0]
            if future.done():
                heapq.heappop(self._waiters)
                continue
            now = monotonic_us(self._clock)
            permit = self._bucket.take(Priority(priority), now)
            if permit is not None:
                heapq.heappop(self._waiters)
                future.set_result(permit)
                self._spent(Priority(priority), now)
                continue
            wait_us = self._bucket.wait_us(Priority(priority), now)
            if wait_us is None:
                self._need(now)
                self._arrived.clear()
                await self._arrived.wait()
            else:
                await self._clock.sleep(max(wait_us, nap_us) / _MICROSECONDS)

    async def _renew(self) -> None:
        """Ask the store for what is lacking, and give back what nobody used."""
        backoff_us = _INITIAL_BACKOFF_US
        while True:
            self._needed.clear()
            now = monotonic_us(self._clock)
            lack = self._lack(now)
            wanted = self._askable(now, lack)
            if wanted == NO_CALLS:
                if not await self._idle(now, lack):
                    return
                continue
            try:
                await self._exchange(wanted)
            except RetriableError as error:
                if not self.is_store_away:
                    log.warning("limits_store_away", target=self._target, error_code=error.code)
                self.is_store_away = True
                await self._clock.sleep(backoff_us / _MICROSECONDS)
                backoff_us = min(2 * backoff_us, _MAX_BACKOFF_US)
            else:
                backoff_us = _INITIAL_BACKOFF_US

    async def _idle(self, now: int, lack: Counts) -> bool:
        """Wait for a reason to ask; False if there will be none before somebody calls again."""
        times = [at - now for missing, at in zip(lack, self._not_before, strict=True) if missing]
        if times:
            await self._wait_until_needed(max(min(times), _MIN_SLEEP_US))
            return True
        if self._bucket.held(now) != NO_CALLS:
            await self._wait_until_needed(self._bucket.expires_in_us(now) + _MIN_SLEEP_US)
            return True
        if not self._terms.daily or self._bucket.keeps(now) == self._claimed:
            return False
        try:
            await self._exchange(NO_CALLS)
        except RetriableError as error:
            log.info("limits_returned_later", target=self._target, error_code=error.code)
            return False
        return True

    async def _wait_until_needed(self, microseconds: int) -> None:
        waits = {
            asyncio.ensure_future(self._clock.sleep(microseconds / _MICROSECONDS)),
            asyncio.ensure_future(self._needed.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _exchange(self, wanted: Counts) -> None:
        request = self._request(self._bucket.keeps(monotonic_us(self._clock)), wanted)
        answer = await self._runner(self._store.exchange, request, self._terms)
        self.is_store_away = False
        self._missed = [0 for _ in Priority]
        self._bucket.fill(answer.grant, answer.sample)
        self._claimed = answer.claimed
        now = monotonic_us(self._clock)
        for priority in Priority:
            if wanted[priority]:
                self._not_before[priority] = now + answer.grant.retry_us[priority]
        self._burn.observe(self._clock.now(), answer.grant.day, answer.grant.claimed)
        self._arrived.set()

    def _request(self, keeps: Counts, wanted: Counts) -> LeaseRequest:
        self._sequence += 1
        return LeaseRequest(self._target, self._worker, self._sequence, self._bucket.day, keeps, wanted)

    def _lack(self, now: int) -> Counts:
        """Return what those who wait, and those expected soon, need beyond what is held."""
        held = self._bucket.held(now)
        soon = int(self._remember(0, now) * self._terms.horizon_us / 2 / _RECENT_US)
        interactive, live, bulk = (w or m for w, m in zip(self._waiting, self._missed, strict=True))
        spare = max(0, held.bulk - bulk)
        lease = self._terms.slots_in_lease
        # Both bounds leave a gap between "enough" and "ask again", so that not every call asks.
        most = 2 * lease - sum(held) if sum(held) <= lease // 2 else 0
        usable = held.live + spare
        expected = soon if usable <= soon // 2 or usable < live else 0
        return Counts(
            min(most, max(0, interactive - held.interactive)),
            min(most, max(0, max(live, expected) - usable)),
            min(most, max(0, bulk - held.bulk)),
        )

    def _spent(self, priority: Priority, now: int) -> None:
        # Only live traffic is leased in advance: bulk must find what others left, and urgent calls are too few.
        if priority is Priority.LIVE:
            self._remember(1, now)
        self._need(now)

    def _askable(self, now: int, lack: Counts) -> Counts:
        """Return the part of what is lacking that the store has not refused just now."""
        return Counts(*(calls if now >= at else 0 for calls, at in zip(lack, self._not_before, strict=True)))

    def _remember(self, calls: int, now: int) -> float:
        """Return the weight of recent calls, after adding some; divided by ``_RECENT_US`` it is their rate."""
        age = now - self._recent_at
        self._recent = self._recent * math.exp(-age / _RECENT_US) + calls
        self._recent_at = now
        return self._recent

    def _need(self, now: int) -> None:
        """Have what is lacking asked for: now, or when the store may be asked again."""
        lack = self._lack(now)
        if lack == NO_CALLS:
            return
        if self._askable(now, lack) != NO_CALLS:
            self._needed.set()
        self._start("renew", self._renew)

    def _start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        task = self._tasks.get(name)
        if not self._is_closed and (task is None or task.done()):
            self._tasks[name] = asyncio.ensure_future(self._guarded(work))

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            # Whatever it was, it must reach somebody who waits, and nobody may wait for ever.
            for _, _, future in self._waiters:
                if not future.done():
                    future.set_exception(error)
            self._waiters.clear()
            log.exception("limits_failed", target=self._target, error_type=type(error).__name__)
