"""What is parked in the partitions that a worker owns, as ``parked.<pipeline>`` tells it."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime

from lienthong.delivery.parking import BEHIND, PREFIX, Lane, ParkedEntry, lane_of, parse_parked
from lienthong.errors import DecodeError
from lienthong.record import OutgoingRecord, Place, Record


class ParkedState:
    """Open entries, lane by lane, in the order in which they were parked, and which commands were carried out.

    It holds the values of all open entries in memory. The first entry of a lane is what the others wait for; when the
    first only waited itself, because a worker died while it let a lane go on, nothing holds the lane back any more.
    """

    def __init__(self) -> None:
        self._lanes: dict[Lane, dict[str, ParkedEntry]] = {}
        self._reviews: dict[str, ParkedEntry] = {}
        self._done: dict[int, set[int]] = {}
        self._counts: Counter[str] = Counter()

    @property
    def done(self) -> Mapping[int, set[int]]:
        """Partition → offsets of the commands that were carried out."""
        return self._done

    def __len__(self) -> int:
        return self._counts.total()

    def __iter__(self) -> Iterator[ParkedEntry]:
        """Iterate over all open entries, lane by lane, in order."""
        for lane in self._lanes.values():
            yield from lane.values()

    def apply(self, record: Record | OutgoingRecord) -> None:
        """Take in the next record of the topic, read from it or just written.

        Args:
            record: A record that parks, closes, or says that a command is done.

        Raises:
            DecodeError: If it does none of these.
        """
        read = record if isinstance(record, Record) else _as_read(record)
        state = read.header(f"{PREFIX}state")
        if state == b"parked":
            self._park(parse_parked(read))
        elif state == b"closed":
            identifier = (read.header(f"{PREFIX}id") or b"").decode()
            self._close(read.key if read.key is not None else identifier, identifier)
        elif state == b"done":
            self._done.setdefault(read.partition, set()).add(_number(read.header(f"{PREFIX}command")))
        else:
            raise DecodeError("the record neither parks nor closes", reason="parked")

    def adopt(self, other: "ParkedState", places: Collection[Place]) -> None:
        """Take over what was read of new partitions.

        Args:
            other: What was read; it must not be used any more.
            places: The new partitions of the source.
        """
        for place in places:
            self.forget_partition(*place)
        for entry in other:
            if Place(entry.record.topic, entry.record.partition) in places:
                self._park(entry)
        self._done.update(other.done)

    def is_parked(self, lane: Lane) -> bool:
        """Return whether records of a lane must wait.

        Args:
            lane: As :func:`~lienthong.delivery.parking.lane_of` names it.
        """
        return lane in self._lanes

    def is_done(self, partition: int, offset: int) -> bool:
        """Return whether a command was carried out.

        Args:
            partition: Its partition.
            offset: Its place in ``replay.<pipeline>``.
        """
        return offset in self._done.get(partition, ())

    def find(self, lane: Lane, identifier: str) -> ParkedEntry | None:
        """Return an open entry, or None.

        Args:
            lane: Where it would be.
            identifier: Its id.
        """
        return self._lanes.get(lane, {}).get(identifier)

    def find_review(self, review_id: str) -> ParkedEntry | None:
        """Return the entry that a review decides on, or None.

        Args:
            review_id: Id of the review.
        """
        return self._reviews.get(review_id)

    def first(self, lane: Lane) -> ParkedEntry | None:
        """Return the entry that the others of its lane wait for, or None when nothing is parked.

        Args:
            lane: The lane.
        """
        return next(iter(self._lanes.get(lane, {}).values()), None)

    def entries(self, lane: Lane) -> tuple[ParkedEntry, ...]:
        """Return the open entries of a lane in order.

        Args:
            lane: The lane.
        """
        return tuple(self._lanes.get(lane, {}).values())

    def lanes(self, predicate: Callable[[ParkedEntry], bool]) -> list[Lane]:
        """Return the lanes whose first entry is of a kind.

        Args:
            predicate: Which entries.
        """
        return [lane for lane, entries in self._lanes.items() if predicate(next(iter(entries.values())))]

    def counts(self) -> dict[str, int]:
        """Return reason → open entries."""
        return {reason: number for reason, number in self._counts.items() if number}

    def oldest_review(self) -> datetime | None:
        """Return when the oldest open review was opened, or None without one."""
        return min((entry.parked_at for entry in self._reviews.values()), default=None)

    def forget_partition(self, topic: str, partition: int) -> None:
        """Drop what is known of a partition that another worker owns now.

        Args:
            topic: Source topic.
            partition: Its partition.
        """
        for lane, entries in list(self._lanes.items()):
            for entry in list(entries.values()):
                if entry.record.topic == topic and entry.record.partition == partition:
                    self._close(lane, entry.id)
        self._done.pop(partition, None)

    def _park(self, entry: ParkedEntry) -> None:
        # A record that is parked once more, by a crash or for another reason, keeps its place among the waiting ones.
        # One that others wait for stays what it is when it is redelivered and only seen to be of a parked key.
        entries = self._lanes.setdefault(lane_of(entry.record), {})
        known = entries.get(entry.id)
        if known is not None and entry.reason == BEHIND:
            return
        entries[entry.id] = entry
        self._counts[entry.reason] += 1
        if known is not None:
            self._counts[known.reason] -= 1
            self._reviews.pop(known.review_id, None)
        if entry.review_id:
            self._reviews[entry.review_id] = entry

    def _close(self, lane: Lane, identifier: str) -> None:
        entries = self._lanes.get(lane)
        entry = entries.pop(identifier, None) if entries is not None else None
        if entry is not None:
            self._counts[entry.reason] -= 1
            self._reviews.pop(entry.review_id, None)
        if entries is not None and not entries:
            del self._lanes[lane]


def _number(raw: bytes | None) -> int:
    try:
        return int(raw or b"")
    except ValueError as error:
        raise DecodeError("the record names no command", reason="parked") from error


def _as_read(record: OutgoingRecord) -> Record:
    return Record(record.topic, record.partition, -1, -1, record.key, record.value, record.headers)
