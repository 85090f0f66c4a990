"""Chooses delivered dossiers by chance that can be repeated, and reads what was delivered of them."""

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from lienthong.codec import RecordCodec
from lienthong.envelope import Event, from_kafka
from lienthong.errors import RecordError
from lienthong.ledger.reconcile import KafkaView
from lienthong.ledger.store import LedgerStore
from lienthong.outcome import OutcomeKind
from lienthong.record import Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.validation import validate


@dataclass(slots=True)
class Chosen:
    """One dossier of the sample.

    Attributes:
        key: Its code.
        states: Source and id → state of each of its records in the pipeline, by receipts.
        records: Those that were delivered and can still be read, in order of arrival.
        is_moving: Whether a record of it has come in that the pipeline has not ended yet.
    """

    key: str
    states: dict[tuple[str, str], str]
    records: list[tuple[Event, BaseModel]] = field(default_factory=list, repr=False)
    is_moving: bool = False

    def take(self, record: Record, registry: SchemaRegistry, codec: RecordCodec | None) -> None:
        """Keep a record if it was delivered, and note if it is on its way.

        Args:
            record: Of this key.
            registry: All record types.
            codec: Decrypts values; None if nothing is encrypted.

        Raises:
            ConfigurationError: If the hub was not given the keys that encrypted it.
        """
        try:
            event = from_kafka(record.headers, record.value)
            state = self.states.get((event.source, event.id), OutcomeKind.IN_FLIGHT)
            if state == OutcomeKind.DELIVERED:
                spec = registry.find(event.type, event.get("dataschema"))
                plain = record.value if codec is None else codec.decrypt(record)
                self.records.append((event._replace(data=plain), validate(spec, plain, reader=True)))
            elif state == OutcomeKind.IN_FLIGHT:
                self.is_moving = True
        except RecordError:
            # Without a source and an id it was never delivered; what was erased, or is of a version that is no longer
            # installed, can still be asked for.
            return


def choose(keys: Iterable[str], count: int, seed: int) -> list[str]:
    """Return some keys: for one seed and ledger always the same ones, in the same order.

    Args:
        keys: All keys, in any order, each once; they are not kept.
        count: How many to choose.
        seed: What the choice follows from. A key's turn depends on nothing else, so a ledger that has grown a little
            gives nearly the same sample.
    """
    turns = ((hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=16).digest(), key) for key in keys)
    return [key for _, key in heapq.nsmallest(count, turns)]


def sample(store: LedgerStore, pipeline: str, count: int, seed: int) -> list[Chosen]:
    """Return dossiers of which a pipeline delivered something.

    Args:
        store: The ledger.
        pipeline: Name of the pipeline.
        count: How many.
        seed: What the choice follows from.

    Raises:
        TargetUnavailableError: If the ledger's database is away.
    """
    keys = choose(store.keys_delivered(pipeline), count, seed)
    return [Chosen(key, store.states_of(pipeline, key)) for key in keys]


def read_delivered(
    chosen: Sequence[Chosen],
    view: KafkaView,
    topics: Sequence[str],
    registry: SchemaRegistry,
    codec: RecordCodec | None = None,
) -> None:
    """Fill in what Kafka holds of the sample; the topics are read once, in the memory of the sample.

    Args:
        chosen: The sample.
        view: Kafka.
        topics: Full names of the pipeline's sources.
        registry: All record types.
        codec: Decrypts values; None if nothing is encrypted.

    Raises:
        BrokerUnavailableError: If Kafka cannot be reached.
    """
    by_key = {each.key.encode(): each for each in chosen}
    begins, ends = view.beginning_offsets(topics), view.end_offsets(topics)
    with view.reader(begins, ends=ends, is_expiry_fatal=False) as reader:
        for records in reader.batches():
            if codec is not None:
                codec.begin_batch()
            for record in records:
                mine = by_key.get(record.key or b"")
                if mine is not None:
                    mine.take(record, registry, codec)
