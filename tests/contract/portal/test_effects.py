"""One effect for each record where the portal's services allow it, however often an answer is lost."""

from typing import Any

import httpx
import pytest

from lienthong.connector import CallContext
from lienthong.envelope import Event
from lienthong.errors import OutcomeUnknownError, TargetUnavailableError
from lienthong.outcome import OutcomeKind
from lienthong.pipeline.delivering import Delivering
from lienthong_connectors.portal import CONNECTOR
from lienthong_connectors.portal.wire import PROGRESS_SERVICE, SYNC_SERVICE

EVENT = Event({"id": "1", "source": "test", "type": "test", "specversion": "1.0"}, None)
CONTEXT = CallContext("deliver-dossier", "e", 1, "a" * 32, "dossier_sync", "NĐ 118/2025", "system", "", "key")
LOST = 3
BOTH = pytest.mark.parametrize("profile", ["adapter", "three-url"], indirect=True)


def _lose_answers(sink: Any, portal: Any, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the connection after the portal has written, for the first calls of one service."""
    original = sink._client.call
    left = [LOST]

    async def call(name: str, body: Any, effect: Any) -> Any:
        if name != service or not left[0]:
            return await original(name, body, effect)
        left[0] -= 1
        await portal.behave(lost_answer_rate=1)
        try:
            return await original(name, body, effect)
        finally:
            await portal.behave(lost_answer_rate=0)

    monkeypatch.setattr(sink._client, "call", call)


async def _deliver(sink: Any, record_type: str, data: Any, *, is_repeat: bool = False) -> Any:
    """Call as often as the engine would and return the outcome."""
    delivering = Delivering(sink, CONNECTOR.effect_of(record_type), is_repeat=is_repeat)
    for _ in range(LOST + 1):
        try:
            return await delivering.once(EVENT, data, CONTEXT)
        except TargetUnavailableError:
            continue
    raise AssertionError("never ended")


@BOTH
@pytest.mark.parametrize("before", [0, 1])
async def test_a_dossier_whose_answers_are_lost_is_written_once(
    sink: Any, portal: Any, tools: Any, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """The portal is asked before anything is sent again, so its ledger shows one effect, new or changed."""
    if before:
        await tools.deliver(sink, tools.snapshot())
    _lose_answers(sink, portal, SYNC_SERVICE, monkeypatch)
    outcome = await _deliver(sink, "dossier.snapshot", tools.snapshot(sequence=2, status="processing"))

    assert (outcome.reason, outcome.target_reference) == ("found", tools.code)
    assert portal.effects() == ["create", "update"][: before + 1]


@BOTH
async def test_a_link_whose_answer_is_lost_is_written_once(
    sink: Any, portal: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The databases that the portal holds tell whether the link arrived."""
    await tools.deliver(sink, tools.snapshot())
    _lose_answers(sink, portal, SYNC_SERVICE, monkeypatch)
    outcome = await _deliver(sink, "dossier.verified", tools.verified())

    assert outcome.reason == "linked"
    assert portal.effects() == ["create", "link"]


@BOTH
async def test_a_dossier_that_a_dead_worker_sent_is_not_written_again(
    sink: Any, make_sink: Any, portal: Any, tools: Any
) -> None:
    """The next worker knows nothing of the call, and finds its effect."""
    await _deliver(sink, "dossier.snapshot", tools.snapshot())
    outcome = await _deliver(await make_sink(), "dossier.snapshot", tools.snapshot())

    assert outcome.reason == "unchanged"
    assert portal.effects() == ["create"]


@BOTH
async def test_what_the_portal_holds_otherwise_is_written(sink: Any, portal: Any, tools: Any) -> None:
    """Asking first must not take an older content for the new one."""
    await _deliver(sink, "dossier.snapshot", tools.snapshot())
    changed = tools.snapshot(sequence=2, summary="Nội dung khác")
    outcome = await _deliver(sink, "dossier.snapshot", changed, is_repeat=True)

    assert outcome.reason == "updated"
    assert portal.effects() == ["create", "update"]


@BOTH
async def test_a_step_is_never_sent_twice_within_one_worker(
    sink: Any, portal: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing tells a repeated step from a new one, so a person decides."""
    await tools.deliver(sink, tools.snapshot())
    _lose_answers(sink, portal, PROGRESS_SERVICE, monkeypatch)
    with pytest.raises(OutcomeUnknownError):
        await _deliver(sink, "dossier.progress", tools.progress())

    assert portal.effects() == ["create", "progress"]


@BOTH
async def test_a_step_that_a_dead_worker_may_have_sent_is_said_to_be_repeated(sink: Any, tools: Any) -> None:
    """At most one repeat for a crash, and never a silent one."""
    await tools.deliver(sink, tools.snapshot())
    delivering = Delivering(sink, CONNECTOR.effect_of("dossier.progress"), is_repeat=True)
    await delivering.once(EVENT, tools.progress(), CONTEXT)

    assert delivering.may_be_repeated


async def test_a_status_may_end_a_step(make_sink: Any, tools: Any) -> None:
    """A gateway that answers 409 to a step that it knows is configured, not programmed; a login is not touched."""
    sink = await make_sink(on_status=[{"codes": [409], "action": "duplicate"}])
    queue = [httpx.Response(200, json={"error_code": 0, "session": "s"}), httpx.Response(409)]
    transport = httpx.MockTransport(lambda _: queue.pop(0))
    sink._client._http = httpx.AsyncClient(base_url="http://portal", transport=transport)
    outcome = await _deliver(sink, "dossier.progress", tools.progress())

    assert (outcome.kind, outcome.reason) == (OutcomeKind.DUPLICATE, "http_409")
