"""The real connector over real HTTP to a simulated citizen application, with generated warnings."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import structlog
from pydantic import BaseModel

from lienthong.connector import CallContext, ConnectorContext
from lienthong.envelope import Event
from lienthong.outcome import Outcome
from lienthong.rest import ClientFactory
from lienthong.testing.clock import FakeClock
from lienthong.testing.simulator import STATE, Ledger, running
from lienthong_connectors.citizen_alerts import CONNECTOR
from lienthong_connectors.citizen_alerts.config import CitizenAlertsConfig
from lienthong_connectors.citizen_alerts.connector import CitizenAlertsSink
from lienthong_connectors.citizen_alerts.simulator import SIMULATOR
from lienthong_schemas.alert import AlertWarningV1
from lienthong_schemas.base import open_model
from lienthong_schemas.generator.alerts import readings

SECRET = "whsec_bsO0dCBiw60gbeG6rXQgxJHhu6cgZMOgaSDEkeG7gyB0aOG7rQ=="
NEXT_SECRET = "whsec_bmV4dC1uZXh0LW5leHQtbmV4dC1uZXh0LW5leHQ="
NAME = "hue-s"


def warning(**changes: Any) -> BaseModel:
    """Return a generated warning as the engine hands it over: parsed with the open model."""
    made = next(each.warning for each in readings(100) if each.warning)
    document = json.loads(made.data or b"") | {"a_field_of_a_later_version": "kept"} | changes
    return open_model(AlertWarningV1).model_validate_json(json.dumps(document))


@dataclass
class App:
    """A running simulated application, seen from outside."""

    url: str
    ledger: Ledger
    control: httpx.AsyncClient

    async def behave(self, **switches: Any) -> None:
        """Change faults."""
        (await self.control.put("/_control/behaviour", json=switches)).raise_for_status()

    async def set_options(self, **options: Any) -> None:
        """Change what the application itself was told."""
        (await self.control.put("/_control/options", json=options)).raise_for_status()


@pytest.fixture
def clock() -> FakeClock:
    """Give connector and application one clock."""
    return FakeClock()


@pytest.fixture
async def app(clock: FakeClock) -> AsyncIterator[App]:
    """Run a simulated application."""
    application = SIMULATOR.create_application({"secrets": SECRET})
    application[STATE].clock = clock
    async with running(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        yield App(url, application[STATE].ledger, control)


MakeSink = Callable[..., Awaitable[CitizenAlertsSink]]


@pytest.fixture
async def make_sink(app: App, clock: FakeClock) -> AsyncIterator[MakeSink]:
    """Build open connectors, closed after the test."""
    async with AsyncExitStack() as stack:

        async def make(timeout_seconds: float = 5, **changes: Any) -> CitizenAlertsSink:
            """Build and open one, with some settings of its endpoint changed."""
            endpoint = {"url": f"{app.url}/webhook", "secrets": [SECRET], **changes}
            config = CitizenAlertsConfig.model_validate(
                {"endpoints": {NAME: endpoint}, "timeout_seconds": timeout_seconds, "simulator": True}
            )
            sink = CONNECTOR.factory(config, ConnectorContext(ClientFactory(), clock, structlog.get_logger()))
            stack.push_async_callback(sink.close)
            await sink.open()
            return sink

        yield make


@pytest.fixture
async def sink(make_sink: MakeSink) -> CitizenAlertsSink:
    """Build one open connector."""
    return await make_sink()


async def deliver(sink: CitizenAlertsSink, data: BaseModel | None = None, **changes: Any) -> Outcome:
    """Deliver one warning as the engine would."""
    values = {
        "pipeline": "deliver-notice",
        "effect_key": "e" * 32,
        "attempt": 1,
        "attempt_id": "a" * 32,
        "purpose": "public_warning",
        "legal_basis": "Luật Phòng thủ dân sự",
        "actor": "operations-centre",
        "on_behalf_of": "",
        "key": NAME,
        **changes,
    }
    event = Event({"id": "1", "source": "test", "type": "alert.warning", "specversion": "1.0"}, None)
    return await sink.deliver(event, data or warning(), CallContext(**values))


class Tools:
    """What tests of this folder build records and calls with."""

    secret = SECRET
    next_secret = NEXT_SECRET
    warning = staticmethod(warning)
    deliver = staticmethod(deliver)


@pytest.fixture
def tools() -> type[Tools]:
    """Hand the builders to tests, which cannot import this file."""
    return Tools
