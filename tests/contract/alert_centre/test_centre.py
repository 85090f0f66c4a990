"""Observations and warnings over real HTTP: one effect each, every fault in its class, and nothing that came down."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from lienthong.connector import Effect
from lienthong.errors import (
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    TransformError,
)
from lienthong_connectors.alert_centre import CONNECTOR
from lienthong_connectors.alert_centre.connector import EFFECTS
from lienthong_connectors.enveloped import Agreement, EnvelopedConfig
from lienthong_connectors.enveloped.client import NOT_ALLOWED, REJECTIONS
from lienthong_connectors.enveloped.simulated import PlatformOptions

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "connectors" / "alert-centre.md"
NAMES = sorted(
    {
        *EnvelopedConfig.model_fields,
        *Agreement.model_fields,
        *PlatformOptions.model_fields,
        *EFFECTS,
        *REJECTIONS,
        *NOT_ALLOWED,
    }
)


async def test_a_reading_and_a_warning_arrive_once_by_id(sink: Any, centre: Any, tools: Any) -> None:
    """A repeat replaces what is there; nothing is added, and a field that nobody named is not sent."""
    for _ in range(2):
        assert (await tools.deliver(sink, tools.observation())).reason == "recorded"
        assert (await tools.deliver(sink, tools.warning())).reason == "announced"
    assert [each.operation for each in centre.ledger.effects] == ["create", "create", "replace", "replace"]
    assert len({each.key for each in centre.ledger.effects}) == 2
    assert all("later" not in each.detail for each in centre.ledger.effects)


async def test_no_reading_is_null_and_not_zero(sink: Any, centre: Any, tools: Any) -> None:
    """A silent station must not look like a dry one."""
    await tools.deliver(sink, tools.observation(value=None))
    await tools.deliver(sink, tools.observation(observation_id="qt-2", value=0))
    assert [each.detail["value"] for each in centre.ledger.effects] == [None, 0]


async def test_a_warning_of_the_nation_never_goes_up_again(sink: Any, centre: Any, tools: Any) -> None:
    """There is no echo between province and nation."""
    outcome = await tools.deliver(sink, tools.warning(level="national"))
    assert (outcome.kind.value, outcome.reason) == ("filtered", "national")
    assert centre.ledger.calls == ()


@pytest.mark.parametrize(
    ("switches", "error"),
    [
        ({"outage": "reset"}, TargetUnavailableError),
        ({"outage": "unavailable"}, TargetUnavailableError),
        ({"error_rate": 1}, TargetUnavailableError),
        ({"maintenance": True}, TargetUnavailableError),
        ({"lost_answer_rate": 1}, TargetUnavailableError),
        ({"half_answer_rate": 1}, TargetUnavailableError),
        ({"too_many_requests": {"retry_after_seconds": 7}}, RateLimitedError),
    ],
)
async def test_a_centre_that_is_away_is_called_again_later(
    sink: Any, centre: Any, tools: Any, switches: Any, error: Any
) -> None:
    """Nobody loses a reading to an outage, and after it there is one effect."""
    await tools.deliver(sink, tools.warning())
    await centre.behave(**switches)
    with pytest.raises(error):
        await tools.deliver(sink, tools.observation())
    await centre.behave(
        **dict.fromkeys(switches, 0) | {"outage": None, "maintenance": False, "too_many_requests": None}
    )
    await tools.deliver(sink, tools.observation())
    assert {each.key for each in centre.ledger.effects if each.detail["kind"] == "observations"} == {"qt-1-000000"}


async def test_a_centre_that_hangs_is_given_up_in_time(make_sink: Any, centre: Any, tools: Any) -> None:
    """A call has a limit."""
    sink = await make_sink(timeout_seconds=0.3)
    await tools.deliver(sink, tools.warning())
    await centre.behave(hang=True)
    with pytest.raises(TargetUnavailableError):
        await tools.deliver(sink, tools.observation())


async def test_a_token_that_ended_is_renewed_once(sink: Any, centre: Any, tools: Any) -> None:
    """A restart of the centre costs a token, not a record."""
    await tools.deliver(sink, tools.observation())
    await centre.end_tokens()
    assert (await tools.deliver(sink, tools.warning())).reason == "announced"


async def test_a_wrong_secret_pauses_the_pipeline_and_stays_unsaid(make_sink: Any, tools: Any) -> None:
    """Refused credentials are about the configuration."""
    sink = await make_sink(client_secret="sai-bi-mat")
    with pytest.raises(TargetConfigurationError) as caught:
        await tools.deliver(sink, tools.observation())
    assert "sai-bi-mat" not in str(caught.value)


@pytest.mark.parametrize("code", ["VALIDATION_FAILED", "CONFLICT", "BAD_REQUEST"])
async def test_a_refused_record_is_a_dead_letter(sink: Any, centre: Any, tools: Any, code: str) -> None:
    """The same record would be refused again."""
    await centre.set_options(refuse=code)
    with pytest.raises(RejectedByTargetError) as caught:
        await tools.deliver(sink, tools.observation())
    assert caught.value.reason == code.lower()


async def test_what_is_not_allowed_waits_for_the_agreement(sink: Any, centre: Any, tools: Any) -> None:
    """A commune that the province may not report for parks, with one alert."""
    await centre.set_options(refuse="FORBIDDEN_WARD_SCOPE")
    with pytest.raises(ScopeError) as caught:
        await tools.deliver(sink, tools.observation())
    assert (caught.value.scope_kind, caught.value.reason) == ("agreement", "forbidden_ward_scope")


async def test_a_missing_path_is_about_the_address(make_sink: Any, tools: Any, centre: Any) -> None:
    """404 to a write never looks like success; without the platform's envelope it is the wrong address."""
    sink = await make_sink(base_url=f"{centre.url}/v2")
    with pytest.raises(TargetConfigurationError):
        await tools.deliver(sink, tools.observation())
    good = await make_sink()
    await centre.set_options(refuse="NOT_FOUND")
    with pytest.raises(RejectedByTargetError):
        await tools.deliver(good, tools.observation())


