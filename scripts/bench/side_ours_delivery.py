"""Ours: the delivering pipeline as the hub runs it, with lanes, circuit, receipts, key states and watermark."""

import os
import tempfile
import time
from pathlib import Path

from lienthong.config.models import LogSettings
from lienthong.observability.logs import configure
from scripts.bench.delivery_worker import IN_FLIGHT, delivery_pipeline, hub_settings, run
from scripts.bench.harness import Place
from scripts.bench.instrument import instrument
from scripts.bench.seeding import apply_topics
from scripts.bench.subject import Stopwatch, from_arguments

#: Another number of calls in flight than a hundred.
LANES_VARIABLE = "BENCH_LANES"


def main() -> None:
    """Run the worker until everything is settled."""
    subject = from_arguments()
    watch = Stopwatch()
    # Of its own province: what an earlier run delivered would be a duplicate in this one.
    place = Place(subject.bootstrap_servers, f"delivery-{time.monotonic_ns()}", subject.type_name, subject.records)
    apply_topics(place)
    instrument(subject.records, watch.start, watch.report)
    configure(LogSettings(level="error"))
    lanes = int(os.environ.get(LANES_VARIABLE, IN_FLIGHT))
    with tempfile.TemporaryDirectory() as folder:
        settings = hub_settings(
            subject.bootstrap_servers,
            place.province,
            Path(folder),
            max_connections=lanes,
            base_url=subject.target_url.removesuffix("/effects"),
        )
        run(settings, delivery_pipeline(settings, subject.group, subject.source, max_in_flight=lanes))


if __name__ == "__main__":
    main()
