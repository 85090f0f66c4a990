"""A quota and a maintenance window at the portal, and how fast the backlog is cleared against them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lienthong_connectors.demo.compare import Check

#: The quota is said as requests in this interval. Of a single second, what two busy cores may stall is too large a part
#: to give away: the guard is 1 % of the interval, and neither side may be later than half of it.
INTERVAL_SECONDS = 60
_GUARD = "600ms"
#: The window begins so long after the worker was told of it, so that it begins in the middle of the work.
_LEAD = timedelta(seconds=12)
#: The share of the quota that must be used while the backlog is cleared.
LEAST_PERCENT = 95
#: In a shorter run the first and the last second weigh too much for a verdict.
_LEAST_SECONDS = 30.0
_GROUP = "Hạn mức và bảo trì / quota and window"


@dataclass(frozen=True, slots=True)
class Strain:
    """What the portal allows in one demonstration.

    Attributes:
        requests_per_second: Its quota; 0 for none.
        starts: Begin of its maintenance; None for none.
        ends: End of its maintenance; None for none.
    """

    requests_per_second: int = 0
    starts: datetime | None = None
    ends: datetime | None = None

    @classmethod
    def plan(cls, now: datetime, window_seconds: int, requests_per_second: int) -> "Strain":
        """Return what was asked for, with the window soon.

        Args:
            now: An aware time.
            window_seconds: Length of the window; 0 for none.
            requests_per_second: The quota; 0 for none.
        """
        if not window_seconds:
            return cls(requests_per_second)
        # Whole seconds, because arrivals are counted by the second.
        starts = (now + _LEAD).replace(microsecond=0)
        return cls(requests_per_second, starts, starts + timedelta(seconds=window_seconds))

    def limits(self) -> dict[str, Any]:
        """Return the limits of the portal's connector."""
        limits: dict[str, Any] = {}
        if self.requests_per_second:
            count = self.requests_per_second * INTERVAL_SECONDS
            limits["rate_limit"] = {"count": count, "interval": f"{INTERVAL_SECONDS}s", "guard": _GUARD}
        if self.starts and self.ends:
            limits["maintenance"] = [{"starts": self.starts.isoformat(), "ends": self.ends.isoformat()}]
        return limits

    def behaviour(self) -> dict[str, Any]:
        """Return the switches of the simulated portal: it counts who breaks what it announced."""
        quota: dict[str, Any] = {"interval_seconds": INTERVAL_SECONDS}
        if self.requests_per_second:
            quota["count"] = self.requests_per_second * INTERVAL_SECONDS
        if self.starts and self.ends:
            quota |= {"closed_from": self.starts.isoformat(), "closed_until": self.ends.isoformat()}
        return {"quota": quota}

    def seconds_for(self, requests: int) -> float:
        """Return how much longer a demonstration may take because of what the portal allows.

        Args:
            requests: About so many will be made.
        """
        window = (self.ends - self.starts).total_seconds() if self.starts and self.ends else 0.0
        return window + (2 * requests / self.requests_per_second if self.requests_per_second else 0.0)


@dataclass(frozen=True, slots=True)
class Drain:
    """How the backlog was cleared.

    Attributes:
        requests: Requests that arrived from its beginning to the last one.
        seconds: How long that took.
        percent: Share of the quota that was used meanwhile; 0 without a quota.
        waiting: Records that waited when the window ended.
    """

    requests: int
    seconds: float
    percent: float
    waiting: int

    def as_document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "requests": self.requests,
            "seconds": self.seconds,
            "percent_of_quota": round(self.percent, 2),
            "records_waiting": self.waiting,
        }


def measure(strain: Strain, counted: Mapping[str, Any], waiting: int) -> Drain:
    """Return how the backlog was cleared: from the window's end, or the first request, to the last request.

    Args:
        strain: What the portal allowed.
        counted: What the simulated portal counted.
        waiting: Records that waited when the window ended.
    """
    by_second = {int(second): requests for second, requests in counted["by_second"].items()}
    if not by_second:
        return Drain(0, 0.0, 0.0, waiting)
    # The window ends with a whole second.
    begin = int(strain.ends.timestamp()) if strain.ends else min(by_second)
    requests = sum(number for second, number in by_second.items() if second >= begin)
    seconds = max(1.0, datetime.fromisoformat(counted["last"]).timestamp() - begin)
    percent = 100 * requests / strain.requests_per_second / seconds if strain.requests_per_second else 0.0
    return Drain(requests, seconds, percent, waiting)


def strain_checks(strain: Strain, counted: Mapping[str, Any], drain: Drain) -> list[Check]:
    """Return what the portal's own count must show.

    Args:
        strain: What the portal allowed.
        counted: What the simulated portal counted.
        drain: How the backlog was cleared.
    """
    checks = []
    if strain.requests_per_second:
        title = f"Vượt {strain.requests_per_second}/s / requests beyond the quota"
        checks.append(Check(_GROUP, title, "none", 0, counted["violations"]))
    if strain.ends:
        title = "Gọi trong giờ bảo trì / requests inside the window"
        checks.append(Check(_GROUP, title, "none", 0, counted["closed_calls"]))
        title = "Bản ghi chờ lúc mở lại / records that waited for its end"
        checks.append(Check(_GROUP, title, "at least one", 1, drain.waiting, is_minimum=True))
    if strain.requests_per_second and drain.seconds >= _LEAST_SECONDS:
        title = "Tốc độ xả hàng chờ so với hạn mức / backlog cleared, % of the quota"
        checks.append(
            Check(_GROUP, title, "nearly all of it", LEAST_PERCENT, math.floor(drain.percent), is_minimum=True)
        )
    return checks
