"""A worker process of the delivering pipeline whose target only writes down its calls: file, seconds, ready file."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from lienthong.config.loader import load
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.kafka.settings import PIPELINE_OVERRIDES
from lienthong.observability.logs import configure
from lienthong.outcome import Outcome
from lienthong.pipeline import worker
from lienthong.pipeline.definitions import load_pipelines
from lienthong.pipeline.durable import DurableState
from lienthong.pipeline.item import Handled
from lienthong.pipeline.remote import RemoteEngine
from lienthong.registry.schemas import SchemaRegistry
from lienthong.topic_names import TopicNames


class CallTarget:
    """Takes some time for each call and writes down when it began and ended."""

    types = frozenset()

    def __init__(self, path: str, seconds: float) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        self._seconds = seconds

    async def open(self) -> None:
        """Open."""

    async def close(self) -> None:
        """Close."""

    def scopes(self, item) -> tuple[()]:
        """Need none."""
        return ()

    async def handle(self, item, state):
        """Call."""
        event, _, _ = item.decoded()

        async def call(event_id: str) -> None:
            self._write("begin", event_id)
            await asyncio.sleep(self._seconds)
            self._write("end", event_id)

        await item.attempts.interruption.call(call, event.id)
        return Handled(Outcome.delivered("done"), state=state.with_delivery(item.record.offset + 1, ""))

    async def approve(self, item, state):
        """Never asked for here."""
        raise NotImplementedError

    def _write(self, phase: str, event_id: str) -> None:
        line = {"at": time.monotonic(), "phase": phase, "id": event_id, "pid": os.getpid()}
        os.write(self._file, json.dumps(line).encode() + b"\n")


def main() -> None:
    """Run the delivering pipeline."""
    calls, seconds, ready_file = sys.argv[1:]

    def build(settings, pipeline, clock, metrics, *_rest):
        return RemoteEngine(
            pipeline,
            CallTarget(calls, float(seconds)),
            AcknowledgedProducer(settings.kafka, client_id="test", overrides=PIPELINE_OVERRIDES),
            DurableState(pipeline, settings.kafka),
            SchemaRegistry.installed(),
            clock,
            metrics,
        )

    worker.build_engine = build
    settings = load(None)
    configure(settings.log)
    pipeline = load_pipelines(TopicNames(settings.province), settings.environment)["deliver-dossier"]
    worker.run(settings, pipeline, Path(ready_file))


if __name__ == "__main__":
    main()
