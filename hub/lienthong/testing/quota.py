"""What a simulated platform allows and who broke it, counted for every request that arrives."""

from collections import Counter, deque
from datetime import date, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from lienthong.clock import VIETNAM, Clock


class Quota(BaseModel):
    """Limits that the platform announces. ASSUMED: no platform publishes its own.

    Attributes:
        count: Requests in any interval, wherever it begins; None for no limit.
        interval_seconds: Length of the interval.
        daily: Requests from 00:00 to 24:00, +07:00; None for no limit.
        closed_from: Begin of a window in which nobody may call; None for none.
        closed_until: Its end.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int | None = Field(default=None, ge=1)
    interval_seconds: float = Field(default=1.0, gt=0)
    daily: int | None = Field(default=None, ge=1)
    closed_from: AwareDatetime | None = None
    closed_until: AwareDatetime | None = None

    @model_validator(mode="after")
    def _check(self) -> "Quota":
        if (self.closed_from is None) is not (self.closed_until is None):
            raise ValueError("closed_from and closed_until belong together")
        return self

    def is_closed(self, moment: datetime) -> bool:
        """Return whether nobody may call.

        Args:
            moment: An aware time.
        """
        if self.closed_from is None or self.closed_until is None:
            return False
        return self.closed_from <= moment < self.closed_until


class QuotaMeter:
    """Counts requests against a quota.

    Args:
        clock: The platform's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recent: deque[float] = deque()
        self._days: Counter[date] = Counter()
        self._seconds: Counter[int] = Counter()
        self._busiest = 0
        self._violations = 0
        self._closed_calls = 0
        self._last: datetime | None = None

    def is_over(self, quota: Quota) -> bool:
        """Count one request and tell whether it breaks the quota.

        Args:
            quota: What is allowed now.
        """
        now, wall = self._clock.monotonic(), self._clock.now()
        self._last = wall
        day = wall.astimezone(VIETNAM).date()
        self._days[day] += 1
        self._seconds[int(wall.timestamp())] += 1
        recent = self._recent
        recent.append(now)
        while now - recent[0] > quota.interval_seconds:
            recent.popleft()
        self._busiest = max(self._busiest, len(recent))
        is_over = (quota.count is not None and len(recent) > quota.count) or (
            quota.daily is not None and self._days[day] > quota.daily
        )
        self._violations += is_over
        return is_over

    def is_closed(self, quota: Quota) -> bool:
        """Tell whether a request came inside a window in which nobody may call, and count it if so.

        Args:
            quota: What is allowed now.
        """
        is_closed = quota.is_closed(self._clock.now())
        self._closed_calls += is_closed
        return is_closed

    def summary(self) -> dict[str, Any]:
        """Return how many requests came, the most in one interval, what broke the quota, and requests by second."""
        return {
            "requests": self._seconds.total(),
            "busiest_interval": self._busiest,
            "violations": self._violations,
            "closed_calls": self._closed_calls,
            "last": self._last.isoformat() if self._last is not None else None,
            "by_day": {day.isoformat(): count for day, count in self._days.items()},
            "by_second": {str(second): count for second, count in sorted(self._seconds.items())},
        }
