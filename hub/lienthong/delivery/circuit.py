"""Stops calls to a failing target, lets one probe at a time find out when it is back, and begins again slowly."""

import asyncio
from collections import deque
from enum import StrEnum
from typing import NamedTuple

from lienthong.clock import Clock
from lienthong.delivery.policy import CircuitPolicy
from lienthong.errors import (
    OutcomeUnknownError,
    RateLimitedError,
    RecordError,
    RetriableError,
    ScopeError,
    TargetConfigurationError,
    TargetSuspendedError,
    TargetUnavailableError,
)

#: The target is away, or went away in the middle of a call.
_AWAY = (TargetUnavailableError, RateLimitedError, OutcomeUnknownError)
#: What is left of these after the errors above was said by the target, so it is there, even if it refused.
_ANSWERED = (RecordError, ScopeError, RetriableError)
#: So many calls at once, all answered, show that the target is back for good.
_FULL = 128


class CircuitState(StrEnum):
    """Whether calls may be made."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    #: The other side has cut us off: not even a probe is made.
    SUSPENDED = "suspended"


class Cause(StrEnum):
    """Why the circuit is not closed."""

    NONE = ""
    OUTAGE = "outage"
    CONFIGURATION = "configuration"
    SUSPENDED = "suspended"


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
        starts_slowly: Whether the first calls of all are let in slowly, as after an outage.

    Delivery:
        A failing target makes lanes wait in :meth:`admit`; nothing is given up, so what does not fit into memory stays
        in Kafka. Exactly one waiting lane probes, the others wait for what it finds. After its success one call at once
        is let in, and one more for each that the target answers: twice as many after each round of calls.
    """

    def __init__(self, policy: CircuitPolicy, clock: Clock, *, starts_slowly: bool = False) -> None:
        self._policy = policy
        self._clock = clock
        self._state = CircuitState.CLOSED
        self._generation = 0
        self._usual = Admission(0, is_probe=False)
        self._failures = 0
        self._refusals = 0
        self._probing = False
        self._probe_at = 0.0
        self._opened_at: float | None = None
        self._interval = policy.initial_interval
        self._changed = asyncio.Event()
        #: Calls that may be under way; None for no limit. Calls from before the last change may hang for long, and
        #: do not count.
        self._room: int | None = 1 if starts_slowly else None
        self._under_way = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        #: Why calls are not made now.
        self.cause = Cause.NONE
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

    @property
    def open_seconds(self) -> float:
        """Seconds since the target was there last; 0 while the circuit is closed."""
        return 0.0 if self._opened_at is None else self._clock.monotonic() - self._opened_at

    async def admit(self) -> Admission:
        """Wait until a call may be made.

        Returns:
            What :meth:`succeeded`, :meth:`failed`, :meth:`refused` or :meth:`released` must be called with, whatever
            happens.
        """
        self.waiting += 1
        try:
            while True:
                if self._state is CircuitState.CLOSED:
                    if self._has_room():
                        break
                    await self._wait_for_room()
                elif self._probing or self._state is CircuitState.SUSPENDED:
                    await self._changed.wait()
                elif self.seconds_to_probe > 0:
                    await self._clock.sleep(self.seconds_to_probe)
                else:
                    self._state = CircuitState.HALF_OPEN
                    self._probing = True
                    break
            self._under_way += 1
            return Admission(self._generation, is_probe=self._state is CircuitState.HALF_OPEN)
        finally:
            self.waiting -= 1

    def succeeded(self, admission: Admission) -> None:
        """Report that the target answered.

        Args:
            admission: What :meth:`admit` returned.
        """
        self._ended(admission)
        if admission.generation == self._generation:
            self._failures = 0
            self._refusals = 0
            if admission.is_probe:
                self._opened_at = None
                self.cause = Cause.NONE
                self._room = 1
                self._change(CircuitState.CLOSED)
            elif self._room is not None:
                self._room += 1
                if self._room >= _FULL:
                    # Only now: a target that answers the probe and fails under load is probed ever more rarely.
                    self._interval = self._policy.initial_interval
                    self._room = None
        self._let_in()

    def failed(self, admission: Admission, retry_after_seconds: float | None = None, *, at_once: bool = False) -> None:
        """Report that the target failed.

        Args:
            admission: What :meth:`admit` returned.
            retry_after_seconds: Wait that the target asked for.
            at_once: Whether one failure is enough to open the circuit, as after "too many requests".
        """
        self._ended(admission)
        if admission.generation != self._generation:
            self._postpone(retry_after_seconds)
            self._let_in()
            return
        self._failures += 1
        if admission.is_probe:
            self._interval = min(self._policy.max_interval, self._interval * self._policy.multiplier)
        elif self._failures < self._policy.failures and not at_once:
            if self._room is not None:
                self._room = max(1, self._room // 2)
            self._let_in()
            return
        self._open(Cause.OUTAGE, self._interval)
        self._postpone(retry_after_seconds)

    def refused(self, admission: Admission, *, is_suspended: bool = False) -> None:
        """Report that the target refuses us, whatever the record.

        Args:
            admission: What :meth:`admit` returned.
            is_suspended: Whether the other side has cut us off, so that not even probes are welcome.

        Delivery:
            The first refusal opens the circuit: wrong credentials that are sent again and again lock accounts.
        """
        self._ended(admission)
        if is_suspended:
            if self._state is not CircuitState.SUSPENDED:
                self._open(Cause.SUSPENDED, 0.0, CircuitState.SUSPENDED)
            return
        if admission.generation != self._generation:
            self._let_in()
            return
        policy = self._policy
        interval = min(
            policy.config_probe_max_interval,
            policy.config_probe_interval * policy.multiplier ** min(self._refusals, 64),
        )
        self._refusals += 1
        self._open(Cause.CONFIGURATION, interval)

    def released(self, admission: Admission) -> None:
        """Report that the call says nothing about the target, for example because it was cancelled.

        Args:
            admission: What :meth:`admit` returned.
        """
        self._ended(admission)
        if admission.is_probe and admission.generation == self._generation:
            self._change(CircuitState.OPEN)
        self._let_in()

    def begin_slowly(self) -> None:
        """Let in one call at once and then ever more, as after planned maintenance."""
        if self._state is CircuitState.CLOSED:
            self._room = 1

    def admit_at_once(self) -> Admission | None:
        """Return what :meth:`admit` would, if nothing has to be waited for; otherwise None."""
        if self._state is not CircuitState.CLOSED or self._room is not None:
            return None
        self._under_way += 1
        return self._usual

    def judging(self, admission: Admission) -> "_Judging":
        """Return a block that makes one call; how it ends is what the circuit learns.

        Args:
            admission: The right to make it.
        """
        return _Judging(self, admission)

    def _open(self, cause: Cause, interval: float, state: CircuitState = CircuitState.OPEN) -> None:
        now = self._clock.monotonic()
        if self._opened_at is None:
            self._opened_at = now
            self.openings_total += 1
        self.cause = cause
        self._probe_at = now + interval
        self._change(state)

    def _postpone(self, retry_after_seconds: float | None) -> None:
        if retry_after_seconds is not None and self._state is CircuitState.OPEN:
            wait = min(max(0.0, retry_after_seconds), self._policy.retry_after_cap)
            self._probe_at = max(self._probe_at, self._clock.monotonic() + wait)

    def _ended(self, admission: Admission) -> None:
        if admission.generation == self._generation:
            self._under_way -= 1

    def _change(self, state: CircuitState) -> None:
        self._state = state
        self._under_way = 0
        self._probing = False
        self._generation += 1
        self._usual = Admission(self._generation, is_probe=False)
        self._changed.set()
        self._changed = asyncio.Event()
        self._let_in()

    def _has_room(self) -> bool:
        return self._room is None or self._under_way < self._room

    async def _wait_for_room(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._let_in()
            raise

    def _let_in(self) -> None:
        """Wake as many lanes as there is room for; when the circuit is not closed all of them, to wait elsewhere."""
        if not self._queue:
            return
        is_closed = self._state is CircuitState.CLOSED
        free = len(self._queue) if self._room is None or not is_closed else self._room - self._under_way
        while self._queue and free > 0:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1


class _Judging:
    __slots__ = ("_admission", "_circuit")

    def __init__(self, circuit: CircuitBreaker, admission: Admission) -> None:
        self._circuit = circuit
        self._admission = admission

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        circuit, admission = self._circuit, self._admission
        if error is None:
            circuit.succeeded(admission)
        elif isinstance(error, _AWAY):
            asked = error.retry_after_seconds if isinstance(error, RetriableError) else None
            circuit.failed(admission, asked, at_once=isinstance(error, RateLimitedError))
        elif isinstance(error, TargetConfigurationError):
            circuit.refused(admission, is_suspended=isinstance(error, TargetSuspendedError))
        elif isinstance(error, _ANSWERED):
            circuit.succeeded(admission)
        else:
            circuit.released(admission)
