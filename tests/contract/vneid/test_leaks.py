"""No code, token, claim or secret gets out of the gateway."""

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from structlog.testing import capture_logs

from lienthong_connectors.vneid import simulated_broker, simulator
from lienthong_connectors.vneid.direct import Vneid

FAULTS = {"vneid": ("", *simulator.FAULTS), "keycloak-broker": ("", *simulated_broker.FAULTS)}
CLAIMS = ("000090000001", "000185000002", "TRẦN", "LÊ VĂN", "1990-01-31", "1985-02-03")


class Remembered(dict[str, Any]):
    """A mapping that remembers every key it ever had."""

    def __init__(self) -> None:
        self.ever: list[str] = []

    def __setitem__(self, key: str, value: Any) -> None:
        self.ever.append(key)
        super().__setitem__(key, value)


@pytest.mark.parametrize("provider", list(FAULTS))
async def test_nothing_of_the_platform_gets_out(
    start: Callable[..., Any], browser: Any, told_of: Any, caplog: Any, provider: str
) -> None:
    """After a sign-in with every fault, nothing is found in logs, records, metrics, the store or what browsers see."""
    caplog.set_level(logging.DEBUG)
    hub = await start(provider)
    hub.accounts.codes, hub.accounts.tokens = Remembered(), Remembered()
    sealed: list[str] = []
    shown: list[str] = []
    ours: list[str] = []
    nonces: list[str] = []
    with capture_logs() as lines:
        for fault in FAULTS[provider]:
            hub.accounts.fault = fault
            chrome = browser(hub)
            sign_in, start_url = await hub.begin()
            callback = await chrome.to_callback(start_url)
            parts = dict(part.split("=", 1) for part in urlsplit(callback).query.split("&"))
            sealed += [unquote(value) for name, value in parts.items() if name in {"code", "encrypt_key"}]
            ours += [start_url.rpartition("=")[2], parts["state"], *chrome.client.cookies.values()]
            nonces += [value for name, value in parse_qsl(urlsplit(chrome.addresses[1]).query) if name == "nonce"]
            answer = await chrome.go(callback)
            shown += [answer.text, str(answer.headers)]
            if "sign_in_handle" in (back := told_of(answer)):
                ours.append(back["sign_in_handle"])
                shown.append((await hub.result(sign_in, back["sign_in_handle"])).text)
    produced = [f"{record.key!r}{record.value!r}{record.headers!r}{record!r}" for record in hub.producer.records]
    store = b"".join(path.read_bytes() for path in hub.folder.glob("sign-ins.sqlite3*")).decode("latin-1")
    # httpx of the test itself logs the addresses that its browsers open.
    logged = [line.getMessage() for line in caplog.records if line.name != "httpx" and "httpcore" not in line.name]
    kept = "\n".join([str(lines), *logged, *produced, hub.metrics.expose()[0].decode()])
    everything = "\n".join([kept, *shown, store])

    secrets = [*hub.accounts.codes.ever, *hub.accounts.tokens.ever, *sealed, "platform-s3cret", *CLAIMS]
    assert "sign_in_ended" in everything
    assert len(secrets) > 20
    assert len(ours) > 30
    assert [number for number, secret in enumerate(secrets) if secret in everything] == []
    # The store knows the nonces of sign-ins under way; of whatever takes a step it knows hashes only.
    assert [number for number, secret in enumerate(ours) if secret in kept + store] == []
    assert [number for number, secret in enumerate(nonces) if secret in kept] == []


async def test_defect_shows_nothing(direct: Any, browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect with claims in hand is a 500, and its log has types and places only."""

    def broken(_self: Any, claims: Any, _level: Any) -> Any:
        raise KeyError(str(claims))

    monkeypatch.setattr(Vneid, "_identity", broken)
    chrome = browser(direct)
    callback = await chrome.to_callback((await direct.begin())[1])
    with capture_logs() as lines:
        answer = await chrome.go(callback)

    assert (answer.status_code, answer.json()["type"]) == (500, "urn:lienthong:problems:internal")
    assert not any(claim in f"{lines}{answer.text}" for claim in CLAIMS)
    assert lines[-1]["route"] == "/v1/sign-ins/callback"
