"""The real source over real HTTP to the simulated ministry, with generated births and deaths."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from lienthong.clock import VIETNAM
from lienthong.connector import ConnectorContext, PollContext, SourceBatch
from lienthong.rest import ClientFactory
from lienthong.testing.clock import FakeClock
from lienthong.testing.simulator import STATE, Ledger, running
from lienthong_connectors.civil_status import CONNECTOR, REGISTRY
from lienthong_connectors.civil_status.config import CivilStatusConfig, RegistryConfig
from lienthong_connectors.civil_status.connector import CivilStatusSource
from lienthong_connectors.civil_status.registry import CivilStatusRegistry
from lienthong_connectors.civil_status.simulated_rows import rows_of
from lienthong_connectors.civil_status.simulator import SIMULATOR
from lienthong_schemas.generator.dossiers import FIRST_DAY
from lienthong_schemas.generator.life_events import LifeEvent, life_events

SECRET = "khoa-rat-bi-mat"
NOW = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=VIETNAM) + timedelta(days=10)


@dataclass
class Ministry:
    """A running simulator, seen from outside."""

    url: str
    ledger: Ledger
    control: httpx.AsyncClient

    async def behave(self, **switches: Any) -> None:
        """Change faults."""
        (await self.control.put("/_control/behaviour", json=switches)).raise_for_status()

    async def put(self, *rows: Any) -> None:
        """Add dossiers or give them another state."""
        (await self.control.put("/_control/rows", json=list(rows))).raise_for_status()

    async def end_tokens(self) -> None:
        """End all tokens."""
        (await self.control.delete("/_control/tokens")).raise_for_status()

    async def answer(self, answer: Any) -> None:
        """Answer every push so."""
        (await self.control.put("/_control/answer", json=answer)).raise_for_status()

    async def enter(self, moment: str) -> None:
        """Enter all that was pushed."""
        (await self.control.post("/_control/enter", json={"thoiDiem": moment})).raise_for_status()

    def pushed(self) -> list[str]:
        """Return the codes of the dossiers that were taken, one for each effect."""
        return [effect.key for effect in self.ledger.effects if effect.operation == "push"]

    def scans(self) -> int:
        """Return how many scans were answered."""
        return len([call for call in self.ledger.calls if call.operation == "scan" and call.status == 200])


@pytest.fixture
async def ministry() -> AsyncIterator[Ministry]:
    """Run a simulated ministry without any dossier."""
    application = SIMULATOR.create_application({"client_id": "tinh", "client_secret": SECRET})
    async with running(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        yield Ministry(url, application[STATE].ledger, control)


MakeSource = Callable[..., Awaitable[CivilStatusSource]]


@pytest.fixture
async def make_source(ministry: Ministry) -> AsyncIterator[MakeSource]:
    """Build open connectors, closed after the test."""
    async with AsyncExitStack() as stack:

        async def make(**changes: Any) -> CivilStatusSource:
            """Build and open one, with some settings changed."""
            config = CivilStatusConfig.model_validate(
                {
                    "base_url": ministry.url,
                    "token_url": f"{ministry.url}/token",
                    "client_id": "tinh",
                    "client_secret": SecretStr(SECRET),
                    "province_code": "46",
                    "timeout_seconds": 5,
                    "simulator": True,
                    **changes,
                }
            )
            context = ConnectorContext(ClientFactory(), FakeClock(), structlog.get_logger())
            source = CONNECTOR.factory(config, context)
            stack.push_async_callback(source.close)
            await source.open()
            return source

        yield make


@pytest.fixture
async def source(make_source: MakeSource) -> CivilStatusSource:
    """Build one open connector."""
    return await make_source()


MakeRegistry = Callable[..., Awaitable[CivilStatusRegistry]]


@pytest.fixture
async def make_registry(ministry: Ministry) -> AsyncIterator[MakeRegistry]:
    """Build open sinks, closed after the test."""
    async with AsyncExitStack() as stack:

        async def make(**changes: Any) -> CivilStatusRegistry:
            """Build and open one, with some settings changed."""
            config = RegistryConfig.model_validate(
                {
                    "base_url": ministry.url,
                    "token_url": f"{ministry.url}/token",
                    "client_id": "tinh",
                    "client_secret": SecretStr(SECRET),
                    "province_code": "46",
                    "paper_types": {"personal_id": "5"},
                    "timeout_seconds": 5,
                    "simulator": True,
                    **changes,
                }
            )
            context = ConnectorContext(ClientFactory(), FakeClock(), structlog.get_logger())
            sink = REGISTRY.factory(config, context)
            stack.push_async_callback(sink.close)
            await sink.open()
            return sink

        yield make


def poll_context(**changes: Any) -> PollContext:
    """Say who reads what."""
    values = {
        "pipeline": "poll-civil-status",
        "purpose": "Cập nhật hộ tịch",
        "legal_basis": "Luật Hộ tịch",
        "actor": "system",
        "now": NOW,
        "overlap_seconds": 600.0,
        **changes,
    }
    return PollContext(**values)


async def poll(source: CivilStatusSource, cursor: str = "", **changes: Any) -> list[SourceBatch]:
    """Poll once, to the end."""
    return [batch async for batch in source.poll(cursor, poll_context(**changes))]


def identities(batches: Sequence[SourceBatch]) -> set[str]:
    """Return the ids of all events."""
    return {found.event.id for batch in batches for found in batch.events}


class Tools:
    """What tests of this folder build rows and polls with."""

    now = NOW
    secret = SECRET
    poll = staticmethod(poll)
    poll_context = staticmethod(poll_context)
    identities = staticmethod(identities)
    rows_of = staticmethod(rows_of)

    @staticmethod
    def events(count: int, seed: int = 1) -> list[LifeEvent]:
        """Return made-up births and deaths."""
        return list(life_events(count, seed))


@pytest.fixture
def tools() -> type[Tools]:
    """Hand the builders to tests, which cannot import this file."""
    return Tools
