"""Owners tell how they end; what cannot tell is found out by the next."""

import asyncio

import pytest

from lienthong.errors import BrokerUnavailableError
from lienthong.pipeline.crash_guard import QUARANTINED, CrashGuard
from lienthong.pipeline.key_state import KeyStates
from lienthong.record import Place, Record

TOPIC = "hue.records.dossier"


def _record(offset: int, partition: int = 0) -> Record:
    return Record(TOPIC, partition, offset, 0, b"key", b"{}", [])


@pytest.fixture
def own(producer, metrics, make_bench):
    """Give a function that lets a next owner begin, who reads what Kafka holds."""

    async def begin(start: int = 0, partitions: tuple[int, ...] = (0,), *, begins: bool = True) -> CrashGuard:
        states = KeyStates()
        for offset, each in enumerate(producer.of("state.deliver")):
            states.load(Record(each.topic, each.partition, offset, 0, each.key, each.value, each.headers))
        guard = CrashGuard("deliver", "hue.state.deliver", states, producer, metrics, careful_records=3)
        guard.assignments = [make_bench("records.dossier", number).assignment for number in partitions]
        for assignment in guard.assignments:
            assignment.deliver(list(range(start + 1)))
            assignment.settle(range(start))
        await guard.adopt(guard.assignments)
        if begins:
            for assignment in guard.assignments:
                await guard.begin(assignment)
        return guard

    return begin


async def test_three_exceptions_at_one_record_condemn_it(own) -> None:
    """Each worker leaves a marker before it ends."""
    for _ in range(3):
        guard = await own()
        assert not guard.is_condemned(_record(4))
        await guard.crashed(_record(4))
    guard = await own()
    assert guard.is_condemned(_record(4))
    assert not guard.is_condemned(_record(5))
    assert not guard.is_condemned(_record(4, partition=1))
    assert not guard.is_careful


async def test_an_exception_at_one_partition_explains_the_end_of_all(own) -> None:
    """The other partitions of a worker must not wonder why it ended."""
    for _ in range(5):
        guard = await own(partitions=(0, 1))
        await guard.crashed(_record(4))
    assert not (await own(partitions=(1,))).is_careful


async def test_three_silent_deaths_make_careful_and_three_more_find_the_record(own) -> None:
    """A record that kills the process without a trace is found by writing down what is begun."""
    for _ in range(3):
        assert not (await own()).is_careful
    for _ in range(3):
        guard = await own()
        assert guard.is_careful
        await guard.before(_record(0))
        await guard.after(_record(0))
        await guard.before(_record(1))
    guard = await own()
    assert guard.is_condemned(_record(1))
    assert not guard.is_condemned(_record(0))
    assert not guard.is_careful


async def test_what_another_partition_had_at_work_is_not_blamed(own) -> None:
    """A careful worker takes one record at a time over all of its partitions."""
    for _ in range(3):
        await own(partitions=(0, 1))
    for _ in range(3):
        guard = await own(partitions=(0, 1))
        await guard.before(_record(8, partition=1))
        await guard.after(_record(8, partition=1))
        await guard.before(_record(4))
    guard = await own(partitions=(0, 1))
    assert guard.is_condemned(_record(4))
    assert not guard.is_condemned(_record(8, partition=1))


async def test_care_ends_when_it_has_found_nothing(own) -> None:
    """A worker that was killed by something else works at full speed again."""
    for _ in range(3):
        await own()
    guard = await own()
    for offset in range(3):
        assert guard.is_careful
        await guard.before(_record(offset))
        await guard.after(_record(offset))
    assert not guard.is_careful
    assert not (await own()).is_careful


async def test_partitions_without_records_suspect_nobody(own, producer) -> None:
    """Workers that are killed while nothing flows leave nothing to find, and write nothing."""
    for _ in range(9):
        assert not (await own(begins=False)).is_careful
    assert producer.written == []


async def test_a_good_end_is_told(own) -> None:
    """Deployments and rebalances are no deaths."""
    for _ in range(9):
        guard = await own(partitions=(0, 1))
        assert not guard.is_careful
        await guard.close([Place(TOPIC, 0)])
        guard.forget([Place(TOPIC, 0)])
        await guard.close()


async def test_what_is_begun_is_written_once(own, producer) -> None:
    """A slice costs nothing once its partition is begun."""
    guard = await own()
    for _ in range(5):
        await guard.begin(guard.assignments[0])
    assert len(producer.written) == 1


async def test_nothing_is_begun_before_the_beginning_is_acknowledged(own, producer) -> None:
    """Whoever comes while it is on its way, or after somebody gave up waiting for it, waits as well."""
    guard = await own(begins=False)
    producer.is_held = True
    first, second = (asyncio.create_task(guard.begin(guard.assignments[0])) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    third = asyncio.create_task(guard.begin(guard.assignments[0]))
    await asyncio.sleep(0)
    assert not second.done()
    assert not third.done()
    producer.acknowledge()
    await asyncio.gather(second, third)


async def test_a_condemned_record_is_tried_anew_after_its_quarantine(own, producer, metrics) -> None:
    """Whoever replays it after a repair starts with a clean count, also after the next restart."""
    for _ in range(3):
        await (await own()).crashed(_record(4))
    guard = await own()
    await producer.send([guard.quarantined(_record(4))])
    assert not guard.is_condemned(_record(4))
    assert not (await own()).is_condemned(_record(4))
    guard.tell(1)
    assert metrics.value("lienthong_alerts", pipeline="deliver", alert=QUARANTINED, target="") == 1
    guard.tell(0)
    assert metrics.value("lienthong_alerts", pipeline="deliver", alert=QUARANTINED, target="") == 0


async def test_a_record_that_ends_at_last_is_forgiven(own) -> None:
    """Two crashes of chance must not count against it for ever."""
    for _ in range(2):
        await (await own()).crashed(_record(4))
    guard = await own()
    guard.ended(_record(4))
    await guard.close()
    await (await own()).crashed(_record(4))
    assert not (await own()).is_condemned(_record(4))


async def test_a_crash_does_not_wait_for_a_broker_that_is_away(own, producer, monkeypatch) -> None:
    """The process ends in any case; without a marker the death counts as a silent one."""
    monkeypatch.setattr("lienthong.pipeline.crash_guard._MARKER_SECONDS", 0.01)
    guard = await own()
    producer.is_held = True
    await asyncio.wait_for(guard.crashed(_record(4)), 1)
    producer.is_held = False
    producer.refuse = lambda _: BrokerUnavailableError("away")
    await guard.close()


async def test_a_suspect_that_is_released_is_written_down_first(own) -> None:
    """A replayed record that kills again is blamed at once, though nobody is careful."""
    for count in range(3):
        guard = await own()
        assert guard.is_condemned(_record(4)) is False, count
        await guard.before(_record(4))
    assert (await own()).is_condemned(_record(4))


async def test_what_another_worker_owns_is_left_alone(own, producer) -> None:
    """A worker that lost a partition writes nothing about it."""
    guard = await own()
    guard.forget([Place(TOPIC, 0)])
    producer.written.clear()
    await guard.crashed(_record(4))
    await guard.before(_record(4))
    await guard.after(_record(4))
    await guard.close()
    assert producer.written == []
