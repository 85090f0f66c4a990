"""The real connector over real HTTP to simulated recipients, with generated births and deaths."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import structlog

from lienthong.connector import CallContext, ConnectorContext
from lienthong.envelope import Event
from lienthong.outcome import Outcome
from lienthong.rest import ClientFactory
from lienthong.testing.clock import FakeClock
from lienthong.testing.simulator import STATE, Ledger, running
from lienthong_connectors.life_events import CONNECTOR
from lienthong_connectors.life_events.config import LifeEventsConfig
from lienthong_connectors.life_events.connector import LifeEventsSink
from lienthong_connectors.life_events.simulator import SIMULATOR
from lienthong_schemas import SCHEMAS
from lienthong_schemas.generator.life_events import life_events

KEY = "khoa-rat-bi-mat"
HEALTH = {
    "agreement": {"number": "07/TT-SYT", "valid_until": "2099-01-01"},
    "purpose": "Cấp thẻ bảo hiểm y tế cho trẻ em",
    "legal_basis": "NĐ 63/2024/NĐ-CP",
    "events": {
        "person.created": ["full_name", "birth_date", "identifiers", "parents.full_name", "registration"],
        "person.deceased": ["identifiers", "died_on"],
    },
}
SCHOOL = {
    "agreement": {"number": "09/TT-SGD", "valid_until": "2099-01-01"},
    "purpose": "Điều tra phổ cập giáo dục",
    "legal_basis": "NĐ 20/2014/NĐ-CP",
    "events": {"person.created": ["birth_date", "registration.place"]},
}
CONTEXT = CallContext("deliver-life-event", "e", 1, "a" * 32, "p", "l", "system", "", "health")
MODELS = {spec.type: spec.consumer_model for spec in SCHEMAS}


def generated(event_type: str) -> dict[str, Any]:
    """Return the document of a made-up birth or death."""
    made = next(each for each in life_events(99) if each.result is not None and each.result_type == event_type)
    return dict(json.loads(json.dumps(made.result)))


@dataclass
class Recipients:
    """Running simulated recipients, seen from outside."""

    url: str
    ledger: Ledger
    control: httpx.AsyncClient

    async def behave(self, **switches: Any) -> None:
        """Change faults."""
        (await self.control.put("/_control/behaviour", json=switches)).raise_for_status()

    async def held(self) -> dict[str, Any]:
        """Return what each recipient holds."""
        return dict((await self.control.get("/_control/held")).json())


@pytest.fixture
async def recipients() -> AsyncIterator[Recipients]:
    """Run simulated recipients."""
    application = SIMULATOR.create_application(
        {"api_key": KEY, "keeps_documents": True, "refused_type": "person.deceased"}
    )
    async with running(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        yield Recipients(url, application[STATE].ledger, control)


MakeSink = Callable[..., Awaitable[LifeEventsSink]]


@pytest.fixture
async def make_sink(recipients: Recipients) -> AsyncIterator[MakeSink]:
    """Build open connectors, closed after the test."""
    async with AsyncExitStack() as stack:

        async def make(**health: Any) -> LifeEventsSink:
            """Build and open one that knows two recipients, with some settings of the first changed."""
            common = {"api_key": KEY}
            declared = {
                "health": {"url": f"{recipients.url}/life-events/health", **common, **HEALTH, **health},
                "school": {"url": f"{recipients.url}/life-events/school", **common, **SCHOOL},
            }
            config = LifeEventsConfig.model_validate({"recipients": declared, "simulator": True, "timeout_seconds": 5})
            sink = CONNECTOR.factory(config, ConnectorContext(ClientFactory(), FakeClock(), structlog.get_logger()))
            stack.push_async_callback(sink.close)
            await sink.open()
            return sink

        yield make


@pytest.fixture
async def sink(make_sink: MakeSink) -> LifeEventsSink:
    """Build one open connector."""
    return await make_sink()


async def deliver(
    sink: LifeEventsSink,
    recipient: str = "health",
    event_type: str = "person.created",
    document: dict[str, Any] | None = None,
    **attributes: Any,
) -> Outcome:
    """Deliver a copy of one event as the engine would: parsed with the open model, keyed by the recipient."""
    body = json.dumps(document or generated(event_type)).encode()
    event = Event(
        {"specversion": "1.0", "id": f"e-1:{recipient}", "source": "/nation", "type": event_type, **attributes}, body
    )
    return await sink.deliver(event, MODELS[event_type].model_validate_json(body), CONTEXT._replace(key=recipient))


class Tools:
    """What tests of this folder build events and calls with."""

    key = KEY
    context = CONTEXT
    health = HEALTH
    generated = staticmethod(generated)
    deliver = staticmethod(deliver)


@pytest.fixture
def tools() -> type[Tools]:
    """Hand the builders to tests, which cannot import this file."""
    return Tools
