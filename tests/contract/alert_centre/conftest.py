"""The real connector over real HTTP to the simulated national centre, with generated observations and warnings."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest
import structlog
from pydantic import BaseModel

from lienthong.connector import CallContext, ConnectorContext, PollContext
from lienthong.envelope import Event
from lienthong.outcome import Outcome
from lienthong.rest import ClientFactory
from lienthong.testing.clock import FakeClock
from lienthong.testing.simulator import STATE, Ledger, running
from lienthong_connectors.alert_centre import CONNECTOR, SOURCE
from lienthong_connectors.alert_centre.connector import AlertCentreSink
from lienthong_connectors.alert_centre.simulator import SIMULATOR
from lienthong_connectors.enveloped import EnvelopedConfig
from lienthong_connectors.enveloped.changes import PolledConfig
from lienthong_schemas.alert import AlertWarningV1, ObservationRecordedV1
from lienthong_schemas.base import open_model
from lienthong_schemas.generator.alerts import readings

SECRET = "bi-mat-cua-tinh"


def observation(**changes: Any) -> BaseModel:
    """Return a generated observation as the engine hands it over."""
    document = json.loads(next(readings(1)).observation.data or b"") | {"later": "kept"} | changes
    return open_model(ObservationRecordedV1).model_validate_json(json.dumps(document))


def warning(**changes: Any) -> BaseModel:
    """Return a generated warning as the engine hands it over."""
    made = next(each.warning for each in readings(100) if each.warning)
    return open_model(AlertWarningV1).model_validate_json(json.dumps(json.loads(made.data or b"") | changes))


@dataclass
class Centre:
    """A running simulator, seen from outside."""

    url: str
    ledger: Ledger
    control: httpx.AsyncClient

    async def behave(self, **switches: Any) -> None:
        """Change faults."""
        (await self.control.put("/_control/behaviour", json=switches)).raise_for_status()

    async def set_options(self, **options: Any) -> None:
        """Change what the centre itself was told."""
        (await self.control.put("/_control/options", json=options)).raise_for_status()

    async def end_tokens(self) -> None:
        """End all tokens."""
        (await self.control.delete("/_control/tokens")).raise_for_status()


@pytest.fixture
async def centre() -> AsyncIterator[Centre]:
    """Run a simulated centre."""
    application = SIMULATOR.create_application({"client_id": "hue", "client_secret": SECRET})
    async with running(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        yield Centre(url, application[STATE].ledger, control)


@pytest.fixture
def clock() -> FakeClock:
    """Give the connector a clock of its own."""
    return FakeClock()


MakeSink = Callable[..., Awaitable[AlertCentreSink]]


@pytest.fixture
async def make_sink(centre: Centre, clock: FakeClock) -> AsyncIterator[MakeSink]:
    """Build open connectors, closed after the test."""
    async with AsyncExitStack() as stack:

        async def make(**changes: Any) -> AlertCentreSink:
            """Build and open one, with some settings changed."""
            settings = {
                "base_url": f"{centre.url}/v1",
                "token_url": f"{centre.url}/oauth/token",
                "client_id": "hue",
                "client_secret": SECRET,
                "timeout_seconds": 5,
                "simulator": True,
                **changes,
            }
            config = EnvelopedConfig.model_validate(settings)
            sink = CONNECTOR.factory(config, ConnectorContext(ClientFactory(), clock, structlog.get_logger()))
            stack.push_async_callback(sink.close)
            await sink.open()
            return sink

        yield make


@pytest.fixture
async def sink(make_sink: MakeSink) -> AlertCentreSink:
    """Build one open connector."""
    return await make_sink()


async def deliver(sink: AlertCentreSink, data: BaseModel, **changes: Any) -> Outcome:
    """Deliver one record as the engine would."""
    values = {
        "pipeline": "deliver-observation",
        "effect_key": "e",
        "attempt": 1,
        "attempt_id": "a" * 32,
        "purpose": "early_warning",
        "legal_basis": "Luật Phòng thủ dân sự",
        "actor": "operations-centre",
        "on_behalf_of": "",
        "key": "k",
        **changes,
    }
    event = Event({"id": "1", "source": "test", "type": "test", "specversion": "1.0"}, None)
    return await sink.deliver(event, data, CallContext(**values))


class Tools:
    """What tests of this folder build records and calls with."""

    secret = SECRET
    observation = staticmethod(observation)
    warning = staticmethod(warning)
    deliver = staticmethod(deliver)


@pytest.fixture
def tools() -> type[Tools]:
    """Hand the builders to tests, which cannot import this file."""
    return Tools


@pytest.fixture
async def source(centre: Centre, clock: FakeClock) -> AsyncIterator[Any]:
    """Build one open source with small pages."""
    settings = {
        "base_url": f"{centre.url}/v1",
        "token_url": f"{centre.url}/oauth/token",
        "client_id": "hue",
        "client_secret": SECRET,
        "timeout_seconds": 1,
        "simulator": True,
        "page_size": 4,
    }
    context = ConnectorContext(ClientFactory(), clock, structlog.get_logger())
    made = SOURCE.factory(PolledConfig.model_validate(settings), context)
    await made.open()
    yield made
    await made.close()


@dataclass
class Poller:
    """Polls as the engine does, and keeps what it would write."""

    now: datetime
    cursor: str = ""
    overlap_seconds: float = 600.0

    def __post_init__(self) -> None:
        self.events: list[Any] = []
        self.acknowledges = True

    async def poll(self, source: Any) -> None:
        """Poll once to the end; what was yielded before a failure is kept, as Kafka keeps it."""
        context = PollContext("poll", "purpose", "basis", "officer", self.now, self.overlap_seconds)
        async for batch in source.poll(self.cursor, context):
            self.events += batch.events
            if self.acknowledges:
                await source.acknowledge(batch, context)
                self.cursor = batch.cursor

    @property
    def ids(self) -> set[str]:
        """The different events."""
        return {each.event.id for each in self.events}

    @property
    def keys(self) -> set[str]:
        """What they are about."""
        return {each.key for each in self.events}


@pytest.fixture
def poller(clock: FakeClock) -> Poller:
    """Give a poller that has never polled."""
    return Poller(clock.now())
