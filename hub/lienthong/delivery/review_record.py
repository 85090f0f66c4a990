"""Records of the topic ``review``: what a person must decide on, and that it was decided.

The key is the review's id, so that a compacted topic keeps every open review for as long as it is open and forgets its
value, with the citizen's data in it, once a tombstone says that it is closed. The record's own key is in a header.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lienthong.delivery.effect import digest
from lienthong.delivery.hygiene import identity, scrub
from lienthong.errors import DecodeError
from lienthong.outcome import Finding
from lienthong.record import Headers, OutgoingRecord, Record

PREFIX = "lt-review-"


@dataclass(frozen=True, slots=True)
class Review:
    """One open decision.

    Attributes:
        id: The same for the same record in the same pipeline.
        pipeline: Pipeline that waits.
        reason: Machine-readable, such as ``identity_mismatch``.
        findings: ``field:rule`` pairs, without values.
        opened_at: When it was opened.
        record: The record at its place in the source topic.
    """

    id: str
    pipeline: str
    reason: str
    findings: tuple[str, ...]
    opened_at: datetime
    record: Record = field(repr=False)


def review_id(pipeline: str, record: Record) -> str:
    """Return the id of a record's review in one pipeline, 32 hexadecimal characters.

    Args:
        pipeline: Name of the pipeline.
        record: The record.
    """
    return digest("review", pipeline, *identity(record))


def to_review(
    record: Record,
    *,
    topic: str,
    pipeline: str,
    reason: str,
    opened_at: datetime,
    findings: Sequence[Finding] = (),
) -> OutgoingRecord:
    """Return the record that asks a person to decide.

    Args:
        record: The record at its place in the source topic.
        topic: Full name of the topic ``review``.
        pipeline: Name of the pipeline.
        reason: Machine-readable, such as ``identity_mismatch``; never a value.
        opened_at: When, aware.
        findings: What differs, by field.

    Delivery:
        Written and acknowledged together with the parked record of the same key, before the record is settled.
    """
    found = {
        "id": review_id(pipeline, record),
        "pipeline": pipeline,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp-ms": str(record.timestamp_ms),
        "reason": scrub(reason),
        "findings": scrub(shown(findings)),
        "opened-at": opened_at.isoformat(),
    }
    headers: Headers = without(record.headers, PREFIX)
    headers += ((PREFIX + name, text.encode()) for name, text in found.items() if text)
    if record.key is not None:
        headers.append((f"{PREFIX}key", record.key))
    return OutgoingRecord(topic, found["id"].encode(), record.value or b"", headers)


def to_closed_review(identifier: str, topic: str) -> OutgoingRecord:
    """Return the tombstone that closes a review.

    Args:
        identifier: Id of the review.
        topic: Full name of the topic ``review``.
    """
    return OutgoingRecord(topic, identifier.encode(), None, [])


def parse_review(record: Record) -> Review:
    """Return the open decision in a record of the topic ``review``.

    Args:
        record: A record with a value.

    Raises:
        DecodeError: If it is none.
    """
    try:
        found = {name.removeprefix(PREFIX): raw for name, raw in record.headers if name.startswith(PREFIX)}
        text = {name: raw.decode() for name, raw in found.items() if name != "key"}
        origin = Record(
            topic=text["topic"],
            partition=int(text["partition"]),
            offset=int(text["offset"]),
            timestamp_ms=int(text["timestamp-ms"]),
            key=found.get("key"),
            value=record.value,
            headers=without(record.headers, PREFIX),
        )
        return Review(
            id=text["id"],
            pipeline=text["pipeline"],
            reason=text.get("reason", ""),
            findings=tuple(part for part in text.get("findings", "").split(",") if part),
            opened_at=datetime.fromisoformat(text["opened-at"]),
            record=origin,
        )
    except (KeyError, ValueError) as error:
        raise DecodeError("the record is no review", reason="review") from error


class OpenReviews:
    """Reads the topic ``review`` in order and knows what is open."""

    def __init__(self) -> None:
        self._open: dict[str, Review] = {}

    def apply(self, record: Record) -> None:
        """Take in the next record of the topic.

        Args:
            record: A review or a tombstone.

        Raises:
            DecodeError: If it is neither.
        """
        if record.value is None:
            self._open.pop((record.key or b"").decode(), None)
            return
        review = parse_review(record)
        self._open.setdefault(review.id, review)

    def find(self, identifier: str) -> Review | None:
        """Return an open review, or None.

        Args:
            identifier: Id of the review.
        """
        return self._open.get(identifier)

    def all(self) -> list[Review]:
        """Return all open reviews, the oldest first."""
        return sorted(self._open.values(), key=lambda review: review.opened_at)


def shown(findings: Sequence[Finding]) -> str:
    """Return findings as ``field:rule`` pairs with commas between them.

    Args:
        findings: What differs, by field.
    """
    return ",".join(f"{finding.field}:{finding.rule}" for finding in findings)


def without(headers: Headers, prefix: str) -> Headers:
    """Return the headers that do not begin with a prefix.

    Args:
        headers: Names and raw values.
        prefix: Such as ``lt-review-``.
    """
    return [(name, raw) for name, raw in headers if not name.startswith(prefix)]
