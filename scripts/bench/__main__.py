"""``make bench``: every comparison of the hub, written to ``build/bench.json``; exit 1 when a bar is not reached."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lienthong.kafka.embedded import EmbeddedKafka
from scripts.bench.harness import Row, compare, publish, run_side, seed, settle_machine

_PROVINCE = "bench"


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000, help="records of each run of ours and the raw loop")
    parser.add_argument("--faust-records", type=int, default=20_000, help="records of each run of stock Faust")
    parser.add_argument("--runs", type=int, default=5, help="alternating pairs")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedKafka(Path(folder) / "kafka", heap_megabytes=512, die_with_parent=True) as broker,
    ):
        rows = intake(broker.bootstrap_servers, arguments.records, arguments.faust_records, arguments.runs)
    sys.exit(0 if publish(rows, arguments.output) else 1)


def intake(bootstrap_servers: str, records: int, faust_records: int, runs: int) -> list[Row]:
    """Compare the intake pipeline with the raw limit and with stock Faust.

    Args:
        bootstrap_servers: The broker.
        records: Records of each run of ours and the raw loop.
        faust_records: Records of each run of stock Faust.
        runs: Alternating pairs.
    """
    environment = {
        **os.environ,
        "LIENTHONG_PROVINCE": _PROVINCE,
        "LIENTHONG_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
    }
    subprocess.run([str(Path(sys.executable).parent / "lienthong"), "topics", "apply"], env=environment, check=True)
    seed(bootstrap_servers, f"{_PROVINCE}.inbound.dossier.one-stop", records)
    raw: list[tuple[float, float]] = []
    faust: list[tuple[float, float]] = []
    for number in range(runs):
        settle_machine()
        ours = run_side("scripts.bench.side_ours", bootstrap_servers, _PROVINCE, records)
        settle_machine()
        limit = run_side("scripts.bench.side_raw", bootstrap_servers, _PROVINCE, records)
        settle_machine()
        stock = run_side("scripts.bench.side_faust", bootstrap_servers, _PROVINCE, faust_records)
        raw.append((ours, limit))
        faust.append((ours, stock))
        print(f"run {number + 1}: ours {ours:,.0f}/s, raw {limit:,.0f}/s, stock Faust {stock:,.0f}/s", flush=True)
    return [
        compare("intake, against a raw librdkafka loop", 0.5, raw),
        compare("intake, against a stock Faust agent", 15.0, faust),
    ]


if __name__ == "__main__":
    main()
