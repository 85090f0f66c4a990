"""Lanes, dead letters, revocations and the end of a worker."""

import asyncio

import pytest

from lienthong import receipt
from lienthong.errors import FatalError, RejectedByTargetError
from lienthong.pipeline.key_state import decode
from lienthong.pipeline.messages import to_record
from lienthong.record import Record

CODE = b"H57.21-261008-0001"


async def test_a_record_is_settled_after_state_and_receipt(lab, source, producer) -> None:
    """Nothing is committed that Kafka does not know the outcome of."""
    producer.is_held = True
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    assert source.assignment.in_flight == 1
    producer.acknowledge()
    await lab.turns()
    assert source.assignment.position == 1
    assert producer.log == ["write state.deliver", "write receipts"]
    assert lab.receipts() == [("p-1", "delivered")]


async def test_one_key_is_in_order_and_others_do_not_wait(lab, source) -> None:
    """A slow dossier holds itself up and nobody else; what settles behind it is remembered above the watermark."""
    lab.step.gates["p-1"] = asyncio.Event()
    other = source.progress(3)
    first, second = source.progress(1), source.progress(2)
    first.offset_, second.offset_, other.offset_ = 0, 1, 2
    other.key_ = b"H57.21-261008-0002"
    await lab.engine.submit(source.slice(first, second, other))
    await lab.turns()
    assert lab.step.calls == ["p-1", "p-3"]
    assert source.assignment.position == 0
    assert source.assignment.in_flight == 2
    lab.step.gates["p-1"].set()
    await lab.turns()
    assert lab.step.calls == ["p-1", "p-3", "p-2"]
    assert source.assignment.position == 3


async def test_the_next_record_of_a_key_waits_until_the_last_effect_is_durable(lab, source, producer) -> None:
    """After a crash an effect whose end nobody noted is repeated; a newer one of its key must not have gone before."""
    producer.is_held = True
    other = source.progress(3)
    other.key_ = b"H57.21-261008-0002"
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2), other))
    await lab.turns()
    assert lab.step.calls == ["p-1", "p-3"]
    for _ in range(4):
        producer.acknowledge()
        await lab.turns()
    assert lab.step.calls == ["p-1", "p-3", "p-2"]


async def test_a_rejected_record_becomes_a_dead_letter_and_the_key_goes_on(lab, source, producer) -> None:
    """The record's own fault: set aside with reason and origin, receipt, settled."""
    error = RejectedByTargetError("refused", reason="E05")
    error.attempts = 3
    lab.step.answers["p-1"] = error
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    assert lab.receipts() == [("p-1", "dead_lettered"), ("p-2", "delivered")]
    (letter,) = producer.of("deadletters.deliver")
    headers = dict(letter.headers)
    assert headers["lt-error-reason"] == b"E05"
    assert headers["lt-error-attempts"] == b"3"
    assert headers["lt-error-stage"] == b"sink_write"
    assert source.assignment.position == 2


async def test_an_undecodable_record_becomes_a_dead_letter(lab, source, producer) -> None:
    """Also behind intake a record can be broken; it must not stop the pipeline."""
    await lab.engine.submit(source.slice(source.message(b"{", [("ce_id", b"x")]), source.progress(1)))
    await lab.turns()
    assert [kind for _, kind in lab.receipts()] == ["dead_lettered", "delivered"]
    assert dict(producer.of("deadletters.deliver")[0].headers)["lt-error-stage"] == b"decode"


async def test_a_pipeline_that_tolerates_no_error_stops(make_lab, source, producer) -> None:
    """With tolerance "stop" nothing is set aside and nothing settled."""
    lab = make_lab(errors={"tolerance": "stop"})
    await lab.engine.start()
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    await lab.engine.submit(source.slice(source.progress(1)))
    with pytest.raises(FatalError):
        await asyncio.wait_for(lab.engine.wait_failed(), 1)
    assert source.assignment.in_flight == 1
    assert producer.written == []
    await lab.engine.stop()


async def test_an_unknown_error_stops_the_engine_and_settles_nothing(lab, source, producer) -> None:
    """A defect of a connector is no reason to set citizens' records aside."""
    lab.step.answers["p-1"] = ZeroDivisionError("defect")
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(lab.engine.wait_failed(), 1)
    assert source.assignment.in_flight == 2
    assert producer.of("receipts") == []


