"""The engine without I/O: records, then receipts, then settled; a failure settles nothing."""

import asyncio

import pytest

from lienthong import receipt
from lienthong.errors import BrokerUnavailableError, FatalError
from lienthong.pipeline.forward import Forward
from lienthong.pipeline.pure import PureEngine


@pytest.fixture
def engine(make_pipeline, producer, clock, metrics):
    """Give an engine that hands records on."""
    pipeline = make_pipeline(forward={"topic": "records.dossier"})
    return PureEngine(pipeline, Forward(pipeline, "hue.records.dossier"), producer, clock, metrics)


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_slice_is_settled_after_its_records_and_then_its_receipts(engine, bench, producer) -> None:
    """A commit before the receipt would let a record vanish from what officials see."""
    producer.is_held = True
    await engine.submit(bench.slice(bench.progress(1), bench.progress(2)))
    await _settle()
    assert bench.assignment.position == 0
    assert producer.written == []
    producer.acknowledge()
    await _settle()
    assert [each.topic for each in producer.written] == ["hue.records.dossier"] * 2
    assert bench.assignment.position == 0
    producer.acknowledge()
    await _settle()
    assert bench.assignment.position == 2
    (written,) = producer.of("receipts")
    batch = receipt.decode(written.value)
    assert [(each.offset, each.id, each.kind) for each in batch.receipts] == [
        (0, "p-1", "delivered"),
        (1, "p-2", "delivered"),
    ]


async def test_slices_are_written_in_order_before_the_first_is_acknowledged(engine, bench, producer) -> None:
    """Throughput comes from not waiting; order comes from handing over one slice after the other."""
    producer.is_held = True
    for number in range(4):
        await engine.submit(bench.slice(bench.progress(number + 1)))
    ids = [dict(each.headers)["ce_id"] for batch in producer.pending for each in batch.records]
    assert ids == [b"p-1", b"p-2", b"p-3", b"p-4"]
    assert bench.assignment.in_flight == 4


async def test_a_refused_write_settles_nothing_and_stops_the_engine(engine, bench, producer) -> None:
    """Whatever Kafka did not take is read again by the next worker; nothing after it is processed."""
    producer.refuse = lambda record: BrokerUnavailableError("refused") if record.topic == "hue.receipts" else None
    await engine.submit(bench.slice(bench.progress(1)))
    with pytest.raises(BrokerUnavailableError):
        await engine.wait_failed()
    assert bench.assignment.position == 0
    with pytest.raises(BrokerUnavailableError):
        await engine.submit(bench.slice(bench.progress(2)))
    assert len(producer.of("records.dossier")) == 1


async def test_a_refused_record_writes_no_receipt(engine, bench, producer) -> None:
    """A receipt says what is true."""
    producer.refuse = lambda record: FatalError("order lost") if record.topic == "hue.records.dossier" else None
    await engine.submit(bench.slice(bench.progress(1)))
    with pytest.raises(FatalError):
        await engine.wait_failed()
    assert producer.of("receipts") == []
    assert bench.assignment.in_flight == 1


async def test_a_leaving_partition_is_not_begun(engine, bench, producer) -> None:
    """The new owner reads what this worker has not begun."""
    bench.assignment.is_leaving = True
    await engine.submit(bench.slice(bench.progress(1)))
    assert producer.written == []


async def test_a_revocation_waits_for_what_is_on_its_way_and_a_loss_does_not(engine, bench, make_bench, producer):
    """What is written already would be repeated if the partition left before it settled."""
    producer.is_held = True
    other = make_bench(partition=1)
    await engine.submit(bench.slice(bench.progress(1)))
    await engine.submit(other.slice(other.progress(1)))
    await asyncio.wait_for(engine.on_revoked([bench.assignment], lost=True), 1)
    waiting = asyncio.create_task(engine.on_revoked([bench.assignment], lost=False))
    await _settle()
    assert not waiting.done()
    producer.acknowledge(1)
    await _settle()
    assert not waiting.done()
    del producer.pending[0]
    producer.acknowledge()
    await asyncio.wait_for(waiting, 1)
    assert bench.assignment.position == 1
    assert other.assignment.position == 0


async def test_draining_waits_for_everything_and_gives_up_in_time(engine, bench, producer) -> None:
    """A worker that is told to stop finishes, but not for ever."""
    producer.is_held = True
    await engine.submit(bench.slice(bench.progress(1)))
    assert await engine.drain(0.01) is False
    producer.is_held = False
    producer.acknowledge()
    assert await engine.drain(1.0) is True
    assert bench.assignment.position == 1


async def test_types_that_are_not_wanted_are_filtered_with_a_receipt(make_pipeline, bench, producer, clock, metrics):
    """Every record has an outcome, also one that this pipeline does nothing for."""
    pipeline = make_pipeline(forward={"topic": "records.dossier"}, types=["dossier.snapshot"])
    engine = PureEngine(pipeline, Forward(pipeline, "hue.records.dossier"), producer, clock, metrics)
    await engine.submit(bench.slice(bench.progress(1), bench.snapshot(1)))
    await _settle()
    assert [dict(each.headers)["ce_type"] for each in producer.of("records.dossier")] == [b"dossier.snapshot"]
    batch = receipt.decode(producer.of("receipts")[0].value)
    assert [each.kind for each in batch.receipts] == ["filtered", "delivered"]
    assert bench.assignment.position == 2
