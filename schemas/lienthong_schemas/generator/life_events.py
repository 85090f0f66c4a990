"""Made-up births and deaths as the civil-status register tells them, on their way through the states of a dossier."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from lienthong.clock import VIETNAM
from lienthong_schemas.generator.dossiers import FIRST_DAY
from lienthong_schemas.generator.names import full_name
from lienthong_schemas.generator.people import Person, person
from lienthong_schemas.generator.places import Commune
from lienthong_schemas.generator.plan import stream

_UNITS_SINCE: Final = "2025-07-01"
_COURSES: Final = (
    ("submitted", "accepted_or_processing", "finished"),
    ("accepted_or_processing", "finished"),
    ("submitted", "supplement", "accepted_or_processing", "finished"),
    ("submitted", "refused"),
    ("submitted", "accepted_or_processing"),
)


class LifeEvent(NamedTuple):
    """One made-up birth or death.

    Attributes:
        kind: ``birth`` or ``death``.
        updates: Documents of ``civil-status.updated``, in order.
        result: Document of ``person.created`` or ``person.deceased``; None for a dossier that has not ended so.
    """

    kind: str
    updates: tuple[dict[str, Any], ...]
    result: dict[str, Any] | None

    def __repr__(self) -> str:
        """Show nothing of the people, like every model."""
        return f"LifeEvent({self.kind!r})"

    @property
    def result_type(self) -> str:
        """CloudEvents type of the result."""
        return "person.created" if self.kind == "birth" else "person.deceased"


def life_events(count: int, seed: int = 1, first_day: date = FIRST_DAY) -> Iterator[LifeEvent]:
    """Yield made-up births and deaths, always the same for the same seed.

    Args:
        count: How many, at most 600,000: each needs three people.
        seed: What everything follows from.
        first_day: When the first dossiers were submitted; the last change is at most six days later.
    """
    for index in range(count):
        draw = stream(seed, "life-event", index)
        kind = "birth" if draw.random() < 0.6 else "death"
        moment = datetime.combine(first_day + timedelta(days=index % 5), time(8, draw.randrange(60)), VIETNAM)
        someone = person(draw, 3 * index)
        common = {
            "dossier_code": f"{someone.commune.organisation}-{moment:%y%m%d}-{index:06}",
            "national_code": f"LT.{moment:%y%m%d}.{index:06}",
        }
        course = draw.choice(_COURSES)
        updates = []
        for status in course:
            update = {**common, "kind": kind, "status": status, "occurred_at": moment.isoformat()}
            update["department"] = "Phòng Hộ tịch"
            if status == "supplement":
                update |= {
                    "content": "Đề nghị bổ sung giấy chứng sinh",
                    "supplement_until": (moment + timedelta(days=5)).date().isoformat(),
                }
            updates.append(update)
            moment += timedelta(minutes=draw.randrange(1, 400))
        result = None
        if course[-1] == "finished":
            told = {**common, "occurred_at": updates[-1]["occurred_at"]}
            entered = datetime.fromisoformat(told["occurred_at"]).date()
            body = _birth(draw, index, someone, entered) if kind == "birth" else _death(draw, someone, entered)
            result = {**told, **body, "registration": _entry(draw, index, someone.commune, entered)}
        yield LifeEvent(kind, tuple(updates), result)


def _birth(draw: Random, index: int, mother: Person, entered: date) -> dict[str, Any]:
    female = draw.random() < 0.5
    born = entered - timedelta(days=draw.randrange(1, 60))
    spare = person(draw, 3 * index + 1).personal_id
    # The number of a person whom nobody else is, with the century, sex and year of the newborn.
    number = f"{spare[:3]}{2 + female}{born.year % 100:02}{spare[6:]}"
    parents = [_parent("mother", mother)]
    if draw.random() < 0.9:
        parents.append(_parent("father", person(draw, 3 * index + 2)))
    return {
        "full_name": full_name(draw, female=female),
        "gender": "female" if female else "male",
        "birth_date": born.isoformat(),
        "birth_place": f"Bệnh viện thử nghiệm, {mother.commune.name}",
        "identifiers": [{"type": "personal_id", "value": number}],
        "parents": parents,
    }


def _parent(role: str, someone: Person) -> dict[str, Any]:
    return {
        "role": role,
        "full_name": someone.full_name,
        "identifiers": [{"type": "personal_id", "value": someone.personal_id}],
        "birth_date": someone.birth.isoformat(),
        "address": {"unit": _unit(someone.commune), "detail": someone.detail},
    }


def _death(draw: Random, someone: Person, entered: date) -> dict[str, Any]:
    died = entered - timedelta(days=draw.randrange(1, 15))
    has_old_paper = draw.random() < 0.1
    paper = ("cmnd", someone.old_id) if has_old_paper else ("personal_id", someone.personal_id)
    body = {
        "full_name": someone.full_name,
        "gender": someone.gender,
        "birth_date": f"{someone.birth.year}" if has_old_paper else someone.birth.isoformat(),
        "identifiers": [{"type": paper[0], "value": paper[1]}],
        "died_on": died.isoformat(),
        "death_place": f"Tại nhà riêng, {someone.commune.name}",
    }
    if draw.random() < 0.7:
        body["died_at_time"] = f"{draw.randrange(24):02}:{draw.randrange(60):02}"
    return body


def _entry(draw: Random, index: int, commune: Commune, entered: date) -> dict[str, Any]:
    return {
        "number": f"{index + 1}/{entered.year}",
        "book": f"{draw.randrange(1, 9):02}",
        "page": str(draw.randrange(1, 200)),
        "registered_on": entered.isoformat(),
        "place": _unit(commune),
        "result_code": f"G15.HT{draw.randrange(1, 9):02}",
    }


def _unit(commune: Commune) -> dict[str, str]:
    return {"code_system": "GSO-34", "code": commune.code, "as_of": _UNITS_SINCE}
