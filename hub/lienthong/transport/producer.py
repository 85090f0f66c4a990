"""Faust's producer over the acknowledged producer."""

import asyncio
from typing import Any

from faust.transport.producer import Producer as FaustProducer
from faust.types import TP
from faust.types.tuples import RecordMetadata

from lienthong.config.models import KafkaSettings
from lienthong.errors import FatalError
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.record import OutgoingRecord


class Producer(FaustProducer):
    """Faust's producer over :class:`~lienthong.kafka.producer.AcknowledgedProducer`."""

    def on_init(self) -> None:
        """Prepare the client."""
        settings = getattr(self.app, "kafka_settings", None) or KafkaSettings(
            bootstrap_servers=",".join(f"{url.host}:{url.port}" for url in self.transport.url)
        )
        self._client = AcknowledgedProducer(settings, client_id=f"{self.app.conf.id}-faust")

    async def on_start(self) -> None:
        """Create the client."""
        await super().on_start()
        await self._client.start()

    async def on_stop(self) -> None:
        """Wait for what is under way, then release the client."""
        await super().on_stop()
        await self._client.stop()

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> Any:
        """Write a record; the returned future is done when it is acknowledged.

        Args:
            topic: Where to.
            key: Order holds for it.
            value: The bytes.
            partition: A fixed partition, or None.
            timestamp: Ignored; the broker's clock is used.
            headers: Names and raw values.
            transactional_id: Refused.

        Raises:
            FatalError: If transactions are asked for.
        """
        del timestamp
        if transactional_id is not None:
            raise FatalError("transactions are not used; see the ADR on delivery")
        pairs = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
        record = OutgoingRecord(topic, key, value, pairs, -1 if partition is None else partition)
        return asyncio.ensure_future(self._acknowledged(record))

    async def _acknowledged(self, record: OutgoingRecord) -> RecordMetadata:
        await self._client.send([record])
        tp = TP(record.topic, record.partition)
        return RecordMetadata(record.topic, record.partition, tp, -1)

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> Any:
        """Write a record and wait until it is acknowledged.

        Args:
            *args: As for :meth:`send`.
            **kwargs: As for :meth:`send`.
        """
        return await (await self.send(*args, **kwargs))

    async def flush(self) -> None:
        """Wait for Faust's own buffer."""
        await self.buffer.flush()

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Return an unknown partition: librdkafka derives it from the key.

        Args:
            topic: Name of a topic.
            key: Key of a record.
        """
        del key
        return TP(topic, -1)

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: topics come from the catalogue.

        Args:
            *args: Ignored.
            **kwargs: Ignored.
        """
        del args, kwargs
        raise FatalError("topics are created by 'lienthong topics apply' only")

    def supports_headers(self) -> bool:
        """Return True."""
        return True
