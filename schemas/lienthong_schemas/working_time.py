"""When a term of an authority ends: hours, working days, calendar days and months, with pauses and public holidays.

The rules are built from sets of days that count. A pause or a holiday only takes days away, so neither ever brings a
deadline forward.

Source:
    Civil Code 91/2015/QH13, articles 147-148: the first day does not count, a term that ends on a day off ends on the
    next working day, a month ends on the day of the same number or the last one. That an hour of a term is an hour of
    the desk, and that what comes after the desk has closed counts from its next opening, is ASSUMED.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from lienthong.clock import VIETNAM, to_vietnam
from lienthong.errors import ConfigurationError
from lienthong_schemas.holidays import PUBLIC_HOLIDAYS, SWAPPED_DAYS

_DAY = timedelta(days=1)
_OFFICE = ((time(7, 30), time(11, 30)), (time(13, 0), time(17, 0)))
#: Monday to Friday; a desk that also works on Saturdays has a sixth entry.
OFFICE_HOURS: Mapping[int, tuple[tuple[time, time], ...]] = MappingProxyType(dict.fromkeys(range(5), _OFFICE))
#: Nobody's term is longer; a calendar in which nothing is open must not be searched for ever.
_MOST_DAYS = 20_000


class TimeUnit(StrEnum):
    """What a term is counted in (DONVITINH)."""

    HOUR = "hour"
    WORKING_DAY = "working_day"
    CALENDAR_DAY = "calendar_day"
    MONTH = "month"


class Term(NamedTuple):
    """How long an authority has.

    Attributes:
        amount: 1 or more.
        unit: What it is counted in.
    """

    amount: int
    unit: TimeUnit


class Pause(NamedTuple):
    """A time that does not count, because the authority waits for somebody.

    Attributes:
        begin: When the waiting began, aware.
        end: When it ended; None while it lasts.
    """

    begin: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """When the desks of one agency are open.

    Attributes:
        hours: Day of the week (0 is Monday) → open spans, in order, in Viet Nam's time; other days are days off.
        holidays: Days off whatever the week says.
        worked: Days off that are worked all the same, at the hours of a Monday unless the week has its own.
    """

    hours: Mapping[int, tuple[tuple[time, time], ...]] = field(default_factory=lambda: OFFICE_HOURS)
    holidays: frozenset[date] = PUBLIC_HOLIDAYS | frozenset(SWAPPED_DAYS)
    worked: frozenset[date] = frozenset(SWAPPED_DAYS.values())

    def is_working_day(self, day: date) -> bool:
        """Return whether the desks are open on a day.

        Args:
            day: A day in Viet Nam.
        """
        return day in self.worked or (day.weekday() in self.hours and day not in self.holidays)

    def spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Yield when the desks are open on a day.

        Args:
            day: A day in Viet Nam.
        """
        if self.is_working_day(day):
            for begin, end in self.hours.get(day.weekday()) or self.hours.get(0) or _OFFICE:
                yield datetime.combine(day, begin, VIETNAM), datetime.combine(day, end, VIETNAM)

    def closing(self, day: date) -> datetime:
        """Return when the desks close on a working day, which is when a term that ends on it is over.

        Args:
            day: A working day.
        """
        return max(end for _, end in self.spans(day))

    def next_working_day(self, day: date) -> date:
        """Return a day if it is a working day, or the next one that is.

        Args:
            day: A day in Viet Nam.

        Raises:
            ConfigurationError: If the calendar has no working day for decades.
        """
        return next(each for each in _days_from(day) if self.is_working_day(each))

    def reception_day(self, moment: datetime) -> date:
        """Return the working day to which something belongs that came in at a moment.

        Args:
            moment: An aware time; after the desks have closed it belongs to the next working day.
        """
        local = to_vietnam(moment)
        day = self.next_working_day(local.date())
        return day if local <= self.closing(day) else self.next_working_day(day + _DAY)


#: Offices from Monday to Friday, with the public holidays that are known.
VIETNAM_OFFICES = WorkCalendar()


def deadline(
    received_at: datetime, term: Term, calendar: WorkCalendar = VIETNAM_OFFICES, pauses: Iterable[Pause] = ()
) -> datetime | None:
    """Return when a term ends.

    Args:
        received_at: When it began, aware: the reception, or the last transfer.
        term: How long it is.
        calendar: When the desks are open.
        pauses: Times that do not count; a day that a pause touches counts as none of a term in days.

    Returns:
        A time in Viet Nam; None while a pause lasts.

    Raises:
        ValueError: If the term is not positive or a time has no offset.
        ConfigurationError: If the calendar has no working day for decades.
    """
    if term.amount < 1:
        raise ValueError("a term is 1 or longer")
    stood = sorted(pauses)
    if any(pause.end is None for pause in stood):
        return None
    if term.unit is TimeUnit.HOUR:
        return _hours(to_vietnam(received_at), timedelta(hours=term.amount), calendar, stood)
    paused = {day for pause in stood for day in _days_of(pause)}
    if term.unit is TimeUnit.WORKING_DAY:
        first = calendar.reception_day(received_at)
        counted = (day for day in _days_from(first + _DAY) if day not in paused and calendar.is_working_day(day))
        return calendar.closing(_nth(counted, term.amount))
    first = to_vietnam(received_at).date()
    days = term.amount if term.unit is TimeUnit.CALENDAR_DAY else (_months_later(first, term.amount) - first).days
    counted = (day for day in _days_from(first + _DAY) if day not in paused)
    return calendar.closing(calendar.next_working_day(_nth(counted, days)))


def _hours(begin: datetime, left: timedelta, calendar: WorkCalendar, pauses: list[Pause]) -> datetime:
    for day in _days_from(begin.date()):
        for opened, closed in calendar.spans(day):
            for start, end in _without(max(opened, begin), closed, pauses):
                if end - start >= left:
                    return start + left
                left -= end - start
    raise AssertionError("the days never end without an error")


def _without(begin: datetime, end: datetime, pauses: list[Pause]) -> Iterator[tuple[datetime, datetime]]:
    """Yield what pauses, in order of their beginning, leave of a span."""
    for pause in pauses:
        until = pause.end or end
        if until <= begin or pause.begin >= end:
            continue
        if pause.begin > begin:
            yield begin, to_vietnam(pause.begin)
        begin = max(begin, to_vietnam(until))
    if begin < end:
        yield begin, end


def _days_from(day: date) -> Iterator[date]:
    for number in range(_MOST_DAYS):
        yield day + number * _DAY
    raise ConfigurationError("the calendar has no working day for decades; check its hours and holidays")


def _days_of(pause: Pause) -> Iterator[date]:
    first, last = to_vietnam(pause.begin).date(), to_vietnam(pause.end or pause.begin).date()
    for number in range((last - first).days + 1):
        yield first + number * _DAY


def _nth(days: Iterator[date], number: int) -> date:
    for _ in range(number - 1):
        next(days)
    return next(days)


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
