"""What a reconciliation found, per pipeline."""

from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from lienthong.outcome import OutcomeKind

T = TypeVar("T")


class Located(NamedTuple):
    """One record and where it is; nothing of it is personal.

    Attributes:
        source: CloudEvents source.
        id: CloudEvents id.
        topic: Topic of the record.
        partition: Partition of the record.
        offset: Offset of the record.
    """

    source: str
    id: str
    topic: str
    partition: int
    offset: int


class Gap(NamedTuple):
    """Records that Kafka deleted before the pipeline settled them.

    Attributes:
        topic: Topic of the records.
        partition: Partition of the records.
        first: Offset of the first of them.
        last: Offset of the last of them.
    """

    topic: str
    partition: int
    first: int
    last: int


@dataclass(slots=True)
class Listing(Generic[T]):
    """What there is of one kind: all are counted, the first are listed.

    Attributes:
        total: How many there are.
        listed: The first of them, by place.
    """

    total: int = 0
    listed: list[T] = field(default_factory=list)


@dataclass(slots=True)
class PipelineReport:
    """Whether accepted = ends + open for one pipeline.

    Attributes:
        pipeline: Name of the pipeline.
        accepted: Records in its source topics, distinct by source and id.
        copies: Further copies of accepted records.
        ends: End state → records.
        open: Open state → its records; in flight is counted from Kafka, not from receipts.
        lost: Accepted records that the pipeline has passed without a receipt.
        unknown: Receipts whose record does not exist.
        expired: Ranges that Kafka deleted before they were settled.
    """

    pipeline: str
    accepted: int = 0
    copies: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    open: dict[str, Listing[Located]] = field(default_factory=dict)
    lost: Listing[Located] = field(default_factory=Listing)
    unknown: Listing[Located] = field(default_factory=Listing)
    expired: list[Gap] = field(default_factory=list)

    @property
    def is_balanced(self) -> bool:
        """Whether every accepted record has an end or is open, and nothing else claims to have been accepted."""
        explained = sum(self.ends.values()) + sum(listing.total for listing in self.open.values())
        return self.accepted == explained and not (self.lost.total or self.unknown.total or self.expired)

    def as_document(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            "pipeline": self.pipeline,
            "balanced": self.is_balanced,
            "accepted": self.accepted,
            "copies": self.copies,
            "ends": {kind.value: self.ends.get(kind, 0) for kind in OutcomeKind if kind.is_end},
            "open": {kind: _listing(listing) for kind, listing in self.open.items()},
            "lost": _listing(self.lost),
            "unknown": _listing(self.unknown),
            "expired": [gap._asdict() for gap in self.expired],
        }


@dataclass(slots=True)
class Report:
    """A reconciliation.

    Attributes:
        pipelines: One report for each.
        is_ledger_current: Whether the ledger had read all receipts that existed at the start.
        unreadable: Kafka records of the ledger's topics that could not be read.
    """

    pipelines: list[PipelineReport]
    is_ledger_current: bool = True
    unreadable: int = 0

    @property
    def is_balanced(self) -> bool:
        """Whether the ledger was current and every pipeline balances."""
        return self.is_ledger_current and not self.unreadable and all(item.is_balanced for item in self.pipelines)

    def as_document(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            "balanced": self.is_balanced,
            "ledger_current": self.is_ledger_current,
            "unreadable": self.unreadable,
            "pipelines": [item.as_document() for item in self.pipelines],
        }


def _listing(listing: Listing[Located]) -> dict[str, Any]:
    return {"total": listing.total, "listed": [item._asdict() for item in listing.listed]}
