"""Where a new partition begins, also while it has no leader."""

import threading

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from tests.unit.transport.conftest import ScriptedConsumer

from lienthong.errors import FatalError
from lienthong.transport import starts
from lienthong.transport.membership import Membership
from lienthong.transport.starts import StartFinder


class Electing(ScriptedConsumer):
    """A consumer whose partition fails for a while."""

    errors: list[int]

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        """Fail as told, then answer."""
        if self.errors:
            raise KafkaException(KafkaError(self.errors.pop()))
        return super().get_watermark_offsets(partition, timeout)


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch):
    """Give a function that asks where a partition begins while errors come."""
    monkeypatch.setattr(starts, "_BROKER_WAIT_SECONDS", 0.0)

    def ask(*errors: int):
        consumer = Electing(low=7)
        consumer.errors = list(errors)
        finder = StartFinder(Membership({}), threading.Event())
        return [assignment.position for assignment, _ in finder.find(consumer, [TopicPartition("t", 0)])]

    return ask


@pytest.mark.parametrize("code", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE])
def test_a_partition_whose_leader_is_being_elected_is_waited_for(find, code) -> None:
    """Topics that were just made, and a broker that restarts, end no worker."""
    assert find(code, code) == [7]


def test_a_group_that_may_not_be_read_ends_the_worker(find) -> None:
    """Waiting would not help."""
    with pytest.raises(FatalError, match="ACLs"):
        find(KafkaError.GROUP_AUTHORIZATION_FAILED)
