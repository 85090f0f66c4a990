"""What a worker waits for, so that waiting is told from hanging."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Vitals:
    """Counts records that wait for a target and calls under way; written by the event loop, read by any thread.

    Args:
        monotonic: Seconds that never run backwards.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._records = 0
        self._calls: dict[int, float] = {}
        self._number = 0
        #: Why nothing is begun at all, by name, such as a planned window of the target.
        self.pauses: set[str] = set()

    def record(self) -> "_OfRecord":
        """Count a record that is in the hands of a target: between its calls it waits for circuit, window or time."""
        return _OfRecord(self)

    def begin_call(self) -> int:
        """Count a call that is under way, and return the number by which the other methods know it."""
        self._number += 1
        self._calls[self._number] = self._monotonic()
        return self._number

    def end_call(self, number: int) -> None:
        """Count a call no longer.

        Args:
            number: What :meth:`begin_call` gave.
        """
        self._calls.pop(number, None)

    @contextmanager
    def waiting(self, number: int) -> Iterator[None]:
        """Take a call out of the count while it waits for its turn at the target.

        Args:
            number: What :meth:`begin_call` gave.
        """
        self._calls.pop(number, None)
        try:
            yield
        finally:
            self._calls[number] = self._monotonic()

    @property
    def is_waiting(self) -> bool:
        """Whether records wait for a target rather than for us."""
        return bool(self.pauses) or self._records > len(self._calls)

    @property
    def oldest_call_seconds(self) -> float:
        """How long the oldest call is under way; 0 without one."""
        # A copy, because the event loop may change it meanwhile; calls are in the order of their beginning.
        started = next(iter(tuple(self._calls.values())), None)
        return 0.0 if started is None else self._monotonic() - started


# A plain class: every record comes by here, and a generator costs four times as much.
class _OfRecord:
    __slots__ = ("_vitals",)

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def __enter__(self) -> None:
        self._vitals._records += 1  # noqa: SLF001 - a part of it

    def __exit__(self, *_error: object) -> None:
        self._vitals._records -= 1  # noqa: SLF001 - a part of it
