"""Made-up civil-status dossiers on their way up, and the truth about what the register must enter of each."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from lienthong.clock import VIETNAM
from lienthong_schemas.generator.dossiers import FIRST_DAY
from lienthong_schemas.generator.names import full_name
from lienthong_schemas.generator.people import Person, person
from lienthong_schemas.generator.plan import stream

_UNITS_SINCE: Final = "2025-07-01"
#: Codes of the ministry's catalogues are not published; these are made up.
_NATIONALITY, _ETHNICITY, _RESIDENCE = "VN", "01", "1"


class RegistryTruth(NamedTuple):
    """What the register must enter of one dossier.

    Attributes:
        dossier_code: Its code at the one-stop centre.
        national_code: Its code in the linked procedure.
        kind: ``birth`` or ``death``.
        full_name: Of the child, or of who died.
        day: Day of birth or of death, ISO.
    """

    dossier_code: str
    national_code: str
    kind: str
    full_name: str
    day: str

    def __repr__(self) -> str:
        """Show nothing of the people, like every model."""
        return f"RegistryTruth({self.kind!r})"


class CivilStatusRequest(NamedTuple):
    """One made-up dossier.

    Attributes:
        document: Of ``civil-status.requested``.
        truth: What must become of it.
    """

    document: dict[str, Any]
    truth: RegistryTruth

    def __repr__(self) -> str:
        """Show nothing of the people, like every model."""
        return f"CivilStatusRequest({self.truth!r})"


def civil_status_requests(count: int, seed: int = 1) -> Iterator[CivilStatusRequest]:
    """Yield made-up births and deaths to register, always the same for the same seed.

    Args:
        count: How many, at most 600,000: each needs three people.
        seed: What everything follows from.
    """
    for index in range(count):
        draw = stream(seed, "civil-status-request", index)
        someone = person(draw, 3 * index)
        moment = datetime.combine(FIRST_DAY + timedelta(days=index % 5), time(8, draw.randrange(60)), VIETNAM)
        applicant = person(draw, 3 * index + 1)
        kind = "birth" if draw.random() < 0.6 else "death"
        document: dict[str, Any] = {
            "dossier_code": f"{someone.commune.organisation}-{moment:%y%m%d}-{index:06}",
            "national_code": f"LT.{moment:%y%m%d}.{index:06}",
            "kind": kind,
            "received_at": moment.isoformat(),
            "registry_unit": 46_000 + index % 40,
            "registration_kind": "1",
            "registration_place": {"unit": _unit(someone)},
            "copies": draw.randrange(4),
            "applicant": {
                "full_name": applicant.full_name,
                "identifiers": [{"type": "personal_id", "value": applicant.personal_id}],
                "phone": applicant.phone,
            },
            "relation": "Người thân",
        }
        form = _birth(draw, index, someone, moment) if kind == "birth" else _death(draw, someone, moment)
        told = form["child"] if kind == "birth" else form["person"]
        day = told["birth_date"] if kind == "birth" else told["died_on"]
        truth = RegistryTruth(document["dossier_code"], document["national_code"], kind, told["full_name"], day)
        yield CivilStatusRequest({**document, kind: form}, truth)


def _birth(draw: Random, index: int, mother: Person, moment: datetime) -> dict[str, Any]:
    female = draw.random() < 0.5
    form: dict[str, Any] = {
        "certificate_number": f"GCS.{index:06}",
        "certified_on": (moment - timedelta(days=1)).date().isoformat(),
        "child": {
            "full_name": full_name(draw, female=female),
            "gender": "female" if female else "male",
            "birth_date": (moment - timedelta(days=draw.randrange(1, 60))).date().isoformat(),
            "birth_place": f"Bệnh viện thử nghiệm, {mother.commune.name}",
            "birth_unit": {"unit": _unit(mother)},
            "ethnicity": _ETHNICITY,
            "nationality": _NATIONALITY,
        },
        "mother": _resident(mother),
    }
    if draw.random() < 0.9:
        form["father"] = _resident(person(draw, 3 * index + 2))
    return form


def _death(draw: Random, someone: Person, moment: datetime) -> dict[str, Any]:
    told = _resident(someone) | {
        "gender": someone.gender,
        "died_on": (moment - timedelta(days=draw.randrange(1, 15))).date().isoformat(),
        "death_place": f"Tại nhà riêng, {someone.commune.name}",
    }
    if draw.random() < 0.1:
        # Old people whose year of birth alone is known.
        told["birth_date"] = str(someone.birth.year)
    if draw.random() < 0.7:
        told["died_at_time"] = f"{draw.randrange(24):02}:{draw.randrange(60):02}"
    return {"person": told, "notice": {"number": f"{draw.randrange(1, 900)}/GBT"}}


def _resident(someone: Person) -> dict[str, Any]:
    return {
        "full_name": someone.full_name,
        "identifiers": [{"type": "personal_id", "value": someone.personal_id}],
        "birth_date": someone.birth.isoformat(),
        "ethnicity": _ETHNICITY,
        "nationality": _NATIONALITY,
        "residence_kind": _RESIDENCE,
        "residence": {"unit": _unit(someone), "detail": someone.detail},
    }


def _unit(someone: Person) -> dict[str, str]:
    return {"code_system": "GSO-34", "code": someone.commune.code, "as_of": _UNITS_SINCE}
