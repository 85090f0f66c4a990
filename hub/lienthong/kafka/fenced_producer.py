"""Writes of the one owner of something: the broker refuses them once a successor has begun.

Every write is a Kafka transaction under one name, so all of it is seen or nothing. Opening a producer of that name ends
the transactions of all older ones; that is the fence, and it needs no clock and no cooperation of a frozen process.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as NativeProducer

from lienthong.config.models import KafkaSettings
from lienthong.errors import BrokerUnavailableError, FatalError, LienthongError
from lienthong.kafka.producer import to_error
from lienthong.kafka.settings import producer_configuration
from lienthong.record import Outgoing

log = structlog.get_logger(__name__)

T = TypeVar("T")

_TRANSACTION_MS = 60_000
#: One blocking call into librdkafka; between two of them a stop is noticed.
_CALL_SECONDS = 5.0
_GOODBYE_SECONDS = 2.0
_FULL_WAIT_SECONDS = 0.1
_FENCED = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - the only name that librdkafka's own codes have
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)
_NOT_ALLOWED = frozenset(
    {
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    }
)


class Fenced(Exception):  # noqa: N818 - a signal, not an error
    """A successor has begun, or the broker has forgotten this producer: nothing of this write is seen by anybody."""


class Written(NamedTuple):
    """Where one record went.

    Attributes:
        topic: Name of the topic.
        partition: Number of the partition.
        offset: Place in the partition.
    """

    topic: str
    partition: int
    offset: int


class FencedProducer:
    """A transactional producer; the newest one of a name is the only one that can write.

    librdkafka's transaction calls block, so they run one after the other in a thread of their own.

    Args:
        settings: The hub's Kafka settings.
        name: What is owned: the transactional id.
        client: Builds librdkafka's producer; tests give another one.

    Source:
        KIP-98: ``initTransactions`` raises the epoch of a transactional id, aborts what older epochs left open, and
        waits until that is done.
    """

    def __init__(
        self, settings: KafkaSettings, name: str, client: Callable[[dict[str, Any]], Any] = NativeProducer
    ) -> None:
        self._name = name
        self._client = client
        self._configuration = {
            **producer_configuration(settings, f"{name}-producer"),
            "transactional.id": name,
            "transaction.timeout.ms": _TRANSACTION_MS,
            "delivery.timeout.ms": min(settings.delivery_timeout_ms, _TRANSACTION_MS),
            # What is written here is waited for at once.
            "linger.ms": 0,
        }
        self._producer: Any = None
        self._is_closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lienthong-fenced")

    async def open(self) -> None:
        """Fence all predecessors; afterwards everything that they wrote is visible, and nothing more will be.

        Raises:
            BrokerUnavailableError: If this producer is closed while the broker is away.
            FatalError: If the broker does not allow this name.
        """
        await self._in_thread(self._open)

    async def write(
        self,
        records: Sequence[Outgoing],
        further: Callable[[Sequence[Written]], Sequence[Outgoing]] | None = None,
    ) -> None:
        """Write records, all of them or none.

        Args:
            records: Written in this order.
            further: What else belongs to the same write, once it is known where the records are.

        Raises:
            Fenced: If a successor has begun.
            RecordTooLargeError: If a record is larger than its topic allows.
            BrokerUnavailableError: If the broker did not acknowledge in time; the same write may be tried again.
            FatalError: If the broker does not allow it.

        Delivery:
            Returns when the transaction is committed. If the caller is cancelled, the write may still happen.
        """
        await self._in_thread(lambda: self._write(records, further))

    async def close(self) -> None:
        """Give up what is open and release the client; called twice it does nothing the second time."""
        if self._is_closing:
            return
        self._is_closing = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        if self._is_closing:
            raise FatalError("the producer was closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _open(self) -> None:
        if self._producer is None:
            self._producer = self._client(self._configuration)
            self._insist(lambda: self._producer.init_transactions(_CALL_SECONDS))

    def _write(
        self, records: Sequence[Outgoing], further: Callable[[Sequence[Written]], Sequence[Outgoing]] | None
    ) -> None:
        if self._producer is None:
            raise FatalError("the producer was not opened")
        self._insist(self._producer.begin_transaction)
        try:
            places = self._produce(records)
            if further is not None:
                self._produce(further(places))
            self._insist(lambda: self._producer.commit_transaction(_CALL_SECONDS))
        except Fenced:
            raise
        except Exception:
            # Of a producer that was fenced meanwhile, this is what says so.
            self._insist(lambda: self._producer.abort_transaction(_CALL_SECONDS))
            raise

    def _produce(self, records: Sequence[Outgoing]) -> list[Written]:
        """Hand records over and wait for their reports."""
        found: list[Written | None] = [None] * len(records)
        errors: list[LienthongError] = []

        def report(index: int) -> Callable[[KafkaError | None, Any], None]:
            def on_delivery(error: KafkaError | None, message: Any) -> None:
                if error is not None:
                    errors.append(to_error(error, message.topic()))
                else:
                    found[index] = Written(message.topic(), message.partition(), message.offset())

            return on_delivery

        for index, record in enumerate(records):
            self._hand_over(record, report(index))
        while self._producer.flush(_CALL_SECONDS) and not self._is_closing:
            continue
        if errors:
            raise errors[0]
        places = [place for place in found if place is not None]
        if len(places) < len(records):
            raise BrokerUnavailableError("Kafka did not acknowledge every record; check the broker")
        return places

    def _hand_over(self, record: Outgoing, on_delivery: Callable[[KafkaError | None, Any], None]) -> None:
        topic, key, value, headers, partition = record
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery, on_delivery, 0, headers)
            except BufferError:
                self._producer.poll(_FULL_WAIT_SECONDS)
            except KafkaException as exception:
                raise self._told(exception, topic) from exception
            else:
                return

    def _insist(self, call: Callable[[], Any]) -> None:
        """Make a call again while the broker is only slow or away."""
        while True:
            try:
                call()
            except KafkaException as exception:
                error = exception.args[0]
                if error.retriable() and not self._is_closing:
                    continue
                raise self._told(exception, "") from exception
            else:
                return

    def _told(self, exception: KafkaException, topic: str) -> Exception:
        error = exception.args[0]
        if error.code() in _FENCED:
            return Fenced()
        if error.code() in _NOT_ALLOWED:
            return FatalError(
                f"Kafka does not allow writing as {self._name} ({error.name()}); allow the pipeline's principal to "
                "write to its topics and under this transactional id"
            )
        if error.fatal():
            # The broker forgot this producer, such as after a transaction that lasted longer than it waits.
            log.warning("producer_lost", name=self._name, reason=error.name())
            return Fenced()
        return to_error(error, topic or "its topics")

    def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        producer.purge()
        producer.flush(_GOODBYE_SECONDS)
