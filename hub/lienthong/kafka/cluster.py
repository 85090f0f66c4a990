"""What exists in a Kafka cluster: partitions, their ends and what groups have committed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from lienthong.errors import BrokerUnavailableError, TopicDriftError
from lienthong.kafka.reader import TopicReader, error_of, to_error
from lienthong.record import Place

_TIMEOUT_SECONDS = 30.0
#: What the broker says while a partition has no leader yet; librdkafka does not ask again by itself.
_ELECTION = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
_ELECTION_ATTEMPTS = 50
_ELECTION_POLL_SECONDS = 0.1


class Committed(NamedTuple):
    """What a group has committed for one partition.

    Attributes:
        offset: The watermark: everything below it is settled.
        metadata: What the worker stored beside it.
    """

    offset: int
    metadata: str


class ClusterView:
    """What exists in the cluster: partitions, their ends and what groups have committed.

    Args:
        configuration: Of librdkafka, as ``client_configuration`` returns it.
        timeout_seconds: Limit for one question.
    """

    def __init__(self, configuration: Mapping[str, Any], timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._configuration = dict(configuration)
        self._timeout_seconds = timeout_seconds
        self._admin = AdminClient(dict(configuration))

    def partitions(self, topics: Iterable[str]) -> list[Place]:
        """Return the partitions of those topics that exist.

        Args:
            topics: Full names.

        Raises:
            BrokerUnavailableError: If Kafka cannot be reached.
        """
        wanted = set(topics)
        try:
            # Asking for one topic by name could create it; asking for all never does.
            known = self._admin.list_topics(timeout=self._timeout_seconds).topics
        except KafkaException as error:
            raise error_of(error, "list topics") from error
        return sorted(Place(name, number) for name in wanted & known.keys() for number in known[name].partitions)

    def beginning_offsets(self, topics: Iterable[str]) -> dict[Place, int]:
        """Return the offset of the oldest record of each partition.

        Args:
            topics: Full names; those that do not exist are left out.

        Raises:
            BrokerUnavailableError: If Kafka cannot be reached.
        """
        return {place: begin for place, (begin, _) in self.bounds(topics).items()}

    def end_offsets(self, topics: Iterable[str]) -> dict[Place, int]:
        """Return the offset after the last committed record of each partition.

        Args:
            topics: Full names; those that do not exist are left out.

        Raises:
            BrokerUnavailableError: If Kafka cannot be reached.
        """
        return {place: end for place, (_, end) in self.bounds(topics).items()}

    def bounds(self, topics: Iterable[str]) -> dict[Place, tuple[int, int]]:
        """Return what the two questions above do, asked once.

        Args:
            topics: Full names; those that do not exist are left out.

        Raises:
            BrokerUnavailableError: If Kafka cannot be reached.
        """
        places = self.partitions(topics)
        if not places:
            return {}
        # A consumer sees the end of what is committed, not of what is written.
        consumer = Consumer({**self._configuration, "group.id": "lienthong-view", "isolation.level": "read_committed"})
        try:
            return {place: self._watermarks_of(place, consumer) for place in places}
        finally:
            consumer.close()

    def spans(self, topics: Sequence[str], numbers: Iterable[int]) -> dict[Place, tuple[int, int]]:
        """Return the bounds of some partitions of a pipeline's own topics.

        Args:
            topics: Full names.
            numbers: Partition numbers of the pipeline's source.

        Raises:
            BrokerUnavailableError: If Kafka cannot be reached.
            TopicDriftError: If a topic has fewer partitions.
        """
        wanted = {Place(topic, number) for topic in topics for number in numbers}
        bounds = self.bounds(topics)
        missing = wanted - bounds.keys()
        if missing:
            raise TopicDriftError(
                f"{min(missing).topic} has fewer partitions than its source; run 'lienthong topics plan'"
            )
        return {place: bounds[place] for place in wanted}

    def committed_offsets(self, group: str, topics: Iterable[str]) -> dict[Place, Committed]:
        """Return what a group has committed; partitions without a commit are left out.

        Args:
            group: Name of the consumer group; it need not exist.
            topics: Full names.

        Raises:
            BrokerUnavailableError: If Kafka cannot be reached.
        """
        places = self.partitions(topics)
        if not places:
            return {}
        # A consumer waits for a coordinator that is still loading, which the admin client reports as an error. It is
        # never assigned anything, so it does not join the group.
        consumer = Consumer({**self._configuration, "group.id": group, "enable.auto.commit": False})
        try:
            answer = consumer.committed([TopicPartition(*place) for place in places], self._timeout_seconds)
        except KafkaException as error:
            raise error_of(error, f"read the offsets of group {group}") from error
        finally:
            consumer.close()
        found: dict[Place, Committed] = {}
        for item in answer:
            if item.error is not None:
                raise to_error(item.error, f"read the offsets of group {group}")
            if item.offset >= 0:
                found[Place(item.topic, item.partition)] = Committed(item.offset, item.metadata or "")
        return found

    def reader(
        self,
        starts: Mapping[Place, int],
        *,
        ends: Mapping[Place, int] | None = None,
        is_expiry_fatal: bool = True,
    ) -> TopicReader:
        """Return a reader of the same cluster.

        Args:
            starts: Partition → offset of the first record to read.
            ends: Partition → offset to stop before; None to read for ever.
            is_expiry_fatal: Whether a start that is no longer in Kafka is an error.
        """
        return TopicReader(self._configuration, starts, ends=ends, is_expiry_fatal=is_expiry_fatal)

    def whole(self, spans: Mapping[Place, tuple[int, int]]) -> TopicReader:
        """Return a reader of all that partitions hold now.

        Args:
            spans: Partition → first offset and the offset to stop before; what has expired meanwhile is left out.
        """
        starts = {place: first for place, (first, _) in spans.items()}
        return self.reader(starts, ends={place: end for place, (_, end) in spans.items()}, is_expiry_fatal=False)

    def _watermarks_of(self, place: Place, consumer: Consumer) -> tuple[int, int]:
        doing = f"read the offsets of {place.topic}[{place.partition}]"
        for attempt in range(1, _ELECTION_ATTEMPTS + 1):
            try:
                return consumer.get_watermark_offsets(TopicPartition(*place), self._timeout_seconds)
            except KafkaException as error:
                cause = error.args[0] if error.args else None
                is_election = isinstance(cause, KafkaError) and cause.code() in _ELECTION
                if not is_election or attempt == _ELECTION_ATTEMPTS:
                    raise error_of(error, doing) from error
                # Without an assignment this only waits and lets the client hear of the new leader.
                consumer.poll(_ELECTION_POLL_SECONDS)
        raise BrokerUnavailableError(f"cannot {doing}; check the broker")
