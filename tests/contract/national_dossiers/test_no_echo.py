"""A dossier that came from the nation goes down once, and only the province's own work goes up."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import orjson
import pytest
import structlog

from lienthong.connector import CallContext, ConnectorContext
from lienthong.rest import ClientFactory
from lienthong.testing.clock import FakeClock
from lienthong.testing.simulator import STATE, running
from lienthong_connectors.one_stop import CONNECTOR as ONE_STOP
from lienthong_connectors.one_stop.simulator import SIMULATOR as ONE_STOP_SIMULATOR
from lienthong_connectors.portal import CONNECTOR as PORTAL
from lienthong_connectors.portal.simulator import SIMULATOR as PORTAL_SIMULATOR
from lienthong_schemas.base import open_model
from lienthong_schemas.dossier import DossierSnapshotV1

MODEL = open_model(DossierSnapshotV1)
CONTEXT = CallContext("test", "e", 1, "a" * 32, "purpose", "basis", "system", "", "")


class Province:
    """One-stop system and portal, and the connectors that write to them; no engine that could hide a repeat."""

    def __init__(self, nation: Any, one_stop: Any, portal: Any, controls: Any) -> None:
        self.nation = nation
        self.down, self.down_ledger = one_stop
        self.up, self.up_ledger = portal
        self.one_stop_control, self.portal_control = controls
        self.minutes = 8.0

    async def hand_down(self, events: Any) -> list[str]:
        """Deliver what a poll found to the one-stop system, all of it, however often it came."""
        outcomes = []
        for each in events:
            data = MODEL.model_validate_json(each.event.data)
            outcomes.append((await self.down.deliver(each.event, data, CONTEXT)).reason)
        return outcomes


@pytest.fixture
async def province(nation: Any) -> AsyncIterator[Province]:
    """Run the province beside the nation."""
    async with AsyncExitStack() as stack:
        sinks, controls = [], []
        for connector, simulator, settings in (
            (ONE_STOP, ONE_STOP_SIMULATOR, {"token": "t"}),
            (
                PORTAL,
                PORTAL_SIMULATOR,
                {"user_name": "u", "password": "p", "destination_code": "d", "unit_code": "H57"},
            ),
        ):
            application = simulator.create_application({})
            url = await stack.enter_async_context(running(application))
            controls.append(await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False)))
            config = connector.config.model_validate({"base_url": url, "simulator": True, **settings})
            sink = connector.factory(config, ConnectorContext(ClientFactory(), FakeClock(), structlog.get_logger()))
            stack.push_async_callback(sink.close)
            await sink.open()
            sinks.append((sink, application[STATE].ledger))
        yield Province(nation, *sinks, controls)


async def held_by_the_portal(province: Province, code: str) -> dict[str, Any]:
    """Return the record that the portal holds."""
    client = province.up._client
    answer = await client.call("TraCuuHoSo", {"mahoso": code}, PORTAL.effects["TraCuuHoSo"])
    return dict(answer.first_result())


async def test_nothing_echoes(nation: Any, make_source: Any, poller: Any, province: Province) -> None:
    """Whatever comes back from the nation of what the province sent up makes no effect, on neither side.

    The simulated nation is the worst one: each synchronisation makes a dossier new again for who polls. There is no
    engine between the connectors, so that nothing is deduped on the way.
    """
    [code] = await nation.add("portal", minutes=9)
    source = await make_source("portal")
    await poller.poll(source)
    assert await province.hand_down(poller.events) == ["created"]

    reference = poller.snapshot().attachments[0].reference

    reasons = []
    for status in ("accepted", "processing", "finished"):
        published = await province.one_stop_control.post(f"/_control/dossiers/{code}/work", json={"status": status})
        document = published.json()
        for _ in range(2):
            data = MODEL.model_validate_json(orjson.dumps(document))
            reasons.append((await province.up.deliver(None, data, CONTEXT)).reason)
        province.minutes -= 1
        await nation.change(code, minutes=province.minutes, **await held_by_the_portal(province, code))
        poller.events.clear()
        for _ in range(3):
            await poller.poll(source)
        assert poller.keys == [code], "the echo must come down, otherwise the test shows nothing"
        assert poller.snapshot().origin == "national_portal"
        assert poller.snapshot().attachments[0].reference == reference
        assert await province.hand_down(poller.events * 2) == ["unchanged"] * 2

    assert nation.count("portal.LayTepTin") == 1, "a file that we gave to the portal is not fetched from it"
    assert reasons == ["created", "unchanged", "updated", "unchanged", "updated", "unchanged"]
    assert [effect.operation for effect in province.down_ledger.effects] == ["create"]
    assert [effect.operation for effect in province.up_ledger.effects] == ["create", "update", "update"]
