"""How news of a rebalance travel from the poll thread to a pipeline."""

import threading
from collections.abc import Sequence
from typing import Protocol

from lienthong.transport.assignment import Assignment


class PartitionListener(Protocol):
    """What a pipeline does when partitions come and go; called on the event loop."""

    async def on_assigned(self, assignments: Sequence[Assignment]) -> None:
        """Prepare, such as read parked records; records flow after this returns.

        Args:
            assignments: The new partitions.
        """
        ...

    async def on_revoked(self, assignments: Sequence[Assignment], *, lost: bool) -> None:
        """Finish or drop what is in flight; the poll thread waits for it only a short time.

        Args:
            assignments: The partitions that go away.
            lost: Whether another worker may own them already.
        """
        ...

    async def on_window_full(self, assignment: Assignment, offset: int) -> None:
        """Park the key of a record that holds the watermark back while too many later ones have settled.

        Told again after some seconds while nothing has changed; a pipeline whose target is away may ignore it.

        Args:
            assignment: The partition.
            offset: The record that holds it back.
        """
        ...


class Rebalance:
    """One change of the assignment on its way to the event loop."""

    __slots__ = ("added", "drained", "lost", "removed")

    def __init__(
        self,
        added: Sequence[Assignment] = (),
        removed: Sequence[Assignment] = (),
        drained: threading.Event | None = None,
        *,
        lost: bool = False,
    ) -> None:
        self.added = added
        self.removed = removed
        self.drained = drained
        self.lost = lost
