"""What waits for its next call can be given up; what may have an effect cannot."""

import asyncio

import pytest

from lienthong.delivery.interruption import Interrupted, Interruption
from lienthong.errors import OutcomeUnknownError, RejectedByTargetError, TargetUnavailableError


async def _settle(turns: int = 10) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


class _Work:
    """A call between two waits, each of which the test ends."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.before, self.called, self.after = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.at = ""
        self.interruption = Interruption()

    async def _call(self, _argument: None) -> str:
        self.at = "call"
        await self.called.wait()
        if self.error is not None:
            raise self.error
        return "answer"

    async def _all(self) -> str:
        self.at = "before"
        await self.before.wait()
        try:
            return await self.interruption.call(self._call, None)
        except TargetUnavailableError:
            self.at = "backoff"
            await self.after.wait()
            return "again"
        finally:
            if self.error is None:
                self.at = "answered"
                await self.after.wait()

    async def run(self) -> str:
        """Do it all, as one handler of a lane does."""
        with self.interruption:
            return await self._all()


async def test_a_wait_before_the_call_is_given_up() -> None:
    """Nothing was sent, so nothing can have happened; the task goes on with its next work."""
    work = _Work()

    async def lane() -> str:
        with pytest.raises(Interrupted):
            await work.run()
        await asyncio.sleep(0)
        return "next"

    task = asyncio.create_task(lane())
    await _settle()
    work.interruption.request()
    assert await task == "next"
    assert task.cancelling() == 0


async def test_a_call_under_way_ends_by_itself() -> None:
    """Whoever cancelled it could not know whether the target had done it already."""
    work = _Work()
    work.before.set()
    task = asyncio.create_task(work.run())
    await _settle()
    work.interruption.request()
    await _settle()
    assert work.at == "call"
    work.called.set()
    await _settle()
    assert work.at == "answered"
    work.after.set()
    assert await task == "answer"


async def test_a_failed_call_is_not_followed_by_a_wait() -> None:
    """The request came while the call was under way and is carried out as soon as it is safe."""
    work = _Work(TargetUnavailableError("away"))
    work.before.set()
    task = asyncio.create_task(work.run())
    await _settle()
    work.interruption.request()
    work.called.set()
    with pytest.raises(Interrupted):
        await task
    assert work.interruption.may_have_arrived is False


async def test_a_call_that_may_have_arrived_is_remembered() -> None:
    """The next try must ask the target first."""
    unknown = TargetUnavailableError("asked again")
    unknown.__cause__ = OutcomeUnknownError("reset after sending")
    work = _Work(unknown)
    work.before.set()
    work.called.set()
    task = asyncio.create_task(work.run())
    await _settle()
    assert work.at == "backoff"
    work.interruption.request()
    with pytest.raises(Interrupted):
        await task
    assert work.interruption.may_have_arrived is True


@pytest.mark.parametrize("error", [OutcomeUnknownError("reset"), RejectedByTargetError("refused")])
async def test_what_ends_the_work_is_told_whoever_wanted_to_interrupt_it(error) -> None:
    """The outcome of a call is never replaced by the request."""
    work = _Work(error)
    work.before.set()
    task = asyncio.create_task(work.run())
    await _settle()
    work.interruption.request()
    work.called.set()
    with pytest.raises(type(error)):
        await task


async def test_a_cancellation_by_somebody_else_stays_one() -> None:
    """A lost partition cancels its handlers, also when they were to make way."""
    work = _Work()
    task = asyncio.create_task(work.run())
    await _settle()
    work.interruption.request()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_after_its_end_a_request_touches_nothing() -> None:
    """The lane's task is at its next record by then."""
    work = _Work()
    for event in (work.before, work.called, work.after):
        event.set()

    async def lane() -> str:
        await work.run()
        work.interruption.request()
        await asyncio.sleep(0)
        return "next"

    assert await asyncio.create_task(lane()) == "next"
