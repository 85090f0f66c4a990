"""Kafka records → rows of the ledger; pure, so that a rebuild gives the same rows."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from lienthong import access_log, receipt
from lienthong.errors import DecodeError
from lienthong.ledger.models import digest_of, hash_of
from lienthong.outcome import OutcomeKind
from lienthong.record import Record
from lienthong.topic_names import TopicNames

Row = dict[str, Any]
UNREADABLE = "unreadable"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: What happened at the target cannot un-happen, so ``delivered`` stands; an open state replaces no end but a dead
#: letter, which can be put back and then wait; a duplicate says nothing about the first copy, so it neither ends nor
#: reopens it. Among equals the later one counts.
_RANKS: dict[str, int] = {kind.value: 2 if kind.is_end else 1 for kind in OutcomeKind} | {
    OutcomeKind.DELIVERED.value: 3,
    OutcomeKind.DEAD_LETTERED.value: 1,
    OutcomeKind.DUPLICATE.value: 0,
}
#: Above every time in microseconds until the year 2286.
_RANK_STEP = 10**16


@dataclass(slots=True)
class Change:
    """What a batch of Kafka records adds to the ledger.

    Attributes:
        receipts: Rows to merge by (pipeline, source, id).
        arrivals: Places of further copies of a record.
        entries: Access-log rows in Kafka's order, not yet sealed.
        unreadable: Kafka records that are neither.
        counts: (pipeline, outcome) → receipts in this batch.
    """

    receipts: list[Row] = field(default_factory=list)
    arrivals: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    unreadable: list[Row] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)


def microseconds(moment: datetime) -> int:
    """Return a time as the ledger stores it.

    Args:
        moment: An aware time.

    Raises:
        DecodeError: If the time has no offset.
    """
    if moment.tzinfo is None:
        raise DecodeError("the time has no offset")
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(stored_us: int) -> datetime:
    """Return a stored time, aware, in UTC.

    Args:
        stored_us: Microseconds since 1970.
    """
    return _EPOCH + timedelta(microseconds=stored_us)


def project(records: Iterable[Record], names: TopicNames) -> Change:
    """Return what Kafka records of the receipts and access-log topics add to the ledger.

    Args:
        records: In Kafka's order within each partition.
        names: Tells the two topics apart.

    Delivery:
        Merging the result is idempotent and does not depend on how partitions are interleaved.
    """
    change = Change()
    for record in records:
        if record.topic == names.access_log:
            _add_entry(record, change)
        else:
            _add_receipts(record, change)
    return change


def _add_receipts(record: Record, change: Change) -> None:
    try:
        batch = receipt.decode(_without_nul(record.value or b""))
        at_us = microseconds(batch.at)
        rows = [_receipt_row(batch, item, at_us) for item in batch.receipts]
    except (DecodeError, KeyError, TypeError, AttributeError) as error:
        change.unreadable.append(_unreadable_row(record, error))
        return
    change.receipts += rows
    for row in rows:
        change.counts[batch.pipeline, row["kind"]] += 1
        if row["kind"] == OutcomeKind.DUPLICATE:
            change.arrivals.append(
                {name: row[name] for name in ("digest", "record_topic", "record_partition", "record_offset")}
            )


def _receipt_row(batch: receipt.ReceiptBatch, item: receipt.Receipt, at_us: int) -> Row:
    return {
        "digest": digest_of(batch.pipeline, item.source, item.id),
        "pipeline": batch.pipeline,
        "source": item.source,
        "id": item.id,
        "id_hash": hash_of(item.id),
        "type": item.type,
        "key": item.key,
        "key_hash": hash_of(item.key),
        "kind": item.kind,
        "reason": item.reason,
        "attempts": item.attempts,
        "repeat_possible": item.repeat_possible,
        "effect_key": item.effect_key,
        "attempt_ids": _list(item.attempt_ids),
        "findings": _list(item.findings),
        "target_reference": item.target_reference,
        "record_topic": batch.topic,
        "record_partition": batch.partition,
        "record_offset": item.offset,
        "first_seen_us": at_us,
        "first_kind": item.kind,
        "last_at_us": at_us,
        "weight": _RANKS[item.kind] * _RANK_STEP + at_us,
    }


def _add_entry(record: Record, change: Change) -> None:
    row: Row = {
        "topic": record.topic,
        "partition_number": record.partition,
        "record_offset": record.offset,
        "value_sha256": sha256(record.value or b"").hexdigest(),
    }
    try:
        entry = access_log.decode(_without_nul(record.value or b""))
    except DecodeError as error:
        change.unreadable.append(_unreadable_row(record, error))
        row |= _empty_entry()
    else:
        row |= {
            "verification_id": entry.verification_id,
            "phase": entry.phase.value,
            "at_us": microseconds(entry.at),
            "actor": entry.actor,
            "on_behalf_of": entry.on_behalf_of,
            "key": entry.key,
            "purpose": entry.purpose,
            "legal_basis": entry.legal_basis,
            "target": entry.target,
            "operation": entry.operation,
            "attempt": entry.attempt,
            "attempt_id": entry.attempt_id,
            "query_hash": entry.query_hash,
            "fields": _list(entry.fields),
            "result": entry.result,
        }
    row["key_hash"] = hash_of(row["key"])
    change.entries.append(row)


def _empty_entry() -> Row:
    texts = ("verification_id", "actor", "on_behalf_of", "key", "purpose", "legal_basis", "target", "operation")
    return {
        **dict.fromkeys((*texts, "attempt_id", "query_hash", "fields", "result"), ""),
        "phase": UNREADABLE,
        "at_us": 0,
        "attempt": 0,
    }


def _unreadable_row(record: Record, error: Exception) -> Row:
    return {
        "topic": record.topic,
        "partition_number": record.partition,
        "record_offset": record.offset,
        "reason": str(error) if isinstance(error, DecodeError) else f"unexpected content ({type(error).__name__})",
        "value_sha256": sha256(record.value or b"").hexdigest(),
    }


def _list(items: Iterable[str]) -> str:
    values = list(items)
    return orjson.dumps(values).decode() if values else ""


def _without_nul(value: bytes) -> bytes:
    # PostgreSQL stores no NUL character; one in an id must not stop the ledger for everybody.
    return value.replace(b"\\u0000", b"\\ufffd") if b"\\u0000" in value else value
