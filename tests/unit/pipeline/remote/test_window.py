"""A record that holds its partition up makes way and is tried again without an operator."""

import asyncio

import pytest

from lienthong.errors import RejectedByTargetError

OTHER = b"H57.21-261008-0002"


async def test_a_waiting_record_makes_way_with_those_behind_it(lab, source) -> None:
    """It waits for its next call, so nothing is under way that could have an effect."""
    lab.step.waits["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    await lab.engine.on_window_full(source.assignment, 0)
    await lab.turns()
    assert lab.receipts() == [("p-1", "parked"), ("p-2", "parked")]
    assert lab.engine.parked_counts() == {"window": 1, "behind_parked_key": 1}
    assert source.assignment.position == 2
    assert lab.step.calls == []


async def test_it_is_tried_again_after_a_while_and_ends_without_an_operator(lab, source, clock) -> None:
    """The key drains in order once its first record succeeds."""
    lab.step.waits["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    await lab.engine.on_window_full(source.assignment, 0)
    await lab.turns()
    lab.step.waits["p-1"].set()
    clock.advance(60.0)
    await lab.turns(200)
    assert lab.step.calls == ["p-1", "p-2"]
    assert lab.receipts()[2:] == [("p-1", "delivered"), ("p-2", "delivered")]
    assert lab.parked() == []


async def test_a_call_under_way_is_not_cut_off(lab, source) -> None:
    """Its effect may be happening; the record makes way only if it must be tried again."""
    gate = lab.step.gates["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    await lab.engine.on_window_full(source.assignment, 0)
    await lab.turns()
    assert lab.step.at_work == 1
    gate.set()
    await lab.turns()
    assert lab.receipts() == [("p-1", "delivered")]
    assert lab.parked() == []


async def test_what_queues_behind_a_key_that_is_tried_again_makes_way_too(lab, source, clock) -> None:
    """The window must move although the key's first record is at work in the background."""
    lab.step.waits["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    await lab.engine.on_window_full(source.assignment, 0)
    clock.advance(60.0)
    await lab.turns()
    await lab.engine.submit(source.slice(source.progress(2), source.progress(3)))
    await lab.turns()
    assert source.assignment.position == 1
    await lab.engine.on_window_full(source.assignment, 1)
    await lab.turns()
    assert source.assignment.position == 3
    assert lab.parked() == ["p-1", "p-2", "p-3"]
    lab.step.waits["p-1"].set()
    await lab.turns(200)
    assert lab.step.calls == ["p-1", "p-2", "p-3"]
    assert lab.parked() == []


async def test_a_record_that_has_not_begun_makes_way_as_well(make_lab, source) -> None:
    """All places may be taken by other keys that wait."""
    lab = make_lab(max_in_flight=1)
    await lab.engine.start()
    lab.step.waits["p-1"] = asyncio.Event()
    other = source.progress(2)
    other.key_ = OTHER
    await lab.engine.submit(source.slice(source.progress(1), other))
    await lab.turns()
    await lab.engine.on_window_full(source.assignment, 0)
    await lab.turns()
    assert lab.receipts() == [("p-2", "parked")]
    await lab.engine.stop()


async def test_the_next_owner_tries_a_parked_key_at_once(lab, source, make_lab, make_bench) -> None:
    """Nobody but the worker releases it, so an assignment must not leave it waiting."""
    lab.step.waits["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    await lab.engine.on_window_full(source.assignment, 0)
    await lab.turns()
    await lab.engine.on_revoked([source.assignment], lost=False)
    successor = make_lab()
    await successor.engine.start()
    await successor.engine.on_assigned([make_bench("records.dossier").assignment])
    await successor.turns(200)
    assert successor.step.calls == ["p-1", "p-2"]
    assert successor.parked() == []
    await successor.engine.stop()


async def test_a_failing_key_ends_as_its_policy_says(make_lab, source, clock) -> None:
    """Making way does not save a record from being set aside."""
    lab = make_lab(errors={"sequenced": True})
    await lab.engine.start()
    lab.step.waits["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    await lab.engine.on_window_full(source.assignment, 0)
    await lab.turns()
    lab.step.waits["p-1"].set()
    lab.step.answers["p-1"] = RejectedByTargetError("given up")
    clock.advance(60.0)
    await lab.turns(200)
    assert lab.receipts()[2:] == [("p-1", "dead_lettered")]
    assert lab.engine.parked_counts() == {"dead_letter": 1, "behind_parked_key": 1}
    await lab.engine.stop()


@pytest.mark.parametrize("how", ["revoke", "stop"])
async def test_who_leaves_gives_up_waits_and_writes_nothing_of_them(lab, source, how) -> None:
    """A call made after the partition left would race with the next owner's."""
    lab.step.waits["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    if how == "revoke":
        source.assignment.is_leaving = True
        await asyncio.wait_for(lab.engine.on_revoked([source.assignment], lost=False), 2)
    else:
        assert await asyncio.wait_for(lab.engine.drain(5.0), 2)
    lab.step.waits["p-1"].set()
    await lab.turns()
    assert lab.step.calls == []
    assert lab.receipts() == []
    assert source.assignment.in_flight == 2


async def test_an_offset_that_is_not_at_work_any_more_is_no_matter(lab, source) -> None:
    """It may have settled while the news travelled."""
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    await lab.engine.on_window_full(source.assignment, 0)
    await lab.turns()
    assert lab.receipts() == [("p-1", "delivered")]
