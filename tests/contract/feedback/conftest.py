"""The real connector over real HTTP to the simulated national system, with generated feedback."""

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
from lienthong_connectors.enveloped import EnvelopedConfig
from lienthong_connectors.enveloped.changes import PolledConfig
from lienthong_connectors.feedback import CONNECTOR, SOURCE
from lienthong_connectors.feedback.connector import FeedbackSink
from lienthong_connectors.feedback.simulator import SIMULATOR
from lienthong_schemas.base import open_model
from lienthong_schemas.feedback import FeedbackSnapshotV1
from lienthong_schemas.generator.feedbacks import feedbacks

SECRET = "bi-mat-cua-tinh"


def snapshots(last: str, **changes: Any) -> list[BaseModel]:
    """Return the snapshots of a generated feedback that ends in a state, as the engine hands them over."""
    found = next(each for each in feedbacks(200) if each.truth.last_status == last)
    documents = [json.loads(event.data or b"") | {"later": "kept"} | changes for event in found.events]
    return [open_model(FeedbackSnapshotV1).model_validate_json(json.dumps(each)) for each in documents]


@dataclass
class National:
    """A running simulator, seen from outside."""

    url: str
    ledger: Ledger
    control: httpx.AsyncClient

    async def behave(self, **switches: Any) -> None:
        """Change faults."""
        (await self.control.put("/_control/behaviour", json=switches)).raise_for_status()

    async def set_options(self, **options: Any) -> None:
        """Change what the system itself was told."""
        (await self.control.put("/_control/options", json=options)).raise_for_status()

    async def held(self) -> dict[str, Any]:
        """Return state and parts of all feedback."""
        return dict((await self.control.get("/_control/feedbacks")).json())


@pytest.fixture
async def national() -> AsyncIterator[National]:
    """Run a simulated national system."""
    application = SIMULATOR.create_application({"client_id": "hue", "client_secret": SECRET})
    async with running(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        yield National(url, application[STATE].ledger, control)


@pytest.fixture
def clock() -> FakeClock:
    """Give the connector a clock of its own."""
    return FakeClock()


MakeSink = Callable[..., Awaitable[FeedbackSink]]


@pytest.fixture
async def make_sink(national: National, clock: FakeClock) -> AsyncIterator[MakeSink]:
    """Build open connectors, closed after the test."""
    async with AsyncExitStack() as stack:

        async def make(**changes: Any) -> FeedbackSink:
            """Build and open one, with some settings changed."""
            settings = {
                "base_url": f"{national.url}/v1",
                "token_url": f"{national.url}/oauth/token",
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
async def sink(make_sink: MakeSink) -> FeedbackSink:
    """Build one open connector."""
    return await make_sink()


async def deliver(sink: FeedbackSink, data: BaseModel, **changes: Any) -> Outcome:
    """Deliver one record as the engine would."""
    values = {
        "pipeline": "deliver-feedback",
        "effect_key": "e",
        "attempt": 1,
        "attempt_id": "a" * 32,
        "purpose": "feedback",
        "legal_basis": "NĐ 118/2025",
        "actor": "feedback-desk",
        "on_behalf_of": "",
        "key": "k",
        **changes,
    }
    event = Event({"id": "1", "source": "test", "type": "test", "specversion": "1.0"}, None)
    return await sink.deliver(event, data, CallContext(**values))


class Tools:
    """What tests of this folder build records and calls with."""

    secret = SECRET
    snapshots = staticmethod(snapshots)
    deliver = staticmethod(deliver)


@pytest.fixture
def tools() -> type[Tools]:
    """Hand the builders to tests, which cannot import this file."""
    return Tools


@pytest.fixture
async def source(national: National, clock: FakeClock) -> AsyncIterator[Any]:
    """Build one open source with small pages."""
    settings = {
        "base_url": f"{national.url}/v1",
        "token_url": f"{national.url}/oauth/token",
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
