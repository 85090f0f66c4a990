"""What platforms do wrong: nobody is refused for it, and nothing is taken for what it is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lienthong.testing.behaviour import TooManyRequests
from lienthong.testing.simulator import STATE
from lienthong_connectors.vneid.envelopes import generate_key
from lienthong_connectors.vneid.simulator import PLATFORM

UNDECIDED = {"lang": "vi", "sign_in_outcome": "unavailable"}


@pytest.mark.parametrize(
    ("switches", "seconds"),
    [
        ({"maintenance": True}, 5),
        ({"outage": "unavailable"}, 5),
        ({"outage": "reset"}, 5),
        ({"half_answer_rate": 1.0}, 5),
        ({"lost_answer_rate": 1.0}, 5),
        ({"too_many_requests": TooManyRequests()}, 5),
        ({"hang": True}, 0.2),
    ],
)
@pytest.mark.parametrize("provider", ["vneid", "keycloak-broker"])
async def test_platform_that_is_away_refuses_nobody(
    start: Callable[..., Any], browser: Any, told_of: Any, provider: str, switches: Any, seconds: float
) -> None:
    """A page at status 200, 5xx, a broken or cut answer, 429 and silence are told as "unavailable", in limited time."""
    hub = await start(provider, timeout_seconds=seconds)
    chrome = browser(hub)
    callback = await chrome.to_callback((await hub.begin())[1])
    state = hub.platform[STATE]
    state.behaviour = state.behaviour.model_copy(update=switches)

    assert told_of(await chrome.go(callback)) == UNDECIDED
    assert hub.ended("unavailable") == 1
    assert hub.links == []


async def test_platform_that_says_it_is_away_refuses_nobody(hub: Any) -> None:
    """The platform's own error in the callback is told as what it is."""
    hub.accounts.fault = "away"

    assert await hub.outcome() == UNDECIDED


@pytest.mark.parametrize("fault", ["wrong_key", "truncated", "no_envelope"])
async def test_envelope_that_cannot_be_opened_is_never_read_otherwise(direct: Any, fault: str) -> None:
    """A wrong key, a cut envelope and an answer without one end the sign-in; nothing is read as it stands."""
    direct.accounts.fault = fault

    assert await direct.outcome() == UNDECIDED
    assert direct.ended("unreadable") == 1
    assert direct.calls("userinfo") == 0


@pytest.mark.parametrize("fault", ["too_large", "redirected"])
async def test_answer_stays_small_and_comes_from_the_platform(direct: Any, fault: str) -> None:
    """An answer of 200 kB is not read to its end, and a redirect with a token in hand is not followed."""
    direct.accounts.fault = fault

    assert await direct.outcome() == UNDECIDED
    assert direct.ended("unavailable") == 1


async def test_refused_secret_is_an_operators_matter(hub: Any) -> None:
    """A wrong client secret is told to citizens as "unavailable" and to operators by an alert; mending it clears it."""
    good = hub.accounts.client_secrets
    hub.accounts.client_secrets = ("another",)
    alert = {"pipeline": "sign-in", "alert": "target_configuration", "target": hub.settings.gateway.sign_in.provider}

    assert await hub.outcome() == UNDECIDED
    assert (hub.ended("misconfigured"), hub.metrics.value("lienthong_alerts", **alert)) == (1, 1)

    hub.accounts.client_secrets = good
    assert (await hub.outcome())["sign_in_outcome"] == "completed"
    assert hub.metrics.value("lienthong_alerts", **alert) == 0


async def test_next_secret_is_found_without_a_restart(hub: Any) -> None:
    """The platform's new secret is read from its file when the old one is refused."""
    hub.accounts.client_secrets = ("next-s3cret",)
    (hub.folder / "secret").write_text("next-s3cret", encoding="utf-8")

    assert (await hub.outcome())["sign_in_outcome"] == "completed"


async def test_next_envelope_key_is_found_without_a_restart(start: Callable[..., Any], tmp_path: Path) -> None:
    """Envelopes under the next key are opened from the second file, and from the first one once it is replaced."""
    (tmp_path / "old.pem").write_bytes(generate_key()[0])
    hub = await start("vneid", private_key_files=[str(tmp_path / "old.pem"), str(tmp_path / "key.pem")])
    assert (await hub.outcome())["sign_in_outcome"] == "completed"

    text, public = generate_key()
    hub.platform[PLATFORM]._public_key = public
    assert (await hub.outcome())["sign_in_outcome"] == "unavailable"
    (tmp_path / "old.pem").write_bytes(text)
    assert (await hub.outcome())["sign_in_outcome"] == "completed"


async def test_next_signing_key_of_the_broker_is_fetched(broker: Any) -> None:
    """A key id that is not known yet is looked for once more at the broker."""
    assert (await broker.outcome())["sign_in_outcome"] == "completed"
    broker.accounts.fault = "rotated_key"
    await broker.clock.sleep(31)

    assert (await broker.outcome())["sign_in_outcome"] == "completed"
    assert broker.calls("certs") == 2


async def test_sign_ins_that_cannot_be_kept_are_not_begun(hub: Any) -> None:
    """Where the store of sign-ins is away a system is told to come back, and a callback decides nothing."""
    hub.steps.close()
    path = hub.folder / "sign-ins.sqlite3"
    path.unlink(missing_ok=True)
    path.mkdir()

    answer = await hub.post(
        "/v1/sign-ins", {"account": "a", "purpose": "x", "return_url": "https://portal.test/linked?lang=vi"}
    )

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (await hub.client.get("/v1/sign-ins/callback?state=x")).status_code == 503


async def test_agreement_that_ended_lets_nobody_in(start: Callable[..., Any]) -> None:
    """After its last day nobody is asked about at the platform."""
    hub = await start("vneid", agreement={"number": "01/2026", "valid_until": "2026-11-22"})

    assert await hub.outcome() == UNDECIDED
    assert hub.calls("token") == 0
    assert hub.ended("misconfigured") == 1
