"""What every side shares: topics, schema, and how it reports."""

import json
import os
import resource
import sys
import time
from dataclasses import dataclass
from typing import Any

from lienthong.registry.schemas import SchemaRegistry
from lienthong_schemas import SCHEMAS

#: Names another source than the province's first.
TOPIC_VARIABLE = "BENCH_TOPIC"


@dataclass(frozen=True)
class Subject:
    """One run of one side.

    Attributes:
        bootstrap_servers: The broker.
        province: Prefix of the topics.
        type_name: CloudEvents type of the records.
        records: Number of records to process.
        target_url: The HTTP server of sides that deliver.
    """

    bootstrap_servers: str
    province: str
    type_name: str
    records: int
    target_url: str = ""

    @property
    def source(self) -> str:
        """Topic that is read."""
        return os.environ.get(TOPIC_VARIABLE) or f"{self.province}.inbound.dossier.one-stop"

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
    servers, province, type_name, records, *rest = sys.argv[1:]
    return Subject(servers, province, type_name, int(records), rest[0] if rest else "")


def validator(type_name: str) -> Any:
    """Return the same compiled validator for every side.

    Args:
        type_name: CloudEvents type.
    """
    return SchemaRegistry(SCHEMAS).find(type_name).producer_model.model_validate_json


class Stopwatch:
    """Measures from the first record to the last acknowledgement."""

    def __init__(self) -> None:
        self._started: float | None = None
        self._ended: float | None = None
        self._cpu = 0.0

    def start(self) -> None:
        """Note the first record; later calls do nothing."""
        if self._started is None:
            self._started = time.perf_counter()
            self._cpu = _cpu_seconds()

    def stop(self) -> None:
        """Note an acknowledgement; the last call before the report counts."""
        self._ended = time.perf_counter()

    def report(self, records: int, **more: Any) -> None:
        """Print the result as one JSON line.

        Args:
            records: Records that were acknowledged.
            **more: Goes into the line.
        """
        seconds = (self._ended or time.perf_counter()) - (self._started or 0.0)
        cpu = _cpu_seconds() - self._cpu
        line = {"records": records, "seconds": seconds, "records_per_second": records / seconds, "cpu_seconds": cpu}
        print(json.dumps({**line, **more}), flush=True)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
