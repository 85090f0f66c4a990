"""Every request waits for its turn at the target."""

import asyncio

import pytest

from lienthong.connector import CallContext
from lienthong.delivery.interruption import Interrupted, Interruption
from lienthong.delivery.retry import Attempts
from lienthong.errors import TargetUnavailableError
from lienthong.limits.policy import Priority
from lienthong.targets.turns import Attempt, Turns, attempting

CONTEXT = CallContext("deliver", "e-1", 0, "", "p", "l", "officer-1", "", "k")
AWAY = TargetUnavailableError("away")


class Door:
    """Lets everybody in and writes down who came."""

    is_in_maintenance = False

    def __init__(self):
        self.seen = []

    async def enter(self, priority):
        """Let in."""
        self.seen.append(priority)


class TestTurns:
    """Every request waits for its turn in the target's limits."""

    async def test_each_request_of_an_attempt_takes_its_own_turn(self, make_target, clock):
        """A target counts requests: a query before a write is two, and so is a write with its retry."""
        door = Door()
        turns = Turns(door, clock)
        answers = [AWAY, None]

        async def function(_context):
            """Make two requests, the second of which fails once."""
            await turns.wait()
            await turns.wait()
            if (answer := answers.pop(0)) is not None:
                raise answer

        await make_target(door).call(CONTEXT, function, Attempts())

        assert len(door.seen) == 4

    async def test_before_each_request_it_is_asked_whose_record_it_is(self, make_target, clock):
        """A process that was frozen in the middle of an attempt would otherwise overtake the next owner."""
        answers = iter([True, True, False])
        made = []

        async def is_ours() -> bool:
            return next(answers)

        async def function(_context):
            """Make two requests; the partition goes to another worker between them."""
            for number in (1, 2):
                await turns.wait()
                made.append(number)

        turns = Turns(None, clock)
        interruption = Interruption(is_ours)
        attempts = Attempts(interruption=interruption)
        with pytest.raises(Interrupted), interruption:
            await make_target(None).call(CONTEXT, function, attempts)
        assert made == [1]

    async def test_back_fill_waits_with_its_own_priority(self, make_target, clock):
        """Records of the bulk lane, and pipelines that are declared so, give way to live traffic."""
        door = Door()
        turns = Turns(door, clock)

        async def function(_context):
            """Make one request."""
            await turns.wait()

        await make_target(door).call(CONTEXT, function, Attempts())
        await make_target(door).call(CONTEXT, function, Attempts(), is_bulk=True)
        await make_target(door, priority="bulk").call(CONTEXT, function, Attempts())
        await turns.wait()

        assert door.seen == [Priority.LIVE, Priority.BULK, Priority.BULK, Priority.LIVE]

    async def test_waiting_for_a_turn_is_no_part_of_how_long_a_call_took(
        self, make_target, clock, metrics, make_closed_gate
    ):
        """Else a used-up budget would look like a slow target, and like a call that hangs."""
        turns = Turns(make_closed_gate(-10, 3600), clock)
        calls = []

        async def function(_context):
            """Make one request after a long wait."""
            await turns.wait()
            calls.append(metrics.vitals.oldest_call_seconds < 1)
            clock.advance(0.2)
            return "done"

        await make_target(Door()).call(CONTEXT, function, Attempts())

        labels = {"pipeline": "deliver", "target": "portal"}
        assert metrics.value("lienthong_target_call_seconds_sum", **labels) == pytest.approx(0.2)
        assert calls == [True]

    async def test_a_wait_for_the_first_request_can_be_given_up_and_a_later_one_cannot(self, clock):
        """A worker that stops does not wait for tomorrow's budget; what was begun is brought to its end."""
        doors = [asyncio.Event(), asyncio.Event()]
        passed = []

        class SlowDoor:
            """Lets in when the test says so."""

            async def enter(self, _priority):
                """Wait."""
                await doors[len(passed)].wait()
                passed.append(1)

        turns = Turns(SlowDoor(), clock)

        async def function(_context):
            """Make two requests."""
            await turns.wait()
            await turns.wait()
            return "done"

        async def work(interruption):
            """Do it as an engine does."""
            with attempting(Attempt(interruption=interruption)), interruption:
                return await interruption.call(function, CONTEXT)

        first = Interruption()
        waiting = asyncio.ensure_future(work(first))
        await asyncio.sleep(0)
        first.request()
        with pytest.raises(Interrupted):
            await waiting

        second = Interruption()
        begun = asyncio.ensure_future(work(second))
        doors[0].set()
        for _ in range(3):
            await asyncio.sleep(0)
        second.request()
        doors[1].set()
        assert await begun == "done"

    async def test_a_login_that_others_wait_for_is_not_given_up_with_one_of_them(self, clock):
        """One task logs in for all lanes; the lane that happened to begin it may be told to stop."""
        door = Door()
        turns = Turns(door, clock)

        async def is_ours():
            """Say that the record has left."""
            return not door.seen and not logins

        logins = []
        interruption = Interruption(is_ours)

        async def function(_context):
            """Log in by a task of its own."""
            logins.append(asyncio.create_task(turns.wait()))
            await logins[0]

        with attempting(Attempt(Priority.BULK, interruption)), interruption:
            await interruption.call(function, CONTEXT)

        assert door.seen == [Priority.LIVE]
        assert logins[0].exception() is None
