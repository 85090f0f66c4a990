"""FastStream over confluent-kafka: batches, every delivery report awaited, then the batch acknowledged."""

import asyncio
import logging
import os
import signal
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker
from faststream.confluent.annotations import KafkaMessage

from scripts.bench.librdkafka import CONSUMER, PRODUCER
from scripts.bench.subject import Stopwatch, from_arguments, validator

_BATCH = 2_000


def main() -> None:
    """Process the topic once and report."""
    subject = from_arguments()
    validate = validator(subject.type_name)
    watch = Stopwatch()
    done = 0
    broker = KafkaBroker(
        subject.bootstrap_servers, logger=None, log_level=logging.ERROR, config={**CONSUMER, **PRODUCER}
    )

    @broker.subscriber(
        subject.source,
        batch=True,
        max_records=_BATCH,
        polling_interval=0.05,
        group_id=subject.group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.ACK,
        no_reply=True,
    )
    async def forward(message: KafkaMessage) -> None:
        nonlocal done
        watch.start()
        sent: list[Any] = []
        for record in message.raw_message:
            value = record.value()
            model = validate(value)
            headers = {name: text.decode() for name, text in record.headers()}
            sent.append(
                await broker.publish(
                    value, subject.target, key=model.dossier_code.encode(), headers=headers, no_confirm=True
                )
            )
        await asyncio.gather(*sent)
        done += len(sent)
        if done >= subject.records:
            watch.report(done)
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(FastStream(broker, logger=None).run())


if __name__ == "__main__":
    main()
