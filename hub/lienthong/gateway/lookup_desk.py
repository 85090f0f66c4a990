"""One question of an official who waits: intent, turn, call, result, and an answer within the deadline."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from lienthong.clock import Clock
from lienthong.connector import CallContext, Lookup
from lienthong.delivery.circuit import CircuitBreaker, CircuitState
from lienthong.delivery.scope import Scope, scope_of
from lienthong.errors import LienthongError, RecordError, ScopeError, TargetConfigurationError, TargetUnavailableError
from lienthong.gateway.failures import log_failure
from lienthong.gateway.lookup_problems import (
    ACCESS_LOG_AWAY,
    DEADLINE,
    OVER_BUDGET,
    TOO_MANY,
    away,
    not_allowed,
    problem_of_lookup,
)
from lienthong.gateway.problems import Problem, ProblemError
from lienthong.limits.gate import Gate, GateState
from lienthong.limits.policy import Priority
from lienthong.observability.metrics import Metrics
from lienthong.outcome import Answer
from lienthong.schema import CounterQuestion
from lienthong.targets.access_trail import AccessTrail
from lienthong.targets.turns import Attempt, attempting

#: What the counter is called where other calls name their pipeline.
COUNTER = "counter"
#: Result in the access log of a question that was given up before anything was sent.
NOT_ASKED = "not_asked"
#: The alert of a target that refuses our credentials or agreement, as in pipelines.
REFUSED = "target_configuration"
#: So long a refusal of a procedure or an officer is repeated without asking the target.
REFUSAL_SECONDS = 600.0
_MAX_REFUSALS = 10_000
_CLOSE_SECONDS = 5.0


class _Stage(StrEnum):
    INTENT = "intent"
    CIRCUIT = "circuit"
    CALL = "call"
    RESULT = "result"


@dataclass(slots=True)
class _Progress:
    """How far a question has come, for whoever must explain why there is no answer yet."""

    stage: _Stage = _Stage.INTENT
    attempt: Attempt = field(default_factory=lambda: Attempt(Priority.INTERACTIVE))

    @property
    def is_sent(self) -> bool:
        """Whether the target may have received something, so that the end of the call must be seen and logged."""
        return self.stage is _Stage.RESULT or (self.stage is _Stage.CALL and not self.attempt.is_waiting)


class LookupDesk:
    """Asks one connector for officials.

    Args:
        name: Name of the connector.
        question: What may be asked.
        lookup: The connector, not yet open.
        trail: Writes the access log; raises :class:`~lienthong.gateway.problems.ProblemError` when Kafka is away.
        circuit: Of this process and this target.
        gate: Calendar and limits of the target, shared with the workers; None for a target without.
        clock: Where to read the time and wait.
        metrics: Counts calls.
        secret: Keys the names of scopes.
        max_at_once: Questions under way at once.

    Delivery:
        No call without an acknowledged intent, no answer without an acknowledged result. A call that was sent is
        followed to its end also when the official is no longer there, so that access log and circuit learn the truth;
        one that waits for its turn at the deadline is never sent.
    """

    def __init__(
        self,
        name: str,
        question: CounterQuestion,
        lookup: Lookup[Any],
        trail: AccessTrail,
        circuit: CircuitBreaker,
        gate: Gate | None,
        clock: Clock,
        metrics: Metrics,
        secret: bytes,
        max_at_once: int,
    ) -> None:
        self.name = name
        self.question = question
        self._lookup = lookup
        self._trail = trail
        self._circuit = circuit
        self._gate = gate
        self._clock = clock
        self._metrics = metrics
        self._secret = secret
        self._max_at_once = max_at_once
        self._refused: dict[Scope, tuple[float, Problem]] = {}
        self._running: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Prepare the connector; the target is not called."""
        await self._lookup.open()

    async def close(self) -> None:
        """Wait a little for calls that are under way, then release the connector."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()
        await self._lookup.close()

    async def ask(self, query: BaseModel, context: CallContext, deadline_seconds: float) -> Answer:
        """Ask once, and return the answer within the deadline.

        Args:
            query: The question.
            context: Who asks for what.
            deadline_seconds: How long the official waits.

        Raises:
            ProblemError: Why there is no answer.
        """
        self._refuse_at_once(query, context)
        progress = _Progress()
        work: asyncio.Task[Answer] = self._start(self._work(query, context, progress))
        timer = asyncio.ensure_future(self._clock.sleep(deadline_seconds))
        try:
            await asyncio.wait({work, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        if work.done():
            return work.result()
        problem = self._reason_of_delay(progress)
        if not progress.is_sent:
            work.cancel()
        raise ProblemError(problem)

    def _refuse_at_once(self, query: BaseModel, context: CallContext) -> None:
        try:
            self._lookup.check(query, context)
        except (ScopeError, TargetConfigurationError) as error:
            raise ProblemError(not_allowed(error)) from error
        except RecordError as error:
            raise ProblemError(problem_of_lookup(error)) from error
        self._refuse_known_scopes(self._lookup.scopes_of(query, context))
        if len(self._running) >= self._max_at_once:
            raise ProblemError(TOO_MANY)
        gate = self._gate
        if gate is not None and gate.is_in_maintenance:
            now = self._clock.now()
            wait = (gate.calendar.opens_at(now) - now).total_seconds()
            raise ProblemError(away("the target is in a planned window", wait))
        outage = self._outage()
        if outage is not None:
            raise ProblemError(problem_of_lookup(outage))

    def _refuse_known_scopes(self, needed: Sequence[tuple[str, str]]) -> None:
        for kind, value in needed:
            known = self._refused.get(scope_of(self.name, kind, value, self._secret))
            if known is not None and self._clock.monotonic() < known[0]:
                raise ProblemError(known[1])

    def _outage(self) -> TargetUnavailableError | None:
        """Return why the circuit lets nobody through; None when a call may be made, be it as the probe."""
        circuit = self._circuit
        if circuit.state is CircuitState.CLOSED:
            return None
        if circuit.state is CircuitState.OPEN and circuit.seconds_to_probe <= 0:
            return None
        wait = circuit.seconds_to_probe or None
        return TargetUnavailableError("the target failed just now", retry_after_seconds=wait, reason="circuit_open")

    async def _work(self, query: BaseModel, context: CallContext, progress: _Progress) -> Answer:
        mark = self._trail.mark_of(self.question.fingerprint(query))
        await self._trail.intend(context, mark)
        try:
            answer = await self._call(query, context, progress)
        except LienthongError as error:
            progress.stage = _Stage.RESULT
            problem = problem_of_lookup(error)
            await self._trail.conclude(context, mark, error.code)
            if isinstance(error, ScopeError):
                self._remember(error, problem)
            raise ProblemError(problem) from error
        except asyncio.CancelledError:
            self._start(self._trail.conclude(context, mark, NOT_ASKED))
            raise
        progress.stage = _Stage.RESULT
        await self._trail.conclude(context, mark, answer.status.value, answer.fields)
        return answer

    async def _call(self, query: BaseModel, context: CallContext, progress: _Progress) -> Answer:
        progress.stage = _Stage.CIRCUIT
        outage = self._outage()
        if outage is not None:
            raise outage
        admission = self._circuit.admit_at_once() or await self._circuit.admit()
        progress.stage = _Stage.CALL
        result = "ok"
        began = self._clock.monotonic()
        try:
            with self._circuit.judging(admission), attempting(progress.attempt):
                answer = await self._lookup.lookup(query, context)
        except LienthongError as error:
            result = error.code
            if isinstance(error, TargetConfigurationError):
                # Officials are told that the target is away; operators, that they have to mend something.
                self._metrics.raise_alert(REFUSED, COUNTER, self.name)
            raise
        except asyncio.CancelledError:
            result = NOT_ASKED
            raise
        finally:
            seconds = self._clock.monotonic() - began - progress.attempt.waited_seconds
            self._metrics.count_target_call(COUNTER, self.name, result, max(0.0, seconds))
        self._metrics.clear_alert(REFUSED, COUNTER, self.name)
        return answer

    def _reason_of_delay(self, progress: _Progress) -> Problem:
        if progress.stage in {_Stage.INTENT, _Stage.RESULT}:
            return ACCESS_LOG_AWAY
        if progress.stage is _Stage.CIRCUIT:
            return away("the target has failed and is let in slowly")
        if not progress.attempt.is_waiting:
            return DEADLINE
        state = self._gate.state if self._gate is not None else GateState.OPEN
        if state is GateState.STORE_AWAY:
            return away("the store of the target's limits is away; nothing was sent")
        return OVER_BUDGET

    def _remember(self, error: ScopeError, problem: Problem) -> None:
        if len(self._refused) >= _MAX_REFUSALS:
            self._refused.clear()
        scope = scope_of(self.name, error.scope_kind, error.scope, self._secret)
        self._refused[scope] = (self._clock.monotonic() + REFUSAL_SECONDS, problem)

    def _start(self, work: Any) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ProblemError):
            log_failure("lookup_failed", error, target=self.name)
