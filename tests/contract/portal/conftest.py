"""The real connector over real HTTP to the simulated portal, with generated dossiers."""

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
from lienthong_connectors.portal import CONNECTOR
from lienthong_connectors.portal.config import PortalConfig
from lienthong_connectors.portal.connector import PortalSink
from lienthong_connectors.portal.simulator import SIMULATOR
from lienthong_schemas.base import open_model
from lienthong_schemas.dossier import DossierProgressV1, DossierSnapshotV1, DossierVerifiedV1

CODE = "H57.01.12-261008-0001"
FULL_NAME = "Nguyễn Thị Thử Nghiệm"
PERSONAL_ID = "000190000017"
PHONE = "0900000017"
PASSWORD = "mat-khau-rat-bi-mat"
PERSONAL_VALUES = (FULL_NAME, PERSONAL_ID, PHONE)


def snapshot(code: str = CODE, **changes: Any) -> BaseModel:
    """Build a snapshot as the engine hands it over: parsed with the open model."""
    document = {
        "dossier_code": code,
        "sequence": 1,
        "occurred_at": "2026-10-08T10:15:30+07:00",
        "procedure": {"code": "1.004873", "name": "Thủ tục thử", "field_code": "G15-TP01", "field_name": "Hộ tịch"},
        "channel": "counter",
        "subject_kind": "citizen",
        "owner": {
            "full_name": FULL_NAME,
            "identifiers": [{"type": "personal_id", "value": PERSONAL_ID}],
            "phone": PHONE,
        },
        "summary": "Xác nhận tình trạng hôn nhân",
        "submitted_at": "2026-10-08T07:30:00+07:00",
        "received_at": "2026-10-08T08:00:00+07:00",
        "due_at": "2026-10-13T17:00:00+07:00",
        "status": "accepted",
        "return_method": "counter",
        "handling_unit": {"code": "H57.01.12", "name": "Ủy ban nhân dân phường Thử Nghiệm"},
        "origin": "local",
        "has_digitised_components": True,
        "account_verified_by_vneid": False,
        "online_payment": "none",
        "a_field_of_a_later_version": "kept",
        **changes,
    }
    return open_model(DossierSnapshotV1).model_validate_json(orjson.dumps(document))


def progress(code: str = CODE, **changes: Any) -> BaseModel:
    """Build one step of an officer."""
    document = {
        "dossier_code": code,
        "step_id": "step-1",
        "sequence": 1,
        "occurred_at": "2026-10-08T10:00:00+07:00",
        "handler_name": "Trần Văn Cán Bộ",
        "handler_title": "Công chức",
        "department": "Một cửa",
        "content": "Thẩm định",
        "status": "processing",
        "started_at": "2026-10-08T09:00:00+07:00",
        **changes,
    }
    return open_model(DossierProgressV1).model_validate_json(orjson.dumps(document))


def verified(code: str = CODE, status: str = "match") -> BaseModel:
    """Build the result of a verification."""
    document = {"dossier_code": code, "verification_id": "v-1", "status": status}
    return open_model(DossierVerifiedV1).model_validate_json(orjson.dumps(document))


@dataclass
class Portal:
    """A running simulator, seen from outside."""

    url: str
    ledger: Ledger
    control: httpx.AsyncClient

    async def behave(self, **switches: Any) -> None:
        """Change faults."""
        (await self.control.put("/_control/behaviour", json=switches)).raise_for_status()

    async def set_options(self, **options: Any) -> None:
        """Change what the portal itself was told."""
        (await self.control.put("/_control/options", json=options)).raise_for_status()

    async def dossiers(self) -> dict[str, Any]:
        """Return the state of all dossiers."""
        return dict((await self.control.get("/_control/dossiers")).json())

    async def logins(self) -> int:
        """Return how often was logged in."""
        return int((await self.control.get("/_control/sessions")).json()["logins"])

    async def end_sessions(self) -> None:
        """End all sessions."""
        (await self.control.delete("/_control/sessions")).raise_for_status()

    def operations(self) -> list[str]:
        """Return the raw calls but logins, in order of arrival."""
        return [call.operation for call in self.ledger.calls if call.operation != "login"]

    def effects(self) -> list[str]:
        """Return the kinds of effects, in order of arrival."""
        return [effect.operation for effect in self.ledger.effects]


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    """Run a simulated portal."""
    application = SIMULATOR.create_application(
        {"user_name": "tinh", "password": PASSWORD, "destination_code": "VN:DVCQG"}
    )
    async with running(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        yield Portal(url, application[STATE].ledger, control)


@pytest.fixture
def clock() -> FakeClock:
    """Give the connector a clock of its own."""
    return FakeClock()


@pytest.fixture
def profile(request: pytest.FixtureRequest) -> str:
    """Name the wire profile that connectors speak; modules and tests that hold for several say so by parameter."""
    return str(getattr(request, "param", "adapter"))


MakeSink = Callable[..., Awaitable[PortalSink]]


@pytest.fixture
async def make_sink(portal: Portal, clock: FakeClock, profile: str) -> AsyncIterator[MakeSink]:
    """Build open connectors, closed after the test."""
    async with AsyncExitStack() as stack:
        account = {"user_name": "tinh", "password": SecretStr(PASSWORD), "unit_code": "H57"}

        async def make(**changes: Any) -> PortalSink:
            """Build and open one, with some settings changed."""
            config = PortalConfig.model_validate(
                {
                    "profile": profile,
                    "base_url": portal.url,
                    **(account if profile == "adapter" else {}),
                    "destination_code": "VN:DVCQG",
                    "timeout_seconds": 5,
                    "simulator": True,
                    **changes,
                }
            )
            sink = CONNECTOR.factory(config, ConnectorContext(ClientFactory(), clock, structlog.get_logger()))
            stack.push_async_callback(sink.close)
            await sink.open()
            return sink

        yield make


@pytest.fixture
async def sink(make_sink: MakeSink) -> PortalSink:
    """Build one open connector."""
    return await make_sink()


async def deliver(sink: PortalSink, data: BaseModel, **changes: Any) -> Outcome:
    """Deliver one record as the engine would."""
    values = {
        "pipeline": "deliver-dossier",
        "effect_key": "e",
        "attempt": 1,
        "attempt_id": "a" * 32,
        "purpose": "dossier_sync",
        "legal_basis": "NĐ 118/2025",
        "actor": "system",
        "on_behalf_of": "",
        "key": getattr(data, "dossier_code", ""),
        **changes,
    }
    event = Event({"id": "1", "source": "test", "type": "test", "specversion": "1.0"}, None)
    return await sink.deliver(event, data, CallContext(**values))


class Tools:
    """What tests of this folder build records and calls with."""

    code = CODE
    personal_values = PERSONAL_VALUES
    password = PASSWORD
    snapshot = staticmethod(snapshot)
    progress = staticmethod(progress)
    verified = staticmethod(verified)
    deliver = staticmethod(deliver)


@pytest.fixture
def tools() -> type[Tools]:
    """Hand the builders to tests, which cannot import this file."""
    return Tools
