"""Sessions, outages, refusals and silence about values, over real HTTP."""

import asyncio
import io
import traceback
import unicodedata
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import structlog

from lienthong.connector import Effect
from lienthong.errors import (
    LienthongError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    TokenExpiredError,
)
from lienthong_connectors.portal.connector import EFFECTS

BOTH = pytest.mark.parametrize("profile", ["adapter", "three-url"], indirect=True)


async def test_a_session_that_ends_in_the_middle_is_renewed_once(sink: Any, portal: Any, tools: Any) -> None:
    """Fifty records in flight find the session ended: one new login serves all, nothing is written twice."""
    codes = [f"H57.01.12-261008-{number:04}" for number in range(1, 51)]
    await tools.deliver(sink, tools.snapshot())
    await portal.end_sessions()
    await asyncio.gather(*(tools.deliver(sink, tools.snapshot(f"{code}1")) for code in codes))

    assert await portal.logins() == 2
    assert portal.effects() == ["create"] * 51


async def test_a_session_of_few_calls_is_renewed_again_and_again(sink: Any, portal: Any, tools: Any) -> None:
    """A session that lives for ten calls only costs logins, not records."""
    await portal.set_options(session_calls=10)
    outcomes = [await tools.deliver(sink, tools.snapshot(f"H57-261008-{number:04}")) for number in range(1, 31)]

    assert {outcome.reason for outcome in outcomes} == {"created"}
    assert await portal.logins() == 6


async def test_two_workers_with_one_account_end_each_others_session(make_sink: Any, portal: Any, tools: Any) -> None:
    """When a second login ends the first, both workers go on, one renewal at a time."""
    await portal.set_options(single_session=True)
    first, second = await make_sink(), await make_sink()
    for number in range(1, 6):
        await tools.deliver(first, tools.snapshot(f"H57-261008-000{number}"))
        await tools.deliver(second, tools.snapshot(f"H58-261008-000{number}"))

    assert portal.effects() == ["create"] * 10
    assert await portal.logins() == 10


async def test_a_fresh_session_that_is_refused_again_is_left_to_the_engine(sink: Any, portal: Any, tools: Any) -> None:
    """There is one renewal inside the connector, not a loop."""
    await portal.set_options(session_seconds=1e-9)
    with pytest.raises(TokenExpiredError):
        await tools.deliver(sink, tools.snapshot())

    assert await portal.logins() == 2


async def test_a_wrong_password_pauses_the_pipeline(make_sink: Any, portal: Any, tools: Any) -> None:
    """A refused login is about the configuration, and the password stays unsaid."""
    sink = await make_sink(password="sai-mat-khau-nay")
    with pytest.raises(TargetConfigurationError) as caught:
        await tools.deliver(sink, tools.snapshot())

    assert caught.value.reason.startswith("login:")
    assert "sai-mat-khau-nay" not in "".join(traceback.format_exception(caught.value))


async def test_a_wrong_destination_pauses_the_pipeline(make_sink: Any, tools: Any) -> None:
    """The header dstcode is part of the login."""
    sink = await make_sink(destination_code="VN:KHAC")
    with pytest.raises(TargetConfigurationError):
        await tools.deliver(sink, tools.snapshot())


@BOTH
async def test_429_carries_the_wait_that_the_portal_asked_for(sink: Any, portal: Any, tools: Any) -> None:
    """The engine learns how long to wait and nothing was written."""
    await portal.behave(too_many_requests={"retry_after_seconds": 7})
    with pytest.raises(RateLimitedError) as caught:
        await tools.deliver(sink, tools.snapshot())

    assert caught.value.retry_after_seconds == 7
    assert portal.effects() == []


@BOTH
@pytest.mark.parametrize("kind", ["snapshot", "progress"])
@pytest.mark.parametrize("switches", [{"maintenance": True}, {"outage": "unavailable"}, {"error_rate": 1}])
async def test_a_portal_that_is_away_is_asked_again_later(
    sink: Any, portal: Any, tools: Any, kind: str, switches: Any
) -> None:
    """An HTML page with status 200 and a 503 are the moment's fault, for steps too: nothing was looked at."""
    await tools.deliver(sink, tools.snapshot())
    await portal.behave(**switches)
    with pytest.raises(TargetUnavailableError):
        await tools.deliver(sink, getattr(tools, kind)())

    assert portal.effects() == ["create"]


