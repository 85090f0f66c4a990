"""Made-up people: consistent, unique, and with numbers that cannot be anybody's.

Source:
    ``domain-rules.md`` 18: generated personal IDs use the province parts 000 and 999, which no province has.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any, Final

from lienthong_schemas.generator.names import full_name
from lienthong_schemas.generator.places import COMMUNES, PROVINCE_CODE, STREETS, Commune

_SERIALS: Final = 1_000_000
#: Has no factor in common with the number of serials, so that every index gets its own.
_STRIDE: Final = 617_977
_FIRST_BIRTH: Final = date(1940, 1, 1)
_BIRTH_DAYS: Final = (date(2007, 12, 31) - _FIRST_BIRTH).days


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up person.

    Attributes:
        personal_id: 12 digits beginning with 000 or 999.
        old_id: 9-digit CMND beginning with 999.
        full_name: NFC.
        birth: Day of birth.
        gender: ``male`` or ``female``.
        commune: Where they live.
        detail: House and street.
        phone: Made up.
    """

    personal_id: str
    old_id: str
    full_name: str
    birth: date
    gender: str
    commune: Commune
    detail: str
    phone: str

    def __repr__(self) -> str:
        """Show nothing of the person, like every model."""
        return "Person(…)"


def person(draw: Random, index: int) -> Person:
    """Return a person.

    Args:
        draw: Source of chance.
        index: Number of the person, below two million; different numbers never share an identifier.
    """
    female = draw.random() < 0.5
    birth = _FIRST_BIRTH + timedelta(days=int(draw.random() * _BIRTH_DAYS))
    century = (birth.year // 100 - 19) * 2 + female
    part = "000" if (index // _SERIALS) % 2 == 0 else "999"
    serial = index * _STRIDE % _SERIALS
    return Person(
        personal_id=f"{part}{century}{birth.year % 100:02}{serial:06}",
        old_id=f"999{serial:06}",
        full_name=full_name(draw, female=female),
        birth=birth,
        gender="female" if female else "male",
        commune=draw.choice(COMMUNES),
        detail=f"{int(draw.random() * 200) + 1} {draw.choice(STREETS)}",
        phone=f"0000{serial:06}",
    )


def register_row(
    someone: Person, *, full_name_there: str | None = None, birth_there: str | None = None
) -> dict[str, Any]:
    """Return the person as the population database has them.

    Args:
        someone: The person.
        full_name_there: Registered name, when it differs.
        birth_there: Registered birth as ``yyyyMMdd`` or ``yyyy``, when it differs.
    """
    return {
        "personal_id": someone.personal_id,
        "old_id": someone.old_id,
        "full_name": full_name_there or someone.full_name,
        "birth": birth_there or someone.birth.strftime("%Y%m%d"),
        "gender": someone.gender,
        "address": {"province": PROVINCE_CODE, "commune": someone.commune.code, "detail": someone.detail},
    }
