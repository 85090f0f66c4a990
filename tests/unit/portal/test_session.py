"""The shared session."""

import asyncio

import pytest

from lienthong.errors import TargetUnavailableError
from lienthong_connectors.portal.session import Session


class Door:
    """A login that waits until it is opened and counts how often it was used."""

    def __init__(self) -> None:
        self.logins = 0
        self.opened = asyncio.Event()
        self.failures: list[Exception] = []

    async def login(self) -> str:
        """Return the next session id, or raise the next planned failure."""
        self.logins += 1
        number = self.logins
        await self.opened.wait()
        if self.failures:
            raise self.failures.pop(0)
        return f"session-{number}"


async def test_many_calls_share_one_login() -> None:
    """A hundred calls that start together log in once."""
    door = Door()
    session = Session(door.login)
    waiting = [asyncio.create_task(session.current()) for _ in range(100)]
    await asyncio.sleep(0)
    door.opened.set()

    assert set(await asyncio.gather(*waiting)) == {"session-1"}
    assert door.logins == 1


async def test_a_refused_session_is_renewed_once() -> None:
    """Calls that find the same session refused renew it once, late ones take the new one."""
    door = Door()
    door.opened.set()
    session = Session(door.login)
    old = await session.current()
    renewed = await asyncio.gather(*(session.renew(old) for _ in range(100)))
    late = await session.renew(old)

    assert {*renewed, late} == {"session-2"}
    assert door.logins == 2


async def test_a_failed_login_fails_its_waiters_and_the_next_call_tries_again() -> None:
    """An outage during login neither sticks nor makes every waiter log in by itself."""
    door = Door()
    door.failures = [TargetUnavailableError("the portal is away")]
    door.opened.set()
    session = Session(door.login)
    answers = await asyncio.gather(*(session.current() for _ in range(10)), return_exceptions=True)

    assert all(isinstance(answer, TargetUnavailableError) for answer in answers)
    assert door.logins == 1
    assert await session.current() == "session-2"


async def test_cancelling_one_call_does_not_cancel_the_login_of_others() -> None:
    """A lane that is cut off by a rebalance leaves the others' login alone."""
    door = Door()
    session = Session(door.login)
    first = asyncio.create_task(session.current())
    second = asyncio.create_task(session.current())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    door.opened.set()

    assert await second == "session-1"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_closing_stops_a_login_under_way() -> None:
    """Nothing is left running after close, also when it is called twice."""
    door = Door()
    session = Session(door.login)
    waiting = asyncio.create_task(session.current())
    await asyncio.sleep(0)
    await session.close()
    await session.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_session_id_is_not_shown() -> None:
    """A session printed by mistake does not give its id away."""
    door = Door()
    door.opened.set()
    session = Session(door.login)
    await session.current()

    assert repr(session) == "Session(open=True)"
