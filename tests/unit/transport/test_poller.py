"""The poll thread, driven step by step with a scripted consumer."""

import pytest
from confluent_kafka import KafkaError

from lienthong.errors import BrokerUnavailableError, FatalError, OffsetCommitError
from lienthong.record import Place
from lienthong.transport import commit_metadata
from lienthong.transport.inbox import Inbox


def test_records_wait_until_the_pipeline_is_ready(rig, place) -> None:
    """Nothing flows before the pipeline has read what is parked: a new partition starts paused."""
    new = rig.assign(0, ready=False)
    assert rig.consumer.paused == {place}
    rig.turn()
    assert rig.consumer.paused == {place}
    rig.poller.ready(new)
    rig.turn()
    assert rig.consumer.paused == set()


def test_only_what_is_settled_is_committed(rig) -> None:
    """Settling out of order and across a gap never commits past a record in flight."""
    rig.assign(0)
    (item,) = rig.fetch(0, 1, 2, 5, 6)
    item.assignment.settle([1, 2, 6])
    rig.turn(1.0)
    assert rig.stored() == 0
    item.assignment.settle([0])
    rig.turn(1.0, number=2)
    offset, metadata = rig.consumer.stored[item.place]
    assert offset == 5
    assert commit_metadata.decode(5, metadata) == [(6, 6)]
    item.assignment.settle([5])
    rig.turn(1.0)
    assert rig.stored() == 7


def test_a_commit_is_not_later_than_the_interval_and_not_for_nothing(rig) -> None:
    """Progress is stored within the interval; an idle partition costs no commits."""
    (assignment,) = rig.assign(0)
    rig.turn(0.2, number=3)
    before = len(rig.consumer.commits)
    rig.turn(0.2, number=10)
    assert len(rig.consumer.commits) == before
    rig.fetch(0, 1)
    assignment.settle([0, 1])
    rig.turn(0.1)
    assert len(rig.consumer.commits) == before
    rig.turn(0.1)
    assert len(rig.consumer.commits) == before + 1
    assert rig.stored() == 2


def test_markers_at_the_end_leave_no_lag(rig, end_of) -> None:
    """Transaction markers and aborted records take offsets that nobody is ever given."""
    (assignment,) = rig.assign(0)
    (item,) = rig.fetch(0, 1)
    rig.consumer.script.append(end_of(9))
    rig.turn()
    assert assignment.lag == 9
    item.settle_all()
    assert assignment.lag == 0
    rig.turn(1.0)
    assert rig.stored() == 9


def test_the_end_in_the_same_batch_as_records_commits_none_of_them(rig, end_of) -> None:
    """The end is noted after the records before it, whatever their order in the batch."""
    (assignment,) = rig.assign(0)
    rig.consumer.script.append(end_of(2))
    rig.fetch(0, 1)
    assert assignment.position == 0
    assert assignment.in_flight == 2


def test_records_of_several_partitions_are_cut_into_their_slices(rig, message) -> None:
    """A slice never mixes partitions, and keeps the order of each."""
    rig.assign(0, 1)
    places = [(0, 0), (1, 0), (7, 1), (8, 1), (2, 0)]
    rig.consumer.script.extend(message(offset, partition) for offset, partition in places)
    rig.turn()
    assert [(item.place.partition, [each.offset() for each in item.messages]) for item in rig.inbox.received] == [
        (0, [0, 1]),
        (1, [7, 8]),
        (0, [2]),
    ]


def test_a_revoked_partition_is_drained_then_committed_then_given_back(rig, place) -> None:
    """What settles during the short wait is committed before the next owner reads the offset."""
    rig.assign(0)
    (item,) = rig.fetch(0, 1, 2)

    def drain(leaving) -> bool:
        assert leaving[0].is_leaving
        assert rig.stored() in (None, 0)
        item.assignment.settle([0, 1])
        return True

    rig.inbox.on_revoke = drain
    rig.revoke(0)
    assert rig.consumer.commits[-1][0] is False
    assert rig.stored() == 2
    assert rig.consumer.assigned == {}
    item.assignment.settle([2])
    rig.turn(1.0, number=2)
    assert rig.stored() == 2
    assert item.assignment.is_over


def test_a_pipeline_that_does_not_drain_holds_nobody_up(make_rig) -> None:
    """The wait in the callback is bounded: the partitions that stay are not fetched during it."""
    rig = make_rig(drain_seconds=0.01)
    rig.assign(0)
    (item,) = rig.fetch(0, 1)
    rig.inbox.on_revoke = lambda _: False
    rig.revoke(0)
    assert rig.stored() == 0
    assert item.assignment.is_over


def test_a_lost_partition_is_never_committed(rig) -> None:
    """Another worker may own it already: a commit would move its offset."""
    rig.assign(0)
    (item,) = rig.fetch(0, 1)
    rig.turn(1.0, number=2)
    commits = len(rig.consumer.commits)
    item.settle_all()
    rig.revoke(0, lost=True)
    rig.turn(1.0, number=3)
    assert len(rig.consumer.commits) == commits
    assert rig.inbox.gone[-1][1] is True
    assert rig.consumer.assigned == {}


