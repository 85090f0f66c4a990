"""Repeats a call after a wait; the only module that knows the retry library."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn, TypeVar

import tenacity

from lienthong.clock import Clock
from lienthong.delivery.interruption import Interruption
from lienthong.delivery.policy import RetryPolicy, exhausts
from lienthong.errors import RejectedByTargetError, RetriableError, TargetConfigurationError, TokenExpiredError

T = TypeVar("T")

#: ``reason`` of the error that ends a record whose attempts are used up.
EXHAUSTED = "attempts_exhausted"


@dataclass(slots=True)
class Attempts:
    """What is known of the calls for one record; it outlives an exception and, through receipts, a restart.

    Attributes:
        made: Calls made so far.
        counted_failures: Failed calls that use up ``max_attempts``.
        first_failed_at: When the first of these failed; None before.
        save: Makes the counters durable; awaited after a counted failure, before the wait for the next call. None keeps
            them in memory only.
        interruption: Ends a wait between calls; None lets nobody end it.
    """

    made: int = 0
    counted_failures: int = 0
    first_failed_at: datetime | None = None
    save: Callable[["Attempts"], Awaitable[None]] | None = field(default=None, repr=False, compare=False)
    interruption: Interruption | None = field(default=None, repr=False, compare=False)


def wait_for(failures: int, policy: RetryPolicy, chance: float) -> float:
    """Return the backoff before the next call.

    Args:
        failures: Failures in a row, the last one included; 1 is the first.
        policy: Bounds in seconds.
        chance: Where in the jitter the wait lies, from 0 to 1.

    Returns:
        ``min(max_interval, initial_interval * multiplier ** (failures - 1) + chance * jitter)`` in seconds.

    Raises:
        ValueError: If *failures* < 1.
    """
    if failures < 1:
        raise ValueError("there is no wait before the first call")
    # Beyond this exponent every multiplier is over every sensible bound, and a float would overflow.
    exponent = min(failures - 1, 64)
    return min(policy.max_interval, policy.initial_interval * policy.multiplier**exponent + chance * policy.jitter)


class Retrier:
    """Makes a call until it succeeds, fails for good or is given up.

    Args:
        policy: How often and how long.
        clock: Where to read the time and wait.
        chance: Where the jitter comes from.
    """

    def __init__(self, policy: RetryPolicy, clock: Clock, chance: random.Random) -> None:
        self._policy = policy
        self._clock = clock
        self._chance = chance

    async def run(self, call: Callable[[int], Awaitable[T]], attempts: Attempts | None = None) -> tuple[T, int]:
        """Make the call, and again after each failure of the moment.

        Args:
            call: Takes the number of the attempt, from 1.
            attempts: Counts calls and failures, also for the caller when this raises; None starts at nothing.

        Returns:
            What the call returned, and how many calls were made in all.

        Raises:
            RejectedByTargetError: With reason ``attempts_exhausted``, when the policy gives the record up.
            TargetConfigurationError: When refreshed tokens expire again and again.

        Delivery:
            Only :class:`~lienthong.errors.RetriableError` is repeated; everything else passes through at once. A target
            that is away is called again for as long as it takes. The first call after an expired token is immediate.
        """
        attempts = attempts if attempts is not None else Attempts()
        attempts.made += 1
        try:
            # Most calls succeed at once, and the retry library costs 25 times as much as this.
            return await call(attempts.made), attempts.made
        except RetriableError as error:
            first: list[RetriableError] = [error]
        run = _Run(self._policy, self._clock, self._chance, attempts)

        async def attempt() -> T:
            """Make the next call, or fail as the first one did."""
            if first:
                raise first.pop()
            run.attempts.made += 1
            return await call(run.attempts.made)

        retrying = tenacity.AsyncRetrying(
            sleep=self._clock.sleep,
            retry=run.is_repeated,
            stop=run.is_over,
            wait=run.next_wait,
            before_sleep=run.keep,
            retry_error_callback=run.give_up,
        )
        return await retrying(attempt), run.attempts.made


class _Run:
    def __init__(self, policy: RetryPolicy, clock: Clock, chance: random.Random, attempts: Attempts) -> None:
        self._policy = policy
        self._clock = clock
        self._chance = chance
        # A restart in the middle of a long backoff goes on with long waits.
        self._failures = attempts.counted_failures
        self._expired_tokens = 0
        self.attempts = attempts

    def is_repeated(self, state: tenacity.RetryCallState) -> bool:
        # The library asks this first and once after every call, so this is where failures are counted.
        error = state.outcome.exception() if state.outcome is not None else None
        if not isinstance(error, RetriableError):
            return False
        self._failures += 1
        self._expired_tokens = self._expired_tokens + 1 if isinstance(error, TokenExpiredError) else 0
        if exhausts(error):
            self.attempts.counted_failures += 1
            if self.attempts.first_failed_at is None:
                self.attempts.first_failed_at = self._clock.now()
        return True

    def is_over(self, state: tenacity.RetryCallState) -> bool:
        error = _error_of(state)
        if isinstance(error, TokenExpiredError):
            return self._expired_tokens >= self._policy.max_token_refreshes
        if not exhausts(error):
            return False
        return self.attempts.counted_failures >= self._policy.max_attempts or self._left_seconds() <= 0

    def next_wait(self, state: tenacity.RetryCallState) -> float:
        error = _error_of(state)
        if isinstance(error, TokenExpiredError) and self._expired_tokens == 1:
            return 0.0
        if self._policy.respect_retry_after and error.retry_after_seconds is not None:
            asked = max(0.0, error.retry_after_seconds)
            # The jitter keeps many lanes that were told the same moment from calling at that moment.
            wait = min(asked, self._policy.retry_after_cap) + self._chance.random() * self._policy.jitter
        else:
            wait = wait_for(self._failures, self._policy, self._chance.random())
        return min(wait, self._left_seconds()) if exhausts(error) else wait

    async def keep(self, state: tenacity.RetryCallState) -> None:
        if self.attempts.save is not None and exhausts(_error_of(state)):
            await self.attempts.save(self.attempts)

    def give_up(self, state: tenacity.RetryCallState) -> NoReturn:
        error = _error_of(state)
        if isinstance(error, TokenExpiredError):
            raise TargetConfigurationError(
                "the target refuses every refreshed token; check the account and its agreement", reason=error.reason
            ) from error
        raise RejectedByTargetError(
            f"given up after {self.attempts.made} calls, the last one failed with {error.code}; "
            "look at the target's answer, then replay the record",
            reason=EXHAUSTED,
        ) from error

    def _left_seconds(self) -> float:
        if self._policy.max_elapsed is None or self.attempts.first_failed_at is None:
            return float("inf")
        return self._policy.max_elapsed - (self._clock.now() - self.attempts.first_failed_at).total_seconds()


def _error_of(state: tenacity.RetryCallState) -> RetriableError:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, RetriableError):
        raise TypeError("the retry library asked about a call that did not fail") from error
    return error
