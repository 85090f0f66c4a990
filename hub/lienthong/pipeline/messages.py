"""librdkafka's messages → records of the hub."""

from typing import Any

from lienthong.record import Record


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