def test_partitions_that_stay_are_never_paused_by_a_rebalance(rig) -> None:
    """Incremental rebalancing is worth nothing if the worker stops what it keeps."""
    rig.assign(0, 1)
    rig.turn()
    rig.consumer.pauses.clear()
    rig.revoke(1)
    rig.turn(0.1)
    rig.assign(2)
    rig.turn(0.1)
    touched = {place.partition for _, places in rig.consumer.pauses for place in places}
    assert touched == {2}
    assert [item.place.partition for item in rig.fetch(0)] == [0]


def test_records_of_a_partition_that_left_are_dropped(rig) -> None:
    """The library may still hand out records fetched before the revocation; the new owner reads them."""
    rig.assign(0)
    rig.revoke(0)
    assert rig.fetch(0, 1) == []


def test_a_partition_that_comes_back_starts_where_the_group_stands(rig) -> None:
    """The second assignment is a new one: what settles late in the first does not move it."""
    rig.assign(0)
    (old,) = rig.fetch(0, 1, 2)
    old.assignment.settle([0])
    rig.revoke(0)
    (new,) = rig.assign(0)
    assert rig.consumer.assigned[new.place] == 1
    old.settle_all()
    rig.turn(1.0, number=2)
    assert rig.stored() == 1


def test_too_much_in_flight_pauses_until_half_is_done(make_rig) -> None:
    """Memory is bounded, and fetching does not flap around the limit."""
    rig = make_rig(outstanding_records=4, partition_records=100)
    rig.assign(0, 1)
    (item,) = rig.fetch(0, 1, 2, 3)
    rig.turn()
    assert len(rig.consumer.paused) == 2
    item.assignment.settle([0, 1])
    rig.turn()
    assert rig.consumer.paused == {item.place}
    item.assignment.settle([2])
    rig.turn()
    assert rig.consumer.paused == set()


def test_a_full_partition_pauses_alone(make_rig, place) -> None:
    """One slow partition must not take the room of the others."""
    rig = make_rig(outstanding_records=100, partition_records=3)
    rig.assign(0, 1)
    (item,) = rig.fetch(0, 1, 2)
    rig.turn()
    assert rig.consumer.paused == {place}
    item.settle_all()
    rig.turn()
    assert rig.consumer.paused == set()


def test_holding_stops_fetching_but_not_committing(rig, place) -> None:
    """At the end of a worker what is in flight is still committed."""
    rig.assign(0)
    (item,) = rig.fetch(0, 1)
    rig.poller.hold(held=True)
    rig.turn()
    assert rig.consumer.paused == {place}
    item.settle_all()
    rig.turn(1.0)
    assert rig.stored() == 2


def test_one_failing_partition_does_not_lose_the_progress_of_others(rig, place) -> None:
    """Results are looked at one by one; what failed is committed again."""
    first, second = rig.assign(0, 1)
    rig.fetch(0, partition=0)
    rig.fetch(0, partition=1)
    rig.consumer.failing[place] = KafkaError.REQUEST_TIMED_OUT
    first.settle([0])
    second.settle([0])
    rig.turn(1.0, number=2)
    assert rig.stored(0) is None
    assert rig.stored(1) == 1
    rig.consumer.failing.clear()
    rig.consumer.commits.clear()
    rig.turn(1.0)
    assert list(rig.consumer.commits[-1][1]) == [place]
    assert rig.stored(0) == 1


def test_a_failing_partition_among_those_that_leave_does_not_stop_the_rebalance(rig, place) -> None:
    """The synchronous call raises for all of them, although the others were committed."""
    first, second = rig.assign(0, 1)
    rig.fetch(0, partition=0)
    rig.fetch(0, partition=1)
    first.settle([0])
    second.settle([0])
    rig.consumer.failing[place] = KafkaError.ILLEGAL_GENERATION
    rig.revoke(0, 1)
    assert rig.stored(1) == 1
    assert rig.consumer.assigned == {}


@pytest.mark.parametrize("code", [KafkaError.OFFSET_METADATA_TOO_LARGE, KafkaError.GROUP_AUTHORIZATION_FAILED])
def test_a_commit_that_can_never_succeed_stops_the_worker(rig, code) -> None:
    """Going on for days without a commit would repeat days of records at the next restart."""
    (assignment,) = rig.assign(0)
    rig.fetch(0)
    assignment.settle([0])
    rig.consumer.commit_error = code
    with pytest.raises(OffsetCommitError):
        rig.turn(1.0, number=2)


@pytest.mark.parametrize(
    "code", [KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.REBALANCE_IN_PROGRESS, KafkaError._TRANSPORT]
)
def test_a_commit_that_fails_for_the_moment_is_repeated(rig, code) -> None:
    """A broker that restarts must not stop the worker."""
    (assignment,) = rig.assign(0)
    rig.fetch(0)
    assignment.settle([0])
    rig.consumer.commit_error = code
    rig.turn(1.0, number=4)
    assert rig.stored() is None
    rig.consumer.commit_error = None
    rig.turn(1.0, number=2)
    assert rig.stored() == 1