@pytest.mark.parametrize("body", [b"[]", b'{"result": 1}', b"{", b"null"])
async def test_an_answer_without_envelope_is_none(sink: Any, tools: Any, body: bytes) -> None:
    """Success with an unknown body is not believed."""
    await tools.deliver(sink, tools.warning())
    answer = httpx.Response(200, content=body, headers={"content-type": "application/json"})
    sink._client._http = httpx.AsyncClient(base_url="http://centre", transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(TargetUnavailableError):
        await tools.deliver(sink, tools.observation())


@pytest.mark.parametrize(
    ("agreement", "reason"),
    [
        ({"number": "03/2026", "valid_until": "2026-01-01"}, "agreement_expired"),
        ({"number": "03/2026", "valid_until": "2099-01-01", "purpose": "other"}, "agreement_purpose"),
    ],
)
async def test_a_call_outside_the_agreement_is_never_made(
    make_sink: Any, centre: Any, tools: Any, agreement: Any, reason: str
) -> None:
    """What was not agreed on is not sent, and waits under the agreement's number."""
    sink = await make_sink(agreement=agreement)
    with pytest.raises(ScopeError) as caught:
        await tools.deliver(sink, tools.observation())
    assert caught.value.reason == reason
    assert sink.scopes(None, None) == (("agreement", "03/2026"),)
    assert centre.ledger.calls == ()


async def test_another_record_is_not_taken(sink: Any, tools: Any) -> None:
    """A pipeline that was put together wrongly shows at its first record."""
    with pytest.raises(TransformError):
        await tools.deliver(sink, Agreement(number="1", valid_until="2099-01-01"))


@pytest.mark.parametrize(
    "changes", [{"client_secret": None}, {"secret_files": ["x"]}, {"simulator": False}, {"unknown": 1}]
)
def test_a_configuration_that_cannot_work_is_refused(changes: Any) -> None:
    """No secret, two kinds of secrets and a real endpoint without agreement are told at the start."""
    good = {
        "base_url": "https://a.example",
        "token_url": "https://a.example/token",
        "client_id": "hue",
        "client_secret": "x" * 8,
        "simulator": True,
    }
    assert EnvelopedConfig.model_validate(good)
    with pytest.raises(ValueError):
        EnvelopedConfig.model_validate(good | changes)


def test_both_operations_are_upserts() -> None:
    """A crash may repeat a call without a second effect."""
    assert {CONNECTOR.effect_of(each) for each in CONNECTOR.accepts} == {Effect.UPSERT}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_on_the_reference_page(name: str) -> None:
    """A setting, operation or code that is added without a word of documentation fails here."""
    if not PAGE.exists():
        pytest.skip("the documentation is not beside these tests")
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")
