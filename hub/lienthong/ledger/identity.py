"""Which record a Kafka record is: the same answer for the engine, the ledger and the reconciler."""

from lienthong.envelope import from_kafka
from lienthong.errors import DecodeError
from lienthong.record import Record


def identity_of(record: Record) -> tuple[str, str]:
    """Return the CloudEvents source and id of a record.

    Args:
        record: As read from Kafka, in binary or structured mode.

    Returns:
        Source and id; an empty source and ``topic:partition:offset`` for a record that is no CloudEvent.
    """
    try:
        event = from_kafka(record.headers, record.value)
    except DecodeError:
        return "", f"{record.topic}:{record.partition}:{record.offset}"
    return event.source, event.id
