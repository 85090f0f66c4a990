"""A record that ends its worker again and again is parked; everything else flows."""

import asyncio

import pytest

from lienthong.delivery.command import Action
from lienthong.pipeline.crash_guard import QUARANTINED
from lienthong.pipeline.key_state import decode

ALERT = {"pipeline": "deliver", "alert": QUARANTINED, "target": ""}


@pytest.fixture
def live(make_lab, make_bench):
    """Give a function that starts a next worker on the partition and hands it the same records."""

    async def begin(answers=None, numbers=(1, 2), key=None):
        lab = make_lab()
        lab.step.answers |= answers or {}
        await lab.engine.start()
        bench = make_bench("records.dossier")
        await lab.engine.on_assigned([bench.assignment])
        lab.bench = bench
        messages = [bench.progress(number) for number in numbers]
        if key is not None:
            messages[0].key_ = key
        lab.messages = messages
        await lab.engine.submit(bench.slice(*messages))
        await lab.turns(120)
        return lab

    return begin


async def _crash(begin, times: int, **how):
    for _ in range(times):
        lab = await begin({"p-1": ZeroDivisionError("defect")}, **how)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(lab.engine.wait_failed(), 1)
        await lab.engine.stop()


async def test_after_three_crashes_the_key_is_parked_and_others_flow(live, producer, metrics) -> None:
    """One poison record costs three restarts and one key, not the pipeline."""
    await _crash(live, 3, key=b"H57.21-261008-0009")
    lab = await live({"p-1": ZeroDivisionError("defect")}, key=b"H57.21-261008-0009")
    assert lab.step.calls == ["p-2"]
    assert sorted(lab.receipts()[-2:]) == [("p-1", "parked"), ("p-2", "delivered")]
    assert lab.parked() == ["p-1"]
    assert lab.bench.assignment.position == 2
    assert metrics.value("lienthong_alerts", **ALERT) == 1
    await lab.engine.stop()


async def test_records_behind_it_wait_in_order(live) -> None:
    """No record of a dossier overtakes the one that is in quarantine."""
    await _crash(live, 3, numbers=(1, 2, 3))
    lab = await live({"p-1": ZeroDivisionError("defect")}, numbers=(1, 2, 3))
    assert lab.step.calls == []
    assert lab.parked() == ["p-1", "p-2", "p-3"]
    await lab.engine.stop()


async def test_two_crashes_are_forgiven(live, producer, metrics) -> None:
    """A defect that is mended before the third crash leaves nothing behind."""
    await _crash(live, 2)
    lab = await live()
    assert lab.receipts() == [("p-1", "delivered"), ("p-2", "delivered")]
    await lab.engine.drain(1)
    await lab.engine.stop()
    assert decode(producer.of("state.deliver")[-1]).unknown["crash_journal"]["crashes"] == []
    assert metrics.value("lienthong_alerts", **ALERT) == 0


async def test_a_defect_of_decoding_is_a_crash_of_that_record(live, monkeypatch) -> None:
    """Also a parser that breaks ends the worker with the name of the record, and is not tried a fourth time."""
    broken = []

    def decode(record, *_rest):
        broken.append(record.offset)
        raise RecursionError("too deep")

    monkeypatch.setattr("lienthong.pipeline.handling.decode", decode)
    for _ in range(3):
        lab = await live(numbers=(1,))
        with pytest.raises(RecursionError):
            await asyncio.wait_for(lab.engine.wait_failed(), 1)
        await lab.engine.stop()
    lab = await live(numbers=(1,))
    assert lab.parked() == ["p-1"]
    await lab.engine.stop()


async def test_a_worker_that_died_in_silence_is_followed_by_careful_ones(make_lab, make_bench, producer) -> None:
    """Each record is written down before it begins; the one at work at three deaths is parked."""
    for _ in range(6):
        lab = make_lab()
        lab.step.gates["p-1"] = asyncio.Event()
        await lab.engine.start()
        bench = make_bench("records.dossier")
        await lab.engine.on_assigned([bench.assignment])
        submitting = asyncio.create_task(lab.engine.submit(bench.slice(bench.progress(1))))
        await lab.turns()
        assert lab.step.calls == ["p-1"]
        submitting.cancel()
        # The process is gone: what it would still write is lost.
        written = list(producer.written)
        await lab.engine.stop()
        producer.written[:] = written
    lab = make_lab()
    await lab.engine.start()
    bench = make_bench("records.dossier")
    await lab.engine.on_assigned([bench.assignment])
    await lab.engine.submit(bench.slice(bench.progress(1), bench.progress(2)))
    await lab.turns()
    assert lab.parked() == ["p-1", "p-2"]
    assert lab.step.calls == []
    await lab.engine.stop()


@pytest.mark.parametrize(("action", "end"), [(Action.REPLAY, "delivered"), (Action.DISCARD, "cancelled")])
async def test_an_operator_releases_it_by_its_dead_letter(live, producer, metrics, action, end) -> None:
    """It is listed among the dead letters; once the defect is mended it goes on, then those behind it."""
    await _crash(live, 3)
    lab = await live({"p-1": ZeroDivisionError("defect")})
    (letter,) = producer.of("deadletters.deliver")
    assert dict(letter.headers)["lt-error-detail"]
    assert dict(letter.headers)["lt-error-reason"] == b"quarantine"
    lab.step.answers.clear()
    lab.give(lab.messages[0], action)
    await lab.turns(200)
    assert lab.receipts()[-2:] == [("p-1", end), ("p-2", "delivered")]
    assert lab.parked() == []
    assert metrics.value("lienthong_alerts", **ALERT) == 0
    await lab.engine.stop()


async def test_a_replay_that_crashes_again_is_given_three_tries(live, producer, metrics) -> None:
    """The order is read again after each crash, and ends in quarantine once more instead of never."""
    await _crash(live, 3)
    lab = await live({"p-1": ZeroDivisionError("defect")})
    lab.give(lab.messages[0], Action.REPLAY)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(lab.engine.wait_failed(), 1)
        await lab.engine.stop()
        lab = await live({"p-1": ZeroDivisionError("defect")}, numbers=(1,))
    assert lab.parked() == ["p-1", "p-2"]
    assert len(producer.of("deadletters.deliver")) == 2
    assert metrics.value("lienthong_alerts", **ALERT) == 1
    await lab.engine.stop()
    lab = await live({"p-1": ZeroDivisionError("defect")}, numbers=(1,))
    await lab.turns()
    assert lab.step.calls == [], "the order is done"
    await lab.engine.stop()


async def test_a_record_in_quarantine_is_not_even_decoded(live, monkeypatch) -> None:
    """A parser that takes the process with it must not be given the record again."""
    await _crash(live, 3, numbers=(1,))
    monkeypatch.setattr("lienthong.pipeline.handling.decode", None)
    lab = await live(numbers=(1,))
    assert lab.parked() == ["p-1"]
    await lab.engine.stop()
