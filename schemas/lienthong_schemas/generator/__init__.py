"""Generates made-up dossiers, the people behind them and the truth about what must become of them.

Everything follows from the seed: the same arguments give the same bytes in the same order, so the truth file can be
written before the first event is published.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lienthong_schemas.generator.bodies import LEGAL_BASIS, PURPOSE, SOURCES, GeneratedEvent, render
from lienthong_schemas.generator.dossiers import Dossier, dossiers
from lienthong_schemas.generator.plan import DefectRates, Plan, make_plan, stream
from lienthong_schemas.generator.truth import DossierTruth, EventTruth, expect, read_truth, write_truth

EVENTS_PER_DOSSIER = 4
#: Dossiers that are open at once: their events mix, those of one dossier keep their order.
_OPEN_DOSSIERS = 256
_DEFAULT_RATES = DefectRates()


@dataclass(frozen=True)
class Scenario:
    """A generated week of a province.

    Attributes:
        records: Events in all, including those sent twice.
        dossiers: Dossiers in all; None for one in four events.
        seed: What everything follows from.
        defects: Shares of defects.
    """

    records: int = 20_000
    dossiers: int | None = None
    seed: int = 1
    defects: DefectRates = _DEFAULT_RATES

    @cached_property
    def plan(self) -> Plan:
        """Which dossier gets how many events and defects."""
        count = self.dossiers if self.dossiers is not None else max(1, self.records // EVENTS_PER_DOSSIER)
        return make_plan(self.records, count, self.seed, self.defects)

    def each_dossier(self) -> Iterator[Dossier]:
        """Yield the dossiers in order of their number."""
        return dossiers(self.plan, self.seed, self.defects)

    def events(self) -> Iterator[GeneratedEvent]:
        """Yield the events in order of publication.

        Delivery:
            The events of one dossier keep their order (a late snapshot is late on purpose); a publisher that keeps the
            order of one key keeps the truth.
        """
        draw = stream(self.seed, "publication")
        coming = self.each_dossier()
        open_dossiers: list[tuple[Dossier, int]] = []
        for dossier in coming:
            open_dossiers.append((dossier, 0))
            if len(open_dossiers) >= _OPEN_DOSSIERS:
                break
        while open_dossiers:
            place = draw.randrange(len(open_dossiers))
            dossier, position = open_dossiers[place]
            yield render(dossier, dossier.events[position], self.seed)
            if position + 1 < len(dossier.events):
                open_dossiers[place] = (dossier, position + 1)
                continue
            following = next(coming, None)
            if following is not None:
                open_dossiers[place] = (following, 0)
            else:
                open_dossiers[place] = open_dossiers[-1]
                open_dossiers.pop()

    def population(self) -> Iterator[dict[str, Any]]:
        """Yield the people whom the population database knows, as rows for its simulator."""
        return (dossier.registered for dossier in self.each_dossier() if dossier.registered is not None)

    def write_truth(self, path: Path) -> None:
        """Write the truth file.

        Args:
            path: File to write.
        """
        write_truth(path, self.each_dossier())


def generate(
    records: int, dossiers: int | None = None, seed: int = 1, defects: DefectRates = _DEFAULT_RATES
) -> Iterator[GeneratedEvent]:
    """Yield events in order of publication.

    Args:
        records: Events in all, including those sent twice.
        dossiers: Dossiers in all; None for one in four events.
        seed: What everything follows from.
        defects: Shares of defects.
    """
    return Scenario(records, dossiers, seed, defects).events()


__all__ = [
    "EVENTS_PER_DOSSIER",
    "LEGAL_BASIS",
    "PURPOSE",
    "SOURCES",
    "DefectRates",
    "Dossier",
    "DossierTruth",
    "EventTruth",
    "GeneratedEvent",
    "Scenario",
    "expect",
    "generate",
    "read_truth",
    "render",
    "write_truth",
]
