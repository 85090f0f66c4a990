"""A day of a province: when people come, how long their dossiers take, and who may not ask. ASSUMED throughout.

The day runs from six in the morning to eight on the next, so that what came in at night is seen through.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from random import Random
from typing import Any, Final

from lienthong.clock import VIETNAM
from lienthong_schemas.generator import GeneratedEvent, Scenario
from lienthong_schemas.generator.bodies import render
from lienthong_schemas.generator.dossiers import FIRST_DAY, Dossier, PlannedEvent
from lienthong_schemas.generator.places import ProcedureEntry
from lienthong_schemas.generator.plan import DefectRates, stream

BEGIN: Final = datetime.combine(FIRST_DAY, time(6), VIETNAM)
HOURS: Final = 26
#: Hours after six o'clock at which the population database closes and opens again: 22:00-05:00.
NIGHT_HOURS: Final = (16, 23)
#: Counters open at seven.
_OPENING: Final = 25
_CLOSING: Final = 11
#: Hour of the day → how many come, next to each other; peaks 8-10 and 14-16.
_AT_THE_COUNTER: Final = {7: 3, 8: 14, 9: 14, 10: 7, 11: 3, 13: 4, 14: 14, 15: 14, 16: 5}
# fmt: off
_ONLINE: Final = {
    7: 2, 8: 6, 9: 6, 10: 5, 11: 4, 12: 4, 13: 4, 14: 6, 15: 6, 16: 5, 17: 3, 18: 3, 19: 5, 20: 7, 21: 7,
    22: 6, 23: 4, 24: 2, 25: 1, 26: 1, 27: 1, 28: 1,
}
# fmt: on
RATES: Final = DefectRates(
    invalid=0.01, mismatch=0.02, accent_only=0.04, year_only=0.04, no_identifier=0.03, old_identifier=0.04
)
#: Share of owners whose personal ID was given anew since, and of addresses in the communes of before July 2025.
_REISSUED: Final = 0.03
_OLD_ADDRESS: Final = 0.12
#: Share of dossiers whose officer, and whose procedure, the population database does not allow (005 and 004).
_NOT_ALLOWED: Final = 0.01
NEW_OFFICER: Final = "officer-005"
NEW_PROCEDURE: Final = ProcedureEntry("1.003583", "Đăng ký khai sinh lưu động", "G15-HT01", "Hộ tịch", 5, "citizen")
#: Snapshots → courses; closing on the same day, and supplement rounds.
_COURSES: Final = {
    1: (("accepted",),),
    2: (("accepted", "finished"), ("accepted", "supplement"), ("submitted", "accepted")),
    3: (
        ("accepted", "finished", "returned"),
        ("accepted", "processing", "finished"),
        ("accepted", "supplement", "processing"),
    ),
}


@dataclass(frozen=True)
class Day(Scenario):
    """A generated day.

    Attributes:
        kept: The dossiers.
    """

    defects: DefectRates = RATES
    kept: tuple[Dossier, ...] = field(default=(), repr=False)

    def each_dossier(self) -> Iterator[Dossier]:
        """Yield the dossiers in order of their number."""
        return iter(self.kept)

    def events(self) -> Iterator[GeneratedEvent]:
        """Yield the events in order of publication, each at its own time of the day.

        Delivery:
            The events of one dossier keep their order (a late snapshot is late on purpose).
        """
        for _, dossier, event in self._in_order():
            yield render(dossier, event, self.seed)

    def timetable(self) -> list[float]:
        """Return when each event is published, in hours after six o'clock, in the order of :meth:`events`."""
        return [hours for hours, _, _ in self._in_order()]

    def _in_order(self) -> list[tuple[float, Dossier, PlannedEvent]]:
        planned = []
        for dossier in self.kept:
            latest = 0.0
            for position, event in enumerate(dossier.events):
                latest = max(latest, (event.moment - BEGIN) / timedelta(hours=1))
                planned.append((latest, dossier.index, position, dossier, event))
        planned.sort(key=lambda item: item[:3])
        return [(hours, dossier, event) for hours, _, _, dossier, event in planned]


