"""Calls to one target: calendar, circuit breaker, retry, attempt ids, metrics, alerts."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from lienthong.clock import Clock
from lienthong.connector import CallContext
from lienthong.delivery.circuit import CircuitBreaker
from lienthong.delivery.effect import AttemptIds
from lienthong.delivery.retry import Attempts, Retrier
from lienthong.errors import (
    LienthongError,
    TargetConfigurationError,
    TargetSuspendedError,
    TargetUnavailableError,
    TokenExpiredError,
)
from lienthong.limits.gate import Gate
from lienthong.limits.policy import Priority
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.definitions import Pipeline, PipelinePolicy
from lienthong.pipeline.target_watch import CONFIGURATION, SUSPENDED, TargetWatch
from lienthong.targets.turns import Attempt, attempting

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class _Call:
    """One record's calls: what is the same for all attempts, and what is known of them."""

    attempts: Attempts
    priority: Priority
    made: list[str]
    expired_tokens: int = 0


class Target:
    """Everything that stands between a step and its connector's calls.

    Args:
        pipeline: Which pipeline calls.
        name: Name of the connector.
        policy: Retry and circuit.
        clock: Where to read the time and wait.
        metrics: What operators see.
        chance: Where the jitter comes from.
        gate: Calendar and limits of the target; None for a target without.
        release: Awaited at the end, to give back what the gate holds; None for nothing.

    Delivery:
        A target that is away or refuses our credentials is called again for as long as it takes, by one probe at a
        time; one that has cut us off is not called again by this process. Planned maintenance is waited for, without
        probes and without alerts.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        name: str,
        policy: PipelinePolicy,
        clock: Clock,
        metrics: Metrics,
        chance: random.Random | None = None,
        *,
        gate: Gate | None = None,
        release: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._pipeline = pipeline.name
        self._name = name
        self._policy = policy
        self._clock = clock
        self._metrics = metrics
        self._gate = gate
        self._release = release
        self._retrier = Retrier(policy.retry, clock, chance or random.Random())  # noqa: S311 - jitter is no secret
        self.circuit = CircuitBreaker(policy.circuit, clock, starts_slowly=True)
        self._attempt_ids = AttemptIds()
        self._was_in_window = False
        self.watch = TargetWatch(pipeline.name, name, self.circuit, gate, clock, metrics)
        self._watching: asyncio.Task[None] | None = None

    @property
    def pause_reason(self) -> str:
        """Why no calls are made, as one of :class:`~lienthong.pipeline.target_watch.PauseReason`; empty if they are."""
        return self.watch.pause_reason.value

    async def open(self) -> None:
        """Begin to watch."""
        self._watching = asyncio.create_task(self.watch.run(), name=f"watch-{self._name}")

    async def close(self) -> None:
        """Stop watching and give back what is not used of the target's limits."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.wait([watching])
        if self._release is not None:
            await self._release()
        if watching is not None and not watching.cancelled():
            watching.result()

    async def call(
        self,
        context: CallContext,
        function: Callable[[CallContext], Awaitable[T]],
        attempts: Attempts,
        *,
        is_bulk: bool = False,
    ) -> tuple[T, list[str]]:
        """Call until there is a result.

        Args:
            context: Who asks for what; number and id are filled in for every attempt.
            function: One call.
            attempts: Counts calls, also for the caller when this raises.
            is_bulk: Whether the record is back-fill, which gets what others leave of the target's limits.

        Returns:
            The result and the id of every attempt.

        Raises:
            LienthongError: What the target said of this record.
        """
        is_bulk = is_bulk or self._policy.priority == "bulk"
        mine = _Call(attempts, Priority.BULK if is_bulk else Priority.LIVE, [])

        with self._metrics.vitals.record():
            result, _ = await self._retrier.run(partial(self._attempt, context, function, mine), attempts)
        return result, mine.made

    async def _attempt(
        self, context: CallContext, function: Callable[[CallContext], Awaitable[T]], call: _Call, number: int
    ) -> T:
        if self._gate is not None:
            await self._leave_window(self._gate)
        circuit = self.circuit
        try:
            with circuit.judging(circuit.admit_at_once() or await circuit.admit()):
                return await self._measured(context, number, function, call)
        except TargetConfigurationError as error:
            self._tell_refusal(error)
            raise TargetUnavailableError(
                "the target refuses our credentials or agreement; the pipeline waits until they are mended",
                retry_after_seconds=0.0,
                reason=error.code,
            ) from error

    async def _measured(
        self, context: CallContext, number: int, function: Callable[[CallContext], Awaitable[T]], call: _Call
    ) -> T:
        if self._gate is not None:
            # A probe may have waited for its time until the window began.
            await self._leave_window(self._gate)
        attempt_id = self._attempt_ids.new()
        call.made.append(attempt_id)
        interruption = call.attempts.interruption
        attempt = Attempt(call.priority, interruption, 0, 0.0, self._metrics.vitals)
        began = self._clock.monotonic()
        result = "ok"
        try:
            with attempting(attempt):
                mine = context.for_attempt(number, attempt_id)
                return await (function(mine) if interruption is None else interruption.call(function, mine))
        except TokenExpiredError as error:
            result = error.code
            call.expired_tokens += 1
            if call.expired_tokens >= self._policy.retry.max_token_refreshes:
                raise TargetConfigurationError(
                    "the target refuses every refreshed token; check the account and its agreement", reason=error.reason
                ) from error
            raise
        except LienthongError as error:
            result = error.code
            raise
        finally:
            seconds = self._clock.monotonic() - began - attempt.waited_seconds
            self._metrics.count_target_call(self._pipeline, self._name, result, seconds)

    async def _leave_window(self, gate: Gate) -> None:
        if not gate.is_in_maintenance:
            return
        self._was_in_window = True
        await gate.wait_until_open()
        if self._was_in_window:
            self._was_in_window = False
            self.circuit.begin_slowly()

    def _tell_refusal(self, error: TargetConfigurationError) -> None:
        alert = SUSPENDED if isinstance(error, TargetSuspendedError) else CONFIGURATION
        if (alert, self._name) not in self._metrics.alerts(self._pipeline):
            log.warning("target_refuses_us", target=self._name, detail=str(error), reason=error.reason)
        self._metrics.raise_alert(alert, self._pipeline, self._name)
