"""One assigned partition, shared by the poll thread and the event loop."""

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lienthong.record import Place
from lienthong.transport import commit_metadata
from lienthong.transport.membership import Membership
from lienthong.transport.watermark import Watermark


class Progress(NamedTuple):
    """What one commit says of a partition.

    Attributes:
        offset: The next offset that a new owner must read.
        metadata: Settled offsets above it, as text.
    """

    offset: int
    metadata: str


class Assignment:
    """A partition from the moment it is assigned until it is revoked or lost.

    Args:
        place: Topic and partition.
        start: The first offset that this assignment reads.
        metadata: Text of the group's last commit.
        membership: Tells whether the group still counts on this process; None when nobody watches it.

    Delivery:
        After :attr:`is_over` is set nothing that settles here is committed any more; the new owner repeats it.
    """

    def __init__(
        self, place: Place, start: int, metadata: str | None = None, membership: Membership | None = None
    ) -> None:
        self.place = place
        self.is_over = False
        #: Set before the pipeline hears of a revocation, so that nothing more of the partition is begun.
        self.is_leaving = False
        self.is_ready = False
        self.is_paused = True
        self.end_offset = start
        self.committed = Progress(start, "")
        self._dropped: int | None = None
        self._membership = membership
        self._watermark = Watermark(start)
        self._times: deque[tuple[int, int]] = deque()
        self._skip = commit_metadata.decode(start, metadata)
        self._reached = -1
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        """Records that are delivered and not settled."""
        return self._watermark.in_flight

    @property
    def is_suspect(self) -> bool:
        """Whether the process was silent for so long that another worker may own the partition."""
        return self._membership is not None and self._membership.is_suspect

    def is_sure(self) -> bool:
        """Return whether the partition is ours without any doubt."""
        return not (self.is_over or self.is_suspect)

    def is_window_over(self, records: int) -> bool:
        """Return whether one record keeps more settled ones than this from being committed.

        Args:
            records: How many may wait.
        """
        # The first count needs no lock and is nearly always enough.
        if self._watermark.settled <= records:
            return False
        with self._lock:
            return self._watermark.settled_above > records

    @property
    def lag(self) -> int:
        """Records from the watermark to the end of the partition, as last seen."""
        return max(0, self.end_offset - self.position)

    @property
    def position(self) -> int:
        """The next offset that a new owner must read."""
        with self._lock:
            return self._watermark.position

    @property
    def oldest(self) -> int | None:
        """The offset that holds the watermark back, or None."""
        with self._lock:
            return self._watermark.oldest

    def oldest_timestamp_ms(self) -> int | None:
        """Return the Kafka timestamp of the oldest unsettled slice, or None when all is settled."""
        with self._lock:
            position = self._watermark.position
            while self._times and self._times[0][0] <= position:
                self._reached = self._times.popleft()[1]
            return None if self._watermark.is_idle else self._reached

    def deliver(self, offsets: Sequence[int], timestamp_ms: int = -1) -> list[bool] | None:
        """Note fetched offsets.

        Args:
            offsets: Rising.
            timestamp_ms: Kafka timestamp of the first.

        Returns:
            For each offset whether it was settled before this assignment; None when none was.
        """
        with self._lock:
            self._watermark.delivered(offsets)
            self._times.append((offsets[0], timestamp_ms))
            if not self._skip:
                return None
            known = [self._is_known(offset) for offset in offsets]
            if offsets[-1] >= self._skip[-1][1]:
                self._skip = []
            if not any(known):
                return None
            self._watermark.settle(offset for offset, skip in zip(offsets, known, strict=True) if skip)
            return known

    def settle(self, offsets: Iterable[int]) -> None:
        """Note settled records.

        Args:
            offsets: In any order.
        """
        with self._lock:
            self._watermark.settle(offsets)

    def settle_slice(self, first: int) -> None:
        """Note that a whole slice is settled.

        Args:
            first: Its first offset.
        """
        with self._lock:
            self._watermark.settle_slice(first)

    def drop(self, offset: int) -> None:
        """Note that records were fetched before the pipeline was ready: they are of an assignment that has ended.

        Args:
            offset: The first of them.
        """
        self._dropped = offset if self._dropped is None else min(offset, self._dropped)

    def has_skipped(self, offset: int) -> bool:
        """Return whether a dropped record was ours after all and does not come again.

        Args:
            offset: The first one that is delivered.
        """
        dropped, self._dropped = self._dropped, None
        return dropped is not None and self.position <= dropped < offset

    def reached_end(self, offset: int) -> None:
        """Note that the consumer has read everything before an offset.

        Args:
            offset: As the broker says, beyond transaction markers.
        """
        with self._lock:
            self._watermark.idle_position(offset)

    def progress(self) -> Progress:
        """Return what a commit should say now."""
        with self._lock:
            offset = self._watermark.position
            ranges = [*self._watermark.settled_ranges(), *self._still_skipped()]
            return Progress(offset, commit_metadata.encode(offset, ranges))

    def _is_known(self, offset: int) -> bool:
        index = bisect_right(self._skip, (offset, offset)) if self._skip else 0
        # The range that begins at this very offset sorts behind the probe when it is longer than one.
        return any(first <= offset <= last for first, last in self._skip[max(0, index - 1) : index + 1])

    def _still_skipped(self) -> list[tuple[int, int]]:
        """Return what an earlier owner settled and this one has not read yet: a commit without it would erase it."""
        end = self._watermark.end
        return [(max(first, end), last) for first, last in self._skip if last >= end]


class Slice:
    """Records of one partition that were fetched together; Faust carries it as the value of one message.

    Attributes:
        assignment: Where to settle.
        first: First offset, also of records that are not handed out.
        messages: librdkafka's messages in order, without those that were settled before.
    """

    __slots__ = ("assignment", "first", "messages")

    def __init__(self, assignment: Assignment, first: int, messages: Sequence[Any]) -> None:
        self.assignment = assignment
        self.first = first
        self.messages = messages

    @property
    def place(self) -> Place:
        """Topic and partition."""
        return self.assignment.place

    def settle_all(self) -> None:
        """Note that every record is settled."""
        self.assignment.settle_slice(self.first)

    def __repr__(self) -> str:
        """Show the place only."""
        return f"Slice({self.place.topic}[{self.place.partition}]@{self.first}, records={len(self.messages)})"
