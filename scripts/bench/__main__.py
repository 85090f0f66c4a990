"""``make bench``: every comparison of the hub, written to ``build/bench.json``; exit 1 when a bar is not reached."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lienthong.kafka.embedded import EmbeddedKafka
from scripts.bench import campaign, counter, delivery, downward, hot_key, intake, latency, memory, recovery, scaling
from scripts.bench.harness import SideError
from scripts.bench.options import Options
from scripts.bench.rows import Row, Table, publish

Suite = Callable[[Options], tuple[list[Row], list[Table]]]
SUITES: Mapping[str, Suite] = {
    "intake": intake.thin,
    "intake-full": intake.full,
    "delivery": delivery.delivery,
    "hot-key": hot_key.hot_key,
    "recovery": recovery.recovery,
    "memory": memory.memory,
    "scaling": scaling.scaling,
    "latency": latency.latency,
    "campaign": campaign.campaign,
    "counter": counter.counter,
    "downward": downward.downward,
}


def main() -> None:
    """Run the comparisons that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(SUITES), help="suite to run; may be given again")
    parser.add_argument("--runs", type=int, default=5, help="alternating rounds")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on every number of records")
    parser.add_argument("--full", action="store_true", help="let slow faults take ten minutes, as their bar says")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    arguments = parser.parse_args()
    rows: list[Row] = []
    tables: list[Table] = []
    failed: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="lienthong-bench-") as folder,
        EmbeddedKafka(Path(folder) / "kafka", heap_megabytes=512, die_with_parent=True) as broker,
    ):
        options = Options(
            broker.bootstrap_servers,
            Path(folder),
            arguments.runs,
            arguments.scale,
            arguments.full,
        )
        for name in arguments.only or SUITES:
            began = time.monotonic()
            try:
                more_rows, more_tables = SUITES[name](options)
            except (SideError, TimeoutError) as error:
                failed.append(name)
                print(f"{name} could not be measured: {error}", file=sys.stderr, flush=True)
                continue
            rows += more_rows
            tables += more_tables
            print(f"{name} took {time.monotonic() - began:.0f} s", flush=True)
    is_reached = publish(rows, tables, arguments.output)
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
    sys.exit(0 if is_reached and not failed else 1)


if __name__ == "__main__":
    main()
