"""FastStream delivering: batches of a hundred, posted at once with aiohttp, then acknowledged."""

import asyncio
import logging
import os
import signal

import aiohttp
import uvloop
from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker
from faststream.confluent.annotations import KafkaMessage

from scripts.bench.librdkafka import CONSUMER
from scripts.bench.subject import Stopwatch, from_arguments

_IN_FLIGHT = 100
_JSON = {"content-type": "application/json"}


async def main() -> None:
    """Process the topic once and report."""
    subject = from_arguments()
    watch = Stopwatch()
    done = 0
    broker = KafkaBroker(subject.bootstrap_servers, logger=None, log_level=logging.ERROR, config=CONSUMER)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_IN_FLIGHT), cookie_jar=aiohttp.DummyCookieJar()
    )

    async def post(value: bytes) -> None:
        async with session.post(subject.target_url, data=value, headers=_JSON) as response:
            await response.read()
            response.raise_for_status()

    @broker.subscriber(
        subject.source,
        batch=True,
        max_records=_IN_FLIGHT,
        polling_interval=0.05,
        group_id=subject.group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.ACK,
        no_reply=True,
    )
    async def deliver(message: KafkaMessage) -> None:
        nonlocal done
        watch.start()
        await asyncio.gather(*(post(record.value()) for record in message.raw_message))
        done += len(message.raw_message)
        if done >= subject.records:
            watch.report(done)
            os.kill(os.getpid(), signal.SIGKILL)

    await FastStream(broker, logger=None).run()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
