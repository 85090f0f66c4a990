"""Parking: records of one key that wait, in order, in ``parked.<pipeline>``.

The topic is a log of two kinds of records, ``parked`` and ``closed``, both with the key and partition number of the
source. What is parked and not closed is open. It must not be compacted, because many records wait under one key.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from lienthong.delivery.hygiene import scrub
from lienthong.delivery.review_record import without
from lienthong.errors import DecodeError
from lienthong.record import Headers, OutgoingRecord, Record

PREFIX = "lt-parked-"
#: Reason of a record that waits only because an earlier one of its key does.
BEHIND = "behind_parked_key"


@dataclass(frozen=True, slots=True)
class ParkedEntry:
    """One waiting record.

    Attributes:
        id: ``topic:partition:offset`` of the record in the source; parking it twice is parking it once.
        reason: Machine-readable, such as ``review`` or :data:`BEHIND`.
        review_id: Review that decides on it; empty for none.
        parked_at: When it was parked.
        record: The record at its place in the source topic.
    """

    id: str
    reason: str
    review_id: str
    parked_at: datetime
    record: Record = field(repr=False)


def entry_id(record: Record) -> str:
    """Return the id of a record's entry.

    Args:
        record: The record at its place in the source topic.
    """
    return record.place_id


def to_parked(record: Record, *, topic: str, reason: str, parked_at: datetime, review_id: str = "") -> OutgoingRecord:
    """Return the record that parks a record.

    Args:
        record: The record at its place in the source topic; its value goes along as it is.
        topic: Full name of ``parked.<pipeline>``.
        reason: Machine-readable; never a value.
        parked_at: When, aware.
        review_id: Review that decides on it.

    Delivery:
        The record is settled in its source only when Kafka has acknowledged this one.
    """
    found = {
        "state": "parked",
        "id": entry_id(record),
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp-ms": str(record.timestamp_ms),
        "reason": scrub(reason),
        "review-id": review_id,
        "at": parked_at.isoformat(),
        "tombstone": "true" if record.value is None else "",
    }
    headers: Headers = without(record.headers, PREFIX)
    headers += ((PREFIX + name, text.encode()) for name, text in found.items() if text)
    return OutgoingRecord(topic, record.key, record.value or b"", headers, record.partition)


def to_closed(record: Record, *, topic: str) -> OutgoingRecord:
    """Return the record that says that a parked record has ended.

    Args:
        record: The record at its place in the source topic.
        topic: Full name of ``parked.<pipeline>``.

    Delivery:
        Written after the outcome's receipt; until it is acknowledged the entry is open and found again after a crash.
    """
    headers: Headers = [(f"{PREFIX}state", b"closed"), (f"{PREFIX}id", entry_id(record).encode())]
    return OutgoingRecord(topic, record.key, b"", headers, record.partition)


def parse_parked(record: Record) -> ParkedEntry:
    """Return the entry in a record that parks another.

    Args:
        record: A record of ``parked.<pipeline>``.

    Raises:
        DecodeError: If it parks nothing.
    """
    try:
        found = {n.removeprefix(PREFIX): raw.decode() for n, raw in record.headers if n.startswith(PREFIX)}
        origin = Record(
            topic=found["topic"],
            partition=int(found["partition"]),
            offset=int(found["offset"]),
            timestamp_ms=int(found["timestamp-ms"]),
            key=record.key,
            value=None if found.get("tombstone") == "true" else record.value,
            headers=without(record.headers, PREFIX),
        )
        return ParkedEntry(
            id=found["id"],
            reason=found.get("reason", ""),
            review_id=found.get("review-id", ""),
            parked_at=datetime.fromisoformat(found["at"]),
            record=origin,
        )
    except (KeyError, ValueError) as error:
        raise DecodeError("the record parks nothing", reason="parked") from error


class ParkedState:
    """What is open in the partitions of ``parked.<pipeline>`` that a worker owns.

    It holds the values of all open entries in memory, in the order in which they were parked.
    """

    def __init__(self) -> None:
        self._lanes: dict[bytes | None, dict[str, ParkedEntry]] = {}
        self._reviews: dict[str, ParkedEntry] = {}

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._lanes.values())

    def __iter__(self) -> Iterator[ParkedEntry]:
        """Iterate over all open entries, key by key, in order."""
        for lane in self._lanes.values():
            yield from lane.values()

    def apply(self, record: Record | OutgoingRecord) -> None:
        """Take in the next record of the topic, read from it or just acknowledged.

        Args:
            record: A record that parks or closes.

        Raises:
            DecodeError: If it does neither.
        """
        read = record if isinstance(record, Record) else _as_read(record)
        state = read.header(f"{PREFIX}state")
        if state == b"parked":
            self._park(parse_parked(read))
        elif state == b"closed":
            self._close(read.key, (read.header(f"{PREFIX}id") or b"").decode())
        else:
            raise DecodeError("the record neither parks nor closes", reason="parked")

    def is_parked(self, key: bytes | None) -> bool:
        """Return whether records of a key must wait.

        Args:
            key: Key of the source record; records without key wait for nothing.
        """
        return key is not None and key in self._lanes

    def find_review(self, review_id: str) -> ParkedEntry | None:
        """Return the entry that a review decides on, or None.

        Args:
            review_id: Id of the review.
        """
        return self._reviews.get(review_id)

    def entries(self, key: bytes | None) -> tuple[ParkedEntry, ...]:
        """Return the open entries of a key in order.

        Args:
            key: Key of the source record.
        """
        return tuple(self._lanes.get(key, {}).values())

    def pop_in_order(self, key: bytes | None) -> deque[ParkedEntry]:
        """Remove and return the open entries of a key in order.

        Args:
            key: Key of the source record.

        Delivery:
            Put all of them into the key's lane before anything else of that key: what comes after queues behind. In
            Kafka they stay open until :func:`to_closed` is written for each.
        """
        lane = self._lanes.pop(key, {})
        for entry in lane.values():
            self._reviews.pop(entry.review_id, None)
        return deque(lane.values())

    def forget_partition(self, topic: str, partition: int) -> None:
        """Drop the entries of a partition that another worker owns now.

        Args:
            topic: Source topic.
            partition: Its partition.
        """
        for key, lane in list(self._lanes.items()):
            for entry in list(lane.values()):
                if entry.record.topic == topic and entry.record.partition == partition:
                    self._close(key, entry.id)

    def _park(self, entry: ParkedEntry) -> None:
        # A record that is parked once more, by a crash or for another reason, keeps its place among the waiting ones. A
        # review stays until it is closed, also when a redelivered record only knows that its key is parked.
        lane = self._lanes.setdefault(entry.record.key, {})
        known = lane.get(entry.id)
        if known is not None and not entry.review_id:
            return
        lane[entry.id] = entry
        if known is not None:
            self._reviews.pop(known.review_id, None)
        if entry.review_id:
            self._reviews[entry.review_id] = entry

    def _close(self, key: bytes | None, identifier: str) -> None:
        lane = self._lanes.get(key)
        entry = lane.pop(identifier, None) if lane is not None else None
        if entry is not None:
            self._reviews.pop(entry.review_id, None)
        if lane is not None and not lane:
            del self._lanes[key]


def _as_read(record: OutgoingRecord) -> Record:
    return Record(record.topic, record.partition, -1, -1, record.key, record.value, record.headers)
