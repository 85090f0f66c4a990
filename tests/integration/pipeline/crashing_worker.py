"""A delivering worker whose target's client is slow, or has a defect: at one record it raises or ends the process."""

import asyncio
import os
import sys
from pathlib import Path

from pydantic import BaseModel

from lienthong.config.loader import load
from lienthong.connector import ConnectorKind, ConnectorSpec, Effect, Sink
from lienthong.observability.logs import configure
from lienthong.outcome import Outcome
from lienthong.pipeline import compose, worker
from lienthong.pipeline.definitions import load_pipelines
from lienthong.topic_names import TopicNames


class BrokenSink(Sink[BaseModel]):
    """Writes deliveries to a file, and breaks at one record."""

    way = ""
    poison = ""
    ledger = Path()

    async def deliver(self, event, data, context) -> Outcome:
        """Deliver, or break."""
        del data, context
        if event.id == self.poison:
            if self.way == "exit":
                os._exit(9)
            if self.way == "raise":
                raise ZeroDivisionError("a defect of the client")
        if self.way == "slow":
            await asyncio.sleep(0.02)
        with self.ledger.open("a") as file:
            file.write(f"{event.id}\n")
        return Outcome.delivered("written")


def main() -> None:
    """Run the delivering pipeline with the broken client."""
    BrokenSink.way, BrokenSink.poison, ledger, ready_file = sys.argv[1:]
    BrokenSink.ledger = Path(ledger)
    types = frozenset({"dossier.progress"})
    spec = ConnectorSpec(
        "portal", ConnectorKind.SINK, BaseModel, BrokenSink, "", {"write": Effect.UPSERT}, accepts=types
    )
    compose.build_connector = lambda *_args, **_kwargs: (spec, BrokenSink(None, None))
    settings = load(None)
    configure(settings.log)
    pipeline = load_pipelines(TopicNames(settings.province), settings.environment)["deliver-dossier"]
    worker.run(settings, pipeline, Path(ready_file))


if __name__ == "__main__":
    main()
