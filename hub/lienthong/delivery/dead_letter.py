"""Dead letters: records that were set aside, with origin and reason in headers.

The value stays as it was, encrypted if it was. Headers say where the record came from and why it failed, in words of
the hub only: no part of the value, no stack trace, no text of a foreign exception.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from lienthong.delivery.effect import digest
from lienthong.delivery.hygiene import identity, identity_of_headers, safe_headers, safe_key, scrub
from lienthong.errors import DeadLetterWriteError, DecodeError, LienthongError, ValidationFailedError
from lienthong.record import Headers, OutgoingRecord, Record

PREFIX = "lt-error-"
#: What Kafka adds to key, value and headers of one record, with room to spare (KIP-98 record format).
_FRAMING_BYTES = 100
_MAX_DETAIL_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What a dead letter says.

    Attributes:
        id: The same for the same record in the same pipeline, however often it fails; also in the log.
        topic: Topic that the record came from.
        partition: Its partition.
        offset: Its place.
        pipeline: Pipeline in which it failed.
        connector: Connector that it failed in; empty outside one.
        stage: Where it failed, such as ``decode``, ``validate``, ``transform`` or ``sink_write``.
        code: Stable code of the error, or ``unknown``.
        type: Class of the error.
        reason: Machine-readable detail, such as a target's own reason code.
        attempts: Calls made, from 1.
        first_failed_at: When it failed first.
        detail: What happened, or ``field:rule`` pairs.
        dataschema: Schema and version, which a replay starts from; empty if unknown.
        timestamp_ms: Kafka timestamp of the record at its place; -1 if unknown.
        truncated: Whether the value was too large to be kept; it is at its origin as long as that topic keeps it.
        value_sha256: Hexadecimal hash of the value that was not kept; empty otherwise.
        value_bytes: Size of the value as it was.
        key: Key of the dead letter.
        headers: Headers of the record itself.
        value: The record's value.
    """

    id: str
    topic: str
    partition: int
    offset: int
    pipeline: str
    connector: str
    stage: str
    code: str
    type: str
    reason: str
    attempts: int
    first_failed_at: datetime
    detail: str
    dataschema: str
    timestamp_ms: int
    truncated: bool
    value_sha256: str
    value_bytes: int
    key: bytes | None = field(repr=False)
    headers: Headers = field(repr=False)
    value: bytes | None = field(repr=False)

    @property
    def record_key(self) -> bytes | None:
        """Key of the record itself; None if it had none that may be kept."""
        return None if self.key == self.id.encode() else self.key


def dead_letter_id(pipeline: str, record: Record) -> str:
    """Return the id of a record's dead letter in one pipeline, 32 hexadecimal characters.

    Args:
        pipeline: Name of the pipeline.
        record: The record; without CloudEvents source and id its place is used.
    """
    return digest("dead_letter", pipeline, *identity(record))


def to_dead_letter(
    record: Record,
    *,
    topic: str,
    pipeline: str,
    stage: str,
    error: BaseException,
    first_failed_at: datetime,
    attempts: int = 1,
    connector: str = "",
    dataschema: str = "",
    max_bytes: int | None = None,
) -> OutgoingRecord:
    """Return the dead letter of a record.

    Args:
        record: The record as it was read, at its place in the source topic.
        topic: Full name of ``deadletters.<pipeline>``.
        pipeline: Name of the pipeline.
        stage: Where it failed.
        error: Why; only its class is kept if it is not the hub's own.
        first_failed_at: When it failed first, aware.
        attempts: Calls made, from 1.
        connector: Connector that it failed in.
        dataschema: Schema and version; empty for the record's own header.
        max_bytes: Largest dead letter that the topic takes; None for no limit.

    Delivery:
        The caller settles the record only when Kafka has acknowledged this one. A record that does not fit is kept
        without its value, marked ``lt-error-truncated``, because refusing it would stop the pipeline for ever.
    """
    origin = safe_headers(_named(record))
    letter_id = dead_letter_id(pipeline, record)
    found: dict[str, str] = {
        "id": letter_id,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "pipeline": pipeline,
        "connector": connector,
        "stage": stage,
        "code": error.code if isinstance(error, LienthongError) else "unknown",
        "type": type(error).__name__,
        "reason": scrub(error.reason or "") if isinstance(error, LienthongError) else "",
        "attempts": str(attempts),
        "first-failed-at": first_failed_at.isoformat(),
        "detail": _detail(error),
        "dataschema": dataschema or _text(origin, "ce_dataschema"),
        "timestamp-ms": str(record.timestamp_ms) if record.timestamp_ms >= 0 else "",
    }
    headers: Headers = [*origin, *((PREFIX + name, text.encode()) for name, text in found.items() if text)]
    key = safe_key(record.key) or letter_id.encode()
    value = record.value
    if value is not None and max_bytes is not None and _size(key, value, headers) > max_bytes:
        headers += [
            (f"{PREFIX}truncated", b"true"),
            (f"{PREFIX}value-sha256", hashlib.sha256(value).hexdigest().encode()),
            (f"{PREFIX}value-bytes", str(len(value)).encode()),
        ]
        value = b""
    return OutgoingRecord(topic, key, value, headers)


