"""Quix Streams delivering: its dataframe is synchronous, so one call at a time over one kept connection."""

import http.client
import logging
import os
import signal
import tempfile
from typing import Any
from urllib.parse import urlsplit

from quixstreams import Application
from quixstreams.checkpointing import Checkpoint

from scripts.bench.librdkafka import CONSUMER
from scripts.bench.subject import Stopwatch, from_arguments

_JSON = {"content-type": "application/json"}


def main() -> None:
    """Process the topic once and report."""
    subject = from_arguments()
    watch = Stopwatch()
    parts = urlsplit(subject.target_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    app = Application(
        broker_address=subject.bootstrap_servers,
        consumer_group=subject.group,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        loglevel=logging.ERROR,
        auto_create_topics=False,
        state_dir=tempfile.mkdtemp(prefix="bench-quix-"),
        consumer_extra_config=CONSUMER,
    )
    source = app.topic(subject.source, key_deserializer="bytes", value_deserializer="bytes")

    def post(value: bytes) -> None:
        watch.start()
        connection.request("POST", parts.path, value, _JSON)
        response = connection.getresponse()
        response.read()
        if response.status != http.client.OK:
            raise RuntimeError("the target refused a record")

    commit = Checkpoint.commit

    def timed_commit(self: Checkpoint, **options: Any) -> None:
        commit(self, **options)
        watch.stop()

    Checkpoint.commit = timed_commit
    app.dataframe(source).update(post)
    app.run(count=subject.records)
    watch.report(subject.records)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
