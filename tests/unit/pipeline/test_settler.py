"""Outcomes become durable in one order only: their records, their receipts, then the offset."""

import asyncio

import pytest

from lienthong import receipt
from lienthong.errors import BrokerUnavailableError, DeadLetterWriteError, RecordTooLargeError
from lienthong.pipeline.settler import Settler
from lienthong.receipt import Receipt
from lienthong.record import OutgoingRecord


@pytest.fixture
async def settler(producer, clock, metrics):
    """Give a settler at work."""
    made = Settler("deliver", "hue.receipts", producer, clock, metrics)
    task = asyncio.create_task(made.run())
    made.task = task
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _receipt(offset: int) -> Receipt:
    return Receipt(offset, "/hue/one-stop", f"e-{offset}", "dossier.progress", "key", "delivered")


def _record(name: str) -> OutgoingRecord:
    return OutgoingRecord("hue.state.deliver", name.encode(), b"{}", [])


async def _turns() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


async def test_records_then_receipts_then_settled(settler, producer, bench) -> None:
    """A crash between two of the steps repeats, and never loses or invents."""
    producer.is_held = True
    bench.assignment.deliver([0])
    done = settler.add(bench.assignment.place, _receipt(0), [_record("a")], bench.assignment)
    await _turns()
    assert producer.written == []
    producer.acknowledge()
    await _turns()
    assert producer.log == ["write state.deliver"]
    assert bench.assignment.position == 0
    assert not done.done()
    producer.acknowledge()
    await _turns()
    assert producer.log == ["write state.deliver", "write receipts"]
    assert bench.assignment.position == 1
    assert done.done()


async def test_a_failure_settles_nothing_and_tells_those_who_wait(settler, producer, bench) -> None:
    """Whoever waits for durability must not wait for ever, and must not take it for granted."""
    producer.refuse = lambda record: BrokerUnavailableError("refused") if record.topic == "hue.receipts" else None
    bench.assignment.deliver([0, 1])
    first = settler.add(bench.assignment.place, _receipt(0), [_record("a")], bench.assignment)
    await _turns()
    await asyncio.wait_for(settler.wait_idle(), 1)
    assert first.cancelled()
    assert bench.assignment.in_flight == 2
    with pytest.raises(BrokerUnavailableError):
        await settler.task


async def test_what_is_added_meanwhile_does_not_prolong_a_wait(settler, producer, bench) -> None:
    """A revocation waits under load: records of the partitions that stay must not hold it up for ever."""
    producer.is_held = True
    bench.assignment.deliver(list(range(100)))
    settler.add(bench.assignment.place, _receipt(0), [_record("a")], bench.assignment)
    waiting = asyncio.create_task(settler.wait_idle())
    for offset in range(1, 20):
        await _turns()
        settler.add(bench.assignment.place, _receipt(offset), [_record("b")], bench.assignment)
        producer.acknowledge()
        if waiting.done():
            break
    assert waiting.done()
    assert offset < 6


async def test_many_receipts_are_cut_into_batches_that_a_topic_takes(settler, producer, bench) -> None:
    """While Kafka is away outcomes pile up; one endless batch would be refused and every effect repeated."""
    producer.is_held = True
    bench.assignment.deliver(list(range(5_001)))
    settler.add(bench.assignment.place, _receipt(0), [], bench.assignment)
    await _turns()
    for offset in range(1, 5_001):
        done = settler.add(bench.assignment.place, _receipt(offset)._replace(id="x" * 1_024), [], bench.assignment)
    while not done.done():
        producer.acknowledge()
        await _turns()
    batches = producer.of("receipts")
    assert max(len(each.value) for each in batches) < 1_000_000
    assert sum(len(receipt.decode(each.value).receipts) for each in batches) == 5_001
    assert bench.assignment.position == 5_001


async def test_an_outcome_without_assignment_writes_its_receipt_only(settler, producer, bench) -> None:
    """A parked record was settled when it was parked."""
    await settler.add(bench.assignment.place, _receipt(7))
    assert producer.log == ["write receipts"]


async def test_a_state_is_written_after_the_records_that_it_stands_for(settler, producer, bench) -> None:
    """A state that says "asked" beside an answer that was never written would lose the answer at a crash."""
    producer.is_held = True
    bench.assignment.deliver([0])
    answer = OutgoingRecord("hue.verified.dossier", b"key", b"{}", [])
    settler.add(bench.assignment.place, _receipt(0), [answer], bench.assignment, state=_record("key"))
    await _turns()
    producer.acknowledge()
    assert producer.log == ["write verified.dossier"]
    await _turns()
    producer.acknowledge()
    await _turns()
    assert producer.log == ["write verified.dossier", "write state.deliver", "write receipts"]
    assert bench.assignment.position == 1


class _Membership:
    """A group that has not answered yet."""

    is_suspect = True


@pytest.mark.parametrize("is_lost", [False, True])
async def test_after_a_silence_nothing_is_written_before_the_group_has_answered(
    settler, producer, bench, is_lost
) -> None:
    """A worker that was frozen must not write over its successor; it only tells of effects that did happen."""
    assignment = bench.assignment
    assignment._membership = _Membership()
    assignment.deliver([0, 1])
    delivered = settler.add(assignment.place, _receipt(0), [_record("a")], assignment)
    parked = settler.add(assignment.place, _receipt(1)._replace(kind="parked"), [_record("b")], assignment)
    await asyncio.sleep(0.05)
    assert producer.written == []
    if is_lost:
        assignment.is_over = True
    assignment._membership.is_suspect = False
    await asyncio.wait([delivered, parked], timeout=2)
    (batch,) = [receipt.decode(record.value) for record in producer.written if record.topic == "hue.receipts"]
    told = [(row.id, row.kind, row.repeat_possible) for row in batch.receipts]
    if is_lost:
        assert told == [("e-0", "delivered", True)]
        assert [record.topic for record in producer.written] == ["hue.receipts"]
        assert parked.cancelled()
        assert assignment.position == 0
    else:
        assert told == [("e-0", "delivered", False), ("e-1", "parked", False)]
        assert assignment.position == 2


async def test_a_refused_dead_letter_is_told_as_such(producer, clock, metrics, bench) -> None:
    """Nothing but its source holds the record then, so the pipeline must stop and say why."""
    settler = Settler("deliver", "hue.receipts", producer, clock, metrics, "hue.deadletters.deliver")
    producer.refuse = lambda record: RecordTooLargeError("large") if record.topic == "hue.deadletters.deliver" else None
    bench.assignment.deliver([0])
    letter = OutgoingRecord("hue.deadletters.deliver", b"key", b"{}", [])
    settler.add(bench.assignment.place, _receipt(0), [_record("a"), letter], bench.assignment)
    with pytest.raises(DeadLetterWriteError):
        await settler.run()
    assert bench.assignment.position == 0
