"""Feedback from the nation to the province's handling system, over real HTTP."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog

from lienthong.connector import CallContext, ConnectorContext, Effect
from lienthong.envelope import Event
from lienthong.errors import RejectedByTargetError, ScopeError, TargetUnavailableError, TransformError
from lienthong.outcome import Outcome
from lienthong.rest import ClientFactory
from lienthong.testing.simulator import STATE, running
from lienthong_connectors.enveloped import Agreement, EnvelopedConfig
from lienthong_connectors.feedback import DESK
from lienthong_connectors.feedback.desk_simulator import SIMULATOR


class _Desk:
    def __init__(self, sink: Any, ledger: Any, control: httpx.AsyncClient) -> None:
        self.sink, self.ledger, self.control = sink, ledger, control

    async def deliver(self, data: Any) -> Outcome:
        """Deliver one snapshot as the engine would."""
        body = data.model_dump_json().encode()
        event = Event({"id": "e-1", "source": "test", "type": "feedback.snapshot", "specversion": "1.0"}, body)
        context = CallContext("deliver-feedback-local", "e", 1, "a" * 32, "p", "b", "system", "", "k")
        return await self.sink.deliver(event, data, context)


@pytest.fixture
async def desk(clock: Any) -> AsyncIterator[_Desk]:
    """Run a simulated handling system with an open connector."""
    application = SIMULATOR.create_application({"client_id": "hub", "client_secret": "bi-mat-cua-tinh"})
    async with running(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        settings = {
            "base_url": f"{url}/v1",
            "token_url": f"{url}/oauth/token",
            "client_id": "hub",
            "client_secret": "bi-mat-cua-tinh",
            "simulator": True,
        }
        config = EnvelopedConfig.model_validate(settings)
        sink = DESK.factory(config, ConnectorContext(ClientFactory(), clock, structlog.get_logger()))
        await sink.open()
        yield _Desk(sink, application[STATE].ledger, control)
        await sink.close()


async def test_feedback_from_the_nation_is_handed_over_once_by_code(desk: _Desk, tools: Any) -> None:
    """The whole record arrives as it came, fields of later versions included; a repeat replaces it."""
    data = tools.snapshots("answered", origin="national")[0]
    for _ in range(2):
        assert (await desk.deliver(data)).reason == "handed_over"
    assert [each.operation for each in desk.ledger.effects] == ["create", "replace"]
    assert desk.ledger.effects[0].detail == json.loads(data.model_dump_json())
    assert desk.ledger.effects[0].detail["later"] == "kept"


async def test_what_the_system_published_itself_does_not_come_back(desk: _Desk, tools: Any) -> None:
    """There is no echo inside the province either."""
    outcome = await desk.deliver(tools.snapshots("answered")[0])
    assert (outcome.kind.value, outcome.reason) == ("filtered", "not_from_the_nation")
    assert desk.ledger.calls == ()


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("behaviour", {"outage": "unavailable"}, TargetUnavailableError),
        ("behaviour", {"lost_answer_rate": 1}, TargetUnavailableError),
        ("behaviour", {"maintenance": True}, TargetUnavailableError),
        ("options", {"refuse": "VALIDATION_FAILED"}, RejectedByTargetError),
        ("options", {"refuse": "FORBIDDEN"}, ScopeError),
    ],
)
async def test_faults_have_their_class(desk: _Desk, tools: Any, path: str, body: Any, error: Any) -> None:
    """An absent system is called again, a refused record is set aside, and what is not allowed waits."""
    data = tools.snapshots("answered", origin="national")[0]
    await desk.deliver(data)
    (await desk.control.put(f"/_control/{path}", json=body)).raise_for_status()
    with pytest.raises(error):
        await desk.deliver(data)


async def test_another_record_is_not_taken_and_a_snapshot_is_an_upsert(desk: _Desk) -> None:
    """A wrong pipeline shows at its first record; a crash may repeat a call."""
    with pytest.raises(TransformError):
        await desk.deliver(Agreement(number="1", valid_until="2099-01-01"))
    assert DESK.effect_of("feedback.snapshot") is Effect.UPSERT
