"""Puts the stopwatch of our side at the engine's outer edges, whatever the engine in between."""

import os
import signal
from collections.abc import Callable, Iterable, Sequence

from lienthong.transport.assignment import Assignment

Report = Callable[[int], None]


def instrument(records: int, on_first: Callable[[], None], on_settled: Report, step: int = 0) -> None:
    """Start at the first fetched record; stop the worker when the last one is settled.

    Args:
        records: How many are settled in a whole run.
        on_first: Called with the first slice, once or more often.
        on_settled: Called with the number of settled records, every *step* and at the end.
        step: Records between two calls; 0 for the end only.
    """
    deliver, settle, settle_slice = Assignment.deliver, Assignment.settle, Assignment.settle_slice
    sizes: dict[tuple[int, int], int] = {}
    settled = 0
    told = 0

    def count(number: int) -> None:
        nonlocal settled, told
        was, settled = settled, settled + number
        if was >= records:
            return
        if settled >= records or (step and settled - told >= step):
            told = settled
            on_settled(settled)
        if settled >= records:
            os.kill(os.getpid(), signal.SIGTERM)

    def timed_deliver(self: Assignment, offsets: Sequence[int], timestamp_ms: int = -1) -> list[bool] | None:
        on_first()
        sizes[id(self), offsets[0]] = len(offsets)
        return deliver(self, offsets, timestamp_ms)

    def timed_settle(self: Assignment, offsets: Iterable[int]) -> None:
        mine = list(offsets)
        settle(self, mine)
        count(len(mine))

    def timed_settle_slice(self: Assignment, first: int) -> None:
        settle_slice(self, first)
        count(sizes.pop((id(self), first), 0))

    Assignment.deliver = timed_deliver  # type: ignore[method-assign]
    Assignment.settle = timed_settle  # type: ignore[method-assign]
    Assignment.settle_slice = timed_settle_slice  # type: ignore[method-assign]
