"""Stock Faust: the documented agent over its aiokafka driver, idempotent, every acknowledgement awaited."""

import asyncio
import logging
import os
import signal
import tempfile
from typing import Any

import faust
from faust.transport.drivers import TRANSPORTS, aiokafka

from scripts.bench.subject import Stopwatch, from_arguments, validator

_IN_FLIGHT = 1_000


class IdempotentProducer(aiokafka.Producer):
    """Faust's producer with the one setting that both other sides have too."""

    def _settings_extra(self) -> dict[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class IdempotentTransport(aiokafka.Transport):
    """Faust's transport with the idempotent producer."""

    Producer = IdempotentProducer


def main() -> None:
    """Process the topic once and report."""
    subject = from_arguments()
    TRANSPORTS.aliases["idempotent"] = "scripts.bench.side_faust:IdempotentTransport"
    logging.disable(logging.WARNING)
    app = faust.App(
        subject.group,
        broker=f"idempotent://{subject.bootstrap_servers}",
        datadir=tempfile.mkdtemp(prefix="bench-faust-"),
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        producer_linger=0.005,
    )
    source = app.topic(subject.source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    target = app.topic(subject.target, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    validate = validator(subject.type_name)
    watch = Stopwatch()
    waiting: list[Any] = []
    done = 0

    @app.agent(source)
    async def forward(stream: Any) -> None:
        nonlocal done
        async for event in stream.events():
            watch.start()
            model = validate(event.value)
            waiting.append(await target.send(key=model.dossier_code.encode(), value=event.value, headers=event.headers))
            done += 1
            if len(waiting) >= _IN_FLIGHT or done == subject.records:
                await asyncio.gather(*waiting)
                waiting.clear()
            if done == subject.records:
                watch.report(done)
                os.kill(os.getpid(), signal.SIGKILL)

    worker = faust.Worker(app, loglevel="ERROR", redirect_stdouts=False)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
