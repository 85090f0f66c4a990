"""What one worker may spend on its own: leased calls, each at its time."""

from collections import deque
from datetime import date
from typing import NamedTuple

from lienthong.limits.leases import LEASE_US, Counts, Grant, Terms
from lienthong.limits.policy import Priority
from lienthong.limits.store import ClockSample

#: Most that two monotonic clocks drift apart, in millionths; NTP itself never slews faster.
_DRIFT_PER_MILLION = 500


class Permit(NamedTuple):
    """The right to start one call.

    Attributes:
        ready_us: Not before this, in the store's time.
        expires_us: Not after this.
        priority: For whom it was leased; more urgent calls may use it as well.
        day: Day on which the call counts.
    """

    ready_us: int
    expires_us: int
    priority: Priority
    day: date


class StoreTime:
    """Reckons the store's time from the worker's monotonic clock, as an interval that surely holds it."""

    def __init__(self) -> None:
        self._low = 0
        self._high = 0
        self._at: int | None = None

    def observe(self, sample: ClockSample) -> bool:
        """Learn from a reading of the store's clock.

        Args:
            sample: The reading.

        Returns:
            Whether it agrees with what was known; if not, the store's clock was set and only the sample counts.
        """
        low, high = sample.slot_us - sample.after_us, sample.slot_us - sample.before_us
        agrees = True
        if self._at is not None:
            drift = self._drift(sample.after_us)
            agrees = low <= self._high + drift and self._low - drift <= high
            if agrees:
                low, high = max(low, self._low - drift), min(high, self._high + drift)
        # The clocks also drift during the round trip.
        self._low, self._high, self._at = low, high, sample.before_us
        return agrees

    def earliest(self, now_us: int) -> int:
        """Return what the store's clock shows at least.

        Args:
            now_us: The worker's monotonic clock.
        """
        return now_us + self._low - self._drift(now_us)

    def latest(self, now_us: int) -> int:
        """Return what the store's clock shows at most.

        Args:
            now_us: The worker's monotonic clock.
        """
        return now_us + self._high + self._drift(now_us)

    def _drift(self, now_us: int) -> int:
        return 0 if self._at is None else (now_us - self._at) * _DRIFT_PER_MILLION // 1_000_000


class Bucket:
    """Leased calls and the account of those that were made; needs no clock, no lock and no network.

    Args:
        terms: Limits of the target.

    Delivery:
        A permit is spent only while it is certain that the store's clock shows a time from its slot to its expiry.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._time = StoreTime()
        self._permits: tuple[deque[Permit], ...] = tuple(deque() for _ in Priority)
        self._used = [0 for _ in Priority]
        self._day: date | None = None

    @property
    def day(self) -> date | None:
        """Day of the newest grant."""
        return self._day

    def fill(self, grant: Grant, sample: ClockSample) -> None:
        """Take a grant in.

        Args:
            grant: What the store gave.
            sample: When it gave it.
        """
        if not self._time.observe(sample):
            self._drop_all()
        if grant.day != self._day:
            self._day = grant.day
            self._used = [0 for _ in Priority]
            self._drop_all()
        spacing = self._terms.spacing_us
        lifetime = self._terms.lateness_us if spacing else LEASE_US
        for block in grant.blocks:
            permits = self._permits[block.priority]
            for number in range(block.calls):
                slot = block.first_us + number * spacing
                expires = min(slot + lifetime, grant.ends_us)
                permits.append(Permit(slot, expires, block.priority, grant.day))

    def take(self, priority: Priority, now_us: int) -> Permit | None:
        """Spend the permit whose time comes first, if its time has come.

        Args:
            priority: Who wants to call.
            now_us: The worker's monotonic clock.
        """
        permits = self._first(priority, now_us)
        if permits is None or permits[0].ready_us > self._time.earliest(now_us):
            return None
        permit = permits.popleft()
        self._used[permit.priority] += 1
        return permit

    def wait_us(self, priority: Priority, now_us: int) -> int | None:
        """Return how long the next permit is not yet good; None if there is none.

        Args:
            priority: Who wants to call.
            now_us: The worker's monotonic clock.
        """
        permits = self._first(priority, now_us)
        return None if permits is None else max(0, permits[0].ready_us - self._time.earliest(now_us))

    def is_late(self, permit: Permit, now_us: int) -> bool:
        """Return whether a spent permit may no longer be used.

        Args:
            permit: What :meth:`take` returned.
            now_us: The worker's monotonic clock.
        """
        return self._time.latest(now_us) > permit.expires_us

    def give_up(self, permit: Permit) -> None:
        """Say that no call was made with a permit, and none will be.

        Args:
            permit: What :meth:`take` returned.
        """
        if permit.day == self._day:
            self._used[permit.priority] -= 1

    def held(self, now_us: int) -> Counts:
        """Return the permits that may still be spent.

        Args:
            now_us: The worker's monotonic clock.
        """
        for permits in self._permits:
            self._prune(permits, now_us)
        return Counts(*(len(permits) for permits in self._permits))

    def keeps(self, now_us: int) -> Counts:
        """Return the calls made today and those that may still be made.

        Args:
            now_us: The worker's monotonic clock.
        """
        return Counts(*self._used).plus(self.held(now_us))

    def expires_in_us(self, now_us: int) -> int:
        """Return how long the last permit is good; 0 if there is none.

        Args:
            now_us: The worker's monotonic clock.
        """
        ends = [permits[-1].expires_us for permits in self._permits if permits]
        return max(0, max(ends) - self._time.earliest(now_us)) if ends else 0

    def _first(self, priority: Priority, now_us: int) -> deque[Permit] | None:
        first: deque[Permit] | None = None
        for permits in self._permits[priority:]:
            self._prune(permits, now_us)
            if permits and (first is None or permits[0].ready_us < first[0].ready_us):
                first = permits
        return first

    def _prune(self, permits: deque[Permit], now_us: int) -> None:
        if permits:
            latest = self._time.latest(now_us)
            while permits and permits[0].expires_us < latest:
                permits.popleft()

    def _drop_all(self) -> None:
        for permits in self._permits:
            permits.clear()
