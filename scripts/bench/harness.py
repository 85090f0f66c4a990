"""Runs sides in turn, each in a process of its own, and fills the topics that they read."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SIDE_TIMEOUT_SECONDS = 300


class SideError(Exception):
    """A side that did not do its work; its last words are the message."""


@dataclass(frozen=True)
class Place:
    """Where sides work.

    Attributes:
        bootstrap_servers: The broker.
        province: Prefix of the topics.
        type_name: CloudEvents type of the records.
        records: How many there are in the inbound topic.
        target_url: The HTTP server of sides that deliver.
    """

    bootstrap_servers: str
    province: str
    type_name: str
    records: int
    target_url: str = ""

    def topic(self, name: str) -> str:
        """Return the full name of a topic.

        Args:
            name: As in the catalogue.
        """
        return f"{self.province}.{name}"


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: For the reader.
        command: Starts it; place and number of records follow.
        records: How many it processes in one run; None for all.
        environment: Variables besides the inherited ones.
    """

    name: str
    command: Sequence[str]
    records: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def python_side(name: str, module: str, records: int | None = None, python: Path | None = None, **options: str) -> Side:
    """Return a side that is a module of this package.

    Args:
        name: For the reader.
        module: Its name.
        records: How many it processes in one run.
        python: Interpreter; None for this one.
        **options: Variables for it.
    """
    paths = {"PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("hub", "schemas", "."))} if python else {}
    return Side(name, (str(python or sys.executable), "-m", f"scripts.bench.{module}"), records, {**paths, **options})


def run_side(side: Side, place: Place) -> dict[str, Any]:
    """Run one side after the broker has come to rest.

    Args:
        side: What to run.
        place: Where.

    Returns:
        Its report, with ``records_per_second``.

    Raises:
        SideError: If it reports nothing or too little.
    """
    settle_machine()
    records = min(side.records or place.records, place.records)
    arguments = (place.bootstrap_servers, place.province, place.type_name, str(records), place.target_url)
    try:
        # Some sides keep their state there, and are ended before they could remove it.
        with tempfile.TemporaryDirectory(prefix="lienthong-side-", ignore_cleanup_errors=True) as folder:
            finished = subprocess.run(
                [*side.command, *arguments],
                capture_output=True,
                timeout=SIDE_TIMEOUT_SECONDS,
                check=False,
                env={**os.environ, "TMPDIR": folder, **side.environment},
                cwd=ROOT,
            )
    except subprocess.TimeoutExpired as error:
        said = (error.stderr or b"").decode(errors="replace")[-2000:]
        raise SideError(f"{side.name} did not end within {SIDE_TIMEOUT_SECONDS} s:\n{said}") from None
    lines = [line for line in finished.stdout.decode().splitlines() if line.startswith("{")]
    if not lines:
        raise SideError(f"{side.name} reported nothing:\n{finished.stderr.decode()[-3000:]}")
    report: dict[str, Any] = json.loads(lines[-1])
    if report["records"] < records:
        raise SideError(f"{side.name} acknowledged {report['records']} of {records} records")
    return report


def alternate(title: str, sides: Sequence[Side], place: Place, runs: int) -> dict[str, list[float]]:
    """Run all sides in turn, several times.

    Args:
        title: For the reader.
        sides: In the order of a round.
        place: Where.
        runs: Rounds.

    Returns:
        Name of the side → records per second of each round.
    """
    found: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(runs):
        for side in sides:
            found[side.name].append(float(run_side(side, place)["records_per_second"]))
        told = ", ".join(f"{name} {figures[-1]:,.0f}/s" for name, figures in found.items())
        print(f"{title} {number + 1}: {told}", flush=True)
    return found


def pairs(found: Mapping[str, Sequence[float]], ours: str, other: str) -> list[tuple[float, float]]:
    """Return the figures of two sides by round.

    Args:
        found: What :func:`alternate` returned.
        ours: Name of our side.
        other: Name of the other.
    """
    return list(zip(found[ours], found[other], strict=True))


def settle_machine(seconds: float = 1.5) -> None:
    """Let the broker finish what the last run left to do.

    Args:
        seconds: How long.
    """
    time.sleep(seconds)  # noqa: TID251 - a benchmark waits for the machine, not for a clock of the hub
