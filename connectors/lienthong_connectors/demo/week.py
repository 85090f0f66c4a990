"""The generated week of a demonstration, prepared once: people, truth, and what must be nowhere in the open."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import orjson

from lienthong_schemas.generator import (
    Dossier,
    DossierTruth,
    EventTruth,
    GeneratedEvent,
    Scenario,
    read_truth,
    write_truth,
)

PIPELINES = ("intake", "verify-dossier", "link-verification", "deliver-dossier")
VERIFY_SOURCE = "/lienthong/verify-dossier"
#: Dossiers that come down from the nation.
PORTAL_SOURCE = "urn:vn:dichvucong"
LINKED_SOURCE = "urn:vn:lienthong-dichvucong"
#: Of what the nation tells; its ids follow from whole documents.
CIVIL_STATUS_SOURCE = "/national/civil-status"
NATIONAL_FEEDBACK_SOURCE = "/national/feedback"
NATIONAL_ALERT_SOURCE = "/national/alert-centre"
#: Of what the hub itself writes about sign-ins; ids and keys are made when they happen.
SIGN_IN_SOURCE = "/hue/sign-in"
#: (source, id) of a record.
Name = tuple[str, str]


@dataclass(frozen=True)
class PreparedScenario(Scenario):
    """A scenario whose dossiers are kept, so that truth, people and publication do not make them three times.

    Attributes:
        kept: The dossiers.
    """

    kept: tuple[Dossier, ...] = field(default=(), repr=False)

    def each_dossier(self) -> Iterator[Dossier]:
        """Yield the dossiers in order of their number."""
        return iter(self.kept)


def prepare(records: int, seed: int) -> PreparedScenario:
    """Return a scenario with its dossiers.

    Args:
        records: Events in all.
        seed: What everything follows from.
    """
    plain = Scenario(records, seed=seed)
    return PreparedScenario(records, seed=seed, kept=tuple(plain.each_dossier()))


class Prepared(Protocol):
    """A scenario whose dossiers are kept."""

    def each_dossier(self) -> Iterator[Dossier]:
        """Yield the dossiers in order of their number."""
        ...

    def events(self) -> Iterator[GeneratedEvent]:
        """Yield the events in order of publication."""
        ...

    def population(self) -> Iterator[dict[str, Any]]:
        """Yield the people whom the population database knows."""
        ...


def write_people(scenario: Prepared, path: Path) -> None:
    """Write whom the simulated population database knows.

    Args:
        scenario: The generated week.
        path: File to write, readable by its owner only.
    """
    path.touch(mode=0o600)
    with path.open("wb") as file:
        for row in scenario.population():
            file.write(orjson.dumps(row) + b"\n")


@dataclass(slots=True)
class Arrival:
    """One effect that the portal must show.

    Attributes:
        kind: ``create``, ``update`` or ``progress``.
        status: State of the dossier.
        occurred_at: ISO 8601; empty for a snapshot, whose wire record has no such moment.
    """

    kind: str
    status: str
    occurred_at: str = ""


@dataclass(slots=True)
class Expectation:
    """What must come out, read from the truth file.

    Attributes:
        events: Every arrival of every event, dossier by dossier in order.
        dossiers: Dossier code → what the portal must show of it.
        arrivals: Dossier code → the effects in order, links apart.
        outcomes: Pipeline → record → outcomes, one for each arrival in order; results of verification among them.
    """

    events: list[EventTruth] = field(default_factory=list)
    dossiers: dict[str, DossierTruth] = field(default_factory=dict)
    arrivals: dict[str, list[Arrival]] = field(default_factory=dict)
    outcomes: dict[str, dict[Name, list[str]]] = field(default_factory=lambda: {name: {} for name in PIPELINES})

    @property
    def rejected(self) -> set[Name]:
        """Records that the gateway must refuse."""
        return {(event.source, event.id) for event in self.events if event.gateway == "rejected"}

    @property
    def links(self) -> int:
        """Dossiers whose owner is confirmed."""
        return sum(dossier.verification_link for dossier in self.dossiers.values())

    @property
    def questions(self) -> int:
        """Questions to the population database."""
        return sum(event.verify in {"delivered", "review"} for event in self.events)

    def settled(self, pipeline: str) -> int:
        """Return how many records a pipeline settles, results of verification included.

        Args:
            pipeline: Its name.
        """
        return sum(len(kinds) for kinds in self.outcomes[pipeline].values())


def read_expectation(path: Path) -> Expectation:
    """Return what a truth file says.

    Args:
        path: The file, written before the first event was published.
    """
    found = Expectation()
    for line in read_truth(path):
        if isinstance(line, DossierTruth):
            found.dossiers[line.dossier_code] = line
            found.arrivals.setdefault(line.dossier_code, [])
            if line.verification_link:
                # Named by their dossier: which id a result gets is the hub's own business.
                result = (VERIFY_SOURCE, line.dossier_code)
                found.outcomes["link-verification"][result] = ["delivered"]
                found.outcomes["deliver-dossier"][result] = ["delivered"]
                found.outcomes["verify-dossier"][result] = ["filtered"]
            continue
        found.events.append(line)
        name = (line.source, line.id)
        for pipeline, kind in (
            ("intake", line.intake),
            ("verify-dossier", line.verify),
            ("deliver-dossier", line.deliver),
        ):
            if kind is not None:
                found.outcomes[pipeline].setdefault(name, []).append(kind)
        if line.deliver == "delivered":
            _arrive(found.arrivals.setdefault(line.dossier_code, []), line)
    return found


def _arrive(arrivals: list[Arrival], event: EventTruth) -> None:
    if event.type == "dossier.progress":
        arrivals.append(Arrival("progress", event.status, event.occurred_at))
    else:
        arrivals.append(Arrival("update" if arrivals else "create", event.status))


__all__ = [
    "CIVIL_STATUS_SOURCE",
    "LINKED_SOURCE",
    "NATIONAL_ALERT_SOURCE",
    "NATIONAL_FEEDBACK_SOURCE",
    "PIPELINES",
    "PORTAL_SOURCE",
    "SIGN_IN_SOURCE",
    "VERIFY_SOURCE",
    "Arrival",
    "Expectation",
    "Name",
    "Prepared",
    "PreparedScenario",
    "prepare",
    "read_expectation",
    "write_people",
    "write_truth",
]
