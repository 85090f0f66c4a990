"""A worker process whose engine hangs in the way that its first argument names; the second is its ready file."""

import asyncio
import re
import sys
import time
from pathlib import Path

from lienthong.config.loader import load
from lienthong.observability.logs import configure
from lienthong.pipeline import worker
from lienthong.pipeline.definitions import load_pipelines
from lienthong.topic_names import TopicNames


class StuckEngine:
    """Hangs as soon as it is given records."""

    def __init__(self, way: str) -> None:
        self._way = way

    async def start(self) -> None:
        """Need nothing."""

    async def stop(self) -> None:
        """Have nothing."""

    async def on_assigned(self, assignments) -> None:
        """Need nothing."""

    async def on_revoked(self, assignments, *, lost) -> None:
        """Have nothing."""

    async def on_window_full(self, assignment, offset) -> None:
        """Park nothing."""

    def oldest_review(self) -> None:
        """Have none."""

    def parked_counts(self) -> dict[str, int]:
        """Have none."""
        return {}

    async def wait_failed(self) -> None:
        """Never fail."""
        await asyncio.Event().wait()

    async def drain(self, timeout_seconds: float) -> bool:
        """Take all the time there is."""
        await asyncio.sleep(timeout_seconds)
        return False

    async def submit(self, item) -> None:
        """Hang."""
        print("STUCK", flush=True)  # noqa: T201 - the test reads it
        if self._way == "sleep":
            time.sleep(3_600)  # noqa: ASYNC251 - blocking is what this is for
        if self._way == "spin":
            while True:
                pass
        if self._way == "native":
            # Takes longer than the universe and never gives the interpreter back.
            re.match(r"(a+)+$", "a" * 64 + "b")
        await asyncio.Event().wait()


def main() -> None:
    """Run intake with an engine that hangs."""
    way, ready_file = sys.argv[1:]
    worker.build_engine = lambda *_args, **_kwargs: StuckEngine(way)
    settings = load(None)
    configure(settings.log)
    pipeline = load_pipelines(TopicNames(settings.province), settings.environment)["intake"]
    worker.run(settings, pipeline, Path(ready_file))


if __name__ == "__main__":
    main()
