"""Records of a blocked scope wait, the rest flows, and a release lets them go on in order."""

import pytest

from lienthong.errors import ScopeError
from lienthong.outcome import Outcome, OutcomeKind
from lienthong.pipeline.item import Handled
from lienthong.pipeline.step import ScopeBlocked

KEYS = [b"H57.21-261008-%04d" % number for number in range(4)]


def _blocked(value: str = "1.004194") -> ScopeBlocked:
    error = ScopeError("not whitelisted", scope_kind="procedure", scope=value, reason="004")
    return ScopeBlocked(error, Handled(Outcome(OutcomeKind.PARKED, "scope")))


@pytest.fixture
def alerts(metrics):
    """Give a function that returns the alerts that are raised now."""
    return lambda: metrics.alerts("deliver")


def _messages(source, number: int = 4):
    made = []
    for index in range(number):
        message = source.progress(index + 1)
        message.key_ = KEYS[index % len(KEYS)]
        made.append(message)
    return made


async def test_a_blocked_scope_parks_what_it_touches_and_the_rest_flows(lab, source, alerts) -> None:
    """One alert for all its records; a later record of a parked key waits, other keys do not."""
    lab.step.answers |= {"p-1": _blocked(), "p-2": _blocked()}
    await lab.engine.submit(source.slice(*_messages(source, 5)))
    await lab.turns()
    assert sorted(lab.receipts()) == [
        ("p-1", "parked"),
        ("p-2", "parked"),
        ("p-3", "delivered"),
        ("p-4", "delivered"),
        ("p-5", "parked"),
    ]
    assert lab.engine.parked_counts() == {"scope": 2, "behind_parked_key": 1}
    assert alerts() == {("scope_blocked", "portal")}
    assert lab.open_reviews() == set()


async def test_what_is_known_to_need_a_blocked_scope_is_not_called(lab, source) -> None:
    """A storm of refused calls would cost the target's budget and tell nothing new."""
    lab.step.answers["p-1"] = _blocked()
    lab.step.needs["p-3"] = (("officer", "o-1"), ("procedure", "1.004194"))
    lab.step.needs["p-4"] = (("procedure", "1.000001"),)
    await lab.engine.submit(source.slice(*_messages(source)))
    await lab.turns()
    assert lab.step.calls == ["p-1", "p-2", "p-4"]
    assert sorted(lab.receipts()) == [("p-1", "parked"), ("p-2", "delivered"), ("p-3", "parked"), ("p-4", "delivered")]
    assert lab.engine.parked_counts() == {"scope": 2}


async def test_a_release_lets_every_key_of_the_scope_go_on_in_order(lab, source, alerts) -> None:
    """Each key drains in its own order; what waits for another scope keeps waiting."""
    lab.step.answers |= {"p-1": _blocked(), "p-2": _blocked(), "p-3": _blocked("1.000001")}
    await lab.engine.submit(source.slice(*_messages(source, 7)))
    await lab.turns()
    lab.step.answers.clear()
    lab.step.needs["p-1"] = (("procedure", "1.004194"),)
    lab.release("procedure", "1.004194")
    await lab.turns(300)
    assert lab.parked() == ["p-3", "p-7"]
    assert [call for call in lab.step.calls[4:] if call in {"p-1", "p-5"}] == ["p-1", "p-5"]
    assert [call for call in lab.step.calls[4:] if call in {"p-2", "p-6"}] == ["p-2", "p-6"]
    assert alerts() == {("scope_blocked", "portal")}
    lab.release("procedure", "1.000001")
    await lab.turns(300)
    assert lab.parked() == []
    assert alerts() == set()


async def test_a_release_that_came_too_early_parks_again(lab, source, alerts) -> None:
    """The target decides: what it still refuses waits in its place, and the alert is back."""
    lab.step.answers["p-1"] = _blocked()
    await lab.engine.submit(source.slice(*_messages(source, 5)))
    await lab.turns()
    lab.release("procedure", "1.004194")
    await lab.turns(300)
    assert lab.parked() == ["p-1", "p-5"]
    assert alerts() == {("scope_blocked", "portal")}
    lab.step.answers.clear()
    lab.release("procedure", "1.004194")
    await lab.turns(300)
    assert lab.parked() == []


async def test_a_scope_is_still_blocked_for_the_next_owner(lab, source, make_lab, make_bench, alerts) -> None:
    """What is parked says what is blocked; a release that nobody carried out yet is carried out at assignment."""
    lab.step.answers["p-1"] = _blocked()
    await lab.engine.submit(source.slice(*_messages(source, 1)))
    await lab.turns()
    await lab.engine.on_revoked([source.assignment], lost=False)
    assert alerts() == set()
    lab.durable.deliver = None
    successor = make_lab()
    await successor.engine.start()
    fresh = make_bench("records.dossier")
    await successor.engine.on_assigned([fresh.assignment])
    assert alerts() == {("scope_blocked", "portal")}
    message = fresh.progress(8)
    message.key_, message.offset_ = KEYS[3], 1
    successor.step.needs["p-8"] = (("procedure", "1.004194"),)
    await successor.engine.submit(fresh.slice(message))
    await successor.turns()
    assert successor.step.calls == []
    successor.release("procedure", "1.004194")
    await successor.turns(300)
    assert sorted(successor.step.calls) == ["p-1", "p-8"]
    assert successor.parked() == []
    third = make_lab()
    await third.engine.start()
    await third.engine.on_assigned([make_bench("records.dossier").assignment])
    await third.turns(100)
    assert third.step.calls == []
    await third.engine.stop()
    await successor.engine.stop()


async def test_a_release_without_anything_that_waits_is_done_at_once(lab, source, producer, make_bench) -> None:
    """Operators release in all partitions; most have nothing of the scope."""
    lab.release("procedure", "1.004194")
    await lab.turns()
    states = [dict(each.headers)["lt-parked-state"] for each in producer.of("parked.deliver")]
    assert states == [b"done"]
