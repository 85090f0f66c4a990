"""Receipts: the outcome of records in one pipeline, packed by slice.

One Kafka record of the topic ``receipts`` carries the receipts of one slice of one partition, because a receipt for
each record would double the number of records that a worker produces. The key is ``pipeline|topic|partition``, so
receipts of one partition stay in order. Readers upsert by (pipeline, source, id).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from lienthong.errors import DecodeError
from lienthong.outcome import OutcomeKind
from lienthong.record import OutgoingRecord

_VERSION = 1
#: Rows of one Kafka record: with the longest source, id and key that intake lets in, below any topic's limit.
_MAX_ROWS = 300
#: The last seven fields of a receipt that has nothing special.
_DEFAULTS: tuple[Any, ...] = ("", 1, False, "", (), (), "")


class Receipt(NamedTuple):
    """The outcome of one record in one pipeline; it holds no personal value.

    Attributes:
        offset: Place of the record in its partition.
        source: CloudEvents source; empty when the record was no CloudEvent.
        id: CloudEvents id; ``topic:partition:offset`` when the record had none.
        type: CloudEvents type, or empty.
        key: What order holds for, such as the dossier code; empty if unknown.
        kind: One of the nine states.
        reason: Machine-readable detail.
        attempts: Calls made for the record.
        repeat_possible: Whether the effect may have happened more often than shown.
        effect_key: The id of the intended effect.
        attempt_ids: Request ids used towards the target.
        findings: ``field:rule`` pairs.
        target_reference: The target's own id of the effect.
    """

    offset: int
    source: str
    id: str
    type: str
    key: str
    kind: str
    reason: str = ""
    attempts: int = 1
    repeat_possible: bool = False
    effect_key: str = ""
    attempt_ids: Sequence[str] = ()
    findings: Sequence[str] = ()
    target_reference: str = ""


#: A receipt, or its first six fields when all others have their defaults: most receipts of a pure pipeline are that.
Row = Receipt | tuple[int, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class ReceiptBatch:
    """Receipts of one slice of one partition.

    Attributes:
        pipeline: Name of the pipeline.
        topic: Topic of the records.
        partition: Partition of the records.
        at: When the outcomes were known.
        rows: Of the records, in any order.
    """

    pipeline: str
    topic: str
    partition: int
    at: datetime
    rows: Sequence[Row]

    @property
    def receipts(self) -> list[Receipt]:
        """The receipts with all their fields."""
        return [row if isinstance(row, Receipt) else Receipt(*row) for row in self.rows]


def _trim(row: Receipt) -> Sequence[Any]:
    if row[6:] == _DEFAULTS:
        return row[:6]
    return [*row[:10], list(row[10]), list(row[11]), row[12]]


def _row(row: Any) -> Receipt:
    if not isinstance(row, list):
        raise TypeError("a row is a list")
    return Receipt(*row)


def encode(batch: ReceiptBatch, topic: str) -> OutgoingRecord:
    """Return the Kafka record of a batch of receipts.

    Args:
        batch: The receipts.
        topic: Full name of the receipts topic.
    """
    value = orjson.dumps(
        {
            "v": _VERSION,
            "pipeline": batch.pipeline,
            "topic": batch.topic,
            "partition": batch.partition,
            "at": batch.at,
            "rows": [_trim(row) if isinstance(row, Receipt) else row for row in batch.rows],
        }
    )
    key = f"{batch.pipeline}|{batch.topic}|{batch.partition}".encode()
    return OutgoingRecord(topic, key, value, [])


def encode_all(batch: ReceiptBatch, topic: str) -> list[OutgoingRecord]:
    """Return the Kafka records of a batch of any size.

    Args:
        batch: The receipts.
        topic: Full name of the receipts topic.
    """
    rows = batch.rows
    if len(rows) <= _MAX_ROWS:
        return [encode(batch, topic)]
    parts = [rows[first : first + _MAX_ROWS] for first in range(0, len(rows), _MAX_ROWS)]
    return [encode(replace(batch, rows=part), topic) for part in parts]


def decode(value: bytes) -> ReceiptBatch:
    """Return the batch in a Kafka record.

    Args:
        value: Bytes of the Kafka record.

    Raises:
        DecodeError: If the bytes are no batch of receipts of a known version.
    """
    try:
        document = orjson.loads(value)
        if document["v"] != _VERSION:
            raise DecodeError("unknown version of a receipt batch; update this reader")
        return ReceiptBatch(
            pipeline=document["pipeline"],
            topic=document["topic"],
            partition=document["partition"],
            at=datetime.fromisoformat(document["at"]),
            rows=[_row(row) for row in document["rows"]],
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise DecodeError("the bytes are no receipt batch") from error


def kind_of(receipt: Receipt) -> OutcomeKind:
    """Return the state of a receipt.

    Args:
        receipt: A decoded receipt.
    """
    return OutcomeKind(receipt.kind)
