"""When a day's budget will be used up if calls go on as they do now."""

from collections import deque
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from lienthong.clock import VIETNAM, to_vietnam
from lienthong.limits.leases import NO_CALLS, Counts, Terms
from lienthong.limits.policy import TargetLimits

_WINDOW = timedelta(minutes=15)
#: A rate over a shorter time says nothing about the day.
_LEAST = timedelta(minutes=1)
_STEP = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The state of a day's budget.

    Attributes:
        day: The target's day.
        used: Calls that all workers have claimed.
        left: Calls that nobody has claimed, the reserve included.
        calls_per_second: Rate outside the reserve over the last quarter of an hour; 0 if it is not known yet.
        ends_at: When only the reserve is left at this rate; None if the budget outlasts the day.
        is_alert: Whether that is so long before the end of the day that somebody should know.
    """

    day: date
    used: int
    left: int
    calls_per_second: float
    ends_at: datetime | None
    is_alert: bool


class BurnRate:
    """Watches the claims of one day.

    Args:
        limits: Of the target that is watched.
    """

    def __init__(self, limits: TargetLimits) -> None:
        self._budget = limits.budget
        self._terms = Terms.of(limits)
        self._claimed = NO_CALLS
        self._day: date | None = None
        self._samples: deque[tuple[datetime, int]] = deque()

    def observe(self, now: datetime, day: date, claimed: Counts) -> None:
        """Note what the store said.

        Args:
            now: When it said so.
            day: The target's day.
            claimed: Calls that all workers have claimed on it.
        """
        if day != self._day:
            self._day = day
            self._samples.clear()
        self._claimed = claimed
        sample = (now, self._terms.common_use(claimed))
        if len(self._samples) > 1 and now - self._samples[-2][0] < _STEP:
            self._samples[-1] = sample
        else:
            self._samples.append(sample)
        while len(self._samples) > 1 and now - self._samples[1][0] >= _WINDOW:
            self._samples.popleft()

    def forecast(self, now: datetime) -> Forecast | None:
        """Return the state of the budget; None if there is none or nothing is known.

        Args:
            now: An aware time.
        """
        if self._budget is None or self._day is None or to_vietnam(now).date() != self._day:
            return None
        common = self._samples[-1][1]
        passed = now - self._samples[0][0]
        rate = max(0.0, (common - self._samples[0][1]) / passed.total_seconds()) if passed >= _LEAST else 0.0
        midnight = datetime.combine(self._day + timedelta(days=1), time(), VIETNAM)
        common_left = max(0, self._budget.daily - self._budget.reserve - common)
        ends_at = None
        if common_left == 0:
            ends_at = now
        elif rate and common_left / rate < (midnight - now).total_seconds():
            ends_at = now + timedelta(seconds=common_left / rate)
        is_alert = ends_at is not None and (midnight - ends_at).total_seconds() > self._budget.alert_before
        used = sum(self._claimed)
        return Forecast(self._day, used, max(0, self._budget.daily - used), rate, ends_at, is_alert)
