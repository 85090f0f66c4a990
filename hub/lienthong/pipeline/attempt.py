"""What every request of an attempt waits for: its turn at the target."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass

from lienthong.clock import Clock
from lienthong.delivery.interruption import Interruption
from lienthong.limits.gate import Gate
from lienthong.limits.policy import Priority
from lienthong.observability.vitals import Vitals


@dataclass(slots=True)
class Attempt:
    """One attempt at one record, which may need several requests.

    Attributes:
        priority: Who is served first.
        interruption: Ends the wait for the first request; None lets nobody end it.
        requests: Requests whose turn has come.
        waited_seconds: How long they waited for it.
        vitals: Told when the attempt only waits; None for nobody to tell.
        number: Number of the call there.
    """

    priority: Priority = Priority.LIVE
    interruption: Interruption | None = None
    requests: int = 0
    waited_seconds: float = 0.0
    vitals: Vitals | None = None
    number: int = 0


_current: ContextVar[Attempt | None] = ContextVar("lienthong_attempt", default=None)


@contextmanager
def attempting(attempt: Attempt) -> Iterator[None]:
    """Let requests that are made inside the block belong to an attempt.

    Args:
        attempt: Which attempt.
    """
    token = _current.set(attempt)
    try:
        yield
    finally:
        _current.reset(token)


class Turns:
    """Lets requests to one target through, each when its turn has come.

    Args:
        gate: What the target allows.
        clock: Where to read the time.

    Delivery:
        Every request counts, also a login, a token, a query before a write and a retry: that is what targets count.
    """

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate = gate
        self._clock = clock

    async def wait(self) -> None:
        """Wait until one request may be made; make it at once."""
        attempt = _current.get() or Attempt()
        interruption = attempt.interruption
        began = self._clock.monotonic()
        with nullcontext() if attempt.vitals is None else attempt.vitals.waiting(attempt.number):
            if interruption is not None and not interruption.is_here:
                # A login for all records, whichever of them began it.
                await self._gate.enter(Priority.LIVE)
            elif interruption is not None and attempt.requests == 0:
                # Nothing was sent yet, so a worker that stops need not wait for what may come tomorrow.
                async with interruption.released():
                    await self._gate.enter(attempt.priority)
            else:
                await self._gate.enter(attempt.priority)
        attempt.requests += 1
        attempt.waited_seconds += self._clock.monotonic() - began
