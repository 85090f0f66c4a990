"""Runs one pipeline in one process until it is told to stop or fails."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path

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
        watching.is_stopping = True
        stopped.set()

    _install_signals(stop)
    beating = asyncio.create_task(watching.beat())
    watchdog.start()
    announcement = Announcement(ready_file, port)
    sampler = asyncio.create_task(Sampler(app, pipeline.name, metrics, health, clock, announcement, probe).run())
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
        # The watchdog looks on: what comes now may hang as well.
        beating.cancel()
    failure = app.failure or app.crash_reason
    if failure is not None:
        raise failure


def tune_garbage_collector() -> None:
    """Let the cyclic collector run seldom: slices make many objects and hardly a cycle.

    Measured on intake: with Python's default of 700 objects the collector takes a fifth of the time.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


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
