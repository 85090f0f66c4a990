"""Runs one pipeline in one process until it is told to stop or fails."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import structlog
import uvloop

from lienthong.clock import Clock, SystemClock
from lienthong.config.models import HubSettings
from lienthong.kafka.settings import client_configuration
from lienthong.observability.health import Health
from lienthong.observability.metrics import Metrics
from lienthong.observability.server import ObservabilityServer
from lienthong.observability.watchdog import Watchdog
from lienthong.pipeline.app import build
from lienthong.pipeline.compose import build_engine
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.retention import RetentionGuard, open_cluster
from lienthong.pipeline.sampler import Announcement, Sampler
from lienthong.pipeline.watching import Watching
from lienthong.registry.topics import TopicCatalogue
from lienthong.transport.poller import Limits
from lienthong.transport.probe import BrokerProbe

log = structlog.get_logger(__name__)

_EXIT_SECOND_SIGNAL = 130


def run(
    settings: HubSettings,
    pipeline: Pipeline,
    ready_file: Path | None = None,
    clock: Clock | None = None,
    catalogue: TopicCatalogue | None = None,
) -> None:
    """Run a pipeline until a signal or a failure.

    Args:
        settings: The hub's configuration.
        pipeline: Which pipeline.
        ready_file: Gets a JSON line with the metrics port once the worker owns partitions.
        clock: Where to read the time; None for the machine's.
        catalogue: All topics; None to read them.

    Raises:
        LienthongError: Why the pipeline stopped by itself.

    Delivery:
        The first SIGTERM or SIGINT drains, commits and leaves the group; a second one exits at once, and what was not
        committed is repeated.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(settings, pipeline, ready_file, clock or SystemClock(), catalogue))


async def _main(
    settings: HubSettings,
    pipeline: Pipeline,
    ready_file: Path | None,
    clock: Clock,
    catalogue: TopicCatalogue | None,
) -> None:
    tune_garbage_collector()
    metrics = Metrics()
    health = Health(clock, required=("partitions",))
    engine = build_engine(settings, pipeline, clock, metrics, catalogue)
    policy = pipeline.definition.policy
    limits = Limits(outstanding_records=policy.max_unsettled, window_records=policy.window_records)
    app = build(pipeline, engine, settings.kafka, limits)
    server = ObservabilityServer(metrics, health)
    port = server.start(settings.metrics_port)
    stopped = asyncio.Event()
    watching = Watching(app, metrics.vitals)
    probe = BrokerProbe(
        client_configuration(settings.kafka, f"{pipeline.group}-probe"), [*pipeline.topics, pipeline.names.receipts]
    )
    loop = asyncio.get_running_loop()
    watchdog = Watchdog(settings.watchdog, watching.signs, probe.answers, health, loop)

    def stop() -> None:
        log.info("stop_requested")
        watching.is_stopping = True
        stopped.set()

    _install_signals(stop)
    guard = RetentionGuard(pipeline.name, watching.assignments, open_cluster(settings.kafka), metrics, clock)
    sampler = Sampler(app, pipeline.name, metrics, health, clock, Announcement(ready_file, port), probe)
    background = [asyncio.create_task(work) for work in (watching.beat(), guard.run(), sampler.run())]
    watchdog.start()
    try:
        await app.start()
        waiting = [asyncio.ensure_future(stopped.wait()), asyncio.ensure_future(app.wait_until_stopped())]
        await asyncio.wait([*waiting, *background], return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
    finally:
        sampler.stop()
        await app.stop()
        server.stop()
        # The watchdog looks on: what comes now may hang as well.
        for each in background:
            each.cancel()
    failure = app.failure or app.crash_reason
    if failure is not None:
        raise failure
    for problem in await asyncio.gather(*background, return_exceptions=True):
        if isinstance(problem, Exception):
            raise problem


def tune_garbage_collector() -> None:
    """Let the cyclic collector run seldom: slices make many objects and hardly a cycle.

    Measured on intake: with Python's default of 700 objects the collector takes a fifth of the time, with 100,000 still
    a twentieth. What is in flight comes and goes below a million, so only what really grows is looked through.
    """
    gc.freeze()
    gc.set_threshold(1_000_000, 5, 20)


def _install_signals(stop: Callable[[], None]) -> None:
    """Stop at the first signal, exit at the second: not by the event loop, which may be what hangs."""
    loop = asyncio.get_running_loop()
    count = 0

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 1:
            os._exit(_EXIT_SECOND_SIGNAL)
        loop.call_soon_threadsafe(stop)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
