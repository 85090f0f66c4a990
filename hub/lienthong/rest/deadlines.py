"""Limits for the time that whole calls may take, kept by one timer for many calls."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType


class Deadlines:
    """Ends calls that take longer than their limit.

    Calls with the same limit run out in the order of their beginning, so a timer for the oldest of them is enough. A
    timer for each call costs a sixth of the call.
    """

    def __init__(self) -> None:
        self._lines: dict[float, _Line] = {}

    def limit(self, seconds: float | None) -> AbstractContextManager[None]:
        """Return a block that is given up after some time; it raises :class:`TimeoutError`.

        Args:
            seconds: Longest time from the beginning of the block; None for no limit.
        """
        if seconds is None:
            return nullcontext()
        line = self._lines.get(seconds)
        if line is None:
            line = self._lines[seconds] = _Line(seconds)
        return _Limited(line)


class _Line:
    """The calls with one limit, the oldest first."""

    __slots__ = ("_seconds", "_timer", "calls")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        #: Call → when its time is over.
        self.calls: dict[_Limited, float] = {}

    def add(self, call: "_Limited") -> None:
        loop = asyncio.get_running_loop()
        end = self.calls[call] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(end, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for call, end in list(self.calls.items()):
            if end > now:
                self._timer = loop.call_at(end, self._look, loop)
                return
            del self.calls[call]
            call.give_up()


class _Limited(AbstractContextManager[None]):
    __slots__ = ("_cancelled_before", "_is_over", "_line", "_task")

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a limit of time needs a task")
        self._task = task
        self._cancelled_before = task.cancelling()
        self._line.add(self)

    def give_up(self) -> None:
        self._is_over = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._line.calls.pop(self, None)
        # Somebody else may have cancelled the task too; then it has to end.
        if self._is_over and self._task.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError:
            raise TimeoutError from error
