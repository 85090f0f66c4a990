"""Client credentials without a network."""

import asyncio
from base64 import b64decode, b64encode
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from lienthong.errors import TargetConfigurationError, TargetUnavailableError
from lienthong.rest import ClientCredentialsAuth, RotatingSecret
from lienthong.testing.clock import FakeClock

TOKEN_URL = "https://issuer.example/token"


class Issuer:
    """An issuer and a target in one, without a network."""

    def __init__(self):
        self.token_requests = []
        self.calls = []
        self.accepted = None
        self.answer = None

    async def handle(self, request):
        """Answer one request."""
        if str(request.url) == TOKEN_URL:
            self.token_requests.append(request)
            await asyncio.sleep(0)
            if self.answer is not None:
                return self.answer
            token = f"token-{len(self.token_requests)}"
            return httpx.Response(200, json={"access_token": token, "token_type": "Bearer", "expires_in": 600})
        self.calls.append(request.headers.get("authorization"))
        place = len(self.calls)
        is_accepted = self.accepted is None or request.headers["authorization"] == self.accepted
        for _ in range(5 * place):
            await asyncio.sleep(0)
        return httpx.Response(200 if is_accepted else 401)


@pytest.fixture
def issuer():
    """An issuer of tokens."""
    return Issuer()


@pytest.fixture
def clock():
    """A clock moved by hand."""
    return FakeClock()


def client(issuer, clock, secret=None, **options):
    """Return a client that authenticates at the issuer."""
    auth = ClientCredentialsAuth(
        token_url=TOKEN_URL, client_id="hub", client_secret=secret or SecretStr("top secret"), clock=clock, **options
    )
    return httpx.AsyncClient(transport=httpx.MockTransport(issuer.handle), base_url="https://target.example", auth=auth)


async def test_one_token_serves_all_calls_at_once(issuer, clock):
    """A hundred calls that start together ask the issuer once."""
    async with client(issuer, clock) as http:
        await asyncio.gather(*(http.get("/") for _ in range(100)))
    assert len(issuer.token_requests) == 1
    assert set(issuer.calls) == {"Bearer token-1"}


async def test_token_is_renewed_before_it_ends(issuer, clock):
    """No call goes out with a token that ends on the way."""
    async with client(issuer, clock, leeway_seconds=60) as http:
        await http.get("/")
        clock.advance(539)
        await http.get("/")
        clock.advance(1)
        await http.get("/")
    assert issuer.calls == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_401_renews_the_token_once(issuer, clock):
    """A token withdrawn early is replaced, and the call repeated with the new one."""
    issuer.accepted = "Bearer token-2"
    async with client(issuer, clock) as http:
        assert (await http.get("/")).status_code == 200
    assert issuer.calls == ["Bearer token-1", "Bearer token-2"]


async def test_401_after_renewal_is_the_answer(issuer, clock):
    """A target that refuses a fresh token is not asked for ever."""
    issuer.accepted = "Bearer nothing"
    async with client(issuer, clock) as http:
        assert (await http.get("/")).status_code == 401
    assert len(issuer.calls) == 2


async def test_concurrent_401_renew_once(issuer, clock):
    """Calls that learn one after another that the token is withdrawn share its successor."""
    issuer.accepted = "Bearer token-2"
    async with client(issuer, clock) as http:
        await asyncio.gather(*(http.get("/") for _ in range(20)))
    assert len(issuer.token_requests) == 2


async def test_token_request_is_client_credentials(issuer, clock):
    """The issuer sees grant, scope and secret as RFC 6749 says, and the extra header of a provincial platform."""
    headers = {"lgspaccesstoken": SecretStr("partner")}
    async with client(issuer, clock, scope="dossier", headers=headers) as http:
        await http.get("/")
    request = issuer.token_requests[0]
    assert parse_qs(request.content.decode()) == {"grant_type": ["client_credentials"], "scope": ["dossier"]}
    assert request.headers["authorization"] == "Basic " + b64encode(b"hub:top secret").decode()
    assert request.headers["lgspaccesstoken"] == "partner"


