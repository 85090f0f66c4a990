"""What a demonstration was asked for, and what it found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.day_checks import Night
from lienthong_connectors.demo.meters import Stage
from lienthong_connectors.demo.strain import Drain


class FlowResult(NamedTuple):
    """One row of the table of flows.

    Attributes:
        name: Short name.
        title: Vietnamese, then English.
        pipelines: Those that it runs through, besides ``intake``.
        checks: How many numbers were compared.
        agreeing: How many of them agree.
    """

    name: str
    title: str
    pipelines: tuple[str, ...]
    checks: int
    agreeing: int

    @classmethod
    def of(cls, name: str, title: str, pipelines: Sequence[str], checks: Sequence[Check]) -> "FlowResult":
        """Return the row of a flow.

        Args:
            name: Short name.
            title: Vietnamese, then English.
            pipelines: Those that it runs through.
            checks: What was compared.
        """
        return cls(name, title, tuple(pipelines), len(checks), sum(check.agrees for check in checks))

    @property
    def agrees(self) -> bool:
        """Whether every number of the flow agrees."""
        return self.agreeing == self.checks

    def as_document(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {**self._asdict(), "agrees": self.agrees}


@dataclass(frozen=True, slots=True)
class Options:
    """What a demonstration was asked for.

    Attributes:
        records: Events in all.
        seed: What the generated week follows from.
        sabotage: ``lose``, ``repeat``, ``reorder``, ``leak`` or empty.
        directory: The work directory; it exists and is empty.
        has_progress: Whether progress is shown.
        window_seconds: Length of a maintenance window of the portal; 0 for none.
        requests_per_second: Quota of the portal; 0 for none.
        profile: ``week``, as fast as it goes, ``day``, compressed, or ``full``, a week with every flow.
    """

    records: int
    seed: int
    sabotage: str
    directory: Path
    has_progress: bool
    window_seconds: int = 0
    requests_per_second: int = 0
    profile: str = "week"

    @property
    def has_strain(self) -> bool:
        """Whether the portal has limits, which take the place of the bad weather."""
        return bool(self.window_seconds or self.requests_per_second)


@dataclass(slots=True)
class Result:
    """What a demonstration found.

    Attributes:
        options: What it was asked for.
        checks: Every number.
        stages: How far and how fast each stage was.
        cpu_seconds: Process → its side (``hub``, ``simulator``, ``kafka`` or ``demo``) and CPU time.
        durations: Part of the demonstration → seconds.
        trace: The printed timeline of one dossier.
        trace_of: Its code.
        bytes_searched: Bytes of evidence that were searched for personal data.
        drain: How the backlog was cleared; None if the portal had no limits.
        night: How a night's backlog was cleared; None without a night.
        flows: What each flow of a full demonstration shows; empty otherwise.
    """

    options: Options
    checks: list[Check] = field(default_factory=list)
    stages: dict[str, Stage] = field(default_factory=dict)
    cpu_seconds: dict[str, tuple[str, float]] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)
    trace: str = ""
    trace_of: str = ""
    bytes_searched: int = 0
    drain: Drain | None = None
    night: Night | None = None
    flows: list[FlowResult] = field(default_factory=list)

    def cpu_of(self, side: str) -> float:
        """Return the CPU seconds of one side.

        Args:
            side: Such as ``hub``.
        """
        return sum(seconds for mine, seconds in self.cpu_seconds.values() if mine == side)

    @property
    def agrees(self) -> bool:
        """Whether every number agrees."""
        return bool(self.checks) and all(check.agrees for check in self.checks)
