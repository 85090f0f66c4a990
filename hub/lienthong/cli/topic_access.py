"""How commands read topics to their end and write a few records that are acknowledged."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lienthong.config.models import HubSettings

if TYPE_CHECKING:
    from lienthong.record import OutgoingRecord, Place, Record


def read_topics(settings: HubSettings, client_id: str, *topics: str) -> "Iterator[Record]":
    """Yield everything in topics, in the order of each partition, by manual assignment.

    Args:
        settings: How to reach the broker.
        client_id: Name in the broker's logs.
        *topics: Full names.

    Raises:
        TopicDriftError: If a topic does not exist.
    """
    from lienthong.errors import TopicDriftError
    from lienthong.kafka.cluster import ClusterView
    from lienthong.kafka.settings import client_configuration

    view = ClusterView(client_configuration(settings.kafka, client_id))
    bounds = view.bounds(topics)
    missing = set(topics) - {place.topic for place in bounds}
    if missing:
        raise TopicDriftError(f"no topic {', '.join(sorted(missing))} in the cluster; run `lienthong topics apply`")
    with view.whole(bounds) as reader:
        yield from reader.records()


def read_spans(settings: HubSettings, client_id: str, spans: "Mapping[Place, tuple[int, int]]") -> "Iterator[Record]":
    """Yield a part of some partitions.

    Args:
        settings: How to reach the broker.
        client_id: Name in the broker's logs.
        spans: Partition → first offset and the offset to stop before.
    """
    from lienthong.kafka.cluster import ClusterView
    from lienthong.kafka.settings import client_configuration

    with ClusterView(client_configuration(settings.kafka, client_id)).whole(spans) as reader:
        yield from reader.records()


def send(settings: HubSettings, client_id: str, records: "Sequence[OutgoingRecord]") -> None:
    """Write records in this order and return when Kafka has acknowledged all of them.

    Args:
        settings: How to reach the broker.
        client_id: Name in the broker's logs.
        records: What to write.
    """
    from lienthong.kafka.producer import AcknowledgedProducer

    async def write() -> None:
        producer = AcknowledgedProducer(settings.kafka, client_id=client_id)
        await producer.start()
        try:
            await producer.send(records)
        finally:
            await producer.stop()

    asyncio.run(write())
