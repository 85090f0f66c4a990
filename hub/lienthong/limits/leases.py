"""Who may call when: the decision that all stores take alike, as one pure function.

A rate is a chain of slots, each at least ``(interval + guard) / count`` after the one before. Calls that start and
arrive less than ``guard`` after their slot therefore never number more than ``count`` in any interval.
A day's budget is a sum of claims. A worker claims what it has used and may still use; what it gives up is claimed
back by the next worker, what it takes along into a crash is not.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from lienthong.clock import to_vietnam
from lienthong.limits.policy import Priority, TargetLimits

_MICROSECONDS = 1_000_000
#: No calls so long before and after midnight: the target's clock may differ, and calls travel.
DAY_GUARD_SECONDS = 2
_DAY_GUARD_US = DAY_GUARD_SECONDS * _MICROSECONDS
_DAY_US = 86_400 * _MICROSECONDS
#: Slots are handed out so far ahead, so a crash loses little and urgent calls wait little.
_HORIZON_US = 500_000
#: Without a rate limit, a lease ends after this.
LEASE_US = 10 * _MICROSECONDS
#: A lease is at most this part of the horizon, and of the calls that are left today.
_HORIZON_PARTS = 4
_BUDGET_PARTS = 16
#: Longest time after which a refused worker may ask again; others may have returned calls by then.
_RETRY_US = 5 * _MICROSECONDS


class Counts(NamedTuple):
    """Calls by priority."""

    interactive: int = 0
    live: int = 0
    bulk: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Return the sums by priority.

        Args:
            other: What is added.
        """
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def minus(self, other: "Counts") -> "Counts":
        """Return the differences by priority.

        Args:
            other: What is taken away.
        """
        return Counts(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


NO_CALLS = Counts()


@dataclass(frozen=True, slots=True)
class Terms:
    """The limits of a target in the numbers that stores and workers reckon with, in microseconds.

    Attributes:
        spacing_us: Least distance of two slots; 0 for no rate limit.
        lateness_us: How long after its slot a call may still start.
        rest_us: Silence that makes all earlier calls irrelevant.
        horizon_us: How far ahead slots are handed out to live traffic.
        daily: Calls on one day; 0 for no limit.
        reserve: Calls of these that only urgent traffic may use.
        reserved_for: Least urgent traffic that may use them.
    """

    spacing_us: int
    lateness_us: int
    rest_us: int
    horizon_us: int
    daily: int
    reserve: int
    reserved_for: Priority

    @classmethod
    def of(cls, limits: TargetLimits) -> "Terms":
        """Return the terms of a target.

        Args:
            limits: As configured.
        """
        rate, budget = limits.rate_limit, limits.budget
        spacing = lateness = rest = 0
        if rate is not None:
            guard = round(rate.guard_seconds * _MICROSECONDS)
            rest = round(rate.interval * _MICROSECONDS) + guard
            # One more than the quotient, so that even an interval with both ends counted holds no call too many.
            spacing = rest // rate.count + 1
            lateness = guard // 2
        return cls(
            spacing_us=spacing,
            lateness_us=lateness,
            rest_us=rest,
            horizon_us=max(_HORIZON_US, 2 * spacing),
            daily=budget.daily if budget else 0,
            reserve=budget.reserve if budget else 0,
            reserved_for=budget.reserved_for if budget else Priority.INTERACTIVE,
        )

    @property
    def slots_in_lease(self) -> int:
        """Most slots that one lease holds."""
        return max(1, self.horizon_us // _HORIZON_PARTS // self.spacing_us) if self.spacing_us else 1_000

    def reach_us(self, priority: Priority) -> int:
        """Return how far ahead slots are handed out.

        Args:
            priority: Bulk reaches least far, because live calls come after the slots that it has.
        """
        if priority is Priority.INTERACTIVE:
            return 2 * self.horizon_us
        return self.horizon_us if priority is Priority.LIVE else self.horizon_us // _HORIZON_PARTS

    def common_use(self, claimed: Counts) -> int:
        """Return the calls that do not come out of the reserve; urgent traffic uses the reserve first.

        Args:
            claimed: Calls of one day.
        """
        urgent = sum(claimed[: self.reserved_for + 1])
        return sum(claimed) - urgent + max(0, urgent - self.reserve)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a store's clocks say.

    Attributes:
        slot_us: Time that slots are counted in, microseconds from an origin of the store's choice.
        wall: Date and time, aware.
        origin: Changes when ``slot_us`` begins anew, as after a restart of the machine.
    """

    slot_us: int
    wall: datetime
    origin: str


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """What a worker asks for, and what it has.

    Attributes:
        target: Name of the target.
        worker: Name of the worker, never used again by another process.
        sequence: Number of the request; a store ignores requests that come after a later one.
        day: Day for which ``keeps`` is meant; None for none.
        keeps: Calls that the worker has made on that day or may still make; it never uses others of that day.
        wanted: Further calls.
    """

    target: str
    worker: str
    sequence: int
    day: date | None
    keeps: Counts
    wanted: Counts


class Block(NamedTuple):
    """Neighbouring slots.

    Attributes:
        priority: For whom.
        first_us: The first slot.
        calls: How many.
    """

    priority: Priority
    first_us: int
    calls: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What a worker was given.

    Attributes:
        day: Day of the target on which the calls count.
        blocks: Slots; without a rate limit their first slot is the time of the grant.
        ends_us: Last microsecond of slot time at which one of these calls may start.
        retry_us: Microseconds after which what was refused may be asked for again, by priority; 0 for at once.
        claimed: Calls that all workers have claimed on this day.
    """

    day: date
    blocks: tuple[Block, ...]
    ends_us: int
    retry_us: Counts
    claimed: Counts


@dataclass(frozen=True, slots=True)
class TargetState:
    """What a store keeps about a target, and about the worker that asks.

    Attributes:
        origin: Origin of ``next_slot_us``.
        next_slot_us: First slot that is free.
        bulk_waits_until_us: Until then bulk gets no slot, because live traffic wanted more than there was.
        claimed: Calls claimed by all workers on the present day.
        sequence: Newest request of the worker.
        worker_day: Day of the worker's claims; None for none.
        worker_claimed: The worker's share of ``claimed`` on that day.
    """

    origin: str = ""
    next_slot_us: int = 0
    bulk_waits_until_us: int = 0
    claimed: Counts = NO_CALLS
    sequence: int = 0
    worker_day: date | None = None
    worker_claimed: Counts = NO_CALLS


def day_of(moment: Moment) -> date:
    """Return the target's day.

    Args:
        moment: What the store's clocks say.
    """
    return to_vietnam(moment.wall).date()


def decide(terms: Terms, request: LeaseRequest, moment: Moment, state: TargetState) -> tuple[TargetState, Grant]:
    """Decide a request; the caller keeps the new state before anyone sees the grant.

    Args:
        terms: Limits of the target.
        request: What is asked for.
        moment: Now, on the day that ``state.claimed`` is of.
        state: What was kept.

    Returns:
        The new state and what the worker may do.
    """
    day = day_of(moment)
    if request.sequence <= state.sequence:
        return state, Grant(day, (), 0, NO_CALLS, state.claimed)
    had = state.worker_claimed if state.worker_day == day else NO_CALLS
    keeps = request.keeps if request.day == day else NO_CALLS
    claimed = state.claimed.minus(had).plus(keeps)
    first = _first_slot(terms, moment, state)
    opens_us, ends_us = _open_times(terms, moment)
    blocks: list[Block] = []
    given = NO_CALLS
    bulk_waits_us = state.bulk_waits_until_us if state.origin == moment.origin else 0
    retry = [0, 0, 0]
    for priority, wanted in zip(Priority, request.wanted, strict=True):
        if not wanted:
            continue
        affordable, wait_us = _affordable(terms, priority, claimed.plus(given), moment)
        free, slot_wait_us = _free(terms, priority, first, moment.slot_us, wanted)
        if priority is Priority.BULK and 0 < bulk_waits_us - moment.slot_us <= terms.horizon_us:
            free, slot_wait_us = 0, bulk_waits_us - moment.slot_us
        if opens_us or first > ends_us:
            affordable, wait_us = 0, max(opens_us, _RETRY_US)
        elif terms.spacing_us:
            free = min(free, (ends_us - first) // terms.spacing_us + 1)
        count = min(wanted, affordable, free)
        if count:
            blocks.append(Block(priority, first, count))
            given = given.plus(Counts(*(count if each is priority else 0 for each in Priority)))
            first += count * terms.spacing_us
        if count < wanted and terms.spacing_us and priority is not Priority.BULK:
            bulk_waits_us = moment.slot_us + terms.horizon_us
        if count < wanted:
            retry[priority] = 0 if count else min(max(wait_us, slot_wait_us, 1_000), _RETRY_US)
    after = replace(
        state,
        origin=moment.origin,
        next_slot_us=first if terms.spacing_us else 0,
        bulk_waits_until_us=bulk_waits_us,
        claimed=claimed.plus(given),
        sequence=request.sequence,
        worker_day=day,
        worker_claimed=keeps.plus(given),
    )
    return after, Grant(day, tuple(blocks), ends_us, Counts(*retry), after.claimed)


def _first_slot(terms: Terms, moment: Moment, state: TargetState) -> int:
    if not terms.spacing_us:
        return moment.slot_us
    if state.origin and state.origin != moment.origin:
        return moment.slot_us + terms.rest_us
    # Slots that nobody can have been given mean that the store's clock went back: all leases end within their reach.
    reach = terms.reach_us(Priority.INTERACTIVE) + terms.spacing_us
    if state.next_slot_us > moment.slot_us + 2 * (reach + terms.rest_us):
        return moment.slot_us + reach + terms.rest_us
    return max(state.next_slot_us, moment.slot_us)


def _open_times(terms: Terms, moment: Moment) -> tuple[int, int]:
    """Return how long the turn of the day still forbids calls, and when calls of this day end."""
    if not terms.daily:
        return 0, moment.slot_us + _DAY_US
    local = to_vietnam(moment.wall)
    since = local - local.replace(hour=0, minute=0, second=0, microsecond=0)
    since_us = since // timedelta(microseconds=1)
    left_us = _DAY_US - since_us - _DAY_GUARD_US
    if since_us < _DAY_GUARD_US:
        return _DAY_GUARD_US - since_us, moment.slot_us
    if left_us <= 0:
        return left_us + 2 * _DAY_GUARD_US, moment.slot_us
    return 0, moment.slot_us + left_us


def _affordable(terms: Terms, priority: Priority, claimed: Counts, moment: Moment) -> tuple[int, int]:
    """Return how many calls the day's budget allows now, and when to ask again if that is none."""
    if not terms.daily:
        return terms.slots_in_lease, 0
    if priority <= terms.reserved_for:
        left = terms.daily - sum(claimed)
    else:
        left = terms.daily - terms.reserve - terms.common_use(claimed)
    if priority is Priority.BULK:
        local = to_vietnam(moment.wall)
        passed = (local - local.replace(hour=0, minute=0, second=0, microsecond=0)) // timedelta(microseconds=1)
        # What live traffic would need if it came evenly until midnight; rounded up.
        left += (terms.daily - terms.reserve) * (passed - _DAY_US) // _DAY_US
    return (max(1, left // _BUDGET_PARTS), 0) if left > 0 else (0, _RETRY_US)


def _free(terms: Terms, priority: Priority, first: int, now_us: int, wanted: int) -> tuple[int, int]:
    """Return how many slots may be handed out now, and when to ask again if that is none."""
    if not terms.spacing_us:
        return terms.slots_in_lease, 0
    free = (now_us + terms.reach_us(priority) - first) // terms.spacing_us + 1
    # Half a lease or nothing: a queue of workers that fetch slots one by one would keep the store busy.
    half = max(1, terms.slots_in_lease // 2)
    least = 1 if priority is Priority.INTERACTIVE else min(wanted, half)
    if free < least:
        return 0, max((least - free) * terms.spacing_us, half * terms.spacing_us)
    return min(terms.slots_in_lease, free), 0
