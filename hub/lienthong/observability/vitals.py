"""What a worker waits for, so that waiting is told from hanging."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Vitals:
    """Counts records that wait for a target and calls under way; written by the event loop, read by any thread.

    Args:
        monotonic: Seconds that never run backwards.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._records = 0
        self._calls: dict[_Call, float] = {}

    @contextmanager
    def record(self) -> Iterator[None]:
        """Count a record that is in the hands of a target: between its calls it waits for circuit, window or time."""
        self._records += 1
        try:
            yield
        finally:
            self._records -= 1

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count a call that is under way."""
        call = _Call(self._calls, self._monotonic)
        call.go()
        token = _current.set(call)
        try:
            yield
        finally:
            _current.reset(token)
            call.halt()

    @property
    def is_waiting(self) -> bool:
        """Whether records wait for a target rather than for us."""
        return self._records > len(self._calls)

    @property
    def oldest_call_seconds(self) -> float:
        """How long the oldest call is under way; 0 without one."""
        # A copy, because the event loop may change it meanwhile; calls are in the order of their beginning.
        started = next(iter(tuple(self._calls.values())), None)
        return 0.0 if started is None else self._monotonic() - started


class _Call:
    def __init__(self, under_way: "dict[_Call, float]", monotonic: Callable[[], float]) -> None:
        self._under_way = under_way
        self._monotonic = monotonic

    def go(self) -> None:
        """Begin, or go on after waiting."""
        self._under_way[self] = self._monotonic()

    def halt(self) -> None:
        """End, or wait."""
        self._under_way.pop(self, None)


_current: ContextVar[_Call | None] = ContextVar("lienthong_watched_call", default=None)


@contextmanager
def waiting() -> Iterator[None]:
    """Take the current call out of the count while it waits for its turn at the target."""
    call = _current.get()
    if call is None:
        yield
        return
    call.halt()
    try:
        yield
    finally:
        call.go()
