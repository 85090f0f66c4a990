"""``make bench``: every comparison of the hub, written to ``build/bench.json``; exit 1 when a bar is not reached."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lienthong.kafka.embedded import EmbeddedKafka
from scripts.bench.harness import Bench, Row, compare, publish, seed

#: Thin records show what the engine itself costs; full ones what a province's traffic costs.
THIN, FULL = "dossier.progress", "dossier.snapshot"
RAW_BAR, FAUST_BAR = 0.5, 15.0


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
        servers = broker.bootstrap_servers
        rows = thin(prepare(servers, "thin", THIN, arguments.records), arguments)
        rows += full(prepare(servers, "full", FULL, arguments.records // 2), arguments)
    sys.exit(0 if publish(rows, arguments.output) else 1)


def prepare(bootstrap_servers: str, province: str, type_name: str, records: int) -> Bench:
    """Create the topics of one province and fill its inbound topic.

    Args:
        bootstrap_servers: The broker.
        province: Prefix of the topics.
        type_name: CloudEvents type of the records.
        records: How many.
    """
    environment = {
        **os.environ,
        "LIENTHONG_PROVINCE": province,
        "LIENTHONG_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
    }
    command = [str(Path(sys.executable).parent / "lienthong"), "topics", "apply"]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    seed(bootstrap_servers, f"{province}.inbound.dossier.one-stop", type_name, records)
    return Bench(bootstrap_servers, province, type_name, records)


def thin(bench: Bench, arguments: argparse.Namespace) -> list[Row]:
    """Compare intake of thin records with the raw limit and with stock Faust.

    Args:
        bench: What was prepared.
        arguments: The command line.
    """
    raw: list[tuple[float, float]] = []
    faust: list[tuple[float, float]] = []
    for number in range(arguments.runs):
        ours, limit = bench.run("side_ours"), bench.run("side_raw")
        stock = bench.run("side_faust", arguments.faust_records)
        raw.append((ours, limit))
        faust.append((ours, stock))
        print(f"thin {number + 1}: ours {ours:,.0f}/s, raw {limit:,.0f}/s, stock Faust {stock:,.0f}/s", flush=True)
    return [
        compare("intake of thin records, against raw librdkafka", RAW_BAR, raw),
        compare("intake of thin records, against stock Faust", FAUST_BAR, faust),
    ]


def full(bench: Bench, arguments: argparse.Namespace) -> list[Row]:
    """Compare intake of full snapshots with the raw limit.

    Args:
        bench: What was prepared.
        arguments: The command line.
    """
    raw: list[tuple[float, float]] = []
    for number in range(arguments.runs):
        ours, limit = bench.run("side_ours"), bench.run("side_raw")
        raw.append((ours, limit))
        print(f"full {number + 1}: ours {ours:,.0f}/s, raw {limit:,.0f}/s", flush=True)
    return [compare("intake of full snapshots, against raw librdkafka", RAW_BAR, raw)]


if __name__ == "__main__":
    main()
