"""A gateway in memory: fake Kafka, fake ledger, own keys, and a clock that only the test moves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from pydantic import BaseModel, ConfigDict, Field

from lienthong.config.models import GatewaySettings, HubSettings, PublisherSettings
from lienthong.errors import LienthongError
from lienthong.gateway.app import create_gateway
from lienthong.observability.health import Health
from lienthong.observability.metrics import Metrics
from lienthong.record import OutgoingRecord
from lienthong.registry.schemas import SchemaRegistry
from lienthong.schema import SchemaSpec

CODE = "000.00.22.H57-251123-0001"
SOURCE = "/hue/one-stop"
ISSUER = "http://issuer.test"


class Owner(BaseModel):
    """Whose matter it is."""

    model_config = ConfigDict(extra="forbid")
    full_name: str = Field(max_length=50)
    personal_id: str = Field(pattern=r"^\d{12}$")


class Case(BaseModel):
    """A small record with personal fields."""

    model_config = ConfigDict(extra="forbid")
    code: str = Field(pattern=r"^[A-Z0-9.\-]+$")
    owner: Owner


class OpenCase(Case):
    """The reader's view."""

    model_config = ConfigDict(extra="allow")


def spec(type_name: str, version: int, domain: str) -> SchemaSpec:
    """Return a record type of the test.

    Args:
        type_name: CloudEvents type.
        version: Its version.
        domain: Its domain.
    """
    return SchemaSpec(
        type=type_name,
        version=version,
        domain=domain,
        producer_model=Case,
        consumer_model=OpenCase,
        key=lambda model: str(model.code),
        classification="personal",
        title_vi="Hồ sơ",
    )


REGISTRY = SchemaRegistry(
    [spec("case.changed", 1, "case"), spec("case.changed", 2, "case"), spec("land.sold", 1, "land")]
)


class HandClock:
    """A clock that only the test moves."""

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
        self.batches: list[int] = []
        self.error: Callable[[OutgoingRecord], LienthongError | None] = lambda _record: None
        self.starts = 0
        self.gate: asyncio.Event | None = None
        self._calls = asyncio.Condition()

    async def called(self, times: int) -> None:
        """Wait until it was called so many times."""
        async with self._calls:
            await self._calls.wait_for(lambda: len(self.batches) >= times)

    async def start(self) -> None:
        """Count starts."""
        self.starts += 1

    async def stop(self, timeout_seconds: float = 10.0) -> None:
        """Do nothing."""

    async def send_each(self, records: Sequence[OutgoingRecord]) -> list[LienthongError | None]:
        """Keep the records that do not fail, after the gate opens."""
        async with self._calls:
            self.batches.append(len(records))
            self._calls.notify_all()
        if self.gate is not None:
            await self.gate.wait()
        results = [self.error(record) for record in records]
        self.records += [record for record, error in zip(records, results, strict=True) if error is None]
        return results


class FakeLedger:
    """Answers with rows that the test gave."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.error: LienthongError | None = None

    def find(self, record_id: str, source: str | None = None) -> list[dict[str, Any]]:
        """Return the rows of an id."""
        if self.error is not None:
            raise self.error
        return [row for row in self.rows if row["id"] == record_id and source in {None, row["source"]}]


class FixedKeys:
    """The issuer's keys, known from the start."""

    def __init__(self, key: ECKey) -> None:
        self._keys = KeySet([key])

    async def keys(self, *, renew: bool = False) -> KeySet:
        """Return the keys."""
        return self._keys


@dataclass
class Gateway:
    """A gateway and everything around it.

    Attributes:
        producer: What was written.
        ledger: What can be read.
        clock: The time.
        metrics: What was counted.
        health: What probes see.
        key: The issuer's key.
        settings: The limits.
        make_lookups: Builds who asks for officials; None for as configured.
        client: Talks to it.
        app: The application.
    """

    producer: FakeProducer
    ledger: FakeLedger
    clock: HandClock
    metrics: Metrics
    health: Health
    key: ECKey
    settings: HubSettings
    make_lookups: Callable[..., Any] | None = None
    app: FastAPI = field(init=False)
    client: httpx.AsyncClient = field(init=False)

    def start(self) -> None:
        """Build the application from the settings."""
        self.app = create_gateway(
            self.settings,
            self.producer,
            REGISTRY,
            self.ledger,
            self.clock,
            self.metrics,
            keys=FixedKeys(self.key),
            health=self.health,
            make_lookups=self.make_lookups,
        )
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://gateway.test", headers=self.bearer()
        )

    def bearer(self, *, alg: str = "ES256", key: Any = None, **claims: Any) -> dict[str, str]:
        """Return the header of a token.

        Args:
            alg: Signature algorithm.
            key: Another key than the issuer's.
            **claims: Claims that differ from a good token's; None drops one.
        """
        now = int(self.clock.now().timestamp())
        all_claims = {
            "iss": ISSUER,
            "aud": "lienthong",
            "client_id": "one-stop",
            "scope": "publish:case read:receipts",
            "exp": now + 3_600,
            **claims,
        }
        chosen = key or self.key
        header = {"alg": alg, "kid": chosen.kid or "none"}
        kept = {name: value for name, value in all_claims.items() if value is not None}
        return {"Authorization": f"Bearer {jwt.encode(header, kept, chosen, algorithms=[alg])}"}

    def limit(self, **limits: Any) -> None:
        """Start again with other limits.

        Args:
            **limits: Settings of the gateway.
        """
        changed = self.settings.gateway.model_copy(update=limits)
        self.settings = self.settings.model_copy(update={"gateway": changed})
        self.start()

    async def send(
        self, body: Any, content_type: str = "application/cloudevents+json", **headers: str
    ) -> httpx.Response:
        """Publish.

        Args:
            body: Bytes, or a document.
            content_type: Of the body.
            **headers: Further headers.
        """
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.client.post("/v1/events", content=content, headers={"content-type": content_type, **headers})

    async def bulk(self, body: Any, path: str = "/v1/events:bulk") -> httpx.Response:
        """Publish a stream.

        Args:
            body: Bytes or an iterator of bytes.
            path: Route.
        """
        return await self.client.post(path, content=body, headers={"content-type": "application/x-ndjson"})


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway for the system `one-stop`, with nothing behind it."""
    clock = HandClock()
    made = Gateway(
        FakeProducer(),
        FakeLedger(),
        clock,
        Metrics(with_process=False),
        Health(clock),
        ECKey.generate_key("P-256", auto_kid=True),
        HubSettings(
            province="hue",
            gateway=GatewaySettings(
                issuer=ISSUER,
                publishers={
                    "one-stop": PublisherSettings(sources=(SOURCE,), domains=("case",)),
                    "land-office": PublisherSettings(sources=("/hue/land",), domains=("land", "case")),
                },
            ),
        ),
    )
    made.start()
    yield made
    await made.client.aclose()


@pytest.fixture
def personal_id() -> str:
    """A generated personal ID that cannot be a real person's."""
    return "000" + "099" + "012345"


@pytest.fixture
def event(personal_id: str) -> Callable[..., dict[str, Any]]:
    """A function that makes a good event, changed as the test wants."""

    def make(**changes: Any) -> dict[str, Any]:
        made = {
            "specversion": "1.0",
            "id": "e-1",
            "source": SOURCE,
            "type": "case.changed",
            "data": {"code": CODE, "owner": {"full_name": "Nguyễn Văn Thử", "personal_id": personal_id}},
            **changes,
        }
        return {name: value for name, value in made.items() if value is not ...}

    return make
