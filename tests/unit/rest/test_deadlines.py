"""One timer keeps the limits of many calls."""

import asyncio

import pytest

from lienthong.rest.deadlines import Deadlines


class _Loop(asyncio.SelectorEventLoop):
    """A loop whose time the test moves, and that counts its timers."""

    now = 0.0
    timers = 0

    def time(self):
        return self.now

    def call_at(self, when, callback, *args, context=None):
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)


@pytest.fixture
def loop():
    """Return a loop that runs what a test gives it."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        yield _Scene(runner)


class _Scene:
    def __init__(self, runner):
        self.loop = runner.get_loop()
        self.run = runner.run
        self.deadlines = Deadlines()
        self.ended = []

    async def call(self, name, answer, seconds=30.0):
        """Wait for an answer, and note how the call ended."""
        try:
            with self.deadlines.limit(seconds):
                await answer
        except TimeoutError:
            self.ended.append((name, "too long"))
            # The task goes on as if nobody had ever cancelled it.
            assert asyncio.current_task().cancelling() == 0
            await asyncio.sleep(0)
        else:
            self.ended.append((name, "answered"))

    async def pass_time(self, seconds):
        """Let time pass, and everything that is due happen."""
        self.loop.now += seconds
        for _ in range(5):
            await asyncio.sleep(0)


def test_a_call_that_takes_too_long_is_given_up_and_a_younger_one_is_not(loop):
    """Each call has its own time, counted from its own beginning."""

    async def scene():
        never = loop.loop.create_future()
        calls = [asyncio.create_task(loop.call("old", asyncio.shield(never)))]
        await loop.pass_time(0)
        loop.loop.now += 20
        calls.append(asyncio.create_task(loop.call("young", asyncio.shield(never))))
        await loop.pass_time(0)
        await loop.pass_time(9.9)
        assert loop.ended == []
        await loop.pass_time(0.2)
        assert loop.ended == [("old", "too long")]
        await loop.pass_time(19.7)
        assert loop.ended == [("old", "too long")]
        await loop.pass_time(0.3)
        assert loop.ended == [("old", "too long"), ("young", "too long")]
        await asyncio.gather(*calls)

    loop.run(scene())


def test_calls_that_are_answered_need_one_timer_together(loop):
    """A timer for each call would cost a sixth of the call."""

    async def scene():
        before = loop.loop.timers
        for number in range(100):
            await loop.call(number, asyncio.sleep(0))
            loop.loop.now += 0.1
        assert loop.ended == [(number, "answered") for number in range(100)]
        assert loop.loop.timers - before == 1

    loop.run(scene())


def test_limits_do_not_wait_for_each_other(loop):
    """A short call behind a long one ends at its own time."""

    async def scene():
        never = loop.loop.create_future()
        calls = [asyncio.create_task(loop.call(name, asyncio.shield(never), name)) for name in (30.0, 5.0)]
        await loop.pass_time(0)
        await loop.pass_time(6)
        assert loop.ended == [(5.0, "too long")]
        never.set_result(None)
        await asyncio.gather(*calls)
        assert loop.ended == [(5.0, "too long"), (30.0, "answered")]

    loop.run(scene())


def test_a_task_that_somebody_else_cancels_too_ends(loop):
    """A partition that is lost in the very moment of the limit stops the work, as a lost partition does."""

    async def scene():
        never = loop.loop.create_future()
        call = asyncio.create_task(loop.call("lost", asyncio.shield(never)))
        await loop.pass_time(0)
        call.cancel()
        loop.loop.now += 31
        with pytest.raises(asyncio.CancelledError):
            await call
        both = asyncio.create_task(loop.call("both", asyncio.shield(never)))
        await loop.pass_time(0)
        loop.loop.call_later(30, both.cancel)
        await loop.pass_time(31)
        with pytest.raises(asyncio.CancelledError):
            await both
        assert loop.ended == []

    loop.run(scene())


def test_no_limit_is_no_limit(loop):
    """A call without a limit waits as long as it takes."""

    async def scene():
        answer = loop.loop.create_future()
        call = asyncio.create_task(loop.call("patient", answer, None))
        await loop.pass_time(1_000_000)
        answer.set_result(None)
        await call
        assert loop.ended == [("patient", "answered")]

    loop.run(scene())
