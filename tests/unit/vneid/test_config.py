"""Configuration of sign-in: what is refused, and with which remedy."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lienthong.clock import SystemClock
from lienthong.config.loader import describe
from lienthong.config.models import GatewaySettings, HubSettings, PublisherSettings, SignInSettings
from lienthong.errors import ConfigurationError
from lienthong.gateway.sign_in_parts import SignIns
from lienthong.observability.metrics import Metrics
from lienthong.registry.schemas import SchemaRegistry
from lienthong_connectors.vneid.config import BrokerConfig, VneidConfig
from lienthong_connectors.vneid.envelopes import generate_key

AGREEMENT = {"number": "01/2026", "valid_until": "2027-12-31"}
VNEID = {
    "authorization_url": "https://sso.example.vn/auth",
    "token_url": "https://sso.example.vn/token",
    "userinfo_url": "https://sso.example.vn/userinfo",
    "client_id": "hub",
    "client_secret_files": ["secret"],
    "private_key_files": ["key.pem"],
    "agreement": AGREEMENT,
}
BROKER = {
    "issuer": "https://sso.example.vn/auth/realms/hues",
    "client_id": "hub",
    "client_secret_files": ["secret"],
    "guaranteed_level": 2,
    "agreement": AGREEMENT,
}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"agreement": None}, "needs the agreement"),
        ({"token_url": "http://sso.example.vn/token"}, "https:// only"),
        ({"client_secret_files": []}, "client_secret_files"),
        ({"private_key_files": ["a", "b", "c"]}, "private_key_files"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_wrong_configuration_of_vneid_is_refused(changes: dict[str, Any], told: str) -> None:
    """A real platform needs an agreement, TLS and one or two files for each secret; the message names what is wrong."""
    assert VneidConfig.model_validate(VNEID).level_claim == "accountLevel"
    with pytest.raises(ValidationError) as caught:
        VneidConfig.model_validate({**VNEID, **changes})
    assert told in describe(caught.value, "connectors.vneid")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"guaranteed_level": None}, "either level_claim or guaranteed_level"),
        ({"level_claim": "loa"}, "either level_claim or guaranteed_level"),
        ({"issuer": "https://sso.example.vn/auth/realms/hues/"}, "issuer"),
        ({"issuer": "http://sso.example.vn/auth/realms/hues"}, "https:// only"),
    ],
)
def test_wrong_configuration_of_a_broker_is_refused(changes: dict[str, Any], told: str) -> None:
    """A broker's level comes from exactly one place, and its issuer is written as in its tokens."""
    assert BrokerConfig.model_validate(BROKER).identifier_claim == "citizenId"
    with pytest.raises(ValidationError) as caught:
        BrokerConfig.model_validate({**BROKER, **changes})
    assert told in describe(caught.value, "connectors.keycloak-broker")


@pytest.mark.parametrize(
    "url", ["http://portal.vn/x", "https://u@portal.vn/x", "https://portal.vn/x#y", "/x", "javascript:1", "https:///x"]
)
def test_browsers_are_sent_to_whole_addresses_only(url: str) -> None:
    """A return URL is https, without user name and fragment; plain http only on the same machine."""
    assert PublisherSettings(sources=(), domains=(), return_urls=("http://127.0.0.1:9/x", "https://portal.vn/x"))
    with pytest.raises(ValidationError):
        PublisherSettings(sources=(), domains=(), return_urls=(url,))


def test_sign_in_is_configured_as_a_whole() -> None:
    """A provider without address, system or legal basis is told by name."""
    with pytest.raises(ValidationError, match="public_url, system, legal_basis"):
        SignInSettings(provider="vneid")


def parts(folder: Path, **changes: Any) -> SignIns:
    """Build sign-ins of a hub whose settings differ."""
    (folder / "secret").write_text("s", encoding="utf-8")
    (folder / "key.pem").write_bytes(generate_key()[0])
    files = {"client_secret_files": [str(folder / "secret")], "private_key_files": [str(folder / "key.pem")]}
    own = {"provider": "vneid", "public_url": "https://hub.vn", "system": "vneid", "legal_basis": "x"}
    gateway = GatewaySettings(
        sign_in=SignInSettings(**own),
        publishers=changes.pop("publishers", {"vneid": PublisherSettings(sources=("/v",), domains=("account",))}),
    )
    values = {"security_level": 3, "connectors": {"vneid": {**VNEID, **files}}, **changes}
    settings = HubSettings(state_directory=folder, gateway=gateway, **values)
    nothing: Any = None
    steps: Any = object()
    return SignIns.of(settings, SchemaRegistry.installed(), nothing, steps, SystemClock(), Metrics(with_process=False))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"security_level": 2}, "needs security_level 3"),
        ({"connectors": {}}, "add connectors.vneid"),
        ({"publishers": {}}, "add gateway.publishers.vneid"),
        ({"publishers": {"vneid": PublisherSettings(sources=("/v",), domains=("dossier",))}}, "domains: \\[account\\]"),
        ({"environment": "production"}, "secrets.pseudonym_key_file"),
    ],
)
def test_gateway_refuses_to_start_with_a_remedy(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    """Below security level 3 only simulators start; whatever is missing is told by its key."""
    with pytest.raises(ConfigurationError, match=told):
        parts(tmp_path, **changes)


def test_real_platform_starts_at_security_level_3(tmp_path: Path) -> None:
    """With level 3, agreement and keys the real platform is used."""
    assert parts(tmp_path).flow is not None