class Writes(Protocol):
    """Records on their way to Kafka."""

    @property
    def failed_topic(self) -> str:
        """Where the first refused record should have gone."""
        ...

    async def wait(self) -> None:
        """Wait for every acknowledgement, then raise the first error."""
        ...


async def acknowledged(writes: Writes, dead_letters_topic: str) -> None:
    """Wait until records are in Kafka, dead letters among them.

    Args:
        writes: The records.
        dead_letters_topic: Full name of ``deadletters.<pipeline>``.

    Raises:
        DeadLetterWriteError: If a dead letter was refused: then nothing holds the record any more but its source, so
            the pipeline must not move on.
        LienthongError: If another record was refused.
    """
    try:
        await writes.wait()
    except LienthongError as error:
        if writes.failed_topic != dead_letters_topic:
            raise
        raise DeadLetterWriteError(
            f"a dead letter could not be written to {dead_letters_topic} ({error.code}); its record stays in the "
            "source; mend the topic, then start the pipeline again",
            reason=error.reason or error.code,
        ) from error


def parse(record: Record) -> DeadLetter:
    """Return what a dead letter says.

    Args:
        record: A record of a ``deadletters.<pipeline>`` topic.

    Raises:
        DecodeError: If it is no dead letter.
    """
    try:
        found: dict[str, Any] = {
            name.removeprefix(PREFIX): raw.decode() for name, raw in record.headers if name.startswith(PREFIX)
        }
        return DeadLetter(
            id=found["id"],
            topic=found["topic"],
            partition=int(found["partition"]),
            offset=int(found["offset"]),
            pipeline=found["pipeline"],
            connector=found.get("connector", ""),
            stage=found["stage"],
            code=found["code"],
            type=found["type"],
            reason=found.get("reason", ""),
            attempts=int(found["attempts"]),
            first_failed_at=datetime.fromisoformat(found["first-failed-at"]),
            detail=found.get("detail", ""),
            dataschema=found.get("dataschema", ""),
            timestamp_ms=int(found.get("timestamp-ms", "-1")),
            truncated=found.get("truncated") == "true",
            value_sha256=found.get("value-sha256", ""),
            value_bytes=int(found.get("value-bytes", len(record.value or b""))),
            key=record.key,
            headers=[(name, raw) for name, raw in record.headers if not name.startswith(PREFIX)],
            value=record.value,
        )
    except (KeyError, ValueError) as error:
        raise DecodeError("the record is no dead letter", reason="dead_letter") from error


def _named(record: Record) -> Headers:
    """Return the headers with source and id also where a structured value has them.

    Whoever decides on the dead letter without its value must call the record by the name that its receipts have.
    """
    source, event_id = identity(record)
    if not source or (source, event_id) == identity_of_headers(record):
        return record.headers
    mine = [("ce_source", source.encode()), ("ce_id", event_id.encode())]
    return [*(each for each in record.headers if each[0].lower() not in {"ce_source", "ce_id"}), *mine]


def _detail(error: BaseException) -> str:
    if isinstance(error, ValidationFailedError) and error.violations:
        text = ", ".join(f"{violation.field}:{violation.rule}" for violation in error.violations)
    elif isinstance(error, LienthongError):
        text = str(error)
    else:
        text = "an error from outside the hub; its text is not kept, because it may hold values of the record"
    return scrub(text, _MAX_DETAIL_CHARACTERS)


def _text(headers: Headers, name: str) -> str:
    return next((raw.decode() for header, raw in headers if header == name), "")


def _size(key: bytes, value: bytes, headers: Headers) -> int:
    return _FRAMING_BYTES + len(key) + len(value) + sum(len(name) + len(raw) + 10 for name, raw in headers)
