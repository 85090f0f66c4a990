"""What keeps the poll thread from stalling, repeating and writing over its successor."""

import pytest
from confluent_kafka import KafkaError, TopicPartition

from lienthong.errors import FatalError
from lienthong.record import Place


def test_records_of_an_assignment_that_ended_inside_the_same_call_are_not_delivered_twice(rig, message, place) -> None:
    """Rebalances run inside the library's calls: a partition may leave and come back between two records of a batch."""
    rig.assign(0)
    (old,) = rig.fetch(0, 1, 2)

    def rebalance() -> None:
        rig.poller._on_revoke(rig.consumer, [_partition(place)])
        rig.poller._on_assign(rig.consumer, [_partition(place)])

    rig.consumer.script.append(message(3))
    consume = rig.consumer.consume

    def consume_with_rebalance(number: int, timeout: float) -> list[object]:
        rebalance()
        return [message(4), *consume(number, timeout)]

    rig.consumer.consume = consume_with_rebalance
    rig.turn()
    del rig.consumer.consume
    new = rig.inbox.new[-1]
    assert [item.first for item in rig.inbox.received] == [0]
    assert old.assignment.is_over
    rig.poller.ready([new])
    assert [item.first for item in rig.fetch(0, 1, 2, 3, 4)] == [0]
    assert new.in_flight == 5


def test_a_record_that_was_skipped_in_a_rebalance_ends_the_worker(rig, message) -> None:
    """If the library should ever hand out a record of a paused partition, the restart reads it again: none is lost."""
    (new,) = rig.assign(0, ready=False)
    rig.consumer.script.append(message(0))
    rig.turn()
    assert rig.inbox.received == []
    rig.poller.ready([new])
    rig.consumer.script.append(message(1))
    with pytest.raises(FatalError, match="skipped"):
        rig.turn()


def test_a_full_window_names_the_blocking_record_and_pauses_only_at_twice_its_size(make_rig, place) -> None:
    """One slow key must not hold back what may be committed without bound, nor stop the others at once."""
    rig = make_rig(window_records=4)
    (assignment,) = rig.assign(0)
    rig.fetch(*range(10))
    assignment.settle(range(1, 5))
    rig.turn(1.0)
    assert rig.inbox.full == []
    assignment.settle([5])
    rig.turn(1.0, number=3)
    assert rig.inbox.full == [(assignment, 0)]
    assert rig.consumer.paused == set()
    assignment.settle(range(6, 10))
    rig.turn(1.0)
    assert rig.consumer.paused == {place}
    assignment.settle([0])
    rig.turn(1.0)
    assert rig.consumer.paused == set()
    rig.turn(20.0)
    assert len(rig.inbox.full) == 1


def test_a_window_that_stays_full_is_told_again(make_rig) -> None:
    """A pipeline whose target was away when it was told first must hear of it afterwards."""
    rig = make_rig(window_records=2)
    (assignment,) = rig.assign(0)
    rig.fetch(*range(6))
    assignment.settle([1, 2, 3])
    rig.turn(1.0, number=9)
    assert len(rig.inbox.full) == 1
    rig.turn(1.0, number=3)
    assert rig.inbox.full == [(assignment, 0)] * 2


def test_a_partition_full_of_one_keys_records_names_it_but_one_whose_target_is_away_does_not(make_rig) -> None:
    """A busy key fills the room of its partition before the window; an outage fills it too, but nothing flows past."""
    rig = make_rig(partition_records=10, window_records=1_000)
    blocked, away = rig.assign(0, 1)
    rig.fetch(*range(20))
    rig.fetch(*range(20), partition=1)
    blocked.settle(range(1, 3))
    rig.turn(1.0)
    assert rig.inbox.full == [(blocked, 0)]
    assert away.in_flight == 20


def test_after_a_long_silence_partitions_are_suspect_until_the_group_accepts_a_commit(rig) -> None:
    """A process that was frozen longer than its session must not write over its successor."""
    (assignment,) = rig.assign(0)
    rig.turn(0.3)
    assert not assignment.is_suspect
    rig.now += 31.0
    assert assignment.is_suspect
    rig.consumer.commit_error = KafkaError.UNKNOWN_MEMBER_ID
    rig.turn(0.3, number=3)
    assert assignment.is_suspect
    rig.consumer.commit_error = None
    rig.turn(0.3)
    assert not assignment.is_suspect
    assert rig.consumer.commits[-1][0] is False


def test_a_lost_partition_never_becomes_trustworthy_again(rig) -> None:
    """The group's answer after the silence is of the new assignments only."""
    (old,) = rig.assign(0)
    rig.turn(0.3)
    rig.now += 31.0
    rig.consumer.script.append(lambda: rig.revoke(0, lost=True))
    rig.turn(0.3, number=2)
    assert old.is_over
    rig.turn(0.3)
    (new,) = rig.assign(0)
    assert not new.is_suspect


def test_a_fatal_error_of_the_client_ends_the_worker(rig) -> None:
    """It is told by another way than the errors of partitions, and the client does nothing more after it."""
    rig.assign(0)
    rig.poller._on_error(KafkaError(KafkaError._FENCED, "fenced", fatal=True))
    with pytest.raises(FatalError, match="_FENCED"):
        rig.turn()


def test_a_broker_that_went_away_is_known_until_it_gives_a_sign_of_life(rig) -> None:
    """A worker without its broker is not ready, and is never ended for it."""
    rig.assign(0)
    rig.consumer.script.append(lambda: rig.consumer.configuration["error_cb"](_error(KafkaError._TRANSPORT)))
    rig.turn()
    assert not rig.poller.is_broker_away
    rig.consumer.script.append(lambda: rig.consumer.configuration["error_cb"](_error(KafkaError._ALL_BROKERS_DOWN)))
    rig.turn()
    assert rig.poller.is_broker_away
    rig.fetch(0)
    assert not rig.poller.is_broker_away


def test_a_worker_that_is_given_nothing_has_joined_all_the_same(rig) -> None:
    """More workers than partitions: the others stand by, and are ready."""
    assert not rig.poller.has_joined
    rig.assign()
    assert rig.poller.has_joined


def _error(code: int) -> KafkaError:
    return KafkaError(code)


def _partition(place: Place) -> TopicPartition:
    return TopicPartition(place.topic, place.partition)
