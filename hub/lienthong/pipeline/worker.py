"""Runs one pipeline in one process until it is told to stop or fails."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path

import orjson
import structlog
import uvloop

from lienthong.clock import Clock, SystemClock
from lienthong.config.models import HubSettings
from lienthong.observability.health import Health
from lienthong.observability.metrics import Metrics
from lienthong.observability.server import ObservabilityServer
from lienthong.pipeline.app import WorkerApp, build
from lienthong.pipeline.compose import build_engine
from lienthong.pipeline.definitions import Pipeline
from lienthong.transport.poller import Limits

log = structlog.get_logger(__name__)

_SAMPLE_SECONDS = 1.0
_LOOP_SILENCE_SECONDS = 30.0
#: Longer than the questions that the poll thread may have to ask a broker that is away.
_POLL_SILENCE_SECONDS = 180.0
_EXIT_SECOND_SIGNAL = 130


def run(settings: HubSettings, pipeline: Pipeline, ready_file: Path | None = None, clock: Clock | None = None) -> None:
    """Run a pipeline until a signal or a failure.

    Args:
        settings: The hub's configuration.
        pipeline: Which pipeline.
        ready_file: Gets a JSON line with the metrics port once the worker owns partitions.
        clock: Where to read the time; None for the machine's.

    Raises:
        LienthongError: Why the pipeline stopped by itself.

    Delivery:
        The first SIGTERM or SIGINT drains, commits and leaves the group; a second one exits at once, and what was not
        committed is repeated.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(settings, pipeline, ready_file, clock or SystemClock()))


async def _main(settings: HubSettings, pipeline: Pipeline, ready_file: Path | None, clock: Clock) -> None:
    tune_garbage_collector()
    metrics = Metrics()
    health = Health(clock, required=("partitions",))
    engine = build_engine(settings, pipeline, clock, metrics)
    policy = pipeline.definition.policy
    app = build(pipeline, engine, settings.kafka, Limits(outstanding_records=policy.max_unsettled))
    server = ObservabilityServer(metrics, health)
    port = server.start(settings.metrics_port)
    stopped = asyncio.Event()
    _install_signals(stopped.set)
    sampler = asyncio.create_task(_sample(app, pipeline, metrics, health, clock, _Announcement(ready_file, port)))
    try:
        await app.start()
        waiting = [asyncio.ensure_future(stopped.wait()), asyncio.ensure_future(app.wait_until_stopped())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
    finally:
        health.set_not_ready("partitions", "stopping")
        sampler.cancel()
        await app.stop()
        server.stop()
    failure = app.failure or app.crash_reason
    if failure is not None:
        raise failure


def tune_garbage_collector() -> None:
    """Let the cyclic collector run seldom: slices make many objects and hardly a cycle.

    Measured on intake: with Python's default of 700 objects the collector takes a fifth of the time.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


class _Announcement:
    """Tells once that the worker is at work."""

    def __init__(self, path: Path | None, port: int) -> None:
        self._path = path
        self._port = port

    def make(self, pipeline: str) -> None:
        if self._path is None:
            return
        line = orjson.dumps({"pipeline": pipeline, "metrics_port": self._port, "pid": os.getpid()})
        temporary = self._path.with_suffix(".tmp")
        temporary.write_bytes(line + b"\n")
        temporary.replace(self._path)
        self._path = None


def _install_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    count = 0

    def on_signal() -> None:
        nonlocal count
        count += 1
        if count > 1:
            os._exit(_EXIT_SECOND_SIGNAL)
        log.info("stop_requested")
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)


async def _sample(
    app: WorkerApp, pipeline: Pipeline, metrics: Metrics, health: Health, clock: Clock, announcement: _Announcement
) -> None:
    """Report progress once a second; the probes see the loop through it."""
    health.watch("event_loop", _LOOP_SILENCE_SECONDS)
    health.watch("poll_thread", _POLL_SILENCE_SECONDS)
    heartbeat: float | None = None
    known: set[tuple[str, int]] = set()
    while True:
        health.beat("event_loop")
        poller = getattr(app.consumer, "poller", None) if app.started else None
        assignments = poller.assignments if poller is not None else {}
        if poller is None or poller.heartbeat != heartbeat:
            health.beat("poll_thread")
            heartbeat = None if poller is None else poller.heartbeat
        ready = [place for place, assignment in assignments.items() if assignment.is_ready]
        if ready:
            health.set_ready("partitions")
            announcement.make(pipeline.name)
        now_ms = clock.now().timestamp() * 1000
        for place, assignment in assignments.items():
            metrics.set_lag(pipeline.name, place.topic, place.partition, assignment.lag)
            oldest = assignment.oldest_timestamp_ms()
            age = max(0.0, (now_ms - oldest) / 1000) if oldest is not None and oldest >= 0 else 0.0
            metrics.set_watermark_age(pipeline.name, place.topic, place.partition, age)
        for place in known - set(assignments):
            metrics.forget_partition(pipeline.name, *place)
        known = set(assignments)
        metrics.set_in_flight(pipeline.name, sum(item.in_flight for item in assignments.values()))
        await clock.sleep(_SAMPLE_SECONDS)