async def test_a_snapshot_whose_answer_is_lost_is_not_known_to_have_arrived(sink: Any, portal: Any, tools: Any) -> None:
    """An upsert that broke after sending may be sent again, but the portal can be asked first."""
    await sink._client._session.current()
    await portal.behave(lost_answer_rate=1)
    with pytest.raises(OutcomeUnknownError):
        await sink._sync((await _record(tools)), (), is_update=False)
    await portal.behave(lost_answer_rate=0)
    outcome = await tools.deliver(sink, tools.snapshot())

    assert outcome.reason == "unchanged"
    assert portal.effects() == ["create"]


async def _record(tools: Any) -> Any:
    from lienthong_connectors.portal.mapping import snapshot_to_wire

    return snapshot_to_wire(tools.snapshot(), tech_id="")


@BOTH
async def test_a_step_whose_answer_is_lost_has_an_unknown_outcome(sink: Any, portal: Any, tools: Any) -> None:
    """The portal cannot tell a repeated step from a new one, so it is not sent again blindly."""
    await tools.deliver(sink, tools.snapshot())
    await portal.behave(lost_answer_rate=1)
    with pytest.raises(OutcomeUnknownError):
        await tools.deliver(sink, tools.progress())

    assert portal.effects() == ["create", "progress"]


@BOTH
async def test_a_target_that_cannot_be_reached_is_unavailable(make_sink: Any, tools: Any) -> None:
    """A refused connection was never sent: even a step is retried."""
    sink = await make_sink(base_url="http://127.0.0.1:1")
    with pytest.raises(TargetUnavailableError):
        await tools.deliver(sink, tools.progress())


def answers_with(sink: Any, *responses: httpx.Response) -> None:
    """Let the connector's client answer from a list, after a login."""
    queue = [httpx.Response(200, json={"error_code": 0, "session": "s"}), *responses]
    transport = httpx.MockTransport(lambda _: queue.pop(0))
    sink._client._http = httpx.AsyncClient(base_url="http://portal", transport=transport)


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_gateway_error_leaves_a_step_unknown(sink: Any, tools: Any, status: int) -> None:
    """500, 502 and 504 of a proxy may come after the portal has written."""
    answers_with(sink, httpx.Response(status))
    with pytest.raises(OutcomeUnknownError):
        await tools.deliver(sink, tools.progress())


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(200, content=b'{"error_code": 0, "mess'), OutcomeUnknownError),
        (httpx.Response(200, json=["no", "object"]), OutcomeUnknownError),
        (httpx.Response(403), TargetConfigurationError),
        (httpx.Response(400), RejectedByTargetError),
        (httpx.Response(200, json={"error_code": -1, "message": "Hệ thống đang bảo trì"}), TargetUnavailableError),
        (httpx.Response(200, json={"error_code": -1, "message": "Đơn vị không có quyền"}), TargetConfigurationError),
    ],
)
async def test_odd_answers_to_a_step(sink: Any, tools: Any, response: httpx.Response, error: Any) -> None:
    """Each odd answer has its class, so that the engine does the right thing."""
    answers_with(sink, response)
    with pytest.raises(error) as caught:
        await tools.deliver(sink, tools.progress())

    assert type(caught.value) is error


async def test_status_401_renews_the_session(sink: Any, tools: Any) -> None:
    """A portal that says it by status is understood like one that says it by text."""
    login = httpx.Response(200, json={"error_code": 0, "session": "t"})
    answers_with(sink, httpx.Response(401), login, httpx.Response(200, json={"error_code": 0}))

    assert (await tools.deliver(sink, tools.progress())).reason == "progress"


async def test_a_procedure_that_is_not_allowed_parks_only_its_dossiers(sink: Any, tools: Any) -> None:
    """The engine learns which procedure, as a catalogue code."""
    refused = httpx.Response(200, json={"error_code": -1, "message": "Thủ tục chưa được cấu hình"})
    answers_with(sink, httpx.Response(200, json={"error_code": 0, "result": []}), refused)
    with pytest.raises(ScopeError) as caught:
        await tools.deliver(sink, tools.snapshot())

    assert (caught.value.scope_kind, caught.value.scope) == ("procedure", "1.004873")


AGREEMENT = {"number": "01/TT-2026", "valid_until": "2026-10-05"}


