"""Repeating calls: waits as lists against a clock that is moved by hand."""

import asyncio
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.delivery.policy import RetryPolicy
from lienthong.delivery.retry import EXHAUSTED, Attempts, Retrier, wait_for
from lienthong.errors import (
    RateLimitedError,
    RejectedByTargetError,
    RetriableError,
    TargetConfigurationError,
    TargetUnavailableError,
    TokenExpiredError,
    ValidationFailedError,
)
from lienthong.testing.clock import FakeClock

NO_JITTER = {"initial_interval": "1s", "max_interval": "10s", "multiplier": 2, "jitter": "0s"}


class Script:
    """A call that fails as written and then succeeds."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.numbers = []

    async def __call__(self, attempt):
        """Fail with the next failure, or succeed."""
        self.numbers.append(attempt)
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def _retrier(clock, **policy):
    return Retrier(RetryPolicy.model_validate({**NO_JITTER, **policy}), clock, random.Random(1))


async def test_a_success_needs_one_call_and_no_wait():
    """The usual case costs nothing."""
    clock, script = FakeClock(), Script()

    assert await _retrier(clock).run(script) == ("done", 1)
    assert clock.sleeps == []


async def test_waits_grow_to_their_limit():
    """The backoff doubles and stops growing at max_interval, however long the target is away."""
    clock, script = FakeClock(), Script(*[TargetUnavailableError("away")] * 7)

    result, attempts = await _retrier(clock, max_attempts=2).run(script)

    assert (result, attempts) == ("done", 8)
    assert clock.sleeps == [1, 2, 4, 8, 10, 10, 10]
    assert script.numbers == list(range(1, 9))


async def test_a_target_that_is_away_for_a_day_loses_nothing():
    """No number of failures of the target makes a record give up."""
    clock = FakeClock()
    script = Script(*[TargetUnavailableError("away")] * 9000)

    _, attempts = await _retrier(clock, max_attempts=1, max_elapsed="1s").run(script)

    assert attempts == 9001
    assert sum(clock.sleeps) > 86_400


async def test_the_targets_own_wait_wins_and_is_capped():
    """Retry-After replaces the backoff, but no target can make a record wait for a week."""
    clock = FakeClock()
    script = Script(
        RateLimitedError("slow down", retry_after_seconds=30),
        RateLimitedError("slow down", retry_after_seconds=604_800),
        TargetUnavailableError("away", retry_after_seconds=-5),
        TargetUnavailableError("away"),
    )

    await _retrier(clock, retry_after_cap="2h").run(script)

    assert clock.sleeps == [30, 7200, 0, 8]


async def test_the_targets_own_wait_can_be_ignored():
    """An operator can switch Retry-After off for a target that sends nonsense."""
    clock, script = FakeClock(), Script(RateLimitedError("slow down", retry_after_seconds=30))

    await _retrier(clock, respect_retry_after=False).run(script)

    assert clock.sleeps == [1]


async def test_failures_of_the_record_are_given_up():
    """After max_attempts failures of its own a record is set aside, with the cause."""
    clock, script = FakeClock(), Script(*[RetriableError("locked")] * 5)
    attempts = Attempts()

    with pytest.raises(RejectedByTargetError) as caught:
        await _retrier(clock, max_attempts=3).run(script, attempts)

    assert caught.value.reason == EXHAUSTED
    assert isinstance(caught.value.__cause__, RetriableError)
    assert clock.sleeps == [1, 2]
    assert (attempts.made, attempts.counted_failures) == (3, 3)


async def test_failures_of_the_target_do_not_use_up_the_records_attempts():
    """An outage between two failures of a record does not shorten its chances."""
    clock = FakeClock()
    script = Script(RetriableError("locked"), *[TargetUnavailableError("away")] * 10, RetriableError("locked"))

    assert await _retrier(clock, max_attempts=3).run(script) == ("done", 13)


async def test_an_outage_longer_than_max_elapsed_does_not_end_a_record():
    """Time in which the target was away is no reason to give up a record that failed once by itself."""
    clock = FakeClock()
    script = Script(RetriableError("locked"), *[TargetUnavailableError("away")] * 10)

    assert await _retrier(clock, max_attempts=2, max_elapsed="5s").run(script) == ("done", 12)


async def test_the_last_wait_ends_at_the_limit():
    """The wait before the last call is cut so that the call happens exactly at max_elapsed."""
    clock, script = FakeClock(), Script(*[RetriableError("locked")] * 9)

    with pytest.raises(RejectedByTargetError):
        await _retrier(clock, max_attempts=99, max_elapsed="5s").run(script)

    assert clock.sleeps == [1, 2, 2]


async def test_a_restart_does_not_reset_the_count():
    """Attempts and the first failure are taken from receipts, so a crash gives a record no new chances."""
    clock, script = FakeClock(), Script(*[RetriableError("locked")] * 9)
    earlier = Attempts(made=4, counted_failures=2, first_failed_at=clock.now() - timedelta(hours=1))

    with pytest.raises(RejectedByTargetError):
        await _retrier(clock, max_attempts=3).run(script, earlier)

    assert script.numbers == [5]


@pytest.mark.parametrize("error", [ValidationFailedError("bad"), TargetConfigurationError("401"), RuntimeError("bug")])
async def test_other_errors_pass_through_at_once(error):
    """Only the moment is retried; everything else is for the engine to decide."""
    clock, script = FakeClock(), Script(error)

    with pytest.raises(type(error)) as caught:
        await _retrier(clock).run(script)

    assert caught.value is error
    assert clock.sleeps == []


async def test_another_error_after_a_retry_passes_through():
    """The answer of a later attempt counts, whatever the first one said."""
    clock, error = FakeClock(), ValidationFailedError("bad")

    with pytest.raises(ValidationFailedError) as caught:
        await _retrier(clock).run(Script(TargetUnavailableError("away"), error))

    assert caught.value is error


async def test_an_expired_token_is_followed_by_an_immediate_call():
    """The connector has refreshed its session, so waiting would only cost time."""
    clock = FakeClock()

    assert await _retrier(clock).run(Script(TokenExpiredError("expired"))) == ("done", 2)
    assert clock.sleeps == [0]


async def test_tokens_that_expire_again_and_again_pause_the_pipeline():
    """Credentials that never work are a fault of the configuration, not of the record."""
    clock, script = FakeClock(), Script(*[TokenExpiredError("expired")] * 9)

    with pytest.raises(TargetConfigurationError):
        await _retrier(clock, max_token_refreshes=3).run(script)

    assert clock.sleeps == [0, 2]


async def test_cancelling_a_wait_cancels_the_call():
    """A drain is not held up by a backoff, and no further call is made."""
    script = Script(*[TargetUnavailableError("away")] * 9)

    class Stuck(FakeClock):
        """A clock whose waits never end."""

        async def sleep(self, seconds):
            """Wait for ever."""
            await asyncio.Event().wait()

    task = asyncio.ensure_future(_retrier(Stuck()).run(script))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert script.numbers == [1]


async def test_runs_at_the_same_time_do_not_disturb_each_other():
    """Many lanes share one retrier; each has its own count and waits."""

    class Switching(FakeClock):
        """A clock whose waits let others run."""

        async def sleep(self, seconds):
            """Let others run."""
            await super().sleep(seconds)
            await asyncio.sleep(0)

    retrier = _retrier(Switching(), max_attempts=4)
    scripts = [Script(*[RetriableError("locked")] * (number % 4)) for number in range(40)]

    results = await asyncio.gather(*(retrier.run(script) for script in scripts))

    assert results == [("done", number % 4 + 1) for number in range(40)]


@given(st.integers(min_value=1, max_value=10_000), st.floats(min_value=0, max_value=1))
def test_a_wait_is_never_outside_its_bounds(failures, chance):
    """No exponent overflows and no jitter leaves the policy's bounds."""
    policy = RetryPolicy.model_validate({**NO_JITTER, "jitter": "3s"})

    assert policy.initial_interval <= wait_for(failures, policy, chance) <= policy.max_interval


def test_there_is_no_wait_before_the_first_call():
    """Asking for it is a defect of the caller."""
    with pytest.raises(ValueError, match="first"):
        wait_for(0, RetryPolicy(), 0.5)
