"""What a pure step made of one slice."""

from dataclasses import dataclass, field

from lienthong.receipt import Receipt, Row
from lienthong.record import Outgoing, OutgoingRecord


@dataclass(slots=True)
class Work:
    """Records to write and the receipts that become true once they are acknowledged.

    Attributes:
        outgoing: In the order of the slice.
        rows: The receipt of each record of the slice.
        counts: Outcome → number of records.
        timestamps_ms: Kafka timestamps of the slice's first and last record.
    """

    outgoing: list[Outgoing] = field(default_factory=list, repr=False)
    rows: list[Row] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    timestamps_ms: tuple[int, int] = (-1, -1)

    @property
    def records(self) -> list[OutgoingRecord]:
        """What goes out, with names for its fields."""
        return [OutgoingRecord(*each) for each in self.outgoing]

    @property
    def receipts(self) -> list[Receipt]:
        """The receipts with all their fields."""
        return [Receipt(*row) for row in self.rows]
