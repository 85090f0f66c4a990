"""Parking: records of one key that wait, in order, in ``parked.<pipeline>``.

The topic is a log of three kinds of records with the key and partition number of the source: ``parked``, ``closed`` and
``done``. What is parked and not closed is open; a command that is done is not carried out again. The topic must not be
compacted, because many records wait under one key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lienthong.delivery.hygiene import scrub
from lienthong.delivery.review_record import shown, without
from lienthong.delivery.scope import SCOPE_HEADER, Scope, parse_scope
from lienthong.errors import DecodeError
from lienthong.outcome import Finding
from lienthong.record import Headers, OutgoingRecord, Record

PREFIX = "lt-parked-"
#: Reason of a record that waits only because an earlier one of its key does.
BEHIND = "behind_parked_key"
#: Reasons of the record that makes the others wait.
REVIEW = "review"
DEAD_LETTER = "dead_letter"
SCOPE = "scope"
WINDOW = "window"
QUARANTINE = "quarantine"
#: Name of what is kept in order: a key, or the place of a record without one, which waits for nobody.
Lane = bytes | str


@dataclass(frozen=True, slots=True)
class ParkedEntry:
    """One waiting record.

    Attributes:
        id: ``topic:partition:offset`` of the record in the source; parking it twice is parking it once.
        reason: One of the reasons that this module names.
        review_id: Review that decides on it; empty for none.
        parked_at: When it was parked.
        scope: What the target must allow first; None if it waits for something else.
        record: The record at its place in the source topic.
        asked: Why a person is asked, such as ``identity_mismatch``; empty if nobody is.
        findings: What that person is told, by field.
    """

    id: str
    reason: str
    review_id: str
    parked_at: datetime
    scope: Scope | None
    record: Record = field(repr=False)
    asked: str = ""
    findings: tuple[Finding, ...] = ()


def entry_id(record: Record) -> str:
    """Return the id of a record's entry.

    Args:
        record: The record at its place in the source topic.
    """
    return record.place_id


def lane_of(record: Record) -> Lane:
    """Return the name of the lane that a record is parked in.

    Args:
        record: The record at its place in the source topic.
    """
    return record.key if record.key is not None else entry_id(record)


def to_parked(
    record: Record,
    *,
    topic: str,
    reason: str,
    parked_at: datetime,
    review_id: str = "",
    scope: Scope | None = None,
    asked: str = "",
    findings: Sequence[Finding] = (),
) -> OutgoingRecord:
    """Return the record that parks a record.

    Args:
        record: The record at its place in the source topic; its value goes along as it is.
        topic: Full name of ``parked.<pipeline>``.
        reason: Machine-readable; never a value.
        parked_at: When, aware.
        review_id: Review that decides on it.
        scope: What the target must allow first.
        asked: Why a person is asked; kept so that a review that was not written can be written again.
        findings: What that person is told, by field.

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
        "asked": scrub(asked),
        "findings": scrub(shown(findings)),
        "at": parked_at.isoformat(),
        "tombstone": "true" if record.value is None else "",
    }
    headers: Headers = without(record.headers, PREFIX)
    headers += ((PREFIX + name, text.encode()) for name, text in found.items() if text)
    if scope is not None:
        headers.append((SCOPE_HEADER, str(scope).encode()))
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


def to_done(key: bytes | None, partition: int, offset: int, *, topic: str) -> OutgoingRecord:
    """Return the record that says that a command was carried out.

    Args:
        key: Key of the command.
        partition: Partition of the command, which is that of the source.
        offset: Its place in ``replay.<pipeline>``.
        topic: Full name of ``parked.<pipeline>``.

    Delivery:
        Commands stay in Kafka and are read at every assignment; this keeps an old one from being carried out again.
    """
    headers: Headers = [(f"{PREFIX}state", b"done"), (f"{PREFIX}command", str(offset).encode())]
    return OutgoingRecord(topic, key, b"", headers, partition)


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
            scope=parse_scope(found["scope"]) if "scope" in found else None,
            record=origin,
            asked=found.get("asked", ""),
            findings=tuple(
                Finding(*part.split(":", 1)) for part in found.get("findings", "").split(",") if ":" in part
            ),
        )
    except (KeyError, ValueError) as error:
        raise DecodeError("the record parks nothing", reason="parked") from error
