"""Ours: the intake pipeline as the hub runs it, with findings, receipts, watermark and metrics."""

import os
import signal
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from lienthong.config.models import HubSettings, KafkaSettings, LogSettings
from lienthong.observability.logs import configure
from lienthong.pipeline import worker
from lienthong.pipeline.definitions import load_pipelines
from lienthong.pipeline.pure import PureEngine
from lienthong.topic_names import TopicNames
from lienthong.transport.assignment import Slice
from scripts.bench.subject import Stopwatch, Subject, from_arguments


def instrument(subject: Subject, watch: Stopwatch) -> None:
    """Let the engine start the watch at its first slice and report after the last settled one.

    Args:
        subject: The run.
        watch: Gets started and read.
    """
    submit, finish = PureEngine.submit, PureEngine._finish  # noqa: SLF001 - the clock is put at the engine's own edges
    settled = 0

    async def timed_submit(self: PureEngine, item: Slice) -> None:
        watch.start()
        await submit(self, item)

    async def timed_finish(self: PureEngine, item: Slice, work: Any, pending: Any) -> None:
        nonlocal settled
        await finish(self, item, work, pending)
        settled += len(item.messages)
        if settled >= subject.records:
            watch.report(settled)
            os.kill(os.getpid(), signal.SIGTERM)

    PureEngine.submit = timed_submit  # type: ignore[method-assign]
    PureEngine._finish = timed_finish  # type: ignore[method-assign]  # noqa: SLF001


def main() -> None:
    """Run the worker until everything is settled."""
    subject = from_arguments()
    instrument(subject, Stopwatch())
    configure(LogSettings(level="error"))
    with tempfile.TemporaryDirectory() as folder:
        settings = HubSettings(
            province=subject.province,
            state_directory=Path(folder),
            kafka=KafkaSettings(bootstrap_servers=subject.bootstrap_servers),
        )
        pipeline = load_pipelines(TopicNames(subject.province), settings.environment)["intake"]
        worker.run(settings, replace(pipeline, group=subject.group))


if __name__ == "__main__":
    main()
