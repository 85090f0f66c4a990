"""The limits of one target as they are configured, shared by every pipeline and worker that calls it."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from lienthong.config.loader import describe
from lienthong.config.models import Settings
from lienthong.delivery.policy import Duration
from lienthong.errors import ConfigurationError
from lienthong.limits.windows import DailyWindow, DatedWindow, MaintenanceCalendar

_DAY_SECONDS = 86_400.0
#: Part of the interval that is given up so that calls may arrive unevenly; the price is 4 % of the rate.
_GUARD_SHARE = 0.04
_MAX_GUARD_SECONDS = 1.0


class Priority(IntEnum):
    """Who is served first; the numbers are the order."""

    #: An officer waits at the counter.
    INTERACTIVE = 0
    #: The records of today.
    LIVE = 1
    #: Back-fill.
    BULK = 2


class RateLimit(Settings):
    """How many calls the target takes in any interval, wherever the interval begins.

    Attributes:
        count: Calls in one interval, retries included.
        interval: Length of the interval.
        guard: How much later, against its slot, one call may reach the target than another: half is for the worker,
            half for the network. None for 4 % of the interval, at most one second.
    """

    count: int = Field(strict=True, ge=1, le=1_000_000)
    interval: Duration
    guard: Duration | None = None

    @model_validator(mode="after")
    def _check(self) -> "RateLimit":
        if not 0.01 <= self.interval <= _DAY_SECONDS:
            raise ValueError("interval must be from 10ms to 1d; a limit per day is budget.daily")
        if self.count / self.interval > 100_000:
            raise ValueError("count must not be more than 100000 calls in a second")
        if self.guard is not None and not 0 < self.guard < self.interval:
            raise ValueError("guard must be more than 0 and shorter than interval")
        return self

    @property
    def guard_seconds(self) -> float:
        """The guard that holds, in seconds."""
        if self.guard is not None:
            return self.guard
        return min(self.interval * _GUARD_SHARE, _MAX_GUARD_SECONDS)


class Budget(Settings):
    """How many calls the target takes on one day of its own calendar (+07:00).

    Attributes:
        daily: Calls on one day, retries included.
        reserve: Calls of these that are kept for urgent traffic.
        priority: Least urgent traffic that may use the reserve.
        alert_before: Alert when, at the present rate, calls outside the reserve end this long before the day does.
    """

    daily: int = Field(strict=True, ge=1, le=1_000_000_000)
    reserve: int = Field(default=0, strict=True, ge=0)
    priority: Literal["interactive", "live"] = "interactive"
    alert_before: Duration = 3600.0

    @model_validator(mode="after")
    def _check(self) -> "Budget":
        if self.reserve > self.daily:
            raise ValueError(f"reserve must be from 0 to daily, which is {self.daily}")
        if self.alert_before > _DAY_SECONDS:
            raise ValueError("alert_before must be from 0s to 1d")
        return self

    @property
    def reserved_for(self) -> Priority:
        """Least urgent traffic that may use the reserve."""
        return Priority.INTERACTIVE if self.priority == "interactive" else Priority.LIVE


def _kind_of_window(value: Any) -> str:
    return "daily" if isinstance(value, DailyWindow) or (isinstance(value, Mapping) and "daily" in value) else "dated"


Window = Annotated[
    Annotated[DailyWindow, Tag("daily")] | Annotated[DatedWindow, Tag("dated")], Discriminator(_kind_of_window)
]


class TargetLimits(Settings):
    """Everything that one target allows.

    Attributes:
        rate_limit: Calls per interval; None for no limit.
        budget: Calls per day; None for no limit.
        maintenance: Planned windows in which the target is left alone.
    """

    rate_limit: RateLimit | None = None
    budget: Budget | None = None
    maintenance: tuple[Window, ...] = ()

    @property
    def is_counted(self) -> bool:
        """Whether calls must be counted together with those of other workers."""
        return self.rate_limit is not None or self.budget is not None

    @model_validator(mode="after")
    def _check(self) -> "TargetLimits":
        MaintenanceCalendar(self.maintenance)
        return self


def load_limits(target: str, values: Mapping[str, Any]) -> TargetLimits:
    """Return the limits of a target as they stand in the configuration.

    Args:
        target: Name of the target, for the message.
        values: What was written.

    Raises:
        ConfigurationError: If a key is unknown, a unit is missing or two values contradict each other.
    """
    try:
        return TargetLimits.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(describe(error, f"limits of the target {target}")) from None