def test_a_log_start_above_the_watermark_is_fatal(rig, event_of) -> None:
    """Retention that removed unsettled records is a loss: it stops the pipeline and says so, never skips."""
    rig.assign(0)
    rig.consumer.script.append(event_of(KafkaError._AUTO_OFFSET_RESET))
    with pytest.raises(FatalError, match="retention"):
        rig.poller._turn()


@pytest.mark.parametrize("code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART])
def test_what_the_broker_will_never_allow_is_fatal(rig, event_of, code) -> None:
    """A worker that may not read would otherwise stay silently idle."""
    rig.consumer.script.append(event_of(code))
    with pytest.raises(FatalError, match="ACLs"):
        rig.poller._turn()


@pytest.mark.parametrize(
    "code",
    [KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._MAX_POLL_EXCEEDED, KafkaError.NOT_COORDINATOR],
)
def test_a_broker_that_is_away_is_waited_for(rig, event_of, code) -> None:
    """Outages pass; records that come in the same batch are not dropped."""
    rig.assign(0)
    rig.consumer.script.append(event_of(code))
    assert [item.first for item in rig.fetch(0, 1)] == [0]


def test_a_group_without_a_commit_starts_at_the_oldest_record(rig) -> None:
    """A new pipeline takes all there is, and stores where it began, so that later nothing is skipped silently."""
    rig.consumer.low = 17
    (assignment,) = rig.assign(0)
    assert rig.consumer.assigned[assignment.place] == 17
    rig.turn(1.0)
    assert rig.stored() == 17


def test_settled_records_of_the_last_owner_are_not_handed_out(rig, place) -> None:
    """The text of the last commit keeps a restart from repeating what is done."""
    rig.consumer.stored[place] = 4, commit_metadata.encode(4, [(5, 6), (8, 8)])
    rig.assign(0)
    (item,) = rig.fetch(4, 5, 6, 7, 8, 9)
    assert [each.offset() for each in item.messages] == [4, 7, 9]
    item.settle_all()
    rig.turn(1.0)
    assert rig.stored() == 10


def test_a_broker_that_is_away_during_an_assignment_is_asked_again(rig, monkeypatch) -> None:
    """Rebalances come with broker restarts; the first failed question must not stop the worker."""
    rig.consumer.committed_error = KafkaError._TIMED_OUT
    asked = []

    def wait(seconds: float) -> bool:
        asked.append(seconds)
        rig.consumer.committed_error = None
        return False

    monkeypatch.setattr(rig.poller._stopping, "wait", wait)
    assert len(rig.assign(0)) == 1
    assert len(asked) == 1


def test_a_broker_that_stays_away_during_an_assignment_is_waited_for_until_the_worker_stops(rig, monkeypatch) -> None:
    """An outage never ends a worker; without the group's offset nothing is read, not even from the beginning."""
    waits: list[float] = []

    def wait(_seconds: float) -> bool:
        rig.now += 10.0
        waits.append(rig.poller.heartbeat)
        return len(waits) > 50

    monkeypatch.setattr(rig.poller._stopping, "wait", wait)
    rig.consumer.committed_error = KafkaError._TIMED_OUT
    with pytest.raises(BrokerUnavailableError):
        rig.assign(0)
    assert rig.consumer.assigned == {}
    assert waits == sorted(set(waits))


def test_a_group_that_may_not_be_read_is_fatal(rig) -> None:
    """Missing ACLs are told at once."""
    rig.consumer.committed_error = KafkaError.GROUP_AUTHORIZATION_FAILED
    with pytest.raises(FatalError, match="GROUP_AUTHORIZATION_FAILED"):
        rig.assign(0)


def test_callbacks_never_raise_into_the_library(rig, monkeypatch) -> None:
    """An exception inside librdkafka's callback would end the thread without a word: it is kept and told."""

    def broken(*_args, **_kwargs) -> None:
        raise RuntimeError("broken pipeline")

    monkeypatch.setattr(rig.inbox, "assigned", broken)
    with pytest.raises(RuntimeError, match="broken pipeline"):
        rig.assign(0)
    rig.poller.error = None
    rig.poller._assignments = {Place("records.dossier", 0): rig.inbox.new[0]} if rig.inbox.new else {}
    monkeypatch.undo()
    rig.assign(1)
    monkeypatch.setattr(rig.inbox, "revoked", broken)
    with pytest.raises(RuntimeError, match="broken pipeline"):
        rig.revoke(1)
    rig.poller.error = None
    with pytest.raises(RuntimeError, match="broken pipeline"):
        rig.revoke(1, lost=True)


def test_the_recording_inbox_has_every_method_of_the_real_one(rig) -> None:
    """The stand-in of these tests follows the protocol."""
    assert all(hasattr(rig.inbox, name) for name in vars(Inbox) if not name.startswith("_"))
