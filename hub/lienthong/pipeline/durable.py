"""What a worker must read before it may work on a partition: parked records, key states, open commands."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from lienthong.config.models import KafkaSettings
from lienthong.delivery.command import parse_command
from lienthong.delivery.parked_state import ParkedState
from lienthong.delivery.parking import PREFIX
from lienthong.errors import DecodeError
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.reader import TopicReader
from lienthong.kafka.settings import client_configuration
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.key_state import KeyStates
from lienthong.pipeline.unparking import Order
from lienthong.record import Place, Record

log = structlog.get_logger(__name__)

_TAIL_POLL_SECONDS = 0.2
#: How every version of a worker begins a key's state.
_STATE_BEGIN = b'{"v":'


class DurableState:
    """Reads a pipeline's own topics by manual assignment, partition number for partition number.

    Args:
        pipeline: Which pipeline.
        settings: How to reach the broker.
    """

    def __init__(self, pipeline: Pipeline, settings: KafkaSettings) -> None:
        self._names = pipeline.names
        self._pipeline = pipeline.name
        self._configuration = client_configuration(settings, f"{pipeline.group}-state")
        self._tails: dict[int, int] = {}
        self._owned: frozenset[int] = frozenset()

    async def load(self, partitions: Iterable[int], parked: ParkedState, states: KeyStates) -> list[Order]:
        """Read partitions to their end.

        Args:
            partitions: Partition numbers of the source.
            parked: Gets what is parked; empty.
            states: Gets what is known of each key.

        Returns:
            Every command of these partitions, also those that were carried out.
        """
        numbers = list(partitions)
        await asyncio.to_thread(self._read, "state", numbers, states.load)
        await asyncio.to_thread(self._read, "parked", numbers, parked.apply)
        orders: list[Order] = []
        ends = await asyncio.to_thread(self._read, "replay", numbers, lambda record: orders.extend(_parsed(record)))
        self._tails.update({place.partition: offset for place, offset in ends.items()})
        self._owned |= set(numbers)
        log.info("durable_state_loaded", pipeline=self._pipeline, partitions=len(numbers), parked=len(parked))
        return orders

    def forget(self, partitions: Iterable[int]) -> None:
        """Stop following commands of partitions.

        Args:
            partitions: Partition numbers of the source.
        """
        gone = set(partitions)
        self._owned -= gone
        for number in gone:
            self._tails.pop(number, None)

    async def follow(self, deliver: Callable[[Order], None]) -> None:
        """Hand over new commands of owned partitions until cancelled.

        Args:
            deliver: Called on the event loop, in the order of each partition.
        """
        while True:
            owned = self._owned
            if not owned:
                await asyncio.sleep(_TAIL_POLL_SECONDS)
                continue
            topic = self._names.of_pipeline("replay", self._pipeline)
            reader = TopicReader(self._configuration, {Place(topic, n): self._tails.get(n, 0) for n in owned})
            try:
                while self._owned == owned:
                    for record in await asyncio.to_thread(reader.read, _TAIL_POLL_SECONDS):
                        self._tails[record.partition] = record.offset + 1
                        for order in _parsed(record):
                            deliver(order)
            finally:
                await asyncio.to_thread(reader.close)

    def _read(self, kind: str, partitions: list[int], take: Callable[[Record], object]) -> dict[Place, int]:
        topic = self._names.of_pipeline(kind, self._pipeline)
        cluster = ClusterView(self._configuration)
        spans = cluster.spans([topic], partitions)
        with cluster.whole(spans) as reader:
            for record in reader.records():
                _take(record, take)
        return {place: end for place, (_, end) in spans.items()}


def _take(record: Record, take: Callable[[Record], object]) -> None:
    """Take in a record of the pipeline's own topics; one that no worker wrote must not keep workers from starting."""
    try:
        take(record)
    except DecodeError as error:
        is_ours = record.header(f"{PREFIX}state") is not None or (record.value or b"").startswith(_STATE_BEGIN)
        if is_ours:
            raise
        log.warning(
            "foreign_record_skipped",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=error.reason,
        )


def _parsed(record: Record) -> list[Order]:
    try:
        return [Order(parse_command(record), record.partition, record.offset)]
    except DecodeError as error:
        log.warning("command_unreadable", topic=record.topic, partition=record.partition, reason=error.reason)
        return []
