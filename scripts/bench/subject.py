"""What every side of the intake benchmark shares: topics, settings, schema, and how it reports."""

import json
import resource
import sys
import time
from dataclasses import dataclass
from typing import Any

from lienthong.registry.schemas import SchemaRegistry


@dataclass(frozen=True)
class Subject:
    """One run of one side.

    Attributes:
        bootstrap_servers: The broker.
        province: Prefix of the topics.
        type_name: CloudEvents type of the records.
        records: Number of records to process.
    """

    bootstrap_servers: str
    province: str
    type_name: str
    records: int

    @property
    def source(self) -> str:
        """Topic that is read."""
        return f"{self.province}.inbound.dossier.one-stop"

    @property
    def target(self) -> str:
        """Topic that is written."""
        return f"{self.province}.records.dossier"

    @property
    def group(self) -> str:
        """A group that nobody used before, so that everything is read from the start."""
        return f"bench-{time.monotonic_ns()}"


def from_arguments() -> Subject:
    """Return the run that the command line describes."""
    return Subject(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))


def validator(type_name: str) -> Any:
    """Return the same compiled validator for every side.

    Args:
        type_name: CloudEvents type.
    """
    return SchemaRegistry.installed().find(type_name).producer_model.model_validate_json


class Stopwatch:
    """Measures from the first record to the last acknowledgement."""

    def __init__(self) -> None:
        self._started: float | None = None
        self._cpu = 0.0

    def start(self) -> None:
        """Note the first record; later calls do nothing."""
        if self._started is None:
            self._started = time.perf_counter()
            self._cpu = _cpu_seconds()

    def report(self, records: int) -> None:
        """Print the result as one JSON line.

        Args:
            records: Records that were acknowledged.
        """
        seconds = time.perf_counter() - (self._started or 0.0)
        cpu = _cpu_seconds() - self._cpu
        line = {"records": records, "seconds": seconds, "records_per_second": records / seconds, "cpu_seconds": cpu}
        print(json.dumps(line), flush=True)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
