"""Works on many keys at once and on each key in order."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Generic, TypeVar

from lienthong.clock import Clock

T = TypeVar("T")
#: What a lane is named by; None means that the item has no order to keep.
Key = bytes | str | None
#: One turn in so many is for bulk while live lanes wait, so that back-fill is slow and never stands still.
_TURNS = 16

_Entry = tuple[T, float, bool]


class _Lane(deque[_Entry[T]]):
    """Items of one key in order; each with the time of its submission and whether it is live."""

    __slots__ = ("live",)

    def __init__(self, entries: Iterable[_Entry[T]] = ()) -> None:
        super().__init__(entries)
        self.live = 0
        for entry in self:
            self.live += entry[2]

    def add(self, entry: _Entry[T]) -> None:
        self.append(entry)
        self.live += entry[2]

    def take(self) -> _Entry[T]:
        entry = self.popleft()
        self.live -= entry[2]
        return entry


class _Running(Generic[T]):
    __slots__ = ("cancelled", "entry", "task")

    def __init__(self, entry: _Entry[T], task: asyncio.Task[None]) -> None:
        self.entry = entry
        self.task = task
        self.cancelled = False


class LaneDispatcher(Generic[T]):
    """One first-in-first-out lane per key, up to ``max_in_flight`` lanes at work at once.

    Lanes take turns: after one item a lane goes to the end of its line. An empty lane is forgotten. There are two
    lines: lanes with a live item, and lanes of bulk only, which get a turn when no live lane waits and one in 16
    otherwise.

    Args:
        handler: Works on one item. What it raises is fatal for the dispatcher.
        clock: Where to read the time and wait.
        max_in_flight: Handlers that run at once.
        max_queued: Items that wait for a handler; :meth:`submit` waits beyond.

    Delivery:
        Items of one key are handled in the order of their submission and never two at once. An item is handled once,
        unless it is returned by :meth:`cancel`, left over after a failure, or its handler was cancelled.
    """

    def __init__(
        self,
        handler: Callable[[T], Awaitable[None]],
        clock: Clock,
        *,
        max_in_flight: int = 100,
        max_queued: int = 10_000,
    ) -> None:
        if max_in_flight < 1 or max_queued < 1:
            raise ValueError("max_in_flight and max_queued must be at least 1")
        self._handler = handler
        self._clock = clock
        self._max_in_flight = max_in_flight
        self._max_queued = max_queued
        self._lanes: dict[object, _Lane[T]] = {}
        self._ready: deque[object] = deque()
        self._ready_bulk: OrderedDict[object, None] = OrderedDict()
        self._turns = 0
        self._queued = 0
        self._overflow: deque[tuple[T, Key, float, bool, asyncio.Future[None]]] = deque()
        self._running: dict[object, _Running[T]] = {}
        self._held: dict[object, asyncio.Future[None]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._paused = False
        self._failure: Exception | None = None
        self._failed = asyncio.Event()
        self._finished = asyncio.Event()
        self._drainers = 0

    @property
    def in_flight(self) -> int:
        """Handlers that run now."""
        return len(self._running)

    @property
    def queued(self) -> int:
        """Items that were accepted and wait for a handler."""
        return self._queued

    @property
    def lanes(self) -> int:
        """Keys with an item at work or waiting."""
        return len(self._lanes)

    @property
    def oldest_age_seconds(self) -> float:
        """Seconds since the oldest item that is not done was submitted; 0 without one."""
        oldest = [lane[0][1] for lane in self._lanes.values() if lane]
        oldest += [running.entry[1] for running in self._running.values()]
        return self._clock.monotonic() - min(oldest) if oldest else 0.0

    def at_work(self) -> list[T]:
        """Return the items whose handlers run."""
        return [each.entry[0] for each in self._running.values()]

    def find(self, predicate: Callable[[T], bool]) -> T | None:
        """Return an item that is at work or waits, or None; it looks through everything.

        Args:
            predicate: Which items.
        """
        waiting = (entry[0] for lane in self._lanes.values() for entry in lane)
        beyond = (entry[0] for entry in self._overflow)
        return next((item for item in (*self.at_work(), *waiting, *beyond) if predicate(item)), None)

    async def submit(self, item: T, key: Key, *, bulk: bool = False) -> None:
        """Put an item at the end of its lane; wait while too many items wait.

        Args:
            item: What the handler gets.
            key: Name of the lane; None for an item without order.
            bulk: Whether the item may wait until nothing else is to do. In the lane of a live item it does not.

        Raises:
            Exception: What a handler raised, once one failed.

        Delivery:
            A cancelled submit has accepted the item only if it was cancelled in the very moment of accepting it.
        """
        if self._failure is not None:
            raise self._failure
        now = self._clock.monotonic()
        if self._queued < self._max_queued and not self._overflow:
            self._accept(item, key, now, live=not bulk)
            return
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._overflow.append((item, key, now, not bulk, accepted))
        await accepted

    def hold(self, key: Key, until: "asyncio.Future[None]") -> None:
        """Begin nothing more of a lane for a while, without keeping a handler busy; called by the lane's own handler.

        Args:
            key: Name of the lane.
            until: When it goes on, however this ends.
        """
        if key is not None and not until.done():
            self._held[key] = until
            until.add_done_callback(partial(self._release, key))

    def cancel(self, predicate: Callable[[T], bool], *, running: bool = False) -> list[T]:
        """Drop items that wait, for example those of a revoked partition.

        Args:
            predicate: Which items.
            running: Whether handlers of such items are cancelled too; they count as in flight until they ended.

        Returns:
            The dropped items in the order of each lane; items of running handlers are not among them.
        """
        dropped: list[T] = []
        for name in list(self._lanes):
            lane = self._lanes[name]
            out = [entry[0] for entry in lane if predicate(entry[0])]
            if out:
                dropped += out
                self._lanes[name] = _Lane(entry for entry in lane if not predicate(entry[0]))
                if not self._lanes[name] and name not in self._running:
                    del self._lanes[name]
        self._queued -= len(dropped)
        self._sort_lines()
        dropped += self._drop_overflow(predicate)
        if running:
            self._cancel_running(predicate)
        self._refill()
        self._start_workers()
        self._finished.set()
        return dropped

    async def drain(self, timeout_seconds: float, predicate: Callable[[T], bool] | None = None) -> bool:
        """Wait until nothing is at work or waiting.

        Args:
            timeout_seconds: Longest wait.
            predicate: Which items to wait for; None for all.

        Returns:
            Whether all were done in time; False also when a handler failed and items are left.
        """
        timeout = asyncio.ensure_future(self._clock.sleep(timeout_seconds))
        self._drainers += 1
        try:
            while self._left(predicate):
                if timeout.done() or (self._failure is not None and not self._running):
                    return False
                self._finished.clear()
                finished = asyncio.ensure_future(self._finished.wait())
                try:
                    await asyncio.wait({finished, timeout}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    finished.cancel()
            return True
        finally:
            self._drainers -= 1
            timeout.cancel()

    async def wait_failed(self) -> None:
        """Wait until a handler fails.

        Raises:
            Exception: What the handler raised.
        """
        await self._failed.wait()
        if self._failure is not None:
            raise self._failure

    def pause(self) -> None:
        """Start no further handler until :meth:`resume`; those at work go on."""
        self._paused = True

    def resume(self) -> None:
        """Start handlers again."""
        self._paused = False
        self._start_workers()

    async def close(self) -> None:
        """Cancel all handlers and forget what waits; called twice it does nothing the second time."""
        self._paused = True
        for *_, accepted in self._overflow:
            accepted.cancel()
        self._overflow.clear()
        workers = list(self._workers)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        self._lanes.clear()
        self._ready.clear()
        self._ready_bulk.clear()
        self._running.clear()
        self._held.clear()
        self._queued = 0

    def _release(self, name: object, until: "asyncio.Future[None]") -> None:
        if self._held.get(name) is not until:
            return
        del self._held[name]
        lane = self._lanes.get(name)
        if lane and name not in self._running:
            self._line_up(name, lane)
            if len(self._workers) < self._max_in_flight:
                self._start_worker()

    def _accept(self, item: T, key: Key, now: float, *, live: bool) -> None:
        name: object = object() if key is None else key
        lane = self._lanes.get(name)
        self._queued += 1
        if lane is not None:
            # A lane that is known is at work or in a line, so somebody will come back to it.
            lane.add((item, now, live))
            if live and name in self._ready_bulk:
                # What is ahead of a live item in its lane must end first, so it is as urgent.
                del self._ready_bulk[name]
                self._ready.append(name)
            return
        lane = self._lanes[name] = _Lane(((item, now, live),))
        if name in self._held:
            return
        self._line_up(name, lane)
        if len(self._workers) < self._max_in_flight:
            self._start_worker()

    def _line_up(self, name: object, lane: _Lane[T]) -> None:
        if lane.live:
            self._ready.append(name)
        else:
            self._ready_bulk[name] = None

    def _sort_lines(self) -> None:
        """Forget lanes that are gone; a lane whose live items are gone is bulk now."""
        waiting = [*self._ready, *self._ready_bulk]
        self._ready, self._ready_bulk = deque(), OrderedDict()
        for name in waiting:
            if name in self._lanes:
                self._line_up(name, self._lanes[name])

    def _next(self) -> object:
        self._turns += 1
        if self._ready_bulk and (not self._ready or self._turns % _TURNS == 0):
            return self._ready_bulk.popitem(last=False)[0]
        return self._ready.popleft()

    def _refill(self) -> None:
        while self._overflow and self._queued < self._max_queued:
            item, key, now, live, accepted = self._overflow.popleft()
            if not accepted.done():
                accepted.set_result(None)
                self._accept(item, key, now, live=live)

    def _drop_overflow(self, predicate: Callable[[T], bool]) -> list[T]:
        dropped: list[T] = []
        kept: deque[tuple[T, Key, float, bool, asyncio.Future[None]]] = deque()
        for entry in self._overflow:
            if entry[-1].done():
                continue
            if predicate(entry[0]):
                dropped.append(entry[0])
                entry[-1].set_result(None)
            else:
                kept.append(entry)
        self._overflow = kept
        return dropped

    def _cancel_running(self, predicate: Callable[[T], bool]) -> None:
        caller = asyncio.current_task()
        for at_work in self._running.values():
            # A handler that calls this itself is at its end already; cancelling it would hit the item after it.
            if at_work.task is not caller and not at_work.cancelled and predicate(at_work.entry[0]):
                at_work.cancelled = True
                at_work.task.cancel()

    def _start_workers(self) -> None:
        for _ in range(min(len(self._ready) + len(self._ready_bulk), self._max_in_flight - len(self._workers))):
            self._start_worker()

    def _start_worker(self) -> None:
        if self._paused or self._failure is not None:
            return
        worker = asyncio.ensure_future(self._work())
        self._workers.add(worker)

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in a task here
        try:
            while (self._ready or self._ready_bulk) and not self._paused and self._failure is None:
                name = self._next()
                running = _Running(self._lanes[name].take(), task)
                self._queued -= 1
                self._running[name] = running
                if self._overflow:
                    self._refill()
                try:
                    await self._handler(running.entry[0])
                except asyncio.CancelledError:
                    if not running.cancelled:
                        raise
                finally:
                    self._end(name, running)
        except Exception as error:  # noqa: BLE001 - handed to the owner by wait_failed and submit
            self._fail(error)
        finally:
            self._workers.discard(task)
            self._finished.set()

    def _end(self, name: object, running: _Running[T]) -> None:
        if running.cancelled:
            running.task.uncancel()
        del self._running[name]
        # `cancel` may have put another deque into the lane's place.
        lane = self._lanes[name]
        if not lane:
            del self._lanes[name]
        elif name not in self._held:
            self._line_up(name, lane)
        if self._drainers:
            self._finished.set()

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = error
            self._failed.set()
        for *_, accepted in self._overflow:
            if not accepted.done():
                accepted.set_exception(error)
        self._overflow.clear()

    def _left(self, predicate: Callable[[T], bool] | None) -> bool:
        if predicate is None:
            return bool(self._lanes or self._overflow)
        waiting = any(predicate(entry[0]) for lane in self._lanes.values() for entry in lane)
        at_work = any(predicate(running.entry[0]) for running in self._running.values())
        return waiting or at_work or any(predicate(item) for item, *_ in self._overflow)
