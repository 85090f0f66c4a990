"""Finds records that hold the watermark back while too many later ones have settled."""

import time
from collections.abc import Callable, Iterable

from lienthong.transport.assignment import Assignment

_AGAIN_SECONDS = 10.0
#: A partition that pauses because of what is open tells of one slow key when this part of it has settled above.
_PARTS = 10


class WindowWatch:
    """Looks at the window above the watermark of every partition.

    A window is full when more records than allowed have settled above the blocking one, or when a partition had to
    pause for its open records although others flowed past the blocking one: both are the mark of one key, not of a
    target that is away, where nothing settles.

    Args:
        window_records: Settled records that may wait for one.
        partition_records: Open records at which a partition pauses.
        monotonic: Seconds that never run backwards.
    """

    def __init__(
        self, window_records: int, partition_records: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._window_records = window_records
        self._partition_records = partition_records
        self._monotonic = monotonic
        self._told: dict[Assignment, tuple[int, float]] = {}

    def blocking(self, assignments: Iterable[Assignment]) -> list[tuple[Assignment, int]]:
        """Return what blocks a full window and was not told of in the last seconds.

        Args:
            assignments: The partitions of this worker.
        """
        found = []
        told: dict[Assignment, tuple[int, float]] = {}
        for assignment in assignments:
            if not self._is_full(assignment):
                continue
            offset = assignment.oldest
            if offset is None:
                continue
            now = self._monotonic()
            last = self._told.get(assignment)
            if last is None or last[0] != offset or now - last[1] >= _AGAIN_SECONDS:
                found.append((assignment, offset))
                last = offset, now
            told[assignment] = last
        self._told = told
        return found

    def _is_full(self, assignment: Assignment) -> bool:
        if assignment.in_flight >= self._partition_records:
            return assignment.is_window_over(min(self._window_records, self._partition_records // _PARTS))
        return assignment.is_window_over(self._window_records)
