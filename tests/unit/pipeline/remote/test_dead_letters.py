"""Sequenced dead letters park their key; replay and discard let it go on, in order and once."""

import pytest

from lienthong.delivery.command import Action
from lienthong.errors import RejectedByTargetError

OTHER = b"H57.21-261008-0002"


@pytest.fixture
async def lab(make_lab):
    """Give an engine at work whose dead letters park their key."""
    made = make_lab(errors={"sequenced": True})
    await made.engine.start()
    yield made
    await made.engine.stop()


async def test_a_dead_letter_parks_its_key_and_nothing_of_it_overtakes(lab, source, producer) -> None:
    """The record has ended as a dead letter, later ones of its dossier wait, other dossiers go on."""
    lab.step.answers["p-1"] = RejectedByTargetError("refused", reason="E05")
    other = source.progress(4)
    other.key_ = OTHER
    await lab.engine.submit(source.slice(other, source.progress(1), source.progress(2), source.progress(3)))
    await lab.turns()
    assert lab.step.calls == ["p-4", "p-1"]
    assert sorted(lab.receipts()) == [
        ("p-1", "dead_lettered"),
        ("p-2", "parked"),
        ("p-3", "parked"),
        ("p-4", "delivered"),
    ]
    assert lab.parked() == ["p-1", "p-2", "p-3"]
    assert lab.engine.parked_counts() == {"dead_letter": 1, "behind_parked_key": 2}
    assert len(producer.of("deadletters.deliver")) == 1
    assert source.assignment.position == 4


@pytest.mark.parametrize(("action", "end"), [(Action.REPLAY, "delivered"), (Action.DISCARD, "cancelled")])
async def test_an_operator_lets_the_key_go_on_in_order(lab, source, action, end) -> None:
    """First the dead letter, as it was decided, then those behind it; afterwards the key is free."""
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2), source.progress(3)))
    await lab.turns()
    lab.step.answers.clear()
    lab.give(first, action)
    await lab.turns(200)
    assert lab.receipts()[3:] == [("p-1", end), ("p-2", "delivered"), ("p-3", "delivered")]
    assert lab.step.calls == ["p-1", *(["p-1"] if action is Action.REPLAY else []), "p-2", "p-3"]
    assert lab.parked() == []
    await lab.engine.submit(source.slice(source.progress(4)))
    await lab.turns()
    assert lab.receipts()[-1] == ("p-4", "delivered")


async def test_a_replay_that_is_refused_again_waits_on(lab, source, producer) -> None:
    """It is a dead letter once more, with the same id, and those behind it keep waiting for the next decision."""
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2)))
    await lab.turns()
    lab.give(first, Action.REPLAY)
    await lab.turns(200)
    assert lab.receipts()[2:] == [("p-1", "dead_lettered")]
    assert lab.parked() == ["p-1", "p-2"]
    ids = [dict(letter.headers)["lt-error-id"] for letter in producer.of("deadletters.deliver")]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    lab.step.answers.clear()
    lab.give(first, Action.REPLAY)
    await lab.turns(200)
    assert lab.receipts()[3:] == [("p-1", "delivered"), ("p-2", "delivered")]
    assert lab.parked() == []


async def test_a_record_behind_that_is_refused_holds_up_those_behind_it(lab, source) -> None:
    """Letting a key go on stops at the next dead letter."""
    lab.step.answers |= {"p-1": RejectedByTargetError("refused"), "p-2": RejectedByTargetError("refused")}
    first, second = source.progress(1), source.progress(2)
    await lab.engine.submit(source.slice(first, second, source.progress(3)))
    await lab.turns()
    lab.give(first, Action.DISCARD)
    await lab.turns(200)
    assert lab.receipts()[3:] == [("p-1", "cancelled"), ("p-2", "dead_lettered")]
    assert lab.parked() == ["p-2", "p-3"]
    lab.give(second, Action.DISCARD)
    await lab.turns(200)
    assert lab.receipts()[5:] == [("p-2", "cancelled"), ("p-3", "delivered")]


async def test_a_replaced_value_is_what_is_delivered(lab, source, bench) -> None:
    """A replay may carry another value; place and name of the record stay."""
    first = source.message(b"{", [*source.progress(1).headers()])
    await lab.engine.submit(source.slice(first))
    await lab.turns()
    assert lab.receipts() == [("p-1", "dead_lettered")]
    lab.give(first, Action.REPLAY, bench.progress(1).value())
    await lab.turns(200)
    assert lab.receipts()[1:] == [("p-1", "delivered")]


async def test_a_command_is_carried_out_once(make_lab, lab, source, make_bench) -> None:
    """Commands are read again at every assignment; the next owner does not repeat them."""
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    first = source.progress(1)
    await lab.engine.submit(source.slice(first))
    await lab.turns()
    lab.give(first, Action.REPLAY)
    await lab.turns(200)
    assert lab.step.calls == ["p-1", "p-1"]
    successor = make_lab(errors={"sequenced": True})
    successor.step.answers = lab.step.answers
    await successor.engine.start()
    await successor.engine.on_assigned([make_bench("records.dossier").assignment])
    await successor.turns(200)
    assert successor.step.calls == []
    assert successor.parked() == ["p-1"]
    await successor.engine.stop()


async def test_a_key_goes_on_where_a_dead_worker_stopped(lab, source, producer, make_lab, make_bench) -> None:
    """A worker that dies while it lets a key go on leaves records that nothing holds back any more."""
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2), source.progress(3)))
    await lab.turns()
    lab.give(first, Action.DISCARD)
    await lab.turns(200)
    closed = [each for each in producer.written if dict(each.headers).get("lt-parked-state") == b"closed"]
    for each in closed[1:]:
        producer.written.remove(each)
    assert lab.parked() == ["p-2", "p-3"]
    successor = make_lab(errors={"sequenced": True})
    await successor.engine.start()
    await successor.engine.on_assigned([make_bench("records.dossier").assignment])
    await successor.turns(200)
    assert successor.parked() == []
    assert successor.receipts()[-2:] == [("p-2", "duplicate"), ("p-3", "duplicate")]
    await successor.engine.stop()


