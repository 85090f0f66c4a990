"""Calls to one target: circuit breaker, retry, attempt ids, metrics."""

import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import structlog

from lienthong.clock import Clock
from lienthong.connector import CallContext
from lienthong.delivery.circuit import CircuitBreaker
from lienthong.delivery.effect import new_attempt_id
from lienthong.delivery.retry import Attempts, Retrier
from lienthong.errors import LienthongError, TargetConfigurationError, TargetUnavailableError
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.definitions import Pipeline, PipelinePolicy

log = structlog.get_logger(__name__)

T = TypeVar("T")
#: A refused credential is not mended by calling again soon; one probe this often sees that it was mended.
_CONFIGURATION_PROBE_SECONDS = 30.0


class Target:
    """Everything that stands between a step and its connector's calls.

    Args:
        pipeline: Which pipeline calls.
        name: Name of the connector.
        policy: Retry and circuit.
        clock: Where to read the time and wait.
        metrics: What operators see.
        chance: Where the jitter comes from.

    Delivery:
        A target that is away or refuses our credentials is called again for as long as it takes, by one probe at a
        time.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        name: str,
        policy: PipelinePolicy,
        clock: Clock,
        metrics: Metrics,
        chance: random.Random | None = None,
    ) -> None:
        self._pipeline = pipeline.name
        self._name = name
        self._clock = clock
        self._metrics = metrics
        self._retrier = Retrier(policy.retry, clock, chance or random.Random())  # noqa: S311 - jitter is no secret
        self.circuit = CircuitBreaker(policy.circuit, clock)
        self._is_refused = False

    async def call(
        self, context: CallContext, function: Callable[[CallContext], Awaitable[T]], attempts: Attempts
    ) -> tuple[T, list[str]]:
        """Call until there is a result.

        Args:
            context: Who asks for what; number and id are filled in for every attempt.
            function: One call.
            attempts: Counts calls, also for the caller when this raises.

        Returns:
            The result and the id of every attempt.

        Raises:
            LienthongError: What the target said of this record.
        """
        made: list[str] = []

        async def attempt(number: int) -> T:
            attempt_id = new_attempt_id(uuid.uuid4)
            made.append(attempt_id)
            mine = replace(context, attempt=number, attempt_id=attempt_id)
            return await self.circuit.call(lambda: self._measured(mine, function))

        result, _ = await self._retrier.run(attempt, attempts)
        return result, made

    async def _measured(self, context: CallContext, function: Callable[[CallContext], Awaitable[T]]) -> T:
        started = self._clock.monotonic()
        result = "ok"
        try:
            found = await function(context)
        except TargetConfigurationError as error:
            result = error.code
            if not self._is_refused:
                self._is_refused = True
                log.warning("target_refuses_configuration", target=self._name, detail=str(error), reason=error.reason)
            raise TargetUnavailableError(
                "the target refuses our credentials or agreement; the pipeline waits until they are mended",
                retry_after_seconds=_CONFIGURATION_PROBE_SECONDS,
                reason="target_configuration",
            ) from error
        except LienthongError as error:
            result = error.code
            raise
        finally:
            seconds = self._clock.monotonic() - started
            self._metrics.count_target_call(self._pipeline, self._name, result, seconds)
        self._is_refused = False
        return found
