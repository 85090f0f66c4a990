"""A dossier with its owner, its events in order of arrival, and what the population database knows of the owner."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

from lienthong.clock import VIETNAM
from lienthong_schemas.generator import defects
from lienthong_schemas.generator.names import respelled
from lienthong_schemas.generator.people import Person, person, register_row
from lienthong_schemas.generator.places import (
    CITIZEN_PROCEDURES,
    COMMUNES,
    ENTERPRISE_PROCEDURES,
    Commune,
    ProcedureEntry,
)
from lienthong_schemas.generator.plan import DefectRates, Plan, stream

#: Monday of the week in which generated dossiers arrive.
FIRST_DAY: Final = date(2026, 10, 5)
#: Hours at which the counters are busy.
_HOURS: Final = (8, 8, 9, 9, 9, 10, 11, 14, 14, 15, 15, 16)
#: Channel → share; most dossiers come over the counter. ASSUMED.
_CHANNELS: Final = ("counter",) * 13 + ("online",) * 6 + ("postal",)
_COURSES: Final = {
    1: (("accepted",),),
    2: (("accepted", "finished"), ("accepted", "returned"), ("submitted", "refused")),
    3: (
        ("accepted", "processing", "returned"),
        ("accepted", "processing", "finished"),
        ("submitted", "accepted", "processing"),
        ("accepted", "supplement", "processing"),
        ("accepted", "payment", "returned"),
        ("accepted", "processing", "withdrawn"),
        ("accepted", "finished", "returned"),
    ),
}
_SHAPES: Final = {1: ("S",), 2: ("SS",), 3: ("SPS", "SSP"), 4: ("SPSS", "SSPS", "SPSS", "SSSP", "SPSP")}


@dataclass(slots=True)
class PlannedEvent:
    """One event before its body is written.

    Attributes:
        kind: ``snapshot`` or ``progress``.
        number: Sequence among events of its kind, from 1.
        status: State of the dossier.
        moment: When it happened.
        event_id: CloudEvents id.
        defect: Empty, ``invalid.<kind>``, ``late``, ``nfd`` or ``repeated``.
        arrival: 1, or 2 for an event that is sent again.
    """

    kind: str
    number: int
    status: str
    moment: datetime
    event_id: str
    defect: str = ""
    arrival: int = 1

    @property
    def is_invalid(self) -> bool:
        """Whether it must be refused."""
        return self.defect.startswith(defects.INVALID)


@dataclass(slots=True)
class Dossier:
    """A made-up dossier.

    Attributes:
        index: Number in the scenario.
        code: Dossier code.
        system: Who publishes it; one system for all its events, so that order holds.
        route: ``gateway`` or ``kafka``.
        channel: How it was handed in.
        subject_kind: What kind of owner it has.
        owner: The owner as JSON.
        procedure: What is asked for.
        commune: Who handles it.
        received: When it was received.
        verification: ``match``, ``mismatch``, ``no_match``, ``not_allowed`` when the population database refuses the
            officer or the procedure, or ``none`` when there is nobody to look up.
        registered: Row of the population database, if its owner is there.
        events: In order of arrival.
        officer: Opaque id of the officer in charge; empty for the one of the commune.
    """

    index: int
    code: str
    system: str
    route: str
    channel: str
    subject_kind: str
    owner: dict[str, Any]
    procedure: ProcedureEntry
    commune: Commune
    received: datetime
    verification: str
    registered: dict[str, Any] | None
    events: list[PlannedEvent] = field(default_factory=list)
    officer: str = ""

    def __repr__(self) -> str:
        """Show the number only: the owner is personal, even when made up."""
        return f"Dossier({self.index})"


def dossiers(plan: Plan, seed: int, rates: DefectRates) -> Iterator[Dossier]:
    """Yield the dossiers of a plan, always the same for the same seed.

    Args:
        plan: Sizes and defects.
        seed: Seed of the scenario.
        rates: Shares of what is unusual but harmless.
    """
    counters: dict[tuple[str, date], int] = {}
    for index in range(len(plan.sizes)):
        draw = stream(seed, "dossier", index)
        dossier = _dossier(draw, index, rates, counters, mismatch=index in plan.mismatch)
        dossier.events = _events(draw, dossier, plan, rates)
        yield dossier


def _dossier(
    draw: Random, index: int, rates: DefectRates, counters: dict[tuple[str, date], int], *, mismatch: bool
) -> Dossier:
    someone = person(draw, index)
    commune = draw.choice(COMMUNES)
    day = FIRST_DAY + timedelta(days=index % 5)
    received = datetime.combine(day, time(draw.choice(_HOURS), draw.randrange(60), draw.randrange(60)), VIETNAM)
    number = counters[(commune.organisation, day)] = counters.get((commune.organisation, day), 0) + 1
    channel = draw.choice(_CHANNELS)
    enterprise = not mismatch and draw.random() < rates.enterprise
    if enterprise:
        owner, registered, verification = _enterprise(draw, someone), None, "none"
    else:
        owner, registered, verification = _citizen(draw, someone, rates, mismatch=mismatch)
    online = channel == "online"
    return Dossier(
        index=index,
        code=f"{commune.organisation}-{day:%y%m%d}-{number:04}",
        system="citizen-portal" if online else "one-stop",
        route="gateway" if online else "kafka",
        channel=channel,
        subject_kind="enterprise" if enterprise else "citizen",
        owner=owner,
        procedure=draw.choice(ENTERPRISE_PROCEDURES if enterprise else CITIZEN_PROCEDURES),
        commune=commune,
        received=received,
        verification=verification,
        registered=registered,
    )


def _enterprise(draw: Random, someone: Person) -> dict[str, Any]:
    # The tax office's check digit is left wrong on purpose: the number must not be a real company's.
    return {
        "full_name": f"Công ty TNHH {someone.full_name.rpartition(' ')[2]} {draw.choice(('Phát', 'Thành', 'Hưng'))}",
        "identifiers": [{"type": "tax_code", "value": f"0000{someone.old_id[3:]}"}],
        "address": _address(draw, someone),
    }


def _address(draw: Random, someone: Person) -> dict[str, Any]:
    # Every new commune code was an old one too: some records still come with the old system and date.
    old = draw.random() < 0.03
    unit = {
        "code_system": "GSO-63" if old else "GSO-34",
        "code": someone.commune.code,
        "as_of": "2024-01-01" if old else "2025-07-01",
    }
    return {"unit": unit, "detail": someone.detail}


def _citizen(
    draw: Random, someone: Person, rates: DefectRates, *, mismatch: bool
) -> tuple[dict[str, Any], dict[str, Any] | None, str]:
    owner: dict[str, Any] = {
        "full_name": someone.full_name,
        "identifiers": [{"type": "personal_id", "value": someone.personal_id}],
        "birth_date": someone.birth.isoformat(),
        "gender": someone.gender,
        "address": _address(draw, someone),
        "phone": someone.phone,
    }
    if mismatch:
        return owner, *_unconfirmed(draw, someone)
    there: dict[str, str] = {}
    chance = draw.random()
    if chance < rates.no_identifier:
        owner["identifiers"] = []
        owner["no_identifier_reason"] = draw.choice(("newborn", "foreigner", "not_issued"))
        return owner, register_row(someone), "none"
    chance -= rates.no_identifier
    if chance < rates.old_identifier:
        owner["identifiers"] = [{"type": "cmnd", "value": someone.old_id}]
    elif chance < rates.old_identifier + rates.accent_only:
        there["full_name_there"] = respelled(someone.full_name)
    elif chance < rates.old_identifier + rates.accent_only + rates.year_only:
        if draw.random() < 0.5:
            owner["birth_date"] = str(someone.birth.year)
        else:
            there["birth_there"] = str(someone.birth.year)
    return owner, register_row(someone, **there), "match"


def _unconfirmed(draw: Random, someone: Person) -> tuple[dict[str, Any] | None, str]:
    kind = draw.choice(("birth", "name", "nobody"))
    if kind == "birth":
        other = someone.birth.replace(year=someone.birth.year - 1, day=min(someone.birth.day, 28))
        return register_row(someone, birth_there=other.strftime("%Y%m%d")), "mismatch"
    if kind == "name":
        family, _, rest = someone.full_name.partition(" ")
        return register_row(someone, full_name_there=f"{'Trần' if family != 'Trần' else 'Lê'} {rest} Vy"), "mismatch"
    return None, "no_match"


def _events(draw: Random, dossier: Dossier, plan: Plan, rates: DefectRates) -> list[PlannedEvent]:
    shape = _shape(draw, plan.sizes[dossier.index])
    course = _course(draw, shape.count("S"))
    events: list[PlannedEvent] = []
    numbers = {"S": 0, "P": 0}
    moment = dossier.received
    for letter in shape:
        numbers[letter] += 1
        snapshots = max(numbers["S"], 1)
        events.append(
            PlannedEvent(
                kind="snapshot" if letter == "S" else "progress",
                number=numbers[letter],
                status=course[snapshots - 1],
                moment=moment,
                event_id=_event_id(draw),
            )
        )
        moment += timedelta(seconds=draw.randrange(1, 7200))
    for position in plan.invalid.get(dossier.index, ()):
        event = events[position]
        citizen = event.kind == "snapshot" and any(
            each["type"] == "personal_id" for each in dossier.owner["identifiers"]
        )
        event.defect = defects.INVALID + defects.choose(draw, citizen_snapshot=citizen)
    for event in events:
        if not event.defect and draw.random() < rates.nfd:
            event.defect = "nfd"
    if dossier.index in plan.late:
        _make_late(draw, events)
    return _with_repeats(events, plan.repeated.get(dossier.index, set()))


def _event_id(draw: Random) -> str:
    text = str(UUID(int=draw.getrandbits(128), version=4))
    # Twelve digits at the end would look like a personal ID wherever output is searched for one.
    return f"{text[:-1]}f" if text[24:].isdigit() else text


def _shape(draw: Random, size: int) -> str:
    known = _SHAPES.get(size)
    return draw.choice(known) if known else "SPSS" + "SP" * ((size - 4) // 2) + "S" * (size % 2)


def _course(draw: Random, snapshots: int) -> tuple[str, ...]:
    if snapshots in _COURSES:
        return draw.choice(_COURSES[snapshots])
    rounds = ("supplement", "processing") * snapshots
    return ("accepted", "processing", *rounds[: snapshots - 3], "finished")


def _make_late(draw: Random, events: list[PlannedEvent]) -> None:
    places = [place for place, event in enumerate(events) if event.kind == "snapshot"]
    turn = draw.randrange(len(places) - 1)
    older, newer = places[turn], places[turn + 1]
    events[older], events[newer] = events[newer], events[older]
    events[newer].defect = "late"


def _with_repeats(events: list[PlannedEvent], positions: set[int]) -> list[PlannedEvent]:
    found: list[PlannedEvent] = []
    for position, event in enumerate(events):
        found.append(event)
        if position in positions:
            found.append(
                PlannedEvent(event.kind, event.number, event.status, event.moment, event.event_id, "repeated", 2)
            )
    return found
