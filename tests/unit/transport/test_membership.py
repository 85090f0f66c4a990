"""Doubt after a silence."""

import asyncio

import pytest

from lienthong.record import Place
from lienthong.transport.assignment import Assignment
from lienthong.transport.membership import Membership, confirmed


class _Time:
    """Seconds that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def time() -> _Time:
    """Give a clock."""
    return _Time()


@pytest.fixture
def membership(time) -> Membership:
    """Give a member with a session of six seconds."""
    return Membership({"session.timeout.ms": 6_000}, time)


@pytest.mark.parametrize(("silence", "is_suspect"), [(3.9, False), (4.1, True)])
def test_two_thirds_of_the_session_are_trusted(membership, time, silence, is_suspect) -> None:
    """The last heartbeat before the silence may be old, so that the whole session must not be used up."""
    time.now = silence
    assert membership.is_suspect is is_suspect
    assert membership.beat() is not is_suspect


def test_beating_again_is_no_proof(membership, time) -> None:
    """A frozen thread goes on as if nothing had happened: only the group's answer ends the doubt."""
    time.now = 10.0
    for _ in range(5):
        assert not membership.beat()
        time.now += 0.1
    membership.confirm()
    assert membership.beat()
    assert not membership.is_suspect


@pytest.mark.parametrize("is_over", [False, True])
async def test_whoever_asks_waits_for_the_answer(membership, time, is_over) -> None:
    """Neither an effect nor a write happens before it is known whose partition it is."""
    assignment = Assignment(Place("t", 0), 0, membership=membership)
    assert await confirmed(assignment)
    time.now = 10.0
    asking = asyncio.create_task(confirmed(assignment))
    await asyncio.sleep(0.05)
    assert not asking.done()
    if is_over:
        assignment.is_over = True
    else:
        membership.beat()
        membership.confirm()
    assert await asyncio.wait_for(asking, 2) is not is_over
