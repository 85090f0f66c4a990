"""The real source over real HTTP to the simulated national platforms."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import structlog

from lienthong.clock import VIETNAM
from lienthong.connector import ConnectorContext, PollContext, SourceBatch
from lienthong.rest import ClientFactory
from lienthong.testing.clock import FakeClock
from lienthong.testing.simulator import STATE, Ledger, running
from lienthong_connectors.national_dossiers import CONNECTOR
from lienthong_connectors.national_dossiers.config import NationalDossiersConfig
from lienthong_connectors.national_dossiers.connector import NationalDossiers
from lienthong_connectors.national_dossiers.simulator import SIMULATOR
from lienthong_connectors.national_dossiers.simulator_dossiers import LINKED_PROCEDURES
from lienthong_schemas.dossier import DossierSnapshotV1
from lienthong_schemas.generator.places import COMMUNES

NOW = datetime(2026, 10, 8, 10, 0, tzinfo=VIETNAM)
PASSWORD = "mat-khau-rat-bi-mat"


@dataclass
class Nation:
    """Running simulated platforms, seen from outside."""

    url: str
    ledger: Ledger
    control: httpx.AsyncClient

    async def add(self, platform: str = "portal", count: int = 1, minutes: float = 5, **fields: Any) -> list[str]:
        """Let citizens submit dossiers some minutes before now, all in one second."""
        changed = f"{NOW - timedelta(minutes=minutes):%Y%m%d%H%M%S}"
        body = {"platform": platform, "count": count, "changed": changed, "fields": fields}
        return list((await self.control.post("/_control/dossiers", json=body)).raise_for_status().json())

    async def change(self, code: str, minutes: float = 1, **fields: Any) -> None:
        """Change a dossier some minutes before now."""
        changed = f"{NOW - timedelta(minutes=minutes):%Y%m%d%H%M%S}"
        answer = await self.control.put(f"/_control/dossiers/{code}", params={"changed": changed}, json=fields)
        answer.raise_for_status()

    async def set_options(self, **options: Any) -> None:
        """Change what the platforms were told."""
        (await self.control.put("/_control/options", json=options)).raise_for_status()

    async def behave(self, **switches: Any) -> None:
        """Change faults."""
        (await self.control.put("/_control/behaviour", json=switches)).raise_for_status()

    async def truth(self) -> dict[str, dict[str, Any]]:
        """Return what happened to each dossier."""
        return dict((await self.control.get("/_control/dossiers")).json())

    def count(self, operation: str) -> int:
        """Return how many raw calls of an operation arrived."""
        return sum(call.operation == operation for call in self.ledger.calls)

    def marked(self) -> list[str]:
        """Return the dossiers that were marked as arrived, each time that it was new."""
        return [effect.key for effect in self.ledger.effects]


@pytest.fixture
async def nation() -> AsyncIterator[Nation]:
    """Run simulated platforms."""
    application = SIMULATOR.create_application({"user_name": "tinh", "password": PASSWORD})
    async with running(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        yield Nation(url, application[STATE].ledger, control)


@pytest.fixture
def clock() -> FakeClock:
    """Give the connector a clock of its own, before all dossiers."""
    return FakeClock()


MakeSource = Callable[..., Awaitable[NationalDossiers]]


@pytest.fixture
async def make_source(nation: Nation, tmp_path: Path, clock: FakeClock) -> AsyncIterator[MakeSource]:
    """Build open connectors, closed after the test."""
    async with AsyncExitStack() as stack:

        async def make(*platforms: str, portal: Any = None, linked: Any = None, **changes: Any) -> NationalDossiers:
            """Build one for some platforms, both if none is named, with some settings changed."""
            common = {"base_url": nation.url, "user_name": "tinh", "password": PASSWORD, "simulator": True}
            both: dict[str, dict[str, Any]] = {
                "portal": {**common, "destination_code": "VN:DVCQG", "unit_code": "H57", **(portal or {})},
                "linked": {
                    **common,
                    "procedures": {
                        code: {
                            "name": "Liên thông",
                            "field_code": "G15-HT01",
                            "field_name": "Hộ tịch",
                            "working_days": 3,
                        }
                        for code in LINKED_PROCEDURES.values()
                    },
                    "units": {each.code: {"code": each.organisation, "name": each.name} for each in COMMUNES},
                    **(linked or {}),
                },
            }
            chosen = {name: both[name] for name in platforms or both}
            store = {"kind": "folder", "folder": tmp_path / "files"}
            config = NationalDossiersConfig.model_validate({**chosen, "store": store, **changes})
            context = ConnectorContext(ClientFactory(), clock, structlog.get_logger())
            source: NationalDossiers = CONNECTOR.factory(config, context)
            stack.push_async_callback(source.close)
            await source.open()
            return source

        yield make


@dataclass
class Poller:
    """Polls as the engine does, and keeps what it would write."""

    cursor: str = ""
    now: datetime = NOW
    overlap_seconds: float = 600.0
    acknowledges: bool = True

    def __post_init__(self) -> None:
        self.events: list[Any] = []

    @property
    def context(self) -> PollContext:
        """Who polls."""
        return PollContext("poll", "purpose", "basis", "officer", self.now, self.overlap_seconds)

    async def poll(self, source: Any) -> list[SourceBatch]:
        """Poll once to the end; what was yielded before a failure is kept, as Kafka keeps it."""
        batches = []
        async for batch in source.poll(self.cursor, self.context):
            self.events += batch.events
            if self.acknowledges:
                await source.acknowledge(batch, self.context)
            self.cursor = batch.cursor
            batches.append(batch)
        return batches

    @property
    def ids(self) -> list[str]:
        """Ids of all events, in order."""
        return [each.event.id for each in self.events]

    @property
    def keys(self) -> list[str]:
        """Keys of all events, in order."""
        return [each.key for each in self.events]

    def document(self, index: int = -1) -> dict[str, Any]:
        """Return the data of an event."""
        return dict(orjson.loads(self.events[index].event.data))

    def snapshot(self, index: int = -1) -> DossierSnapshotV1:
        """Return the data of an event, if it keeps the schema."""
        return DossierSnapshotV1.model_validate_json(self.events[index].event.data)


@pytest.fixture
def poller() -> Poller:
    """Give what polls."""
    return Poller()


@pytest.fixture
def make_poller() -> type[Poller]:
    """Give a function that makes what polls."""
    return Poller
