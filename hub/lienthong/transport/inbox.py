"""What the poll thread tells the rest of the worker."""

import threading
from collections.abc import Sequence
from typing import Protocol

from lienthong.transport.assignment import Assignment, Slice


class Inbox(Protocol):
    """Where the poll thread hands things to the event loop; every method is called from the poll thread."""

    def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Say that partitions were added; nothing of them is delivered until ``ready`` is called.

        Args:
            assignments: The new partitions.
        """
        ...

    def revoked(self, assignments: Sequence[Assignment], drained: threading.Event, *, lost: bool) -> None:
        """Say that partitions go away.

        Args:
            assignments: The partitions.
            drained: Set it as soon as nothing of them is in flight; the poll thread waits a short time for it.
            lost: Whether another worker may own them already.
        """
        ...

    def slices(self, slices: Sequence[Slice]) -> None:
        """Hand over fetched records.

        Args:
            slices: In order within each partition.
        """
        ...

    def window_full(self, assignment: Assignment, offset: int) -> None:
        """Say that one record holds back too many that have settled.

        Args:
            assignment: The partition.
            offset: The record.
        """
        ...

    def failed(self, error: BaseException) -> None:
        """Say that the poll thread has ended by an error.

        Args:
            error: What happened.
        """
        ...
