"""Reviews park their key; decisions release it, in order and once."""

import pytest

from lienthong.delivery.command import Action
from lienthong.delivery.review_record import review_id, to_review
from lienthong.pipeline.messages import to_record

CODE = b"H57.21-261008-0001"


async def test_a_review_parks_its_key_and_nothing_of_it_overtakes(mismatch, lab, source) -> None:
    """While an official decides, later records of the dossier wait behind, in order, settled in the source."""
    lab.step.answers["p-1"] = mismatch()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2), source.progress(3)))
    await lab.turns()
    assert lab.step.calls == ["p-1"]
    assert lab.receipts() == [("p-1", "review"), ("p-2", "parked"), ("p-3", "parked")]
    assert lab.parked() == ["p-1", "p-2", "p-3"]
    assert len(lab.open_reviews()) == 1
    assert source.assignment.position == 3


@pytest.mark.parametrize("action", [Action.APPROVE, Action.CANCEL, Action.CORRECT])
async def test_a_decision_releases_the_key_in_order(mismatch, lab, source, action) -> None:
    """The decided record first, then those behind it; afterwards nothing is parked and no review open."""
    lab.step.answers["p-1"] = mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2), source.progress(3)))
    await lab.turns()
    lab.step.answers.clear()
    corrected = first.value() if action is Action.CORRECT else None
    lab.give(first, action, corrected)
    await lab.turns(200)
    ends = {Action.APPROVE: "delivered", Action.CANCEL: "cancelled", Action.CORRECT: "delivered"}
    assert lab.receipts()[3:] == [("p-1", ends[action]), ("p-2", "delivered"), ("p-3", "delivered")]
    assert lab.step.calls == ["p-1", *(["p-1"] if action is Action.CORRECT else []), "p-2", "p-3"]
    assert lab.parked() == []
    assert lab.open_reviews() == set()
    await lab.engine.submit(source.slice(source.progress(4)))
    await lab.turns()
    assert lab.receipts()[-1] == ("p-4", "delivered")


@pytest.mark.parametrize("action", [Action.APPROVE, Action.CANCEL])
async def test_a_decided_record_that_is_read_again_is_not_handled_again(mismatch, lab, source, action) -> None:
    """Its offset may not have been committed when the worker died: what an official cancelled must never be sent."""
    lab.step.answers["p-1"] = mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first))
    await lab.turns()
    lab.step.answers.clear()
    lab.give(first, action)
    await lab.turns(200)
    again = source.progress(1)
    await lab.engine.submit(source.slice(again))
    await lab.turns()
    assert lab.step.calls == ["p-1"]
    assert lab.receipts()[-1] == ("p-1", "duplicate")


async def test_the_same_decision_twice_is_carried_out_once(mismatch, lab, source) -> None:
    """Commands stay in Kafka and are read again at every assignment."""
    lab.step.answers["p-1"] = mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first))
    await lab.turns()
    lab.give(first, Action.APPROVE)
    lab.give(first, Action.APPROVE)
    lab.give(first, Action.CANCEL)
    await lab.turns(200)
    assert lab.step.approved == ["p-1"]
    assert lab.receipts() == [("p-1", "review"), ("p-1", "delivered")]


async def test_a_review_that_a_death_kept_from_being_written_is_written(mismatch, make_lab, lab, source) -> None:
    """Nobody could decide on what nobody sees; the next owner asks as the first one would have."""
    lab.step.answers["p-1"] = mismatch()
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    asked = lab.producer.of("review")
    lab.producer.written[:] = [each for each in lab.producer.written if each not in asked]
    assert lab.open_reviews() == set()
    successor = make_lab()
    await successor.engine.start()
    await successor.engine.on_assigned([source.assignment])
    await lab.turns()
    assert lab.producer.of("review") == asked
    await successor.engine.stop()


