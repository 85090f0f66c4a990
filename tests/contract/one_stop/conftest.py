"""The real connector over real HTTP to the simulated one-stop system."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
import structlog
from pydantic import BaseModel, SecretStr

from lienthong.connector import CallContext, ConnectorContext
from lienthong.envelope import Event
from lienthong.outcome import Outcome
from lienthong.rest import ClientFactory
from lienthong.testing.clock import FakeClock
from lienthong.testing.simulator import STATE, Ledger, running
from lienthong_connectors.one_stop import CONNECTOR
from lienthong_connectors.one_stop.config import OneStopConfig
from lienthong_connectors.one_stop.connector import OneStopSink
from lienthong_connectors.one_stop.simulator import SIMULATOR
from lienthong_schemas.base import open_model
from lienthong_schemas.dossier import DossierProgressV1, DossierSnapshotV1

CODE = "H57.21-261008-00001"
TOKEN = "the-rat-bi-mat"
CONTEXT = CallContext("deliver-dossier-local", "e", 1, "a" * 32, "purpose", "basis", "system", "", CODE)


def document(**changes: Any) -> dict[str, Any]:
    """Return a dossier from the nation."""
    return {
        "dossier_code": CODE,
        "sequence": 10,
        "occurred_at": "2026-10-08T10:15:30+07:00",
        "procedure": {"code": "1.004873", "name": "Thủ tục thử", "field_code": "G15-HT01", "field_name": "Hộ tịch"},
        "channel": "online",
        "subject_kind": "citizen",
        "owner": {
            "full_name": "Nguyễn Thị Thử Nghiệm",
            "identifiers": [{"type": "personal_id", "value": "000190000017"}],
        },
        "summary": "Xác nhận tình trạng hôn nhân",
        "submitted_at": "2026-10-08T07:30:00+07:00",
        "received_at": "2026-10-08T08:00:00+07:00",
        "due_at": "2026-10-13T17:00:00+07:00",
        "status": "submitted",
        "return_method": "counter",
        "handling_unit": {"code": "H57.21", "name": "Ủy ban nhân dân phường Thử Nghiệm"},
        "origin": "national_portal",
        "has_digitised_components": True,
        "account_verified_by_vneid": True,
        "online_payment": "none",
        "tech_id": "TECH-1",
        **changes,
    }


@dataclass
class System:
    """A running simulated one-stop system, seen from outside."""

    url: str
    ledger: Ledger
    control: httpx.AsyncClient

    async def set_options(self, **options: Any) -> None:
        """Change what it was told."""
        (await self.control.put("/_control/options", json=options)).raise_for_status()

    async def behave(self, **switches: Any) -> None:
        """Change faults."""
        (await self.control.put("/_control/behaviour", json=switches)).raise_for_status()

    async def arrivals(self) -> dict[str, Any]:
        """Return what is held."""
        return dict((await self.control.get("/_control/dossiers")).json())

    def effects(self) -> list[str]:
        """Return the kinds of effects, in order of arrival."""
        return [effect.operation for effect in self.ledger.effects]

    def operations(self) -> list[str]:
        """Return the raw calls, in order of arrival."""
        return [call.operation for call in self.ledger.calls]


@pytest.fixture
async def system() -> AsyncIterator[System]:
    """Run a simulated one-stop system."""
    application = SIMULATOR.create_application({"token": TOKEN})
    async with running(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        yield System(url, application[STATE].ledger, control)


@pytest.fixture
async def make_sink(system: System) -> AsyncIterator[Callable[..., Awaitable[OneStopSink]]]:
    """Build open connectors, closed after the test."""
    async with AsyncExitStack() as stack:

        async def make(**changes: Any) -> OneStopSink:
            """Build and open one, with some settings changed."""
            values = {"base_url": system.url, "token": SecretStr(TOKEN), "timeout_seconds": 5, "simulator": True}
            config = OneStopConfig.model_validate({**values, **changes})
            sink = CONNECTOR.factory(config, ConnectorContext(ClientFactory(), FakeClock(), structlog.get_logger()))
            stack.push_async_callback(sink.close)
            await sink.open()
            return sink

        yield make


@pytest.fixture
async def sink(make_sink: Any) -> OneStopSink:
    """Build one open connector."""
    return await make_sink()


class Tools:
    """What tests of this folder build records and calls with."""

    code = CODE
    context = CONTEXT
    document = staticmethod(document)

    @staticmethod
    def record(**changes: Any) -> tuple[Event, BaseModel]:
        """Build an event and its data as the engine hands them over."""
        data = orjson.dumps(document(**changes))
        event = Event({"id": "portal-1", "source": "urn:vn:dichvucong", "type": "dossier.snapshot"}, data)
        return event, open_model(DossierSnapshotV1).model_validate_json(data)

    @classmethod
    async def deliver(cls, sink: OneStopSink, **changes: Any) -> Outcome:
        """Deliver one dossier as the engine would."""
        return await sink.deliver(*cls.record(**changes), CONTEXT)

    @staticmethod
    def step() -> BaseModel:
        """Build a record that is no snapshot."""
        return DossierProgressV1.model_construct()


@pytest.fixture
def tools() -> type[Tools]:
    """Hand the builders to tests, which cannot import this file."""
    return Tools