async def test_what_is_read_again_stays_a_dead_letter(lab, source, producer, make_lab, make_bench) -> None:
    """A worker that dies before its commit: the next one neither calls nor parks nor sets aside once more."""
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    successor = make_lab(errors={"sequenced": True})
    await successor.engine.start()
    fresh = make_bench("records.dossier")
    await successor.engine.on_assigned([fresh.assignment])
    await successor.engine.submit(fresh.slice(fresh.progress(1), fresh.progress(2), fresh.progress(3)))
    await successor.turns()
    assert successor.step.calls == []
    assert successor.parked() == ["p-1", "p-2", "p-3"]
    assert successor.receipts()[-3:] == [("p-1", "dead_lettered"), ("p-2", "parked"), ("p-3", "parked")]
    assert len(producer.of("deadletters.deliver")) == 1
    await successor.engine.stop()


async def test_a_dead_letter_that_holds_nothing_up_can_be_replayed(make_lab, source) -> None:
    """In a pipeline that is not sequenced the key went on; the replayed record comes after it, once."""
    lab = make_lab()
    await lab.engine.start()
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2)))
    await lab.turns()
    lab.step.answers.clear()
    lab.give(first, Action.REPLAY)
    lab.give(first, Action.REPLAY)
    await lab.turns(200)
    assert lab.step.calls == ["p-1", "p-2", "p-1"]
    assert lab.receipts()[2:] == [("p-1", "delivered"), ("p-1", "duplicate")]
    await lab.engine.stop()


async def test_a_replayed_record_waits_behind_what_is_parked_of_its_key(make_lab, mismatch, source) -> None:
    """No replay overtakes a record of its dossier that is in review."""
    lab = make_lab()
    await lab.engine.start()
    lab.step.answers |= {"p-1": RejectedByTargetError("refused"), "p-2": mismatch()}
    first, second = source.progress(1), source.progress(2)
    await lab.engine.submit(source.slice(first, second, source.progress(3)))
    await lab.turns()
    lab.step.answers.clear()
    lab.give(first, Action.REPLAY)
    await lab.turns(200)
    assert lab.parked() == ["p-2", "p-3", "p-1"]
    assert lab.step.calls == ["p-1", "p-2"]
    lab.give(second, Action.APPROVE)
    await lab.turns(200)
    assert lab.step.calls == ["p-1", "p-2", "p-3", "p-1"]
    assert lab.receipts()[-3:] == [("p-2", "delivered"), ("p-3", "delivered"), ("p-1", "delivered")]
    assert lab.parked() == []
    await lab.engine.stop()


async def test_a_discarded_record_never_comes_back(make_lab, source) -> None:
    """What an operator gave up must not be sent when it is published or replayed once more."""
    lab = make_lab()
    await lab.engine.start()
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    first = source.progress(1)
    await lab.engine.submit(source.slice(first))
    await lab.turns()
    lab.step.answers.clear()
    lab.give(first, Action.DISCARD)
    lab.give(first, Action.REPLAY)
    await lab.turns(200)
    assert lab.step.calls == ["p-1"]
    assert lab.receipts()[1:] == [("p-1", "cancelled"), ("p-1", "duplicate")]
    await lab.engine.stop()


async def test_what_only_waits_can_be_given_up_in_its_place(lab, source) -> None:
    """A withdrawn consent ends a record that waits, and releases nothing."""
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    second = source.progress(2)
    first = source.progress(1)
    first.offset_, second.offset_ = 0, 1
    await lab.engine.submit(source.slice(first, second, source.progress(3)))
    await lab.turns()
    lab.give(second, Action.DISCARD)
    await lab.turns(200)
    assert lab.parked() == ["p-1", "p-3"]
    assert lab.receipts()[3:] == [("p-2", "cancelled")]


async def test_a_dead_letter_in_review_is_decided_by_officials_only(mismatch, lab, source) -> None:
    """A replay from the list of dead letters does not close a review."""
    lab.step.answers["p-1"] = mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2)))
    await lab.turns()
    lab.give(first, Action.REPLAY)
    await lab.turns(200)
    assert lab.parked() == ["p-1", "p-2"]
    assert len(lab.open_reviews()) == 1
    assert lab.step.calls == ["p-1"]


async def test_a_correction_that_the_target_refuses_closes_the_review(mismatch, lab, source) -> None:
    """It is a dead letter now, which an operator answers; the key still waits and the review is closed."""
    lab.step.answers["p-1"] = mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2)))
    await lab.turns()
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    lab.give(first, Action.CORRECT, first.value())
    await lab.turns(200)
    assert lab.receipts()[-1] == ("p-1", "dead_lettered")
    assert lab.open_reviews() == set()
    assert lab.parked() == ["p-1", "p-2"]
    lab.step.answers.clear()
    lab.give(first, Action.REPLAY)
    await lab.turns(200)
    assert lab.receipts()[-2:] == [("p-1", "delivered"), ("p-2", "delivered")]


async def test_a_waiting_record_is_remembered_as_done_only_after_its_receipt(lab, source, producer) -> None:
    """A crash in between would make a duplicate of it, and the ledger would show it as waiting for ever."""
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2)))
    await lab.turns()
    del producer.log[:]
    lab.give(first, Action.DISCARD)
    await lab.turns(200)
    assert lab.parked() == []
    assert producer.log[0] == "write receipts"
    assert "write state.deliver" in producer.log[1:]
