"""Made-up people of flows that ask the population database for somebody else than a dossier's owner."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from lienthong_schemas.generator.people import Person, person, register_row
from lienthong_schemas.generator.plan import stream

#: Far from the numbers of dossiers' owners, so that nobody is two persons.
_FIRST: Final = 1_500_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A person who is asked about, and what the population database knows.

    Attributes:
        case: What is special: ``match``, ``mismatch``, ``not_found``, ``id_changed``, ``deceased`` or ``minor``.
        identifier: As the asking system has it.
        full_name: Likewise.
        birth_date: ISO 8601.
        gender: ``male`` or ``female``.
        row: For the simulator; None for somebody whom it does not know.
    """

    case: str
    identifier: str = field(repr=False)
    full_name: str = field(repr=False)
    birth_date: str = field(repr=False)
    gender: str = field(repr=False)
    row: Mapping[str, Any] | None = field(repr=False)


def asked_person(seed: int, flow: int, number: int, case: str) -> Asked:
    """Return a person of a case, always the same one.

    Args:
        seed: Seed of the demonstration.
        flow: Number of the flow, so that flows share nobody.
        number: Which person of the flow, below 10,000.
        case: As in :class:`Asked`.
    """
    index = _FIRST + flow * 10_000 + number
    someone = person(stream(seed, "asked", index), index)
    birth = someone.birth if case != "minor" else date(2020, someone.birth.month, min(someone.birth.day, 28))
    return Asked(
        case, someone.personal_id, someone.full_name, birth.isoformat(), someone.gender, _row(someone, birth, case)
    )


def _row(someone: Person, birth: date, case: str) -> Mapping[str, Any] | None:
    row = {**register_row(someone), "birth": birth.strftime("%Y%m%d")}
    if case == "not_found":
        return None
    if case == "mismatch":
        row["full_name"] = f"{someone.full_name} Khác"
    elif case == "deceased":
        row["vital_status"] = "deceased"
    elif case == "id_changed":
        # The part that no province has stays in front.
        row |= {"personal_id": f"000{someone.personal_id[3:]}", "superseded_ids": [someone.personal_id]}
    return row