async def test_secret_can_go_into_the_form(issuer, clock):
    """Platforms that read the secret from the form are served too."""
    async with client(issuer, clock, method="client_secret_post") as http:
        await http.get("/")
    form = parse_qs(issuer.token_requests[0].content.decode())
    assert form["client_id"] == ["hub"]
    assert form["client_secret"] == ["top secret"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(401, json={"error": "invalid_client"}), TargetConfigurationError),
        (httpx.Response(400, json={"error": "invalid_client"}), TargetConfigurationError),
        (httpx.Response(503), TargetUnavailableError),
        (httpx.Response(200, text="<html>"), TargetUnavailableError),
        (httpx.Response(200, json={"token": "x"}), TargetUnavailableError),
        (httpx.Response(200, json=["x"]), TargetUnavailableError),
    ],
)
async def test_issuer_without_a_token(issuer, clock, answer, kind):
    """Refused credentials pause the pipeline; an issuer that is away is waited for."""
    issuer.answer = answer
    async with client(issuer, clock) as http:
        with pytest.raises(kind):
            await http.get("/")


def test_secret_is_not_shown(clock):
    """Neither the object nor its attributes print the secret."""
    auth = ClientCredentialsAuth(
        token_url=TOKEN_URL, client_id="hub", client_secret=SecretStr("top secret"), clock=clock
    )
    assert "top secret" not in f"{auth!r} {vars(auth)}"


def test_synchronous_use_is_refused(issuer, clock):
    """Blocking calls do not slip into the event loop unnoticed."""
    auth = ClientCredentialsAuth(token_url=TOKEN_URL, client_id="hub", client_secret=SecretStr("x"), clock=clock)
    with pytest.raises(RuntimeError):
        auth.sync_auth_flow(httpx.Request("GET", "https://target.example"))


class RotatingIssuer(Issuer):
    """An issuer that takes some secrets only."""

    def __init__(self, *valid):
        super().__init__()
        self.valid = set(valid)
        self.tried = []

    async def handle(self, request):
        """Answer one request."""
        if str(request.url) == TOKEN_URL:
            secret = b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")[2]
            self.tried.append(secret)
            if secret not in self.valid:
                return httpx.Response(401, json={"error": "invalid_client"})
        return await super().handle(request)


async def test_the_second_secret_is_tried_once_and_remembered(clock):
    """While a secret is replaced, either of the two may be the valid one; nobody has to restart anything."""
    issuer = RotatingIssuer("next")
    secret = RotatingSecret([SecretStr("old"), SecretStr("next")])
    async with client(issuer, clock, secret) as http:
        assert (await http.get("/")).status_code == 200
        clock.advance(3600)
        await http.get("/")

    assert issuer.tried == ["old", "next", "next"]


async def test_two_refused_secrets_are_a_refusal_after_two_requests(clock):
    """No third try: an account that is tried again and again is locked."""
    issuer = RotatingIssuer("another")
    async with client(issuer, clock, RotatingSecret([SecretStr("old"), SecretStr("next")])) as http:
        with pytest.raises(TargetConfigurationError):
            await http.get("/")

    assert issuer.tried == ["old", "next"]


async def test_a_new_secret_in_a_file_is_found_without_a_restart(clock, tmp_path):
    """The file is read again as soon as its secret is refused."""
    file = tmp_path / "secret"
    file.write_text("old\n")
    issuer = RotatingIssuer("old")
    async with client(issuer, clock, RotatingSecret(files=[file])) as http:
        await http.get("/")
        issuer.valid = {"new"}
        file.write_text("new\n")
        clock.advance(3600)
        assert (await http.get("/")).status_code == 200

    assert issuer.tried == ["old", "old", "new"]
