"""Planned maintenance as calendar entries: inside there are no calls, no probes and no alerts."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from lienthong.clock import VIETNAM, Clock
from lienthong.config.models import Settings

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: A Monday; any would do.
_SOME_MONDAY = datetime(2024, 1, 1, tzinfo=VIETNAM)
_NEVER = datetime.max.replace(tzinfo=UTC)
#: How long one wait may be, so that a corrected wall clock is noticed.
_MAX_WAIT_SECONDS = 30.0


def _check_hours(text: str) -> str:
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError("write the hours as 22:00-05:00, from 00:00 to 23:59")
    if match.group(1, 2) == match.group(3, 4):
        raise ValueError("a window must end at another time than it starts; one that never ends is a stopped pipeline")
    return text


class DailyWindow(Settings):
    """A window that comes again, in the target's own time (+07:00).

    Attributes:
        daily: Start and end, such as ``22:00-05:00``; an end before the start lies on the next day.
        days: Days on which it starts.
    """

    daily: Annotated[str, AfterValidator(_check_hours)]
    days: tuple[Weekday, ...] = Field(default=_WEEKDAYS, min_length=1)

    def end_around(self, moment: datetime) -> datetime | None:
        """Return when the window around a moment ends, or None if the moment lies in none.

        Args:
            moment: An aware time.
        """
        local = moment.astimezone(VIETNAM)
        for date in (local.date() - _DAY, local.date()):
            start, end = self._on(datetime.combine(date, time(), VIETNAM))
            if start <= local < end and _WEEKDAYS[start.weekday()] in self.days:
                return end
        return None

    def next_start(self, moment: datetime) -> datetime | None:
        """Return when the window starts next, at the moment or after it.

        Args:
            moment: An aware time.
        """
        midnight = datetime.combine(moment.astimezone(VIETNAM).date(), time(), VIETNAM)
        starts = (self._on(midnight + number * _DAY)[0] for number in range(9))
        return next(start for start in starts if start >= moment and _WEEKDAYS[start.weekday()] in self.days)

    def _on(self, midnight: datetime) -> tuple[datetime, datetime]:
        hours = [int(part) for part in re.split("[:-]", self.daily)]
        start = midnight + timedelta(hours=hours[0], minutes=hours[1])
        end = midnight + timedelta(hours=hours[2], minutes=hours[3])
        return start, end if end > start else end + _DAY


class DatedWindow(Settings):
    """A window that was announced for one time.

    Attributes:
        starts: First moment, with offset.
        ends: First moment after it, with offset.
    """

    starts: AwareDatetime
    ends: AwareDatetime

    @model_validator(mode="after")
    def _check(self) -> "DatedWindow":
        if self.ends <= self.starts:
            raise ValueError("ends must be after starts")
        return self

    def end_around(self, moment: datetime) -> datetime | None:
        """Return when the window ends if the moment lies in it, else None.

        Args:
            moment: An aware time.
        """
        return self.ends if self.starts <= moment < self.ends else None

    def next_start(self, moment: datetime) -> datetime | None:
        """Return when the window starts, if that is at the moment or after it.

        Args:
            moment: An aware time.
        """
        return self.starts if self.starts >= moment else None


class MaintenanceCalendar:
    """All planned windows of one target.

    Args:
        windows: They may overlap and follow each other.
        lead: So long before a window the target counts as closed, because a call takes time to arrive.

    Raises:
        ValueError: If the target would never open.
    """

    def __init__(self, windows: Sequence[DailyWindow | DatedWindow] = (), lead: timedelta = timedelta()) -> None:
        self._windows = tuple(windows)
        self._lead = lead
        daily = [window for window in self._windows if isinstance(window, DailyWindow)]
        if daily and _opens_at(daily, _SOME_MONDAY) - _SOME_MONDAY > _WEEK:
            raise ValueError("the daily windows leave no time at which the target is open")
        #: A span without a window, so that the calendar is not searched for every call.
        self._open_from = self._open_until = _SOME_MONDAY

    def is_closed(self, now: datetime) -> bool:
        """Return whether the target must be left alone.

        Args:
            now: An aware time.
        """
        if not self._windows or self._open_from <= now < self._open_until:
            return False
        if self._closed_moment(now) is not None:
            return True
        starts = [start for window in self._windows if (start := window.next_start(now)) is not None]
        self._open_from, self._open_until = now, min((start - self._lead for start in starts), default=_NEVER)
        return False

    def opens_at(self, now: datetime) -> datetime:
        """Return when calls may be made: now, or the end of all windows that follow each other from now on.

        Args:
            now: An aware time.
        """
        moment = self._closed_moment(now)
        return now if moment is None else _opens_at(self._windows, moment)

    def closes_at(self, now: datetime) -> datetime | None:
        """Return when the next window starts, now if one is under way, or None if none is planned.

        Args:
            now: An aware time.
        """
        if self.is_closed(now):
            return now
        starts = [start for window in self._windows if (start := window.next_start(now)) is not None]
        return min((start - self._lead for start in starts), default=None)

    def _closed_moment(self, now: datetime) -> datetime | None:
        """Return a moment inside the window that closes the target now, or None if it is open."""
        for moment in (now, now + self._lead):
            if any(window.end_around(moment) is not None for window in self._windows):
                return moment
        return None

    async def wait_until_open(self, clock: Clock) -> None:
        """Wait for the end of the windows.

        Args:
            clock: Where to read the time and wait.
        """
        while self._windows and self.is_closed(now := clock.now()):
            left = (self.opens_at(now) - now).total_seconds()
            await clock.sleep(min(left, _MAX_WAIT_SECONDS))


def _opens_at(windows: Sequence[DailyWindow | DatedWindow], now: datetime) -> datetime:
    moment = now
    # More than a fortnight of daily windows in a row are windows without end, which the constructor refuses.
    while moment - now <= 2 * _WEEK or any(isinstance(window, DatedWindow) for window in windows):
        ends = [end for window in windows if (end := window.end_around(moment)) is not None]
        if not ends:
            break
        moment = max(ends)
    return moment
