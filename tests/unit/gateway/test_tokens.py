"""Who may publish and read: signature, claims, scope, ownership."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from lienthong.errors import ConfigurationError, TargetUnavailableError
from lienthong.gateway.app import create_gateway
from lienthong.gateway.problems import ProblemError
from lienthong.gateway.tokens import Authenticator, FileKeys, IssuerKeys
from lienthong.registry.schemas import SchemaRegistry

Make = Callable[..., dict[str, Any]]
NAME = "urn:lienthong:problems:"


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"iss": "http://other.test"}, 401, "token_invalid"),
        ({"iss": None}, 401, "token_invalid"),
        ({"aud": "other"}, 401, "token_invalid"),
        ({"aud": None}, 401, "token_invalid"),
        ({"exp": 1_700_000_000}, 401, "token_invalid"),
        ({"exp": None}, 401, "token_invalid"),
        ({"nbf": 2_000_000_000}, 401, "token_invalid"),
        ({"client_id": "stranger"}, 403, "publisher_unknown"),
        ({"client_id": None}, 403, "publisher_unknown"),
        ({"scope": "read:receipts"}, 403, "scope_missing"),
        ({"scope": "publish:land"}, 403, "scope_missing"),
        ({"client_id": "land-office"}, 403, "source_not_owned"),
    ],
)
async def test_token_that_does_not_allow_it_is_refused(
    gateway: Any, event: Make, claims: dict[str, Any], status: int, code: str
) -> None:
    """Each claim is checked, and a token of another system cannot publish this source."""
    answer = await gateway.send(event(), **gateway.bearer(**claims))

    assert (answer.status_code, answer.json()["type"]) == (status, NAME + code)
    assert answer.headers.get("www-authenticate", "Bearer error").startswith("Bearer error")
    assert gateway.producer.records == []


@pytest.mark.parametrize("authorization", ["", "Basic b25lOnR3bw==", "Bearer", "Bearer "])
async def test_request_without_token_is_challenged(gateway: Any, event: Make, authorization: str) -> None:
    """Without a bearer token the answer is 401 with a plain challenge, on every protected route."""
    header = {"Authorization": authorization}
    answers = [
        await gateway.send(event(), **header),
        await gateway.client.post("/v1/events:bulk", content=b"", headers=header),
        await gateway.client.get("/v1/events/e-1", headers=header),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}


@pytest.mark.parametrize("form", ["azp", "list scopes", "audience list", "leeway"])
async def test_tokens_of_common_issuers_are_accepted(gateway: Any, event: Make, form: str) -> None:
    """Keycloak's `azp`, scopes and audiences as lists, and clocks that differ a little are fine."""
    claims: dict[str, Any] = {
        "azp": {"client_id": None, "azp": "one-stop"},
        "list scopes": {"scope": ["publish:case"]},
        "audience list": {"aud": ["account", "lienthong"]},
        "leeway": {"exp": int(gateway.clock.now().timestamp()) - 10},
    }[form]

    assert (await gateway.send(event(), **gateway.bearer(**claims))).status_code == 202


