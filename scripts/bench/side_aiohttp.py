"""The limit of delivery: a bare aiohttp loop with a hundred calls in flight; no order, no retry, no receipts."""

import asyncio
from collections.abc import Iterator

import aiohttp
import uvloop
from confluent_kafka import Consumer

from lienthong.config.models import KafkaSettings
from lienthong.kafka.settings import consumer_configuration
from scripts.bench.subject import Stopwatch, Subject, from_arguments

_IN_FLIGHT = 100
_JSON = {"content-type": "application/json"}


async def main() -> None:
    """Process the topic once and report."""
    subject = from_arguments()
    watch = Stopwatch()
    records = _values(subject)
    done = 0

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal done
        for value in records:
            watch.start()
            async with session.post(subject.target_url, data=value, headers=_JSON) as response:
                await response.read()
                response.raise_for_status()
            done += 1

    connector = aiohttp.TCPConnector(limit=_IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        await asyncio.gather(*(work(session) for _ in range(_IN_FLIGHT)))
    watch.report(done)


def _values(subject: Subject) -> Iterator[bytes]:
    settings = KafkaSettings(bootstrap_servers=subject.bootstrap_servers)
    consumer = Consumer(
        consumer_configuration(settings, "bench-aiohttp", subject.group) | {"auto.offset.reset": "earliest"}
    )
    consumer.subscribe([subject.source])
    left = subject.records
    while left:
        for message in consumer.consume(min(500, left), 0.05):
            value = message.value() if message.error() is None else None
            if value is not None:
                left -= 1
                yield value
    consumer.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
