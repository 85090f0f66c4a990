"""Stops calls to a failing target and lets one probe at a time find out when it is back."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import NamedTuple, TypeVar

from lienthong.clock import Clock
from lienthong.delivery.policy import CircuitPolicy
from lienthong.errors import (
    OutcomeUnknownError,
    RateLimitedError,
    RecordError,
    RetriableError,
    ScopeError,
    TargetUnavailableError,
)

T = TypeVar("T")
#: The target is away, or went away in the middle of a call.
_AWAY = (TargetUnavailableError, RateLimitedError, OutcomeUnknownError)
#: What is left of these after the errors above was said by the target, so it is there, even if it refused.
_ANSWERED = (RecordError, ScopeError, RetriableError)


class CircuitState(StrEnum):
    """Whether calls may be made."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Admission(NamedTuple):
    """The right to make one call; its result is reported with it.

    Attributes:
        generation: Counts changes of the circuit, so that a call that began before one says nothing about it.
        is_probe: Whether this is the one call of a half-open circuit.
    """

    generation: int
    is_probe: bool


class CircuitBreaker:
    """One target's circuit, shared by all lanes that call it.

    Args:
        policy: When to open and how to probe.
        clock: Where to read the time and wait.

    Delivery:
        A failing target makes lanes wait in :meth:`admit`; nothing is given up, so what does not fit into memory stays
        in Kafka. Exactly one waiting lane probes, the others wait for what it finds.
    """

    def __init__(self, policy: CircuitPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._state = CircuitState.CLOSED
        self._generation = 0
        self._failures = 0
        self._probing = False
        self._probe_at = 0.0
        self._interval = policy.initial_interval
        self._changed = asyncio.Event()
        #: How often the circuit went from closed to open.
        self.openings_total = 0
        #: How many lanes wait for the target now.
        self.waiting = 0

    @property
    def state(self) -> CircuitState:
        """Whether calls may be made."""
        return self._state

    @property
    def consecutive_failures(self) -> int:
        """Failures of the target since its last answer."""
        return self._failures

    @property
    def seconds_to_probe(self) -> float:
        """Seconds until the next probe may start; 0 if it may start now or the circuit is closed."""
        if self._state is not CircuitState.OPEN:
            return 0.0
        return max(0.0, self._probe_at - self._clock.monotonic())

    async def admit(self) -> Admission:
        """Wait until a call may be made.

        Returns:
            What :meth:`succeeded`, :meth:`failed` or :meth:`released` must be called with, whatever happens.
        """
        self.waiting += 1
        try:
            while self._state is not CircuitState.CLOSED:
                if self._probing:
                    await self._changed.wait()
                elif self.seconds_to_probe > 0:
                    await self._clock.sleep(self.seconds_to_probe)
                else:
                    self._state = CircuitState.HALF_OPEN
                    self._probing = True
                    return Admission(self._generation, is_probe=True)
            return Admission(self._generation, is_probe=False)
        finally:
            self.waiting -= 1

    def succeeded(self, admission: Admission) -> None:
        """Report that the target answered.

        Args:
            admission: What :meth:`admit` returned.
        """
        if admission.generation != self._generation:
            return
        self._failures = 0
        if admission.is_probe:
            self._interval = self._policy.initial_interval
            self._change(CircuitState.CLOSED)

    def failed(self, admission: Admission, retry_after_seconds: float | None = None, *, at_once: bool = False) -> None:
        """Report that the target failed.

        Args:
            admission: What :meth:`admit` returned.
            retry_after_seconds: Wait that the target asked for.
            at_once: Whether one failure is enough to open the circuit, as after "too many requests".
        """
        if admission.generation != self._generation:
            self._postpone(retry_after_seconds)
            return
        self._failures += 1
        if admission.is_probe:
            self._interval = min(self._policy.max_interval, self._interval * self._policy.multiplier)
        elif self._failures >= self._policy.failures or at_once:
            self.openings_total += 1
        else:
            return
        self._probe_at = self._clock.monotonic() + self._interval
        self._change(CircuitState.OPEN)
        self._postpone(retry_after_seconds)

    def released(self, admission: Admission) -> None:
        """Report that the call says nothing about the target, for example because it was cancelled.

        Args:
            admission: What :meth:`admit` returned.
        """
        if admission.is_probe and admission.generation == self._generation:
            self._change(CircuitState.OPEN)

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Wait until a call may be made, make it and learn from its result.

        Args:
            function: The call to the target.

        Returns:
            What the call returned.

        Raises:
            BaseException: What the call raised.
        """
        admission = await self.admit()
        try:
            result = await function()
        except _AWAY as error:
            asked = error.retry_after_seconds if isinstance(error, RetriableError) else None
            self.failed(admission, asked, at_once=isinstance(error, RateLimitedError))
            raise
        except _ANSWERED:
            self.succeeded(admission)
            raise
        except BaseException:
            self.released(admission)
            raise
        self.succeeded(admission)
        return result

    def _postpone(self, retry_after_seconds: float | None) -> None:
        if retry_after_seconds is not None and self._state is CircuitState.OPEN:
            wait = min(max(0.0, retry_after_seconds), self._policy.retry_after_cap)
            self._probe_at = max(self._probe_at, self._clock.monotonic() + wait)

    def _change(self, state: CircuitState) -> None:
        self._state = state
        self._probing = False
        self._generation += 1
        self._changed.set()
        self._changed = asyncio.Event()
