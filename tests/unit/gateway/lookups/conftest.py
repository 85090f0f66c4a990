"""A counter in memory: a fake target behind the real desk and the real route."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, ConfigDict

from lienthong import access_log
from lienthong.config.models import CounterSettings
from lienthong.connector import CallContext
from lienthong.delivery.circuit import CircuitBreaker
from lienthong.delivery.policy import CircuitPolicy
from lienthong.gateway.lookup_desk import LookupDesk
from lienthong.gateway.lookups import Lookups
from lienthong.outcome import Answer, AnswerStatus, Finding
from lienthong.schema import CounterQuestion
from lienthong.targets.access_trail import AccessTrail
from lienthong.targets.turns import Turns
from lienthong.testing.clock import FakeClock

TYPE = "register"
DOSSIER = "000.00.22.H57-251123-0001"


class PaperQuery(BaseModel):
    """A question about one paper."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    number: str
    procedure: str = "2.000488"


QUESTION = CounterQuestion("paper", PaperQuery, lambda query: str(query.number).encode(), lambda answer: answer.data)


class HandMovedClock(FakeClock):
    """A clock whose waits end when the test lets the time pass."""

    def __init__(self) -> None:
        super().__init__()
        self._waits: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        """Wait until so much time was let pass."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waits.append((self.monotonic() + seconds, ended))
        await ended

    def advance(self, seconds: float) -> None:
        """Let time pass and end the waits that are over."""
        super().advance(seconds)
        for due, ended in self._waits:
            if due <= self.monotonic() and not ended.done():
                ended.set_result(None)


class FakeGate:
    """A gate that lets nobody through while it is shut."""

    def __init__(self) -> None:
        self.is_in_maintenance = False
        self.state: Any = "waiting"
        self.is_shut = False
        self.entered: list[Any] = []

    async def enter(self, priority: Any) -> None:
        """Wait for ever while it is shut."""
        self.entered.append(priority)
        if self.is_shut:
            await asyncio.Event().wait()


class FakeRegister:
    """A target that answers as the test says."""

    def __init__(self, clock: FakeClock, gate: FakeGate) -> None:
        self.answer = Answer(AnswerStatus.MATCH, (Finding("number", "year_only"),), (), ("SoGiayTo",), {"kind": "A"})
        self.error: Exception | None = None
        self.refusal: Exception | None = None
        self.hangs: asyncio.Event | None = None
        self.calls: list[CallContext] = []
        self.logged_before: list[int] = []
        self.log: list[Any] = []
        self._turns = Turns(gate, clock)  # type: ignore[arg-type]

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def check(self, _query: BaseModel, _context: CallContext) -> None:
        """Refuse on demand."""
        if self.refusal is not None:
            raise self.refusal

    def scopes_of(self, query: Any, context: CallContext) -> tuple[tuple[str, str], ...]:
        """Return what the question needs."""
        return (("officer", context.actor), ("procedure", query.procedure))

    async def lookup(self, _query: BaseModel, context: CallContext) -> Answer:
        """Answer as the test says."""
        await self._turns.wait()
        self.calls.append(context)
        self.logged_before.append(len(self.log))
        if self.hangs is not None:
            await self.hangs.wait()
        if self.error is not None:
            raise self.error
        return self.answer


class Counter:
    """A gateway with one desk.

    Args:
        gateway: The gateway in memory.
    """

    def __init__(self, gateway: Any) -> None:
        self.clock = HandMovedClock()
        self.gate = FakeGate()
        self.register = FakeRegister(self.clock, self.gate)
        self.register.log = gateway.producer.records
        self.gateway = gateway
        self.desk: LookupDesk
        settings = gateway.settings.gateway.model_copy(
            update={
                "lookups": {TYPE: CounterSettings(purposes={"reception": "ND-118-2025"}, max_at_once=2)},
                "max_lookup_seconds": 8.0,
            }
        )
        gateway.settings = gateway.settings.model_copy(update={"gateway": settings})
        gateway.clock = self.clock
        gateway.make_lookups = self._make
        gateway.start()

    def _make(self, write: Any) -> Lookups:
        trail = AccessTrail(TYPE, "paper", "hue.access-log", write, self.clock, b"key")
        circuit = CircuitBreaker(CircuitPolicy(failures=2), self.clock)
        at_once = self.gateway.settings.gateway.lookups[TYPE].max_at_once
        gate: Any = self.gate
        register: Any = self.register
        self.desk = LookupDesk(
            TYPE, QUESTION, register, trail, circuit, gate, self.clock, self.gateway.metrics, b"key", at_once
        )
        return Lookups({TYPE: self.desk})

    @property
    def log(self) -> list[access_log.AccessEntry]:
        """What is in the access log."""
        return [access_log.decode(record.value) for record in self.gateway.producer.records]

    async def ask(self, *, lookup: str = TYPE, claims: dict[str, Any] | None = None, **changes: Any) -> httpx.Response:
        """Ask a good question, changed as the test wants."""
        body = {"dossier": DOSSIER, "purpose": "reception", "query": {"number": "A-1"}, **changes}
        token = {"scope": f"lookup:{TYPE}", "sub": "officer-7", **(claims or {})}
        answer: httpx.Response = await self.gateway.client.post(
            f"/v1/lookups/{lookup}", json=body, headers=self.gateway.bearer(**token)
        )
        return answer

    async def begin(self, **changes: Any) -> "asyncio.Task[httpx.Response]":
        """Ask, and return once nothing moves any more without the clock or the target."""
        asked = asyncio.create_task(self.ask(**changes))
        await settle()
        return asked


async def settle() -> None:
    """Let everything run that needs no clock."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
async def counter(gateway: Any) -> AsyncIterator[Counter]:
    """A counter with a register that answers."""
    made = Counter(gateway)
    yield made
    await gateway.client.aclose()
