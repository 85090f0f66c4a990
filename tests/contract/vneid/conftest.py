"""A gateway in memory in front of simulated identity platforms that are real HTTP servers."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import orjson
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from lienthong.access_log import AccessEntry, decode
from lienthong.config.models import HubSettings
from lienthong.errors import LienthongError
from lienthong.gateway.app import create_gateway
from lienthong.gateway.sign_in_store import SignInStore
from lienthong.observability.metrics import Metrics
from lienthong.record import OutgoingRecord
from lienthong.registry.schemas import SchemaRegistry
from lienthong.rest import client
from lienthong.testing.simulator import STATE, running
from lienthong_connectors.vneid import simulated_broker, simulator
from lienthong_connectors.vneid.simulated_accounts import Accounts

ISSUER = "http://issuer.test"
PUBLIC_URL = "https://gateway.test"
RETURN_URL = "https://portal.test/linked?lang=vi"
CITIZEN = {"personal_id": "000090000001", "full_name": "TRẦN THỊ THỬ", "birth_date": "1990-01-31", "level": 2}
OTHER = {"personal_id": "000185000002", "full_name": "LÊ VĂN KHÁC", "birth_date": "1985-02-03", "level": 2}
SECRET = "platform-s3cret"
TOPIC = "hue.inbound.account.vneid"
SIMULATORS: dict[str, Any] = {"vneid": simulator, "keycloak-broker": simulated_broker}


def endless(make: Callable[[], Any]) -> Iterator[Any]:
    """Make three keys when they are first needed, then take turns with them."""
    yield from cycle([make() for _ in range(3)])


_ENVELOPE_KEYS = endless(simulator.generate_key)
_SIGNING_KEYS = endless(simulated_broker._new_key)
_TLS = client.tls_context()


class HandClock:
    """A clock that only the test and the simulators' waits move."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the moment."""
        return self.moment

    def monotonic(self) -> float:
        """Return the moment in seconds."""
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.moment += timedelta(seconds=seconds)


class FakeProducer:
    """Keeps what it is given; fails on demand."""

    def __init__(self) -> None:
        self.records: list[OutgoingRecord] = []
        self.error: LienthongError | None = None
        self.on_write: Callable[[OutgoingRecord], None] = lambda _record: None

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self, timeout_seconds: float = 10.0) -> None:
        """Do nothing."""

    async def send_each(self, records: Sequence[OutgoingRecord]) -> list[LienthongError | None]:
        """Keep the records, or fail."""
        if self.error is not None:
            return [self.error] * len(records)
        for record in records:
            self.on_write(record)
        self.records += records
        return [None] * len(records)


class Nothing:
    """An empty ledger, and the issuer's keys."""

    def __init__(self, key: ECKey) -> None:
        self._keys = KeySet([key])

    def find(self, record_id: str, source: str | None = None) -> Sequence[Any]:
        """Find nothing."""
        return ()

    async def keys(self, *, renew: bool = False) -> KeySet:
        """Return the keys."""
        return self._keys


class Browser:
    """A citizen's browser: it keeps cookies and shows every address that it was sent to.

    Args:
        hub: Where sign-ins are.
    """

    def __init__(self, hub: "Hub") -> None:
        self.hub = hub
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url=PUBLIC_URL)
        self.addresses: list[str] = []

    async def go(self, url: str) -> httpx.Response:
        """Open an address and return the answer; redirects are for the test to follow."""
        self.addresses.append(url)
        if url.startswith(PUBLIC_URL):
            return await self.client.get(url)
        # Without TLS settings, which nobody needs here and which take longer to make than a test.
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(verify=False)) as outside:
            return await outside.get(url)

    async def to_callback(self, start_url: str) -> str:
        """Sign in at the platform and return the address that it sends the browser back to."""
        platform = (await self.go(start_url)).headers["location"]
        return (await self.go(platform)).headers["location"]

    async def sign_in(self, start_url: str) -> dict[str, str]:
        """Sign in and return what the system is told by the address in the end."""
        return told(await self.go(await self.to_callback(start_url)))


def told(answer: httpx.Response) -> dict[str, str]:
    """Return the parameters that a browser is sent back with."""
    assert answer.status_code == 303, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


