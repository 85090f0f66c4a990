"""One question to a target about what it holds, within its limits and with the access log around it."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from lienthong.clock import Clock
from lienthong.config.models import HubSettings
from lienthong.connector import CallContext, ConnectorKind
from lienthong.delivery.effect import digest
from lienthong.delivery.retry import Attempts
from lienthong.envelope import Event
from lienthong.errors import LienthongError
from lienthong.holding import Holding, TellsHolding
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.definitions import DeliverStep, Pipeline
from lienthong.pipeline.target import Target
from lienthong.targets.access_trail import AccessTrail
from lienthong.targets.connectors import build_connector, open_gate
from lienthong.targets.hash_key import hash_key
from lienthong.targets.turns import Turns

OPERATION = "reconcile"


class Prober:
    """Asks the target of one pipeline what it holds.

    Args:
        pipeline: Name of the pipeline.
        step: Its declaration, for purpose and legal basis.
        sink: The connector, not yet open; it tells what its target holds.
        target: Calls to it.
        trail: Writes the access log.
        actor: Opaque id of who asks.
        run: Tells this run's questions from those of others.

    Delivery:
        Nothing is written at the target. Questions are back-fill: they get what others leave of its limits. The answer
        is a whole record with its owner, so an intent is acknowledged by Kafka before each question and a result before
        the answer is used.
    """

    def __init__(
        self,
        pipeline: str,
        step: DeliverStep,
        sink: Any,
        target: Target,
        trail: AccessTrail,
        actor: str,
        run: str,
    ) -> None:
        self._pipeline = pipeline
        self._step = step
        self._sink = sink
        self._target = target
        self._trail = trail
        self._actor = actor
        self._run = run

    def why_silent(self) -> str:
        """Return why the target is not called at the moment; empty if it is."""
        return self._target.pause_reason

    async def open(self) -> None:
        """Prepare the connector."""
        await self._sink.open()
        await self._target.open()

    async def close(self) -> None:
        """Release the connector."""
        await self._sink.close()
        await self._target.close()

    async def ask(self, key: str, records: Sequence[tuple[Event, BaseModel]]) -> Holding | None:
        """Ask once, and again for as long as the target is away.

        Args:
            key: Such as the dossier code.
            records: Its delivered records.

        Raises:
            LienthongError: What the target said instead of an answer.
        """
        mark = self._trail.mark_of(key.encode())

        async def once(mine: CallContext) -> Holding | None:
            await self._trail.intend(mine, mark)
            try:
                found: Holding | None = await self._sink.holding(key, records, mine)
            except LienthongError as error:
                await self._trail.conclude(mine, mark, error.code)
                raise
            if found is None:
                await self._trail.conclude(mine, mark, "not_held")
            else:
                await self._trail.conclude(mine, mark, "held", found.fields)
            return found

        context = CallContext(
            pipeline=self._pipeline,
            effect_key=digest(OPERATION, self._run, self._pipeline, key),
            attempt=0,
            attempt_id="",
            purpose=self._step.purpose,
            legal_basis=self._step.legal_basis,
            actor=self._actor,
            on_behalf_of="",
            key=key,
        )
        found, _ = await self._target.call(context, once, Attempts(), is_bulk=True)
        return found


def build_prober(
    settings: HubSettings, pipeline: Pipeline, producer: AcknowledgedProducer, clock: Clock, *, actor: str, run: str
) -> Prober | None:
    """Return what asks the target of a pipeline, with the same limits, windows and circuit as its workers have.

    Args:
        settings: The hub's configuration.
        pipeline: Which pipeline.
        producer: Writes the access log.
        clock: Where to read the time.
        actor: Opaque id of who asks.
        run: Tells this run's questions from those of others.

    Returns:
        None when the pipeline delivers to no target, or to one that cannot be asked what it holds.

    Raises:
        ConfigurationError: If the connector's configuration is missing or wrong.
    """
    step = pipeline.definition.deliver
    if step is None:
        return None
    gates, gate = open_gate(settings, step.connector, pipeline.name, clock)
    _, sink = build_connector(settings, step.connector, ConnectorKind.SINK, clock, Turns(gate, clock).wait)
    if not isinstance(sink, TellsHolding):
        return None
    release = gates.aclose if gates is not None else None
    policy = pipeline.definition.policy
    target = Target(pipeline, step.connector, policy, clock, Metrics(), gate=gate, release=release)
    topic = pipeline.names.access_log
    trail = AccessTrail(step.connector, OPERATION, topic, producer.send, clock, hash_key(settings))
    return Prober(pipeline.name, step, sink, target, trail, actor, run)
