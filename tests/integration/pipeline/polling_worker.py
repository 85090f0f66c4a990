"""A worker that polls a list in a file: list, file of acknowledgements, ready file."""

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from lienthong.config.loader import load
from lienthong.connector import ConnectorKind, ConnectorSpec, Source, SourceBatch, SourceEvent
from lienthong.envelope import Event
from lienthong.observability.logs import configure
from lienthong.pipeline import compose, worker
from lienthong.pipeline.definitions import PollStep, load_pipelines
from lienthong.topic_names import TopicNames

_PAGE = 10


class ListSource(Source[BaseModel]):
    """Reads lines of ``[time, key, id, body]`` from the last time on, that time included."""

    path = Path()
    acknowledgements = Path()

    async def poll(self, cursor, context):
        """Yield pages of the list, slowly."""
        since = int(cursor) - int(context.overlap_seconds) if cursor else -1
        lines = sorted(json.loads(line) for line in self.path.read_text().splitlines())
        rows = [row for row in lines if row[0] >= since]
        for first in range(0, len(rows), _PAGE):
            await asyncio.sleep(0.02)
            page = rows[first : first + _PAGE]
            attributes = {"source": "/national/list", "type": "dossier.progress"}
            events = [
                SourceEvent(key, Event({**attributes, "id": event_id}, body.encode()))
                for _, key, event_id, body in page
            ]
            yield SourceBatch(events, str(max(page[-1][0], int(cursor or 0))), [row[2] for row in page])

    async def acknowledge(self, batch, context):
        """Write down who acknowledged what, and when."""
        line = {"at": time.monotonic(), "pid": os.getpid(), "ids": batch.receipt, "cursor": batch.cursor}
        with self.acknowledgements.open("a") as file:
            file.write(json.dumps(line) + "\n")


def main() -> None:
    """Run a polling pipeline."""
    ListSource.path, ListSource.acknowledgements, ready_file = map(Path, sys.argv[1:])
    spec = ConnectorSpec("list", ConnectorKind.SOURCE, BaseModel, ListSource, "")
    compose.build_connector = lambda *_args, **_kwargs: (spec, ListSource(None, None))
    settings = load(None)
    configure(settings.log)
    names = TopicNames(settings.province)
    declared = load_pipelines(names, settings.environment)["intake-bulk"]
    step = PollStep(
        connector="list", topic="records.dossier", purpose="p", legal_basis="l", interval="100ms", overlap="2s"
    )
    definition = declared.definition.model_copy(update={"sources": (), "forward": None, "poll": step})
    worker.run(settings, replace(declared, definition=definition, topics=(names.full("cursors"),)), ready_file)


if __name__ == "__main__":
    main()
