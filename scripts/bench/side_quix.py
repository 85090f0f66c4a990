"""Quix Streams: one dataframe, the producer flushed before every commit of offsets."""

import logging
import os
import signal
import tempfile
from typing import Any

from quixstreams import Application
from quixstreams.checkpointing import Checkpoint

from scripts.bench.librdkafka import CONSUMER, PRODUCER
from scripts.bench.subject import Stopwatch, from_arguments, validator


def main() -> None:
    """Process the topic once and report."""
    subject = from_arguments()
    validate = validator(subject.type_name)
    watch = Stopwatch()
    app = Application(
        broker_address=subject.bootstrap_servers,
        consumer_group=subject.group,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        loglevel=logging.ERROR,
        auto_create_topics=False,
        state_dir=tempfile.mkdtemp(prefix="bench-quix-"),
        consumer_extra_config=CONSUMER,
        producer_extra_config=PRODUCER,
    )
    source = app.topic(subject.source, key_deserializer="bytes", value_deserializer="bytes")
    target = app.topic(subject.target, key_serializer="bytes", value_serializer="bytes")

    def check(value: bytes) -> tuple[bytes, bytes]:
        watch.start()
        return validate(value).dossier_code.encode(), value

    def key_of(_value: Any, *_: Any) -> bytes:
        return current[0]

    current: list[bytes] = [b""]

    def split(pair: tuple[bytes, bytes]) -> bytes:
        current[0] = pair[0]
        return pair[1]

    commit = Checkpoint.commit

    def timed_commit(self: Checkpoint, **options: Any) -> None:
        commit(self, **options)
        watch.stop()

    Checkpoint.commit = timed_commit
    app.dataframe(source).apply(check).apply(split).to_topic(target, key=key_of)
    app.run(count=subject.records)
    # The watch stopped at the last checkpoint, for which every delivery report was awaited.
    watch.report(subject.records)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
