"""The development issuer: standard enough for the gateway, refused in production."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from lienthong.config.models import HubSettings
from lienthong.errors import ConfigurationError
from lienthong.gateway.issuer import IssuerClient, create_issuer, parse_client, read_clients, signing_key
from lienthong.gateway.tokens import Authenticator, IssuerKeys

URL = "http://issuer.test"
SECRET = "secret-1"


@pytest.fixture
async def issuer(gateway: Any) -> AsyncIterator[httpx.AsyncClient]:
    """An issuer that knows one client."""
    clients = [IssuerClient("one-stop", "secret-1", ("publish:case", "read:receipts"))]
    app = create_issuer(HubSettings(), URL, clients, ECKey.generate_key("P-256", auto_kid=True), gateway.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
        yield client


async def ask(issuer: httpx.AsyncClient, secret: str = SECRET, **form: str) -> httpx.Response:
    """Ask for a token.

    Args:
        issuer: The issuer.
        secret: The client's secret.
        **form: Further fields.
    """
    return await issuer.post("/token", data={"grant_type": "client_credentials", **form}, auth=("one-stop", secret))


async def test_token_is_accepted_by_the_gateway(gateway: Any, issuer: httpx.AsyncClient) -> None:
    """A token for all or some scopes passes the gateway's checks, with keys found through discovery."""
    authenticator = Authenticator(gateway.settings.gateway, IssuerKeys(URL, issuer, gateway.clock), gateway.clock)

    full = (await ask(issuer)).json()
    narrow = (await ask(issuer, scope="publish:case")).json()
    caller = await authenticator.authenticate(f"Bearer {full['access_token']}")
    limited = await authenticator.authenticate(f"Bearer {narrow['access_token']}")

    assert (full["token_type"], full["expires_in"]) == ("Bearer", 3_600)
    assert (caller.system, caller.scopes) == ("one-stop", {"publish:case", "read:receipts"})
    assert limited.scopes == {"publish:case"}


async def test_a_client_can_stand_for_an_official(gateway: Any) -> None:
    """On a development machine the counter gets tokens that name an official, and a system's own name nobody."""
    clients = [
        IssuerClient("one-stop", "secret-1", ("lookup:population",), "officer-17"),
        IssuerClient("land-office", "secret-1", ("publish:land",)),
    ]
    app = create_issuer(HubSettings(), URL, clients, ECKey.generate_key("P-256", auto_kid=True), gateway.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as issuer:
        authenticator = Authenticator(gateway.settings.gateway, IssuerKeys(URL, issuer, gateway.clock), gateway.clock)
        form = {"grant_type": "client_credentials"}
        tokens = [
            (await issuer.post("/token", data=form, auth=(client.client_id, "secret-1"))).json()["access_token"]
            for client in clients
        ]
        callers = [await authenticator.authenticate(f"Bearer {token}") for token in tokens]

    assert [caller.officer for caller in callers] == ["officer-17", ""]


async def test_secret_in_the_form_is_accepted(issuer: httpx.AsyncClient) -> None:
    """Clients that cannot send Basic may post their secret."""
    answer = await issuer.post(
        "/token", data={"grant_type": "client_credentials", "client_id": "one-stop", "client_secret": "secret-1"}
    )

    assert answer.status_code == 200


async def test_wrong_requests_get_standard_errors(issuer: httpx.AsyncClient) -> None:
    """A wrong secret, an unknown scope and another grant are refused by RFC 6749's codes."""
    wrong = await ask(issuer, secret="secret-2")
    scope = await ask(issuer, scope="publish:land")
    grant = await ask(issuer, grant_type="password")
    large = await issuer.post("/token", content=b"x" * 100_000)

    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert (scope.status_code, scope.json()["error"]) == (400, "invalid_scope")
    assert grant.json()["error"] == "unsupported_grant_type"
    assert large.status_code == 413


async def test_published_key_is_public_only(issuer: httpx.AsyncClient) -> None:
    """The key set never holds the private part."""
    (key,) = (await issuer.get("/jwks")).json()["keys"]

    assert "d" not in key
    assert key["kid"]


def test_key_is_kept_and_private(tmp_path: Path) -> None:
    """The key survives a restart, and only its owner can read it."""
    first, second = signing_key(tmp_path / "state"), signing_key(tmp_path / "state")
    path = tmp_path / "state" / "issuer-key.json"

    assert first.kid == second.kid
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="issuer-key"):
        signing_key(tmp_path / "state")


def test_production_is_refused(gateway: Any) -> None:
    """A province uses its own issuer."""
    settings = HubSettings(environment="production")

    with pytest.raises(ConfigurationError, match="development"):
        create_issuer(settings, URL, [], gateway.key, gateway.clock)


def test_clients_come_from_option_or_file(tmp_path: Path) -> None:
    """Clients are read from the command line and from YAML; a wrong form is a clear error, and no secret is shown."""
    path = tmp_path / "clients.yaml"
    path.write_text("one-stop: {secret: s, scopes: [publish:case], officer: o-1}\n", encoding="utf-8")

    client = parse_client("one-stop:s:publish:case read:receipts")

    assert (client.client_id, client.scopes) == ("one-stop", ("publish:case", "read:receipts"))
    assert read_clients(path) == [IssuerClient("one-stop", "s", ("publish:case",), "o-1")]
    assert repr(client) == "IssuerClient('one-stop')"
    for wrong in ("one-stop", "one-stop:", ":s:x"):
        with pytest.raises(ConfigurationError):
            parse_client(wrong)
    path.write_text("one-stop: s\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"clients\.yaml"):
        read_clients(path)
