"""Reads topics without a group: manual assignment, from given offsets, to the end or for ever."""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from lienthong.errors import BrokerUnavailableError, FatalError, LienthongError, TopicDriftError
from lienthong.record import Place, Record

#: What librdkafka cannot mend by itself; it keeps trying on everything else.
_PERMANENT = frozenset(
    {
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001
        KafkaError.OFFSET_OUT_OF_RANGE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    }
)
_SILENCE_SECONDS = 30.0
_POLL_SECONDS = 0.1
_BATCH_RECORDS = 2_000


def to_error(error: KafkaError, doing: str) -> LienthongError:
    """Return the error of the hub for a failed read.

    Args:
        error: What librdkafka reported.
        doing: What was tried, such as ``read hue.receipts``.
    """
    if error.code() in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:  # noqa: SLF001
        return FatalError(
            f"cannot {doing}: the next offset is not in Kafka; records expired before they were read or the topic was "
            "made anew"
        )
    if error.code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}:  # noqa: SLF001
        return TopicDriftError(f"cannot {doing}: the topic does not exist; run `lienthong topics apply`")
    if error.fatal():
        return FatalError(f"cannot {doing} any more ({error.name()}); restart the process", reason=error.name())
    return BrokerUnavailableError(f"cannot {doing} ({error.name()}); check the broker", reason=error.name())


def error_of(exception: KafkaException, doing: str) -> LienthongError:
    """Return the error of the hub for an exception of librdkafka.

    Args:
        exception: What was raised.
        doing: What was tried.
    """
    cause = exception.args[0] if exception.args else None
    if isinstance(cause, KafkaError):
        return to_error(cause, doing)
    return BrokerUnavailableError(f"cannot {doing}; check the broker")


class TopicReader:
    """Reads partitions without joining a group; only committed records are seen.

    Args:
        configuration: Of librdkafka, as ``client_configuration`` returns it.
        starts: Partition → offset of the first record to read.
        ends: Partition → offset to stop before; None to read for ever.
        is_expiry_fatal: Whether a start that is no longer in Kafka is an error; otherwise reading begins at the
            oldest record.

    Delivery:
        Nothing is committed; where to go on after a restart is the caller's business.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        starts: Mapping[Place, int],
        *,
        ends: Mapping[Place, int] | None = None,
        is_expiry_fatal: bool = True,
    ) -> None:
        #: Partition → offset that reading has reached; also moves past records that are never shown.
        self.positions: dict[Place, int] = {Place(*place): offset for place, offset in starts.items()}
        self._ends = ends
        self._open = {place for place in self.positions if not self._is_reached(place)}
        self._consumer: Consumer | None = None
        if not self._open:
            return
        self._consumer = Consumer(
            {
                **configuration,
                # librdkafka demands a name, but a reader that is assigned by hand never joins the group.
                "group.id": f"{configuration.get('client.id', 'lienthong')}-reader",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error" if is_expiry_fatal else "earliest",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                "queued.min.messages": 20_000,
                "queued.max.messages.kbytes": 16_384,
            }
        )
        self._consumer.assign([TopicPartition(*place, self.positions[place]) for place in sorted(self._open)])

    @property
    def is_done(self) -> bool:
        """Whether every partition was read to its end."""
        return not self._open

    def read(self, timeout_seconds: float = _POLL_SECONDS, max_records: int = _BATCH_RECORDS) -> list[Record]:
        """Return what has arrived; blocks no longer than the timeout.

        Args:
            timeout_seconds: How long to wait for the first records.
            max_records: Most records to return.

        Raises:
            BrokerUnavailableError: If Kafka cannot be reached.
            TopicDriftError: If a topic does not exist.
            FatalError: If the next offset has expired.
        """
        if self._consumer is None:
            return []
        try:
            messages = self._consumer.consume(max_records, timeout_seconds)
        except KafkaException as error:
            raise error_of(error, "read from Kafka") from error
        records: list[Record] = []
        for message in messages:
            problem = message.error()
            if problem is None:
                self._accept(message, records)
            elif problem.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                self._advance(_place_of(message), cast("int", message.offset()))
            elif problem.fatal() or problem.code() in _PERMANENT:
                raise to_error(problem, f"read {message.topic() or 'from Kafka'}")
        return records

    def batches(self, silence_seconds: float = _SILENCE_SECONDS) -> Iterator[list[Record]]:
        """Yield records until every partition has reached its end.

        Args:
            silence_seconds: How long Kafka may stay silent.

        Raises:
            BrokerUnavailableError: If nothing arrives for that long.
            FatalError: If the next offset has expired.
        """
        silent_seconds = 0.0
        while not self.is_done:
            before = dict(self.positions)
            records = self.read()
            if records:
                yield records
            silent_seconds = 0.0 if self.positions != before else silent_seconds + _POLL_SECONDS
            if silent_seconds >= silence_seconds:
                raise BrokerUnavailableError(f"Kafka sent nothing for {silence_seconds:g} seconds; check the broker")

    def records(self) -> Iterator[Record]:
        """Yield every record up to the ends, as :meth:`batches` does, one by one."""
        for records in self.batches():
            yield from records

    def lags(self) -> dict[Place, int]:
        """Return how many records of each partition are not read yet, as far as the client has heard."""
        if self._consumer is None:
            return {}
        lags: dict[Place, int] = {}
        for place, position in self.positions.items():
            ends = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
            if ends[1] >= 0:
                lags[place] = max(ends[1] - position, 0)
        return lags

    def close(self) -> None:
        """Release the client; called twice it does nothing the second time."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self, message: Message, records: list[Record]) -> None:
        place = _place_of(message)
        offset = cast("int", message.offset())
        if self._ends is None or offset < self._ends.get(place, 0):
            records.append(_to_record(place, offset, message))
        self._advance(place, offset + 1)

    def _advance(self, place: Place, offset: int) -> None:
        self.positions[place] = max(offset, self.positions.get(place, 0))
        if place in self._open and self._is_reached(place):
            self._open.discard(place)
            if self._consumer is not None:
                self._consumer.pause([TopicPartition(*place)])

    def _is_reached(self, place: Place) -> bool:
        return self._ends is not None and self.positions[place] >= self._ends.get(place, 0)


def _place_of(message: Message) -> Place:
    return Place(cast("str", message.topic()), cast("int", message.partition()))


def _to_record(place: Place, offset: int, message: Message) -> Record:
    kind, timestamp_ms = message.timestamp()
    pairs: Any = message.headers() or ()
    headers = [(name, value if value is not None else b"") for name, value in pairs]
    return Record(
        place.topic, place.partition, offset, timestamp_ms if kind else -1, message.key(), message.value(), headers
    )
