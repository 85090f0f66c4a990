"""The unit that moves: one key, value and headers at one place of a topic."""

from typing import NamedTuple

#: Kafka's own order is kept; a name may occur more than once.
Headers = list[tuple[str, bytes]]
#: Says which lane a record came in by; :data:`BULK` for back-fill, which gives way to live traffic.
LANE_HEADER = "lt-lane"
BULK = b"bulk"
#: Names the polling pipeline that brought a record in, so that it is counted once among those of a shared topic.
PIPELINE_HEADER = "lt-pipeline"


class Place(NamedTuple):
    """One partition of one topic.

    Attributes:
        topic: Full name of the topic.
        partition: Number of the partition.
    """

    topic: str
    partition: int


class Record(NamedTuple):
    """A record as it was read from Kafka.

    Attributes:
        topic: Name of the topic.
        partition: Number of the partition.
        offset: Place in the partition.
        timestamp_ms: Milliseconds since 1970 in UTC, as the broker or publisher set it; -1 if unknown.
        key: What order holds for; None if the publisher gave none.
        value: The bytes; None is a tombstone.
        headers: Names and raw values in Kafka's order.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    def __repr__(self) -> str:
        """Show the place and size only: key, value and headers may hold personal data."""
        size = len(self.value) if self.value is not None else None
        return f"Record({self.topic}[{self.partition}]@{self.offset}, value_bytes={size})"

    @property
    def place_id(self) -> str:
        """Name of the record by its place, for one that has no usable name of its own."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    def header(self, name: str) -> bytes | None:
        """Return the last value of a header, or None.

        Args:
            name: Exact name of the header.
        """
        found = None
        for header, value in self.headers:
            if header == name:
                found = value
        return found


class OutgoingRecord(NamedTuple):
    """A record on its way to Kafka.

    Attributes:
        topic: Name of the topic.
        key: What order must hold for; None spreads records over partitions.
        value: The bytes; None is a tombstone.
        headers: Names and raw values.
        partition: A fixed partition, or -1 to derive it from the key with ``murmur2_random``.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int = -1

    def __repr__(self) -> str:
        """Show the place and size only: key, value and headers may hold personal data."""
        size = len(self.value) if self.value is not None else None
        return f"OutgoingRecord({self.topic}[{self.partition}], value_bytes={size})"


#: A record on its way to Kafka, or its bare fields where making one for each record would be felt.
Outgoing = OutgoingRecord | tuple[str, bytes | None, bytes | None, Headers, int]