@BOTH
@pytest.mark.parametrize(
    ("agreement", "moment", "reason"),
    [
        (AGREEMENT, datetime(2026, 10, 5, 16, 59, tzinfo=UTC), None),
        (AGREEMENT, datetime(2026, 10, 5, 17, 0, tzinfo=UTC), "agreement_expired"),
        ({**AGREEMENT, "procedures": ["2.000488"]}, None, "agreement_procedure"),
        ({**AGREEMENT, "procedures": ["1.004873"]}, None, None),
        ({**AGREEMENT, "purpose": "dossier_sync"}, None, None),
        ({**AGREEMENT, "purpose": "statistics"}, None, "agreement_purpose"),
    ],
)
async def test_a_call_outside_the_agreement_is_not_made(
    make_sink: Any, portal: Any, tools: Any, clock: Any, agreement: Any, moment: Any, reason: str | None
) -> None:
    """Procedure, purpose and last day (in Viet Nam's time) are checked before anything is sent."""
    sink = await make_sink(agreement=agreement)
    clock.set(moment or clock.now())
    if reason is None:
        assert (await tools.deliver(sink, tools.snapshot())).reason == "created"
        return
    with pytest.raises(ScopeError) as caught:
        await tools.deliver(sink, tools.snapshot())

    assert caught.value.reason == reason
    assert portal.ledger.calls == ()


async def test_opening_calls_nobody_and_closing_twice_is_fine(make_sink: Any, portal: Any) -> None:
    """A worker that starts and stops leaves no trace at the portal."""
    sink = await make_sink()
    await sink.close()
    await sink.close()

    assert portal.ledger.calls == ()


@BOTH
async def test_a_closed_connector_refuses_work(make_sink: Any, tools: Any) -> None:
    """A record that comes after close is not lost in silence."""
    sink = await make_sink()
    await sink.close()
    with pytest.raises(TargetConfigurationError):
        await tools.deliver(sink, tools.snapshot())


def forms(value: str) -> list[str]:
    """Return the spellings in which a value could leak."""
    plain = "".join(c for c in unicodedata.normalize("NFD", value) if unicodedata.category(c) != "Mn")
    return [value, unicodedata.normalize("NFD", value), plain.upper(), value.encode("unicode_escape").decode()]


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, content=b'{"error_code": 0, "echo": "000190000017 Nguy'),
        httpx.Response(200, json={"error_code": -1, "message": "Sai: Nguyễn Thị Thử Nghiệm 000190000017"}),
        httpx.Response(500, text="Nguyễn Thị Thử Nghiệm 000190000017 0900000017"),
        httpx.Response(400, text="Nguyễn Thị Thử Nghiệm 000190000017 0900000017"),
        httpx.Response(200, json={"error_code": "Nguyễn Thị Thử Nghiệm", "message": "000190000017"}),
    ],
)
async def test_no_value_of_a_record_gets_into_errors_or_logs(
    sink: Any, tools: Any, response: httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the portal echoes, neither texts, reasons, tracebacks with causes nor logs repeat it."""
    caplog.set_level("DEBUG")
    answers_with(sink, httpx.Response(200, json={"error_code": 0, "result": []}), response)
    with pytest.raises(LienthongError) as caught:
        await tools.deliver(sink, tools.snapshot())
    said = "".join(traceback.format_exception(caught.value)) + str(caught.value.reason) + caplog.text

    assert [form for value in tools.personal_values for form in forms(value) if form in said] == []


async def test_secrets_and_values_are_in_no_representation(sink: Any, tools: Any) -> None:
    """Printing the connector, its configuration, session or an answer gives nothing away, and nothing is logged."""
    out = io.StringIO()
    with structlog.testing.capture_logs() as logs:
        await tools.deliver(sink, tools.snapshot())
        session = sink._client._session
        answer = await sink._client.call("TraCuuHoSo", {"mahoso": tools.code}, Effect.IDEMPOTENT)
        for thing in (sink, sink.config, session, sink._client, answer, tools.snapshot()):
            print(repr(thing), str(thing), file=out)

    assert logs == []
    secret_values = [tools.password, await session.current(), *tools.personal_values]
    assert [value for value in secret_values if value in out.getvalue()] == []


def test_effects_are_declared_honestly() -> None:
    """The dossier is an upsert; nothing is promised about a repeated step."""
    assert EFFECTS == {
        "TraCuuTechID": Effect.IDEMPOTENT,
        "TraCuuHoSo": Effect.IDEMPOTENT,
        "DongBoHoSoMC": Effect.UPSERT,
        "CapNhatTienDoHoSoMC": Effect.NONE,
    }
