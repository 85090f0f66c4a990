"""Drops the projection and makes it again from Kafka."""

from lienthong.errors import BrokerUnavailableError, ConfigurationError
from lienthong.kafka.cluster import ClusterView
from lienthong.ledger.feed import ledger_topics, open_feed, read_pieces
from lienthong.ledger.models import ACCESS_TABLES, PROJECTION_TABLES
from lienthong.ledger.store import LedgerStore
from lienthong.ledger.writer import LedgerWriter
from lienthong.record import Place
from lienthong.topic_names import TopicNames

_POLL_SECONDS = 0.1
_MAX_SILENT_POLLS = 300


def rebuild(view: ClusterView, store: LedgerStore, names: TopicNames, *, allow_loss: bool = False) -> int:
    """Empty the ledger and read both topics from their beginning to their present end.

    The sealed access log is evidence: it is emptied only when Kafka still holds all of it, otherwise it stays and is
    continued.

    Args:
        view: The cluster.
        store: The ledger; its own consumer must be stopped.
        names: Names of the topics.
        allow_loss: Whether receipts that Kafka no longer holds may vanish from the ledger.

    Returns:
        How many Kafka records were read.

    Raises:
        ConfigurationError: If receipts would be lost and that is not allowed.
        BrokerUnavailableError: If Kafka cannot be reached.

    Delivery:
        The result is the same as before, whatever the order in which partitions are read.
    """
    store.prepare()
    topics = ledger_topics(names)
    begins, ends = view.beginning_offsets(topics), view.end_offsets(topics)
    # A log that begins above 0 has lost its oldest receipts, which the ledger may still have.
    had_receipts = [place for place, offset in store.offsets().items() if place.topic == names.receipts and offset > 0]
    if not allow_loss and any(begins.get(place, 1) > 0 for place in had_receipts):
        raise ConfigurationError(
            "Kafka no longer holds all receipts of this ledger; restore them from the archive first, "
            "or say --allow-loss to give them up"
        )
    store.clear(PROJECTION_TABLES, [names.receipts])
    heads = store.chain_heads()
    if all(begins.get(place, 1) == 0 for place in heads):
        store.clear(ACCESS_TABLES, [names.access_log])
    return _read_to(ends, view, store, names)


def _read_to(ends: dict[Place, int], view: ClusterView, store: LedgerStore, names: TopicNames) -> int:
    writer = LedgerWriter(store, names)
    records = silent_polls = 0
    with open_feed(view, store, names, ends) as reader:
        while not reader.is_done:
            pieces = read_pieces(reader, _POLL_SECONDS)
            for piece in pieces:
                writer.apply(piece.records, piece.before, piece.after)
                records += len(piece.records)
            silent_polls = 0 if pieces else silent_polls + 1
            if silent_polls >= _MAX_SILENT_POLLS:
                raise BrokerUnavailableError("Kafka sends nothing more; check the broker and rebuild again")
    return records
