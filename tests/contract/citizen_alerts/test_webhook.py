"""Warnings over real HTTP: signatures, repeats, applications that are gone, away or slow, and what is not sent."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lienthong.connector import Effect
from lienthong.delivery.circuit import CircuitBreaker, CircuitState
from lienthong.delivery.policy import CircuitPolicy
from lienthong.errors import (
    RateLimitedError,
    RejectedByTargetError,
    RetriableError,
    ScopeError,
    TargetUnavailableError,
    TransformError,
)
from lienthong_connectors.citizen_alerts import CONNECTOR
from lienthong_connectors.citizen_alerts.config import CitizenAlertsConfig, Endpoint
from lienthong_connectors.citizen_alerts.simulator import SimulatorOptions

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "reference" / "connectors" / "citizen-alerts.md"
GUIDE = DOCS / "how-to" / "receive-warnings.md"
NAMES = sorted({*CitizenAlertsConfig.model_fields, *Endpoint.model_fields, *SimulatorOptions.model_fields, "notify"})


async def test_a_warning_arrives_signed_with_named_fields_only(sink: Any, app: Any, tools: Any) -> None:
    """The application trusts it, and a field that nobody named does not get out."""
    outcome = await tools.deliver(sink)
    (effect,) = app.ledger.effects
    assert (outcome.kind.value, outcome.reason) == ("delivered", "notified")
    assert effect.key == outcome.target_reference
    assert "a_field_of_a_later_version" not in effect.detail
    assert {"warning_id", "headline", "areas", "expires_at"} <= set(effect.detail)


@pytest.mark.parametrize("known", ["secret", "next_secret"])
async def test_an_application_may_know_the_old_secret_or_the_new_one(
    make_sink: Any, app: Any, tools: Any, known: str
) -> None:
    """While a secret is replaced nothing is lost, on whichever side it is replaced first."""
    sink = await make_sink(secrets=[tools.secret, tools.next_secret])
    await app.set_options(secrets=getattr(tools, known))
    assert (await tools.deliver(sink)).reason == "notified"


async def test_secrets_in_files_are_replaced_without_a_restart(
    make_sink: Any, app: Any, tools: Any, tmp_path: Path
) -> None:
    """A message is signed with what the files hold when it is sent; a file may be away while it is replaced."""
    files = [tmp_path / "present", tmp_path / "next"]
    files[0].write_text(f"{tools.secret}\n", encoding="utf-8")
    sink = await make_sink(secrets=[], secret_files=files)
    assert (await tools.deliver(sink)).reason == "notified"
    await app.set_options(secrets=tools.next_secret)
    files[1].write_text(tools.next_secret, encoding="utf-8")
    assert (await tools.deliver(sink)).reason == "notified"
    for path in files:
        path.unlink()
    with pytest.raises(RetriableError) as caught:
        await tools.deliver(sink)
    assert caught.value.reason == "no_secret"


async def test_a_repeat_has_the_same_id_and_a_signature_of_its_own(sink: Any, app: Any, tools: Any, clock: Any) -> None:
    """An answer that is lost costs one more call, and the application sees the warning once."""
    await app.behave(lost_answer_rate=1)
    with pytest.raises(RetriableError):
        await tools.deliver(sink)
    await app.behave(lost_answer_rate=0)
    clock.advance(3600)
    await tools.deliver(sink)
    calls = app.ledger.calls
    assert len(app.ledger.effects) == 1
    assert len({call.key for call in calls}) == 1
    assert int(calls[1].request_id) - int(calls[0].request_id) == 3600


@pytest.mark.parametrize(
    "switches",
    [
        {"outage": "reset"},
        {"outage": "unavailable"},
        {"error_rate": 1},
        {"maintenance": True},
        {"too_many_requests": {"retry_after_seconds": 7}},
        {"lost_answer_rate": 1},
    ],
)
async def test_an_application_that_is_away_says_nothing_about_the_others(
    sink: Any, app: Any, tools: Any, clock: Any, switches: Any
) -> None:
    """Its warning is sent again later, and the circuit that all applications share stays closed."""
    await app.behave(**switches)
    circuit = CircuitBreaker(CircuitPolicy(failures=1), clock)
    with pytest.raises(RetriableError) as caught, circuit.judging(await circuit.admit()):
        await tools.deliver(sink)
    assert not isinstance(caught.value, TargetUnavailableError | RateLimitedError)
    assert circuit.state is CircuitState.CLOSED
    if "too_many_requests" in switches:
        assert caught.value.retry_after_seconds == 7


async def test_an_application_that_hangs_is_given_up_in_time(make_sink: Any, app: Any, tools: Any) -> None:
    """A call has a limit."""
    sink = await make_sink(timeout_seconds=0.2)
    await app.behave(hang=True)
    with pytest.raises(RetriableError, match="sent again"):
        await tools.deliver(sink)


@pytest.mark.parametrize("status", [410, 401, 403, 404])
async def test_an_application_that_is_gone_or_refuses_us_is_set_aside_alone(
    sink: Any, app: Any, tools: Any, status: int
) -> None:
    """410 and refusals are about this endpoint: it waits for an operator, durably, with an alert."""
    await app.set_options(**({"gone": True} if status == 410 else {"status": status}))
    with pytest.raises(ScopeError) as caught:
        await tools.deliver(sink)
    error = caught.value
    assert (error.scope_kind, error.scope, error.reason) == ("endpoint", "hue-s", f"http_{status}")


async def test_a_wrong_secret_is_a_refusal(make_sink: Any, app: Any, tools: Any) -> None:
    """The application answers 401, and no secret and no text of the warning stands in the error."""
    sink = await make_sink(secrets=[tools.next_secret])
    with pytest.raises(ScopeError) as caught:
        await tools.deliver(sink)
    assert tools.next_secret not in str(caught.value)
    assert app.ledger.effects == ()


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refused_message_is_a_dead_letter_of_this_application(
    sink: Any, app: Any, tools: Any, status: int
) -> None:
    """The same bytes would be refused again; an operator looks at them with the application's developers."""
    await app.set_options(status=status)
    with pytest.raises(RejectedByTargetError):
        await tools.deliver(sink)


