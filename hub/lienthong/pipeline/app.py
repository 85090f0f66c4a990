"""The worker of one pipeline: Faust around an engine."""

from collections.abc import Awaitable
from datetime import datetime
from pathlib import Path
from traceback import extract_tb
from typing import Any, Protocol

import faust
import structlog

from lienthong.config.models import KafkaSettings
from lienthong.errors import FatalError, LienthongError
from lienthong.pipeline.definitions import Pipeline
from lienthong.transport.assignment import Slice
from lienthong.transport.listener import PartitionListener
from lienthong.transport.poller import Limits

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20.0
_FRAMES = 6


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

    def oldest_review(self) -> datetime | None:
        """Return when the oldest open review was opened, or None."""
        ...

    def parked_counts(self) -> dict[str, int]:
        """Return reason → records that wait."""
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

    def _create_directories(self) -> None:
        """Create none: a worker keeps nothing on disk, and its root file system may be read-only."""

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
            error = await failure_of(app.take(event.value))
            if error is not None:
                await stop_because(app, error)
                return
        if not (app.is_draining or app.should_stop):
            # Faust is content with an agent that is at its end, and nothing would ever be taken again.
            await stop_because(app, FatalError("the agent ended without being told to; restart the process"))

    async def watch_engine() -> None:
        error = await failure_of(engine.wait_failed())
        if error is not None:
            await stop_because(app, error)

    app.task(watch_engine)
    return app


async def failure_of(work: Awaitable[None]) -> Exception | None:
    """Return what went wrong, outside its handler: Faust logs whatever is being handled when a worker crashes.

    Args:
        work: What is awaited.
    """
    try:
        await work
    except Exception as error:  # noqa: BLE001 - out of an agent Faust would restart it and skip the slice
        return error
    return None


async def stop_because(app: WorkerApp, error: Exception) -> None:
    """Stop the worker; the first reason counts.

    Args:
        app: The worker.
        error: Why. Of an error from outside the hub only class and place are kept: its text may hold values.
    """
    told = error if isinstance(error, LienthongError) else _foreign(error)
    if app.failure is None:
        app.failure = told
        log.error("pipeline_failed", error_code=told.code, detail=str(told))
    await app.crash(told)


def _foreign(error: Exception) -> FatalError:
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in extract_tb(error.__traceback__)[-_FRAMES:]]
    return FatalError(f"{type(error).__name__}, an error from outside the hub, at {' → '.join(places) or 'no place'}")