async def test_a_revocation_finishes_what_runs_and_drops_what_waits(lab, source) -> None:
    """The new owner begins with what this worker has not begun; nothing of the key is done twice or out of order."""
    gate = lab.step.gates["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    source.assignment.is_leaving = True
    leaving = asyncio.create_task(lab.engine.on_revoked([source.assignment], lost=False))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait_for(leaving, 2)
    await lab.turns()
    assert lab.step.calls == ["p-1"]
    assert source.assignment.position == 1
    assert lab.durable.forgotten == {0}


async def test_a_lost_partition_cancels_what_runs(lab, source) -> None:
    """Another worker may be at the same record already."""
    lab.step.gates["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    await asyncio.wait_for(lab.engine.on_revoked([source.assignment], lost=True), 2)
    await lab.turns()
    assert lab.step.at_work == 0
    assert lab.receipts() == []
    assert source.assignment.in_flight == 2


async def test_a_partition_that_comes_back_waits_for_what_is_still_to_be_written(lab, source, producer) -> None:
    """The broker was away: read before its own state was written, the worker would send older records once more."""
    producer.is_held = True
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    await lab.engine.on_revoked([source.assignment], lost=True)
    back = asyncio.create_task(lab.engine.on_assigned([source.assignment]))
    await lab.turns()
    assert not back.done()
    producer.is_held = False
    producer.acknowledge()
    await lab.turns()
    producer.acknowledge()
    await asyncio.wait_for(back, 2)
    assert producer.log == ["write state.deliver", "write receipts"]


@pytest.mark.parametrize("answer", [None, "review", "reject"])
async def test_a_call_that_ends_after_its_partition_left_writes_no_state(
    mismatch, lab, source, producer, answer
) -> None:
    """Its old state or parked entry would overwrite the new owner's; only a possible repeat is told."""
    gate = lab.step.gates["p-1"] = asyncio.Event()
    if answer is not None:
        lab.step.answers["p-1"] = mismatch() if answer == "review" else RejectedByTargetError("refused")
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    source.assignment.is_over = True
    gate.set()
    await lab.turns()
    assert {each.topic for each in producer.written} <= {"hue.receipts"}
    if answer is None:
        (row,) = receipt.decode(producer.of("receipts")[0].value).receipts
        assert (row.kind, row.repeat_possible) == ("delivered", True)
    else:
        assert producer.written == []
    assert lab.engine._flow.is_parked(type("Item", (), {"record": to_record(source.progress(9))})) is False


async def test_a_stopping_worker_finishes_what_runs_and_begins_nothing(lab, source) -> None:
    """The rest of a slice must not go on after what waited in its lane was dropped: that would break the order."""
    gate = lab.step.gates["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    draining = asyncio.create_task(lab.engine.drain(5.0))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait_for(draining, 2)
    await lab.engine.submit(source.slice(source.progress(3)))
    await lab.turns()
    assert lab.step.calls == ["p-1"]
    assert source.assignment.position == 1
    assert lab.receipts() == [("p-1", "delivered")]


async def test_a_stopping_worker_does_not_wait_for_ever_for_kafka(make_lab, source, producer, clock) -> None:
    """With the broker away a worker must still end when it is told to."""
    lab = make_lab()
    await lab.engine.start()
    producer.is_held = True
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    assert await asyncio.wait_for(lab.engine.drain(0.05), 2) is False
    assert source.assignment.in_flight == 1
    await lab.engine.stop()


async def test_what_was_known_of_a_key_is_known_to_the_next_owner(make_lab, lab, source, make_bench) -> None:
    """The state of a key is in Kafka, not in the process."""
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    (written,) = lab.producer.of("state.deliver")
    assert (written.key, written.partition) == (CODE, 0)
    stored = decode(Record(written.topic, 0, 0, 0, written.key, written.value, []))
    assert stored.sequence == 1
    successor = make_lab()
    await successor.engine.start()
    await successor.engine.on_assigned([make_bench("records.dossier").assignment])
    assert successor.engine._states.get(0, CODE) == stored
    await successor.engine.stop()
