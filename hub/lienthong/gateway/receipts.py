"""What became of one record: the receipts that a publisher may see."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel

from lienthong.clock import to_vietnam
from lienthong.gateway.admission import Caller

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(Protocol):
    """One receipt as the ledger stores it."""

    def __getitem__(self, key: str, /) -> Any:
        """Return a column."""
        ...


class ReceiptReader(Protocol):
    """What the gateway needs of :class:`lienthong.ledger.store.LedgerStore`; called in a thread."""

    def find(self, record_id: str, source: str | None = None) -> Sequence[Row]:
        """Return what became of a record in every pipeline, oldest first.

        Args:
            record_id: CloudEvents id.
            source: CloudEvents source; None for all that used this id.
        """
        ...


class ShownReceipt(BaseModel):
    """The outcome of one record in one pipeline.

    Attributes:
        source: CloudEvents source.
        pipeline: Name of the pipeline.
        outcome: One of the six ends or three open states.
        reason: Machine-readable detail.
        attempts: Calls made for the record.
        repeat_possible: Whether the effect may have happened once more than shown.
        at: When the outcome was known, with the offset of Viet Nam.
    """

    source: str
    pipeline: str
    outcome: str
    reason: str
    attempts: int
    repeat_possible: bool
    at: datetime


class ReceiptsAnswer(BaseModel):
    """All receipts of one record.

    Attributes:
        id: CloudEvents id.
        receipts: One for each pipeline that has seen the record.
    """

    id: str
    receipts: list[ShownReceipt]


def shown_to(caller: Caller, rows: Iterable[Row]) -> list[ShownReceipt]:
    """Return the receipts whose source belongs to a caller.

    Args:
        caller: Who asks.
        rows: What the ledger found.
    """
    return [
        ShownReceipt(
            source=row["source"],
            pipeline=row["pipeline"],
            outcome=row["kind"],
            reason=row["reason"],
            attempts=row["attempts"],
            repeat_possible=row["repeat_possible"],
            at=to_vietnam(_EPOCH + timedelta(microseconds=row["last_at_us"])),
        )
        for row in rows
        if caller.owns(row["source"])
    ]
