"""Writes admitted events and recovers when the producer can no longer keep order."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from lienthong.errors import BrokerUnavailableError, FatalError, LienthongError
from lienthong.record import OutgoingRecord

_logger = structlog.stdlib.get_logger("lienthong.gateway")
# What librdkafka reports for every later record after it gave up one.
_BROKEN = frozenset({"_FATAL", "_PURGE_QUEUE", "_PURGE_INFLIGHT", "_GAPLESS_GUARANTEE"})


class Producer(Protocol):
    """What the gateway needs of :class:`lienthong.kafka.producer.AcknowledgedProducer`."""

    async def start(self) -> None:
        """Create the client."""
        ...

    async def stop(self, timeout_seconds: float = 10.0) -> None:
        """Wait for what is under way, then release the client.

        Args:
            timeout_seconds: After it, what is not acknowledged is given up.
        """
        ...

    async def send_each(self, records: Sequence[OutgoingRecord]) -> list[LienthongError | None]:
        """Write records and return what became of each.

        Args:
            records: Written in this order.
        """
        ...


class Sender:
    """Counts who waits for Kafka, and renews the producer after an outage.

    The producer never lets a record overtake one that it gave up: after a delivery timeout it refuses all further
    records for ever. A gateway outlives outages, so the producer is replaced; the publishers were told 503.

    Args:
        producer: Started and stopped by the gateway.
        max_waiting_requests: Requests that may wait at once.
    """

    def __init__(self, producer: Producer, max_waiting_requests: int) -> None:
        self._producer = producer
        self._max_waiting = max_waiting_requests
        self._waiting = 0
        self._generation = 0
        self._renewing = asyncio.Lock()

    @property
    def is_busy(self) -> bool:
        """Whether a further request must be told to come back later."""
        return self._waiting >= self._max_waiting

    async def send(self, records: Sequence[OutgoingRecord]) -> list[LienthongError | None]:
        """Write records and return what became of each.

        Args:
            records: Written in this order.

        Returns:
            None for a record that all in-sync replicas acknowledged, otherwise its error.
        """
        self._waiting += 1
        try:
            if self._renewing.locked():
                async with self._renewing:
                    pass
            generation = self._generation
            try:
                results = await self._producer.send_each(records)
            except BrokerUnavailableError as error:
                return [error] * len(records)
            except FatalError as error:
                results = [error] * len(records)
            if any(_is_broken(error) for error in results):
                await self._renew(generation)
            return results
        finally:
            self._waiting -= 1

    async def _renew(self, generation: int) -> None:
        async with self._renewing:
            if generation != self._generation:
                return
            _logger.warning("producer_renewed", remedy="check the broker: records were not acknowledged in time")
            await self._producer.stop(timeout_seconds=1.0)
            await self._producer.start()
            self._generation += 1


def _is_broken(error: LienthongError | None) -> bool:
    return isinstance(error, FatalError) or (error is not None and error.reason in _BROKEN)
