"""The worker of one pipeline: Faust around an engine."""

from typing import Any, Protocol

import faust
import structlog

from lienthong.config.models import KafkaSettings
from lienthong.pipeline.definitions import Pipeline
from lienthong.transport.assignment import Slice
from lienthong.transport.listener import PartitionListener
from lienthong.transport.poller import Limits

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20.0


class Engine(PartitionListener, Protocol):
    """What a worker drives."""

    async def start(self) -> None:
        """Prepare clients."""
        ...

    async def stop(self) -> None:
        """Release clients."""
        ...

    async def submit(self, item: Slice) -> None:
        """Take a slice; returns when the next one may come.

        Args:
            item: The slice.
        """
        ...

    async def drain(self, timeout_seconds: float) -> bool:
        """Wait for what is in flight.

        Args:
            timeout_seconds: Longest wait.
        """
        ...

    async def wait_failed(self) -> None:
        """Wait until the engine fails, then raise what happened."""
        ...


class WorkerApp(faust.App):
    """A Faust app whose transport finds its settings here.

    Attributes:
        kafka_settings: How the transport reaches the broker.
        partition_listener: The engine.
        poll_limits: Bounds of the poll thread.
        failure: Why the worker stopped by itself, or None.
        is_draining: Whether nothing new is begun, because the worker is about to stop.
    """

    kafka_settings: KafkaSettings
    partition_listener: PartitionListener
    poll_limits: Limits
    engine: Engine
    failure: BaseException | None = None
    is_draining: bool = False

    async def on_start(self) -> None:
        """Start the engine before anything is fetched."""
        await self.engine.start()
        await super().on_start()

    async def take(self, item: Slice) -> None:
        """Hand a slice to the engine, unless the worker is about to stop.

        Args:
            item: The slice.

        Delivery:
            A slice that Faust still had in its queues is left to the next worker: begun now, it would be written and
            perhaps not settled any more.
        """
        if not self.is_draining:
            await self.engine.submit(item)

    async def on_stop(self) -> None:
        """Fetch and begin nothing more, finish what is in flight, then let Faust leave the group."""
        self.is_draining = True
        poller = getattr(self._consumer, "poller", None)
        if poller is not None:
            poller.hold(held=True)
        if self.failure is None and not await self.engine.drain(DRAIN_SECONDS):
            log.warning("drain_incomplete", drain_seconds=DRAIN_SECONDS)
        await super().on_stop()

    async def on_shutdown(self) -> None:
        """Release the engine's clients after the last commit."""
        await super().on_shutdown()
        await self.engine.stop()


def build(pipeline: Pipeline, engine: Engine, settings: KafkaSettings, limits: Limits | None = None) -> WorkerApp:
    """Return the Faust app of one pipeline.

    Args:
        pipeline: What to consume.
        engine: What to do with slices.
        settings: How to reach the broker.
        limits: Bounds of the poll thread.

    Delivery:
        The one agent hands slices to the engine and lets no exception out: an error stops the worker, and what was not
        settled is read again by the next one.
    """
    app = WorkerApp(
        pipeline.group,
        broker=[f"rdkafka://{server}" for server in settings.bootstrap_servers.split(",")],
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        stream_wait_empty=False,
        # One item is a slice of up to thousands of records; the poll thread bounds what is outstanding.
        stream_buffer_maxsize=64,
        key_serializer="raw",
        value_serializer="raw",
    )
    app.kafka_settings = settings
    app.engine = engine
    app.partition_listener = engine
    app.poll_limits = limits or Limits()
    topic = app.topic(*pipeline.topics, key_type=bytes, value_type=bytes)

    @app.agent(topic, name=f"pipeline-{pipeline.name}")
    async def deliver(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                await app.take(event.value)
            except Exception as error:  # noqa: BLE001 - Faust would restart the agent and skip the slice
                await _stop_because(app, error)
                return

    async def watch_engine() -> None:
        try:
            await engine.wait_failed()
        except Exception as error:  # noqa: BLE001 - every failure ends the worker
            await _stop_because(app, error)

    app.task(watch_engine)
    return app


async def _stop_because(app: WorkerApp, error: Exception) -> None:
    if app.failure is None:
        app.failure = error
        log.error("pipeline_failed", error_code=getattr(error, "code", type(error).__name__), detail=_safe(error))
    await app.crash(error)


def _safe(error: Exception) -> str:
    # Texts of the hub's own errors hold no values; those of foreign ones may.
    return str(error) if hasattr(error, "code") else type(error).__name__
