"""A clock that tests move by hand."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)


class FakeClock:
    """Implements :class:`lienthong.clock.Clock`; waiting costs no time and is written down.

    Attributes:
        sleeps: Seconds of every wait, in order.

    Args:
        start: The first moment, aware.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic = 0.0
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        """Return the moment that was last set or reached."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds passed since the clock was made."""
        return self._monotonic

    def set(self, moment: datetime) -> None:
        """Set the wall clock, forwards or backwards; the monotonic clock stays.

        Args:
            moment: An aware time.
        """
        self._now = moment.astimezone(UTC)

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Args:
            seconds: How much, 0 or more.
        """
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    async def sleep(self, seconds: float) -> None:
        """Write the wait down and let that time pass at once.

        Args:
            seconds: How long the caller wanted to wait.
        """
        self.sleeps.append(seconds)
        self.advance(max(seconds, 0.0))
