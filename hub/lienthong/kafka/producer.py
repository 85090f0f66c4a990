"""Writes to Kafka whose acknowledgement is awaited."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as NativeProducer

from lienthong.config.models import KafkaSettings
from lienthong.errors import BrokerUnavailableError, FatalError, LienthongError, RecordTooLargeError
from lienthong.kafka.settings import producer_configuration
from lienthong.record import OutgoingRecord

_POLL_SECONDS = 0.1
_FULL_WAIT_SECONDS = 0.01
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}


def to_error(error: KafkaError, topic: str) -> LienthongError:
    """Return the error of the hub for a failed write.

    Args:
        error: What librdkafka reported.
        topic: Where the record should have gone.
    """
    if error.code() in _TOO_LARGE:
        return RecordTooLargeError(f"the record is larger than the topic {topic} allows", reason=error.name())
    if error.fatal():
        return FatalError(f"the producer cannot keep order in {topic} any more ({error.name()}); restart the process")
    return BrokerUnavailableError(
        f"Kafka did not acknowledge a record for {topic} ({error.name()}); check the broker", reason=error.name()
    )


class _Batch:
    """Counts the delivery reports of one ``send``; its callback runs in the poll thread."""

    __slots__ = ("_future", "_loop", "_open", "first_error")

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] = loop.create_future()
        self._open = size
        self.first_error: LienthongError | None = None

    def on_delivery(self, error: KafkaError | None, message: Any) -> None:
        """Count one report."""
        if error is not None and self.first_error is None:
            self.first_error = to_error(error, message.topic())
        self._open -= 1
        if not self._open:
            self._wake()

    def refuse(self, error: LienthongError, number: int) -> None:
        """Count records that were never handed to librdkafka."""
        if self.first_error is None:
            self.first_error = error
        self._open -= number
        if not self._open:
            self._wake()

    def _wake(self) -> None:
        # A closed loop means that nobody waits any more.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> None:
        """Wait for every report, then raise the first error."""
        await self._future
        if self.first_error is not None:
            raise self.first_error


class AcknowledgedProducer:
    """An idempotent producer; ``send`` returns when every record is acknowledged by all in-sync replicas.

    Args:
        settings: The hub's Kafka settings.
        client_id: Name in the broker's logs.
        overrides: librdkafka settings that differ from the hub's defaults.
    """

    def __init__(self, settings: KafkaSettings, *, client_id: str, overrides: dict[str, Any] | None = None) -> None:
        self._configuration = {**producer_configuration(settings, client_id), **(overrides or {})}
        self._producer: Any = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    async def start(self) -> None:
        """Create the client; the broker need not be there yet."""
        if self._producer is not None:
            return
        self._producer = NativeProducer(self._configuration)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._poll, name="lienthong-producer", daemon=True)
        self._thread.start()

    async def stop(self, timeout_seconds: float = 10.0) -> None:
        """Wait for what is under way, then release the client.

        Args:
            timeout_seconds: After it, what is not acknowledged is given up; its ``send`` has failed or was cancelled.
        """
        if self._producer is None:
            return
        await asyncio.to_thread(self._producer.flush, timeout_seconds)
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 5.0)
        self._producer = None

    async def send(self, records: Sequence[OutgoingRecord]) -> None:
        """Write records and wait until all are acknowledged.

        Args:
            records: Written in this order; order holds per partition.

        Raises:
            RecordTooLargeError: If a record is larger than its topic allows.
            BrokerUnavailableError: If a record was not acknowledged in time.
            FatalError: If order can no longer be kept.

        Delivery:
            On an error, some records may have been written; the caller must not settle any of them.
        """
        if not records:
            return
        batch = _Batch(asyncio.get_running_loop(), len(records))
        await self._hand_over(records, [batch.on_delivery] * len(records), batch)
        await batch.wait()

    async def send_each(self, records: Sequence[OutgoingRecord]) -> list[LienthongError | None]:
        """Write records and return what became of each.

        Args:
            records: Written in this order.

        Returns:
            None for an acknowledged record, otherwise its error.
        """
        results: list[LienthongError | None] = [None] * len(records)
        if not records:
            return results
        batch = _Batch(asyncio.get_running_loop(), len(records))

        def report(index: int) -> Callable[[KafkaError | None, Any], None]:
            def on_delivery(error: KafkaError | None, message: Any) -> None:
                if error is not None:
                    results[index] = to_error(error, message.topic())
                batch.on_delivery(None, message)

            return on_delivery

        await self._hand_over(records, [report(index) for index in range(len(records))], batch, results)
        await batch.wait()
        return results

    async def _hand_over(
        self,
        records: Sequence[OutgoingRecord],
        callbacks: Sequence[Callable[..., None]],
        batch: _Batch,
        results: list[LienthongError | None] | None = None,
    ) -> None:
        if self._producer is None:
            raise FatalError("the producer was not started")
        produce = self._producer.produce
        for index, (topic, key, value, headers, partition) in enumerate(records):
            while True:
                try:
                    produce(
                        topic, value=value, key=key, partition=partition, on_delivery=callbacks[index], headers=headers
                    )
                except BufferError:
                    # librdkafka's queue is full: the broker is slower than we are.
                    await asyncio.sleep(_FULL_WAIT_SECONDS)
                    continue
                except KafkaException as error:
                    problem = to_error(error.args[0], topic)
                    if results is not None:
                        results[index] = problem
                        batch.on_delivery(None, None)
                    else:
                        batch.refuse(problem, len(records) - index)
                        return
                break

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(_POLL_SECONDS)
