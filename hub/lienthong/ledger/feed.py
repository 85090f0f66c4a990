"""Hands the ledger what is new in Kafka, in pieces small enough for one transaction each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lienthong.errors import TopicDriftError
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.reader import TopicReader
from lienthong.ledger.store import LedgerStore
from lienthong.record import Place, Record
from lienthong.topic_names import TopicNames

#: About 20,000 receipts; memory and the length of a transaction stay within it.
_MAX_PIECE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """What goes into one transaction.

    Attributes:
        records: In order within each partition.
        before: Where reading of each partition stood before them.
        after: Where it stands behind them.
    """

    records: list[Record]
    before: Mapping[Place, int]
    after: Mapping[Place, int]


def ledger_topics(names: TopicNames) -> tuple[str, str]:
    """Return the topics that the ledger is made of.

    Args:
        names: Names of the topics.
    """
    return names.receipts, names.access_log


def open_feed(
    view: ClusterView, store: LedgerStore, names: TopicNames, ends: Mapping[Place, int] | None = None
) -> TopicReader:
    """Return a reader that goes on where the ledger stands.

    Args:
        view: The cluster.
        store: The ledger.
        names: Names of the topics.
        ends: Where to stop; None to read for ever.

    Raises:
        TopicDriftError: If a topic does not exist.
        BrokerUnavailableError: If Kafka cannot be reached.
    """
    starts = view.beginning_offsets(ledger_topics(names))
    missing = set(ledger_topics(names)) - {place.topic for place in starts}
    if missing:
        raise TopicDriftError(f"{', '.join(sorted(missing))}: no such topic; run `lienthong topics apply`")
    stored = store.offsets()
    return view.reader({place: stored.get(place, first) for place, first in starts.items()}, ends=ends)


def read_pieces(reader: TopicReader, timeout_seconds: float) -> list[Piece]:
    """Return what has arrived; empty when nothing has.

    Args:
        reader: From :func:`open_feed`.
        timeout_seconds: How long to wait for the first record.
    """
    before = dict(reader.positions)
    records = reader.read(timeout_seconds)
    return list(_split(records, before, dict(reader.positions)))


def _split(records: list[Record], before: dict[Place, int], after: dict[Place, int]) -> Iterator[Piece]:
    piece: list[Record] = []
    size_bytes = 0
    for index, record in enumerate(records):
        piece.append(record)
        size_bytes += len(record.value or b"")
        if size_bytes >= _MAX_PIECE_BYTES and index + 1 < len(records):
            reached = before | {Place(row.topic, row.partition): row.offset + 1 for row in piece}
            yield Piece(piece, before, reached)
            before, piece, size_bytes = reached, [], 0
    if before != after:
        yield Piece(piece, before, after)
