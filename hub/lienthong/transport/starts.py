"""Asks the broker where the group stands in new partitions."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from lienthong.errors import BrokerUnavailableError, FatalError
from lienthong.record import Place
from lienthong.transport.assignment import Assignment
from lienthong.transport.codes import REBALANCE_CODES, TRANSIENT_CODES
from lienthong.transport.membership import Membership

log = structlog.get_logger(__name__)

_BROKER_SECONDS = 10.0
_BROKER_WAIT_SECONDS = 0.2
T = TypeVar("T")


class StartFinder:
    """Finds the first offset of each new partition.

    Args:
        membership: Beaten while the broker is away, because waiting for it is no stall.
        stopping: Ends the waiting.
    """

    def __init__(self, membership: Membership, stopping: threading.Event) -> None:
        self._membership = membership
        self._stopping = stopping

    def find(self, consumer: Any, partitions: Sequence[TopicPartition]) -> list[tuple[Assignment, TopicPartition]]:
        """Return the partitions with where to begin: the group's offset, or the oldest record of a new group.

        Args:
            consumer: librdkafka's.
            partitions: The new ones.

        Raises:
            FatalError: If the group may not be read.
            BrokerUnavailableError: If the worker stops while the broker is away.
        """
        found = []
        for committed in self._ask(lambda: without_errors(consumer.committed(list(partitions), _BROKER_SECONDS))):
            start = committed.offset
            if start < 0:
                beginning = TopicPartition(committed.topic, committed.partition, OFFSET_BEGINNING)
                start = self._ask(partial(_low_offset, consumer, beginning))
            place = Place(committed.topic, committed.partition)
            assignment = Assignment(place, start, committed.metadata, self._membership)
            found.append((assignment, TopicPartition(*place, start)))
        return found

    def _ask(self, question: Callable[[], T]) -> T:
        """Ask for as long as the broker only is away: a rebalance often comes with a broker that restarts."""
        attempt = 0
        while True:
            self._membership.beat()
            try:
                return question()
            except KafkaException as error:
                problem: KafkaError = error.args[0]
                if problem.code() not in TRANSIENT_CODES | REBALANCE_CODES:
                    raise FatalError(
                        f"the committed offset cannot be read ({problem.name()}); check the group's ACLs"
                    ) from error
                attempt += 1
                log.warning("broker_unreachable", error_code=problem.name(), attempt=attempt)
                if self._stopping.wait(_BROKER_WAIT_SECONDS):
                    raise BrokerUnavailableError(
                        "the broker does not tell where the group stands; check the broker"
                    ) from error


def without_errors(answers: Sequence[TopicPartition]) -> Sequence[TopicPartition]:
    """Return answers that all succeeded.

    Args:
        answers: One for each partition.

    Raises:
        KafkaException: The first error.
    """
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)
    return answers


def _low_offset(consumer: Any, partition: TopicPartition) -> int:
    low, _ = consumer.get_watermark_offsets(partition, _BROKER_SECONDS)
    return int(low)
