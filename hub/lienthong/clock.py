"""Time as a dependency: nothing else in the hub reads a clock."""

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

#: Viet Nam has one time zone and no daylight saving time.
VIETNAM = timezone(timedelta(hours=7), "+07:00")


class Clock(Protocol):
    """Where the hub reads the time and waits."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the event loop.

        Args:
            seconds: How long to wait.
        """
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the one place

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the event loop.

        Args:
            seconds: How long to wait.
        """
        await asyncio.sleep(seconds)


def to_vietnam(moment: datetime) -> datetime:
    """Return the moment with the offset of Viet Nam.

    Args:
        moment: An aware time.

    Raises:
        ValueError: If the time has no offset.
    """
    if moment.tzinfo is None:
        raise ValueError("the time has no offset; give one such as +07:00")
    return moment.astimezone(VIETNAM)
