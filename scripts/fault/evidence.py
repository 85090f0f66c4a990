"""What Kafka holds after a case: receipts with everything in them, and where each dossier's records are."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from lienthong import receipt
from lienthong.errors import DecodeError
from lienthong.kafka.cluster import ClusterView
from lienthong.outcome import OutcomeKind
from lienthong.receipt import Receipt
from lienthong.record import Place
from lienthong.topic_names import TopicNames
from lienthong_connectors.demo.week import PIPELINES, Name

OPEN = frozenset({OutcomeKind.PARKED.value, OutcomeKind.REVIEW.value, OutcomeKind.IN_FLIGHT.value})


@dataclass(slots=True)
class Evidence:
    """What the topics of one province hold.

    Attributes:
        receipts: Pipeline → record → (partition, offset) → its last receipt.
        dead_letters: Pipeline → dead letters.
        partitions: Dossier code → partition of ``records.dossier``.
        moments: When receipts were written, by the clock of their worker.
        unreadable: Receipts that cannot be read.
    """

    receipts: dict[str, dict[Name, dict[tuple[str, int, int], Receipt]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )
    dead_letters: Counter[str] = field(default_factory=Counter)
    partitions: dict[str, int] = field(default_factory=dict)
    moments: list[datetime] = field(default_factory=list)
    unreadable: int = 0

    def kinds(self, pipeline: str, name: Name) -> list[str]:
        """Return the outcomes of all arrivals of a record in a pipeline.

        Args:
            pipeline: Its name.
            name: Source and id of the record.
        """
        return [row.kind for row in self.receipts[pipeline].get(name, {}).values()]

    def repeat_possible(self, pipeline: str) -> int:
        """Return how many receipts say that an effect may have happened once more.

        Args:
            pipeline: Its name.
        """
        return sum(row.repeat_possible for places in self.receipts[pipeline].values() for row in places.values())


def gather(view: ClusterView, names: TopicNames) -> Evidence:
    """Read receipts, dead letters and the keys of the dossiers.

    Args:
        view: The cluster.
        names: Names of the topics.
    """
    found = Evidence()
    for batch in _values(view, names.receipts):
        try:
            rows = receipt.decode(batch)
        except DecodeError:
            found.unreadable += 1
            continue
        found.moments.append(rows.at)
        for row in rows.receipts:
            places = found.receipts[rows.pipeline][row.source, row.id]
            place = (rows.topic, rows.partition, row.offset)
            # As in the ledger: what one receipt said of a second effect, no later one takes back.
            was_said = place in places and places[place].repeat_possible
            places[place] = row._replace(repeat_possible=row.repeat_possible or was_said)
    for pipeline in PIPELINES:
        ends = view.end_offsets([names.of_pipeline("deadletters", pipeline)])
        found.dead_letters[pipeline] = sum(ends.values())
    records = names.records("dossier")
    with _reader(view, records) as reader:
        for records_of in reader.batches():
            for record in records_of:
                found.partitions[(record.key or b"").decode()] = record.partition
    return found


def _reader(view: ClusterView, topic: str):  # noqa: ANN202 - a context manager of the hub
    ends: dict[Place, int] = view.end_offsets([topic])
    return view.reader(view.beginning_offsets([topic]), ends=ends)


def _values(view: ClusterView, topic: str) -> Iterable[bytes]:
    with _reader(view, topic) as reader:
        for records in reader.batches():
            for record in records:
                yield record.value or b""