@dataclass
class Hub:
    """A gateway and everything around it.

    Attributes:
        platform: The simulated platform.
        folder: Where files lie.
        settings: The hub's configuration.
        producer: What was written.
        clock: The time, of gateway and platform.
        metrics: What was counted.
    """

    platform: web.Application
    accounts: Accounts
    folder: Path
    settings: HubSettings
    producer: FakeProducer
    clock: HandClock
    metrics: Metrics
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", auto_kid=True))

    def __post_init__(self) -> None:
        nothing = Nothing(self.key)
        self.steps = SignInStore.of(self.settings, self.clock)
        self.app = create_gateway(
            self.settings,
            self.producer,
            SchemaRegistry.installed(),
            nothing,
            self.clock,
            self.metrics,
            keys=nothing,
            steps=self.steps,
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=PUBLIC_URL)

    def bearer(self, system: str = "citizen-portal", scope: str = "link:accounts") -> dict[str, str]:
        """Return the header of a system's token."""
        claims = {
            "iss": ISSUER,
            "aud": "lienthong",
            "client_id": system,
            "scope": scope,
            "exp": int(self.clock.now().timestamp()) + 86_400,
        }
        return {"Authorization": f"Bearer {jwt.encode({'alg': 'ES256', 'kid': self.key.kid}, claims, self.key)}"}

    async def post(self, path: str, body: Any, **token: str) -> httpx.Response:
        """Call as a system."""
        return await self.client.post(path, content=orjson.dumps(body), headers=self.bearer(**token))

    async def begin(self, **changes: Any) -> tuple[str, str]:
        """Begin a sign-in and return its id and where the browser goes."""
        body = {"account": "acc-7", "purpose": "Liên kết tài khoản", "return_url": RETURN_URL, **changes}
        answer = await self.post("/v1/sign-ins", body)
        assert answer.status_code == 201, answer.text
        return answer.json()["sign_in"], answer.json()["start_url"]

    async def outcome(self) -> dict[str, str]:
        """Run a sign-in in a new browser and return what the system is told."""
        _, start_url = await self.begin()
        return await Browser(self).sign_in(start_url)

    async def result(self, sign_in: str, handle: str, profile: Any = None, **token: str) -> httpx.Response:
        """Fetch a result as a system."""
        body = {"sign_in": sign_in, "handle": handle, "profile": profile or {"unit_code": "H57.01"}}
        return await self.post("/v1/sign-ins/result", body, **token)

    @property
    def links(self) -> list[OutgoingRecord]:
        """Requests to link an account that were written."""
        return [record for record in self.producer.records if record.topic == TOPIC]

    @property
    def entries(self) -> list[AccessEntry]:
        """Lines of the access log."""
        return [decode(record.value) for record in self.producer.records if record.topic == "hue.access-log"]

    def calls(self, operation: str) -> int:
        """Return how often the platform was called for an operation."""
        return sum(call.operation == operation for call in self.platform[STATE].ledger.calls)

    def ended(self, outcome: str) -> float:
        """Return how many sign-ins ended so."""
        return self.metrics.value(
            "lienthong_sign_ins_total", provider=self.settings.gateway.sign_in.provider, outcome=outcome
        )


@pytest.fixture(autouse=True)
def ready_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let simulators take turns with a few keys, and clients share whom they trust: both cost more than a test."""
    monkeypatch.setattr(simulator, "generate_key", partial(next, _ENVELOPE_KEYS))
    monkeypatch.setattr(simulated_broker, "_new_key", partial(next, _SIGNING_KEYS))
    monkeypatch.setattr(client, "tls_context", lambda *_files: _TLS)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """A function that starts a hub: provider, changes of the platform's and of the hub's configuration."""
    async with AsyncExitStack() as stack:

        async def begin(provider: str, *, sign_in: Any = None, **own: Any) -> Hub:
            clock = HandClock()
            module = SIMULATORS[provider]
            (tmp_path / "secret").write_text(SECRET, encoding="utf-8")
            options: dict[str, Any] = {"citizens": [CITIZEN, OTHER], "client_secret": SECRET}
            config: dict[str, Any] = {
                "client_id": "hub",
                "client_secret_files": [str(tmp_path / "secret")],
                "timeout_seconds": 5,
                "simulator": True,
            }
            if provider == "vneid":
                options["private_key_file"] = str(tmp_path / "key.pem")
                config["private_key_files"] = [str(tmp_path / "key.pem")]
            platform = module.create(options, clock=clock)
            url = await stack.enter_async_context(running(platform))
            if provider == "vneid":
                config |= {f"{name}_url": f"{url}/{path}" for name, path in PATHS.items()}
            else:
                config |= {"issuer": f"{url}/realms/hues", "level_claim": "loa"}
            settings = HubSettings.model_validate(
                {
                    "province": "hue",
                    "state_directory": tmp_path,
                    "connectors": {provider: {**config, **own}},
                    "gateway": {
                        "issuer": ISSUER,
                        "publishers": {
                            "vneid": {"sources": ["/hue/vneid"], "domains": ["account"]},
                            "citizen-portal": {"sources": ["/p"], "domains": ["dossier"], "return_urls": [RETURN_URL]},
                            "one-stop": {"sources": ["/o"], "domains": ["dossier"], "return_urls": [RETURN_URL]},
                        },
                        "sign_in": {
                            "provider": provider,
                            "public_url": PUBLIC_URL,
                            "system": "vneid",
                            "legal_basis": "ND-69-2024",
                            **(sign_in or {}),
                        },
                    },
                }
            )
            accounts = platform[module.PLATFORM].accounts
            return Hub(platform, accounts, tmp_path, settings, FakeProducer(), clock, Metrics(with_process=False))

        yield begin


PATHS = {"authorization": "auth", "token": "token", "userinfo": "userinfo"}


@pytest.fixture(params=["vneid", "keycloak-broker"])
async def hub(request: pytest.FixtureRequest, start: Callable[..., Any]) -> Hub:
    """A hub on each of both ways to VNeID."""
    made: Hub = await start(request.param)
    return made


@pytest.fixture
async def direct(start: Callable[..., Any]) -> Hub:
    """A hub on VNeID itself."""
    made: Hub = await start("vneid")
    return made


@pytest.fixture
async def broker(start: Callable[..., Any]) -> Hub:
    """A hub on a Keycloak that brokers VNeID."""
    made: Hub = await start("keycloak-broker")
    return made


@pytest.fixture
def browser() -> type[Browser]:
    """Browsers of citizens."""
    return Browser


@pytest.fixture
def told_of() -> Callable[[httpx.Response], dict[str, str]]:
    """A function that returns what a browser is sent back with."""
    return told
