"""Runs sides in turn against one embedded broker and turns their figures into ratios."""

import json
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from lienthong.config.models import KafkaSettings
from lienthong.kafka.settings import producer_configuration
from lienthong_schemas.generator import DefectRates, Scenario

_SIDE_TIMEOUT_SECONDS = 300
_NO_DEFECTS = 0.0
#: The eight attributes that every publisher sends.
_ATTRIBUTES = frozenset({"specversion", "id", "source", "type", "time", "dataschema", "datacontenttype", "dossiercode"})
#: A quarter of the generated events are progress.
_EVENTS_PER_WANTED = 5


@dataclass(frozen=True)
class Row:
    """One row of ``build/bench.json``.

    Attributes:
        name: What is compared.
        ours: Our median, records per second.
        against: The other side's median, records per second.
        ratio: Median of the ratios of each pair of runs.
        bar: The ratio to reach.
        reached: Whether it was reached.
        spread: Smallest and largest ratio of a pair.
        runs: Number of alternating pairs.
    """

    name: str
    ours: float
    against: float
    ratio: float
    bar: float
    reached: bool
    spread: tuple[float, float]
    runs: int


@dataclass(frozen=True)
class Bench:
    """A prepared topic.

    Attributes:
        bootstrap_servers: The broker.
        province: Prefix of the topics.
        type_name: CloudEvents type of the records.
        records: How many there are.
    """

    bootstrap_servers: str
    province: str
    type_name: str
    records: int

    def run(self, side: str, records: int | None = None) -> float:
        """Run one side after the broker has come to rest, and return its records per second.

        Args:
            side: Name of its module.
            records: How many to process; None for all.
        """
        settle_machine()
        module = f"scripts.bench.{side}"
        return run_side(module, self.bootstrap_servers, self.province, self.type_name, records or self.records)


def run_side(module: str, bootstrap_servers: str, province: str, type_name: str, records: int) -> float:
    """Run one side in its own process.

    Args:
        module: Python module of the side.
        bootstrap_servers: The broker.
        province: Prefix of the topics.
        type_name: CloudEvents type of the records.
        records: Number of records to process.

    Returns:
        Records per second.
    """
    command = [sys.executable, "-m", module, bootstrap_servers, province, type_name, str(records)]
    finished = subprocess.run(command, capture_output=True, timeout=_SIDE_TIMEOUT_SECONDS, check=False)
    lines = [line for line in finished.stdout.decode().splitlines() if line.startswith("{")]
    if not lines:
        sys.exit(f"{module} reported nothing:\n{finished.stderr.decode()[-2000:]}")
    report: dict[str, Any] = json.loads(lines[-1])
    if report["records"] < records:
        sys.exit(f"{module} acknowledged {report['records']} of {records} records")
    return float(report["records_per_second"])


def compare(name: str, bar: float, pairs: Sequence[tuple[float, float]]) -> Row:
    """Return the row for alternating pairs of runs.

    Args:
        name: What is compared.
        bar: The ratio to reach.
        pairs: Ours and the other's figure of each pair.
    """
    ratios = [ours / other for ours, other in pairs]
    ratio = statistics.median(ratios)
    return Row(
        name=name,
        ours=round(statistics.median(ours for ours, _ in pairs)),
        against=round(statistics.median(other for _, other in pairs)),
        ratio=round(ratio, 3),
        bar=bar,
        reached=ratio >= bar,
        spread=(round(min(ratios), 3), round(max(ratios), 3)),
        runs=len(pairs),
    )


def seed(bootstrap_servers: str, topic: str, type_name: str, records: int) -> None:
    """Fill a topic with valid records of one type as binary CloudEvents.

    Args:
        bootstrap_servers: The broker.
        topic: Where to.
        type_name: CloudEvents type.
        records: How many.
    """
    settings = KafkaSettings(bootstrap_servers=bootstrap_servers)
    # Not compressed, because stock Faust's driver reads lz4 only with a further library.
    producer = Producer({**producer_configuration(settings, "bench-seed"), "compression.type": "none"})
    rates = DefectRates(*([_NO_DEFECTS] * len(DefectRates.__dataclass_fields__)))
    written = 0
    for event in Scenario(records=records * _EVENTS_PER_WANTED, seed=11, defects=rates).events():
        if event.attributes["type"] != type_name:
            continue
        headers = [
            ("content-type" if name == "datacontenttype" else f"ce_{name}", text.encode())
            for name, text in {**event.attributes, "id": str(uuid.uuid4())}.items()
            if name in _ATTRIBUTES
        ]
        producer.produce(topic, value=event.data, key=event.key, headers=headers)
        written += 1
        if written % 5_000 == 0:
            producer.poll(0)
        if written == records:
            break
    producer.flush()
    if written < records:
        sys.exit(f"the generator gave only {written} records of {type_name}")


def publish(rows: Sequence[Row], path: Path) -> bool:
    """Write and print the table.

    Args:
        rows: All comparisons.
        path: The JSON file.

    Returns:
        Whether every bar was reached.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    print(f"{'comparison':<46}{'ours/s':>10}{'against/s':>11}{'ratio':>8}{'spread':>16}{'bar':>7}  reached")
    for row in rows:
        spread = f"{row.spread[0]:.2f}-{row.spread[1]:.2f}"
        print(
            f"{row.name:<46}{row.ours:>10,.0f}{row.against:>11,.0f}{row.ratio:>8.2f}{spread:>16}{row.bar:>7.2f}"
            f"  {'yes' if row.reached else 'NO'}"
        )
    return all(row.reached for row in rows)


def settle_machine(seconds: float = 2.0) -> None:
    """Let the broker finish what the last run left to do.

    Args:
        seconds: How long.
    """
    time.sleep(seconds)  # noqa: TID251 - a benchmark waits for the machine, not for a clock of the hub
