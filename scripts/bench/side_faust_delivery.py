"""Stock Faust delivering: the documented agent, a hundred records at a time by ``take``, posted with aiohttp."""

import asyncio
import logging
import os
import signal
import tempfile
from typing import Any

import aiohttp
import faust

from scripts.bench.subject import Stopwatch, from_arguments

_IN_FLIGHT = 100
_JSON = {"content-type": "application/json"}


def main() -> None:
    """Process the topic once and report."""
    subject = from_arguments()
    logging.disable(logging.WARNING)
    app = faust.App(
        subject.group,
        broker=f"kafka://{subject.bootstrap_servers}",
        datadir=tempfile.mkdtemp(prefix="bench-faust-"),
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
    )
    source = app.topic(subject.source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    watch = Stopwatch()
    done = 0
    sessions: list[aiohttp.ClientSession] = []

    async def post(value: bytes) -> None:
        async with sessions[0].post(subject.target_url, data=value, headers=_JSON) as response:
            await response.read()
            response.raise_for_status()

    @app.agent(source)
    async def deliver(stream: Any) -> None:
        nonlocal done
        sessions.append(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_IN_FLIGHT), cookie_jar=aiohttp.DummyCookieJar())
        )
        async for values in stream.take(_IN_FLIGHT, within=0.05):
            watch.start()
            await asyncio.gather(*(post(value) for value in values))
            done += len(values)
            if done >= subject.records:
                watch.report(done)
                os.kill(os.getpid(), signal.SIGKILL)

    worker = faust.Worker(app, loglevel="ERROR", redirect_stdouts=False)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