async def test_a_decision_closes_a_review_that_a_death_left_over(lab, source, clock) -> None:
    """Half a write of a worker that died asks about a record that was delivered since; nothing of it stays open."""
    first = source.progress(1)
    left = {"pipeline": "deliver", "reason": "mismatch", "opened_at": clock.now(), "findings": ()}
    await lab.producer.send([to_review(to_record(first), topic="hue.review", **left)])
    await lab.engine.submit(source.slice(first))
    await lab.turns()
    assert len(lab.open_reviews()) == 1
    lab.give(first, Action.CANCEL)
    await lab.turns()
    assert lab.open_reviews() == set()
    assert lab.receipts() == [("p-1", "delivered")]


async def test_a_record_that_waited_may_need_a_decision_of_its_own(mismatch, lab, source) -> None:
    """The second review keeps the order of those behind it; deciding it releases them."""
    lab.step.answers |= {"p-1": mismatch(), "p-2": mismatch()}
    first, second = source.progress(1), source.progress(2)
    await lab.engine.submit(source.slice(first, second, source.progress(3)))
    await lab.turns()
    lab.give(first, Action.APPROVE)
    await lab.turns(200)
    assert lab.parked() == ["p-2", "p-3"]
    assert lab.open_reviews() == {review_id("deliver", to_record(second)).encode()}
    assert lab.receipts()[3:] == [("p-1", "delivered"), ("p-2", "review")]
    lab.give(second, Action.APPROVE)
    await lab.turns(200)
    assert lab.parked() == []
    assert lab.open_reviews() == set()
    assert lab.receipts()[5:] == [("p-2", "delivered"), ("p-3", "delivered")]


async def test_a_correction_that_is_still_wrong_asks_again(mismatch, lab, source) -> None:
    """A second wrong value opens the review once more, with the corrected value."""
    lab.step.answers["p-1"] = mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2)))
    await lab.turns()
    lab.give(first, Action.CORRECT, first.value())
    await lab.turns(200)
    assert lab.parked() == ["p-1", "p-2"]
    assert len(lab.open_reviews()) == 1
    assert lab.step.calls == ["p-1", "p-1"]
    lab.give(first, Action.CANCEL)
    await lab.turns(200)
    assert lab.parked() == []
    assert lab.receipts()[-2:] == [("p-1", "cancelled"), ("p-2", "delivered")]


async def test_a_parked_record_that_is_read_again_is_told_once_more_and_not_parked_twice(
    mismatch, make_lab, lab, source, make_bench
) -> None:
    """A worker that dies between parking and commit: the next one finds it parked and adds nothing."""
    lab.step.answers["p-1"] = mismatch()
    first, second = source.progress(1), source.progress(2)
    await lab.engine.submit(source.slice(first, second))
    await lab.turns()
    successor = make_lab()
    await successor.engine.start()
    fresh = make_bench("records.dossier")
    await successor.engine.on_assigned([fresh.assignment])
    await successor.engine.submit(fresh.slice(fresh.progress(1), fresh.progress(2), fresh.progress(3)))
    await successor.turns()
    assert successor.step.calls == []
    assert successor.parked() == ["p-1", "p-2", "p-3"]
    assert len(successor.open_reviews()) == 1
    assert fresh.assignment.position == 3
    successor.give(first, Action.APPROVE)
    await successor.turns(200)
    assert successor.parked() == []
    assert successor.step.calls == ["p-2", "p-3"]
    await successor.engine.stop()


async def test_a_decision_that_came_while_nobody_worked_is_carried_out_at_assignment(
    mismatch, make_lab, lab, source, make_bench
) -> None:
    """Officials decide also while a worker is down."""
    lab.step.answers["p-1"] = mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2)))
    await lab.turns()
    successor = make_lab()
    successor.give(first, Action.APPROVE)
    await successor.engine.start()
    await successor.engine.on_assigned([make_bench("records.dossier").assignment])
    await successor.turns(200)
    assert successor.step.calls == ["p-2"]
    assert successor.parked() == []
    await successor.engine.stop()