def make_day(records: int, seed: int) -> Day:
    """Return a day with its dossiers.

    Args:
        records: Events in all, including those sent twice.
        seed: What everything follows from.
    """
    plain = Scenario(records, seed=seed, defects=RATES)
    return Day(records, seed=seed, kept=tuple(_lived(plain.each_dossier(), seed)))


def _lived(dossiers: Iterable[Dossier], seed: int) -> Iterator[Dossier]:
    counters: dict[str, int] = {}
    for dossier in dossiers:
        draw = stream(seed, "day", dossier.index)
        _come(draw, dossier, counters)
        _proceed(draw, dossier)
        _vary(draw, dossier)
        yield dossier


def _come(draw: Random, dossier: Dossier, counters: dict[str, int]) -> None:
    hours = _ONLINE if dossier.channel == "online" else _AT_THE_COUNTER
    (hour,) = draw.choices(list(hours), list(hours.values()))
    dossier.received = BEGIN + timedelta(hours=hour - BEGIN.hour, seconds=draw.randrange(3600))
    series = f"{dossier.commune.organisation}-{dossier.received:%y%m%d}"
    counters[series] = counters.get(series, 0) + 1
    dossier.code = f"{series}-{counters[series]:04}"


def _proceed(draw: Random, dossier: Dossier) -> None:
    """Give the events their states and times; what comes after closing time is seen to in the morning."""
    # As they were before one came late and one came twice.
    happened = sorted({event.event_id: event for event in dossier.events}.values(), key=lambda each: each.moment)
    course = _course(draw, sum(event.kind == "snapshot" for event in happened))
    moment, snapshots = dossier.received, 0
    told: dict[str, tuple[str, datetime]] = {}
    for event in happened:
        snapshots += event.kind == "snapshot"
        told[event.event_id] = (course[max(snapshots, 1) - 1], moment)
        moment = _next(draw, moment)
    for event in dossier.events:
        event.status, event.moment = told[event.event_id]


def _course(draw: Random, snapshots: int) -> tuple[str, ...]:
    if snapshots in _COURSES:
        return draw.choice(_COURSES[snapshots])
    rounds = ("supplement", "processing") * snapshots
    return ("accepted", *rounds[: snapshots - 3], "finished", "returned")


def _next(draw: Random, moment: datetime) -> datetime:
    following = moment + timedelta(minutes=draw.randrange(4, 50), seconds=draw.randrange(60))
    hours = (following - BEGIN) / timedelta(hours=1)
    if hours <= _CLOSING or hours >= _OPENING:
        return min(following, max(moment, BEGIN + timedelta(hours=HOURS)) + timedelta(seconds=1))
    return BEGIN + timedelta(hours=_OPENING, seconds=draw.randrange(1800))


def _vary(draw: Random, dossier: Dossier) -> None:
    chance = draw.random()
    if "unit" in dossier.owner.get("address", {}) and draw.random() < _OLD_ADDRESS:
        unit: dict[str, Any] = dossier.owner["address"]["unit"]
        dossier.owner["address"]["unit"] = {**unit, "code_system": "GSO-63", "as_of": "2024-01-01"}
    if dossier.verification != "match" or dossier.registered is None:
        return
    if chance < _REISSUED:
        former = dossier.registered["personal_id"]
        # Found under the former number, known by the new one: 999 stands for no province either.
        dossier.registered |= {"personal_id": f"999{former[3:]}", "superseded_ids": [former]}
    elif chance < _REISSUED + _NOT_ALLOWED:
        dossier.officer, dossier.verification = NEW_OFFICER, "not_allowed"
    elif chance < _REISSUED + 2 * _NOT_ALLOWED:
        dossier.procedure, dossier.verification = NEW_PROCEDURE, "not_allowed"


__all__ = ["BEGIN", "HOURS", "NEW_OFFICER", "NEW_PROCEDURE", "NIGHT_HOURS", "RATES", "Day", "make_day"]