@pytest.mark.parametrize(
    ("settings", "changes", "reason"),
    [
        ({"kinds": ["storm"]}, {}, "kind_not_wanted"),
        ({"levels": ["national"]}, {}, "level_not_wanted"),
        ({"minimum_severity": "extreme"}, {}, "severity_not_wanted"),
        ({"minimum_severity": "extreme"}, {"message": "cancel"}, "notified"),
    ],
)
async def test_an_application_gets_what_it_wants(
    make_sink: Any, app: Any, tools: Any, settings: Any, changes: Any, reason: str
) -> None:
    """Other warnings are filtered without a call; an all-clear is never too mild."""
    sink = await make_sink(**settings)
    assert (await tools.deliver(sink, tools.warning(**changes))).reason == reason
    assert len(app.ledger.calls) == (reason == "notified")


async def test_what_has_expired_or_nobody_wants_any_more_is_not_sent(
    sink: Any, app: Any, tools: Any, clock: Any
) -> None:
    """After an outage nobody is warned of yesterday's flood, and a removed application gets nothing."""
    assert (await tools.deliver(sink, key="another-app")).reason == "unsubscribed"
    clock.advance(timedelta(days=30).total_seconds())
    assert (await tools.deliver(sink)).reason == "expired"
    assert app.ledger.calls == ()


async def test_another_record_is_no_warning(sink: Any, tools: Any) -> None:
    """A pipeline that was put together wrongly shows at its first record."""
    with pytest.raises(TransformError):
        await tools.deliver(sink, Endpoint(url="https://app.example", secrets=(tools.secret,)))


def test_the_declaration_is_what_standard_webhooks_promises() -> None:
    """A receiver that remembers ids sees a repeat once, so a crash may repeat."""
    assert CONNECTOR.effect_of("alert.warning") is Effect.IDEMPOTENT
    config = CitizenAlertsConfig.model_validate({"endpoints": {}, "simulator": True})
    assert CONNECTOR.subscribers is not None
    assert list(CONNECTOR.subscribers(config)) == []


async def test_the_snippet_of_the_guide_checks_what_the_hub_sends(
    sink: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Developers of applications copy it, so it has to work, also against forgeries and old messages."""
    if not GUIDE.exists():
        pytest.skip("the documentation is not beside these tests")
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code[1], str(GUIDE), "exec"), names)  # noqa: S102 - the page's own example
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(204)

    sink._clients["hue-s"] = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    await tools.deliver(sink)
    (request,) = sent
    verify, moment = names["verify"], int(request.headers["webhook-timestamp"])
    verified = verify(request.headers, request.content, [tools.next_secret, tools.secret], now=moment + 60)
    assert verified["data"]["warning_id"].startswith("cb-")
    for headers, body, secrets, now in (
        (request.headers, request.content + b" ", [tools.secret], moment),
        (request.headers, request.content, [tools.next_secret], moment),
        (request.headers, request.content, [tools.secret], moment + 3600),
        ({**request.headers, "webhook-id": "msg_other"}, request.content, [tools.secret], moment),
    ):
        with pytest.raises(ValueError, match="webhook"):
            verify(headers, body, secrets, now=now)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_on_the_reference_page(name: str) -> None:
    """A setting or option that is added without a word of documentation fails here."""
    if not PAGE.exists():
        pytest.skip("the documentation is not beside these tests")
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")
