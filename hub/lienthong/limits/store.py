"""Where leases are decided: what every store offers, and the store of a single process."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple, Protocol

from lienthong.clock import Clock
from lienthong.limits.leases import Counts, Grant, LeaseRequest, Moment, TargetState, Terms, day_of, decide

_MICROSECONDS = 1_000_000


class ClockSample(NamedTuple):
    """The store's clock, read between two readings of the worker's monotonic clock.

    Attributes:
        before_us: The worker's clock before.
        slot_us: The store's clock.
        after_us: The worker's clock after.
    """

    before_us: int
    slot_us: int
    after_us: int


class Answer(NamedTuple):
    """A store's answer.

    Attributes:
        grant: What the worker may do.
        sample: Relates the slots of the grant to the worker's own clock.
        claimed: What the store now counts as used or held by this worker.
    """

    grant: Grant
    sample: ClockSample
    claimed: Counts


class LeaseStore(Protocol):
    """Shares the calls of a target among all who use the same store."""

    def exchange(self, request: LeaseRequest, terms: Terms) -> Answer:
        """Settle what a worker has and lease it more; blocking.

        Args:
            request: What is asked for.
            terms: Limits of the target.

        Raises:
            RetriableError: If the store is away; the request was decided as a whole or not at all.
            FatalError: If the store refuses a statement.
        """
        ...

    def close(self) -> None:
        """Release what the store holds; blocking."""
        ...


def monotonic_us(clock: Clock) -> int:
    """Return the worker's monotonic time in microseconds.

    Args:
        clock: The worker's clock.
    """
    return int(clock.monotonic() * _MICROSECONDS)


def new_worker_name(pipelines: str) -> str:
    """Return a name that no other process ever had.

    Args:
        pipelines: Who calls, for the reader of the table.
    """
    return f"{pipelines[:80]}-{secrets.token_hex(8)}"


@dataclass(slots=True)
class _Kept:
    state: TargetState = field(default_factory=TargetState)
    claimed: dict[date, Counts] = field(default_factory=dict)
    workers: dict[str, TargetState] = field(default_factory=dict)


class MemoryStore:
    """Shares calls inside one process; a restart forgets what was used today.

    Args:
        clock: Read for slots and for the day.
        moment: Replaces the readings of the clock; None for none.
    """

    def __init__(self, clock: Clock, moment: Callable[[], Moment] | None = None) -> None:
        self._clock = clock
        self._moment = moment or (lambda: Moment(monotonic_us(clock), clock.now(), "process"))
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def exchange(self, request: LeaseRequest, terms: Terms) -> Answer:
        """Settle what a worker has and lease it more.

        Args:
            request: What is asked for.
            terms: Limits of the target.
        """
        with self._lock:
            before = monotonic_us(self._clock)
            moment = self._moment()
            sample = ClockSample(before, moment.slot_us, monotonic_us(self._clock))
            kept = self._kept.setdefault(request.target, _Kept())
            mine = kept.workers.get(request.worker, TargetState())
            day = day_of(moment)
            state = replace(
                kept.state,
                claimed=kept.claimed.get(day, Counts()),
                sequence=mine.sequence,
                worker_day=mine.worker_day,
                worker_claimed=mine.worker_claimed,
            )
            kept.state, grant = decide(terms, request, moment, state)
            kept.workers[request.worker] = kept.state
            kept.claimed = {day: kept.state.claimed}
            return Answer(grant, sample, kept.state.worker_claimed)

    def close(self) -> None:
        """Do nothing: what is in memory ends with the process."""
