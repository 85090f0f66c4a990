"""librdkafka's messages → records of the hub."""

from typing import Any

from lienthong.record import Headers, Record


def to_record(message: Any) -> Record:
    """Return the record in a message of librdkafka.

    Args:
        message: A message without error.
    """
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        [(name, b"" if value is None else value) for name, value in message.headers() or []],
    )


class ReplayedMessage:
    """A record that is replayed, in the form in which librdkafka hands records out.

    Args:
        record: At its place in the source topic.
    """

    __slots__ = ("_record",)

    def __init__(self, record: Record) -> None:
        self._record = record

    def topic(self) -> str:
        """Return the source topic."""
        return self._record.topic

    def partition(self) -> int:
        """Return its partition."""
        return self._record.partition

    def offset(self) -> int:
        """Return the record's place."""
        return self._record.offset

    def timestamp(self) -> tuple[int, int]:
        """Return kind and milliseconds of the record's time."""
        return int(self._record.timestamp_ms >= 0), self._record.timestamp_ms

    def key(self) -> bytes | None:
        """Return the key."""
        return self._record.key

    def value(self) -> bytes | None:
        """Return the value."""
        return self._record.value

    def headers(self) -> Headers:
        """Return the headers."""
        return self._record.headers
