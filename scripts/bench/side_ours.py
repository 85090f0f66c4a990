"""Ours: the intake pipeline as the hub runs it, with findings, receipts, watermark and metrics."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from lienthong.config.models import HubSettings, KafkaSettings, LogSettings
from lienthong.observability.logs import configure
from lienthong.pipeline import worker
from lienthong.pipeline.definitions import load_pipelines
from lienthong.topic_names import TopicNames
from scripts.bench.instrument import instrument
from scripts.bench.subject import Stopwatch, from_arguments

#: Samples of the memory in one run.
_SAMPLES = 200


def main() -> None:
    """Run the worker until everything is settled."""
    subject = from_arguments()
    watch = Stopwatch()
    memory: list[int] = []

    def on_settled(number: int) -> None:
        memory.append(resident_kilobytes())
        if number >= subject.records:
            watch.report(number, resident_kilobytes=memory)

    instrument(subject.records, watch.start, on_settled, max(1, subject.records // _SAMPLES))
    configure(LogSettings(level="error"))
    with tempfile.TemporaryDirectory() as folder:
        settings = HubSettings(
            province=subject.province,
            state_directory=Path(folder),
            kafka=KafkaSettings(bootstrap_servers=subject.bootstrap_servers),
        )
        pipeline = load_pipelines(TopicNames(subject.province), settings.environment)["intake"]
        worker.run(settings, replace(pipeline, group=subject.group, topics=(subject.source,)))


def resident_kilobytes() -> int:
    """Return the memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


if __name__ == "__main__":
    main()
