"""Writes to Kafka whose acknowledgement is awaited.

librdkafka hands delivery reports out in ``poll``. It is called on the event loop: a thread of its own would have to win
Python's global lock once for every report, against a loop that is busy with the next records.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as NativeProducer

from lienthong.config.models import KafkaSettings
from lienthong.errors import BrokerUnavailableError, FatalError, LienthongError, RecordTooLargeError
from lienthong.kafka.settings import producer_configuration
from lienthong.record import Outgoing, OutgoingRecord

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.002
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


class PendingWrites:
    """Counts the delivery reports of one batch.

    Args:
        loop: Where the batch is awaited.
        size: Number of records.
        among: Where the batch is found until it has ended; None for nowhere.
    """

    __slots__ = ("_among", "_future", "_open", "failed_topic", "first_error")

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int, among: "set[PendingWrites] | None" = None) -> None:
        self._among = among
        if among is not None:
            among.add(self)
        self._future: asyncio.Future[None] = loop.create_future()
        self._open = size
        self.first_error: LienthongError | None = None
        #: Where the first refused record should have gone; empty while none was refused.
        self.failed_topic = ""
        if not size:
            self._finish()

    def on_delivery(self, error: KafkaError | None, message: Any) -> None:
        """Count one report.

        Args:
            error: What went wrong, or None.
            message: librdkafka's message.
        """
        self._open -= 1
        if error is not None and self.first_error is None:
            self.first_error = to_error(error, message.topic())
            self.failed_topic = message.topic()
        if not self._open:
            self._finish()

    def refuse(self, error: LienthongError, number: int, topic: str = "") -> None:
        """Count records that were never handed to librdkafka.

        Args:
            error: Why.
            number: How many.
            topic: Where the first of them should have gone.
        """
        if self.first_error is None:
            self.first_error = error
            self.failed_topic = topic
        self._open -= number
        if not self._open:
            self._finish()

    def give_up(self, error: LienthongError) -> None:
        """Fail the batch, whatever is still under way.

        Args:
            error: Why.
        """
        if self.first_error is None:
            self.first_error = error
        self._finish()

    def _finish(self) -> None:
        if self._among is not None:
            self._among.discard(self)
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
        self._polling: asyncio.Task[None] | None = None
        self._open: set[PendingWrites] = set()
        self._has_work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Create the client; the broker need not be there yet."""
        if self._producer is not None:
            return
        self._producer = NativeProducer(self._configuration)
        self._polling = asyncio.create_task(self._poll())
        self._polling.add_done_callback(self._on_polling_ended)

    async def stop(self, timeout_seconds: float = 10.0) -> None:
        """Wait for what is under way, then release the client.

        Args:
            timeout_seconds: After it, what is not acknowledged is given up; its ``send`` has failed or was cancelled.
        """
        if self._producer is None or self._polling is None:
            return
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_seconds)
        except TimeoutError:
            log.warning("writes_given_up", records=len(self._producer))
        self._polling.cancel()
        await asyncio.gather(self._polling, return_exceptions=True)
        self._producer = None

    async def send(self, records: Sequence[Outgoing]) -> None:
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
        await (await self.begin(records)).wait()

    async def begin(self, records: Sequence[Outgoing]) -> PendingWrites:
        """Hand records to librdkafka; waits only while its queue is full.

        Args:
            records: Written in this order.

        Returns:
            What to await for the acknowledgements.

        Delivery:
            The order of calls is the order of writing, also across batches that are not acknowledged yet.
        """
        batch = PendingWrites(asyncio.get_running_loop(), len(records), self._open)
        try:
            await self._hand_over(records, batch)
        except BaseException:
            # Nobody will wait for it.
            self._open.discard(batch)
            raise
        return batch

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
        batch = PendingWrites(asyncio.get_running_loop(), len(records))

        def report(index: int) -> Callable[[KafkaError | None, Any], None]:
            def on_delivery(error: KafkaError | None, message: Any) -> None:
                if error is not None:
                    results[index] = to_error(error, records[index].topic)
                batch.on_delivery(None, message)

            return on_delivery

        for index, record in enumerate(records):
            callback = report(index)
            problem = await self._produce(record, callback)
            if problem is not None:
                callback(problem, None)
        await batch.wait()
        return results

    async def _hand_over(self, records: Sequence[Outgoing], batch: PendingWrites) -> None:
        if self._producer is None:
            raise FatalError("the producer was not started")
        self._wake()
        produce = self._producer.produce
        on_delivery = batch.on_delivery
        for index, record in enumerate(records):
            topic, key, value, headers, partition = record
            try:
                produce(topic, value, key, partition, on_delivery, on_delivery, 0, headers)
            except BufferError:
                problem = await self._produce(record, on_delivery)
            except KafkaException as error:
                problem = error.args[0]
            else:
                continue
            if problem is not None:
                batch.refuse(to_error(problem, topic), len(records) - index, topic)
                return

    async def _produce(
        self, record: Outgoing, on_delivery: Callable[[KafkaError | None, Any], None]
    ) -> KafkaError | None:
        """Hand over one record; wait while the queue is full, because the broker is slower than we are."""
        if self._producer is None:
            raise FatalError("the producer was not started")
        topic, key, value, headers, partition = record
        while True:
            # Again after every wait: reading the reports of all that was in the queue ends the reading.
            self._wake()
            try:
                self._producer.produce(topic, value, key, partition, on_delivery, on_delivery, 0, headers)
            except BufferError:
                await asyncio.sleep(_FULL_WAIT_SECONDS)
            except KafkaException as error:
                return error.args[0]  # type: ignore[no-any-return]
            else:
                return None

    def _wake(self) -> None:
        self._idle.clear()
        self._has_work.set()

    def _on_polling_ended(self, task: asyncio.Task[None]) -> None:
        """Let nobody wait for reports that will never come."""
        if not task.cancelled() and task.exception() is not None:
            for batch in list(self._open):
                batch.give_up(FatalError("delivery reports can no longer be read; restart the process"))

    async def _poll(self) -> None:
        while True:
            await self._has_work.wait()
            self._producer.poll(0)
            if len(self._producer):
                await asyncio.sleep(_POLL_SECONDS)
            else:
                self._has_work.clear()
                self._idle.set()