async def test_forged_tokens_are_refused(gateway: Any, event: Make) -> None:
    """Another key, a shared secret, no signature and rubbish are all refused alike."""
    other = ECKey.generate_key("P-256", {"kid": gateway.key.kid})
    secret = OctKey.import_key("a-secret-that-is-long-enough-for-it", {"kid": gateway.key.kid})
    unsigned = "eyJhbGciOiJub25lIn0." + gateway.bearer()["Authorization"].split(".")[1] + "."
    headers = [
        gateway.bearer(key=other),
        gateway.bearer(key=secret, alg="HS256"),
        gateway.bearer(key=RSAKey.generate_key(2048, {"kid": "unknown"}), alg="RS256"),
        {"Authorization": f"Bearer {unsigned}"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Bearer " + "x" * 10_000},
    ]

    answers = [await gateway.send(event(), **header) for header in headers]

    assert [answer.json()["type"] for answer in answers] == [NAME + "token_invalid"] * 6


async def test_shared_secret_is_refused_even_when_the_issuer_lists_it(gateway: Any) -> None:
    """Only asymmetric algorithms are allowed, whatever stands in the key set."""
    secret = OctKey.import_key("a-secret-that-is-long-enough-for-it", {"kid": "shared"})

    class Listed:
        """A key set with a shared secret."""

        async def keys(self, *, renew: bool = False) -> KeySet:
            """Return the keys."""
            return KeySet([secret])

    authenticator = Authenticator(gateway.settings.gateway, Listed(), gateway.clock)

    with pytest.raises(ProblemError, match="token_invalid"):
        await authenticator.authenticate(gateway.bearer(key=secret, alg="HS256")["Authorization"])


async def test_remembered_token_ends_with_its_expiry(gateway: Any, event: Make) -> None:
    """A token that was accepted before is refused once it is expired."""
    header = gateway.bearer()
    first = await gateway.send(event(), **header)
    await gateway.clock.sleep(3_700)

    second = await gateway.send(event(), **header)

    assert (first.status_code, second.status_code) == (202, 401)


class Issuer:
    """An issuer whose keys change and that can be away.

    Args:
        key: Its first key.
    """

    def __init__(self, key: ECKey) -> None:
        self.keys = [key]
        self.is_away = False
        self.calls = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer like an issuer."""
        self.calls += 1
        if self.is_away:
            raise httpx.ConnectError("refused")
        if request.url.path == "/.well-known/openid-configuration":
            return httpx.Response(200, json={"issuer": "http://issuer.test", "jwks_uri": "http://issuer.test/jwks"})
        return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys]})


@pytest.fixture
def issuer(gateway: Any) -> Issuer:
    """The issuer of the gateway's key."""
    return Issuer(gateway.key)


@pytest.fixture
def issuer_keys(gateway: Any, issuer: Issuer) -> IssuerKeys:
    """Keys that are fetched from the issuer."""
    client = httpx.AsyncClient(transport=httpx.MockTransport(issuer.answer))
    return IssuerKeys("http://issuer.test/", client, gateway.clock)


async def test_new_key_is_fetched_once_it_is_used(
    gateway: Any, event: Make, issuer: Issuer, issuer_keys: IssuerKeys
) -> None:
    """A rotated key works at once; made-up key ids do not send the gateway to the issuer again and again."""
    gateway.app = create_gateway(
        gateway.settings,
        gateway.producer,
        SchemaRegistry(()),
        gateway.ledger,
        gateway.clock,
        gateway.metrics,
        keys=issuer_keys,
    )
    client = httpx.AsyncClient(transport=httpx.ASGITransport(gateway.app), base_url="http://gateway.test")
    rotated = ECKey.generate_key("P-256", auto_kid=True)

    async def ask(key: ECKey) -> int:
        """Return the status of a request with a token of a key."""
        answer = await client.get("/v1/events/e-1", headers=gateway.bearer(key=key))
        return answer.status_code

    before = await ask(gateway.key)
    issuer.keys = [rotated]
    await gateway.clock.sleep(31)
    after = await ask(rotated)
    calls = issuer.calls
    strangers = [await ask(ECKey.generate_key("P-256", auto_kid=True)) for _ in range(5)]

    assert (before, after) == (404, 404)
    assert strangers == [401] * 5
    assert issuer.calls == calls
    await client.aclose()


async def test_issuer_that_is_away_does_no_harm_later(gateway: Any, issuer: Issuer, issuer_keys: IssuerKeys) -> None:
    """Known keys stay in use while the issuer is away; without any the caller is told to come back."""
    issuer.is_away = True
    with pytest.raises(TargetUnavailableError):
        await issuer_keys.keys()
    issuer.is_away = False
    known = await issuer_keys.keys()
    issuer.is_away = True
    await gateway.clock.sleep(10_000)

    assert await issuer_keys.keys() is known


async def test_gateway_without_keys_answers_503(gateway: Any, event: Make) -> None:
    """A token that cannot be checked yet is neither accepted nor called invalid."""

    class Away:
        """An issuer that was never reached."""

        async def keys(self, *, renew: bool = False) -> Any:
            """Fail."""
            raise TargetUnavailableError("away")

    gateway.app = create_gateway(
        gateway.settings,
        gateway.producer,
        SchemaRegistry(()),
        gateway.ledger,
        gateway.clock,
        gateway.metrics,
        keys=Away(),
    )
    client = httpx.AsyncClient(transport=httpx.ASGITransport(gateway.app), base_url="http://gateway.test")

    answer = await client.post("/v1/events", headers=gateway.bearer())

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    await client.aclose()


async def test_keys_in_a_file_are_read_again(tmp_path: Path) -> None:
    """A key file that operators replaced is used without a restart; a broken one is a clear error."""
    path = tmp_path / "jwks.json"
    first, second = (ECKey.generate_key("P-256", auto_kid=True) for _ in range(2))
    path.write_bytes(orjson.dumps({"keys": [first.as_dict(private=False)]}))
    keys = FileKeys(path)
    path.write_bytes(orjson.dumps({"keys": [second.as_dict(private=False)]}))

    assert (await keys.keys()).keys[0].kid == first.kid
    assert (await keys.keys(renew=True)).keys[0].kid == second.kid
    for text in ("{", "[]", '{"keys": 5}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigurationError, match="jwks"):
            FileKeys(path)
    with pytest.raises(ConfigurationError, match="cannot read"):
        FileKeys(tmp_path / "missing.json")
