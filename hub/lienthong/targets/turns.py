"""What every request of an attempt waits for: its turn at the target."""

from contextlib import nullcontext
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
        is_waiting: Whether a request waits for its turn now.
    """

    priority: Priority = Priority.LIVE
    interruption: Interruption | None = None
    requests: int = 0
    waited_seconds: float = 0.0
    vitals: Vitals | None = None
    number: int = 0
    is_waiting: bool = False


_current: ContextVar[Attempt | None] = ContextVar("lienthong_attempt", default=None)


class attempting:  # noqa: N801 - a block, and a generator would cost every call four times as much
    """Let requests that are made inside the block belong to an attempt, which is a call under way meanwhile.

    Args:
        attempt: Which attempt.
    """

    __slots__ = ("_attempt", "_token")

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def __enter__(self) -> None:
        attempt = self._attempt
        if attempt.vitals is not None:
            attempt.number = attempt.vitals.begin_call()
        self._token = _current.set(attempt)

    def __exit__(self, *_error: object) -> None:
        attempt = self._attempt
        _current.reset(self._token)
        if attempt.vitals is not None:
            attempt.vitals.end_call(attempt.number)


class Turns:
    """Lets requests to one target through, each when its turn has come and the record is still this worker's.

    Args:
        gate: What the target allows; None when it allows everything.
        clock: Where to read the time.

    Delivery:
        Every request counts, also a login, a token, a query before a write and a retry: that is what targets count.
        Whether the record is still ours is asked right before each request: a process that was frozen between the
        decision to call and the call itself would overtake the next owner.
    """

    def __init__(self, gate: Gate | None, clock: Clock) -> None:
        self._gate = gate
        self._clock = clock

    async def wait(self) -> None:
        """Wait until one request may be made; make it at once.

        Raises:
            Interrupted: If the record went to another worker.
        """
        attempt = _current.get() or Attempt()
        if self._gate is not None:
            attempt.is_waiting = True
            try:
                await self._enter(self._gate, attempt)
            finally:
                attempt.is_waiting = False
        interruption = attempt.interruption
        if interruption is not None and not interruption.is_certain and interruption.is_here:
            await interruption.check()

    async def _enter(self, gate: Gate, attempt: Attempt) -> None:
        interruption = attempt.interruption
        began = self._clock.monotonic()
        with nullcontext() if attempt.vitals is None else attempt.vitals.waiting(attempt.number):
            if interruption is not None and not interruption.is_here:
                # A login for all records, whichever of them began it.
                await gate.enter(Priority.LIVE)
            elif interruption is not None and attempt.requests == 0:
                # Nothing was sent yet, so a worker that stops need not wait for what may come tomorrow.
                async with interruption.released():
                    await gate.enter(attempt.priority)
            else:
                await gate.enter(attempt.priority)
        attempt.requests += 1
        attempt.waited_seconds += self._clock.monotonic() - began
