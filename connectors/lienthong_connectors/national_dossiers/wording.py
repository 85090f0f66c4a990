"""Values of national platforms in the hub's words; what cannot be read stays as it came.

A value that stays fails the record's schema under the name of its field, which says more than an error here could.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from lienthong.clock import VIETNAM

_FRIDAY = 4


def text(value: Any) -> str:
    """Return a value as text without spaces around it; empty for none.

    Args:
        value: As the platform wrote it.
    """
    return "" if value is None else str(value).strip()


def instant(value: Any, *forms: str) -> datetime | None:
    """Return a time of Viet Nam, or None if it has no known form.

    Args:
        value: As the platform wrote it.
        *forms: For :func:`datetime.strptime`.
    """
    for form in forms:
        try:
            return datetime.strptime(text(value), form).replace(tzinfo=VIETNAM)
        except ValueError:
            continue
    return None


def moment(value: Any, *forms: str) -> str | None:
    """Return a time in ISO form; None for none; what has no known form as it came.

    Args:
        value: As the platform wrote it.
        *forms: For :func:`datetime.strptime`.
    """
    found = instant(value, *forms)
    return found.isoformat() if found is not None else text(value) or None


def sequence(changed_at: datetime | None) -> int | None:
    """Return the sequence of a state: the second in which it came about, since the platforms number nothing.

    Args:
        changed_at: When.
    """
    return None if changed_at is None else int(changed_at.timestamp())


def named(value: Any, names: Mapping[str, str]) -> str:
    """Return what a code stands for; a code that nobody knows stays.

    Args:
        value: As the platform wrote it.
        names: Code → the hub's word.
    """
    code = text(value)
    return names.get(code, code)


def number(value: Any) -> Any:
    """Return digits as a number; anything else as it came.

    Args:
        value: As the platform wrote it.
    """
    digits = text(value)
    return int(digits) if digits.isascii() and digits.isdecimal() else value


def filled(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields that have a value.

    Args:
        pairs: Fields and values; None and empty text are left out, so that the schema says what is missing.
    """
    return {name: value for name, value in pairs if value is not None and value != ""}


def working_days_after(start: datetime, days: int) -> datetime:
    """Return the end of the last of some working days.

    Args:
        start: Reception, in Viet Nam's time.
        days: How many; Saturdays and Sundays do not count. Public holidays do, which is ASSUMED good enough.
    """
    end = start
    while days > 0:
        end += timedelta(days=1)
        days -= end.weekday() <= _FRIDAY
    return end.replace(hour=17, minute=0, second=0)
