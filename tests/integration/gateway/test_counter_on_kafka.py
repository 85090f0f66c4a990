"""Questions at the counter with a real Kafka and a real simulator: no call without a record of who asks."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from aiohttp import web
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from lienthong import access_log
from lienthong.clock import SystemClock
from lienthong.config.models import CounterSettings, GatewaySettings, HubSettings, KafkaSettings, PublisherSettings
from lienthong.gateway.app import create_gateway
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.observability.metrics import Metrics
from lienthong.registry.schemas import SchemaRegistry
from lienthong.testing.simulator import STATE, running
from lienthong_connectors.population.simulator import create

if TYPE_CHECKING:
    from lienthong.kafka.embedded import EmbeddedKafka

ISSUER = "http://issuer.test"
PERSON = {"personal_id": "000190000001", "full_name": "TRẦN THỊ HÒA", "birth": "19900131", "gender": "female"}
QUESTION = {
    "dossier": "000.00.22.H57-261123-0001",
    "purpose": "reception",
    "query": {
        "identifiers": [{"type": "personal_id", "value": PERSON["personal_id"]}],
        "full_name": "Trần Thị Hòa",
        "birth_date": "1990-01-31",
        "procedure_code": "2.000488",
        "unit_code": "H57.01",
    },
}


class NoReceipts:
    """A ledger that nobody asks."""

    def find(self, record_id: str, source: str | None = None) -> list[Any]:
        """Find nothing."""
        del record_id, source
        return []


class FixedKeys:
    """The issuer's key, known from the start."""

    def __init__(self, key: ECKey) -> None:
        self._keys = KeySet([key])

    async def keys(self, *, renew: bool = False) -> KeySet:
        """Return the key."""
        del renew
        return self._keys


@asynccontextmanager
async def counter(folder: Path, servers: str, province: str, target: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run the gateway as it is built from its configuration, and yield an official who talks to it."""
    settings = HubSettings(
        province=province,
        state_directory=folder,
        kafka=KafkaSettings(bootstrap_servers=servers),
        gateway=GatewaySettings(
            issuer=ISSUER,
            lookups={"population": CounterSettings(purposes={"reception": "ND-118-2025"})},
            publishers={"one-stop": PublisherSettings(sources=(), domains=())},
        ),
        connectors={
            "population": {
                "base_url": f"{target}/dc/tracuu",
                "authentication_path": "/dc/tracuu",
                "user_name": "hub",
                "secret": "s3cret",
                "officers": {"officer-7": {"officer_code": "000000000009"}},
                "simulator": True,
                "limits": {"rate_limit": {"count": 100, "interval": "1s"}, "budget": {"daily": 1000, "reserve": 100}},
            }
        },
    )
    key = ECKey.generate_key("P-256", auto_kid=True)
    clock = SystemClock()
    producer = AcknowledgedProducer(settings.kafka, client_id="counter", overrides={"delivery.timeout.ms": 2_000})
    app = create_gateway(
        settings, producer, SchemaRegistry(()), NoReceipts(), clock, Metrics(with_process=False), keys=FixedKeys(key)
    )
    claims = {"iss": ISSUER, "aud": "lienthong", "client_id": "one-stop", "scope": "lookup:population"}
    claims |= {"sub": "officer-7", "exp": int(clock.now().timestamp()) + 600}
    token = jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key, algorithms=["ES256"])
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway.test", headers=headers) as client,
    ):
        yield client


def read_log(servers: str, topic: str) -> list[access_log.AccessEntry]:
    """Return what is in the access log now, as any other process would see it."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "none", "enable.auto.commit": False})
    place = TopicPartition(topic, 0, 0)
    number = consumer.get_watermark_offsets(place, 10)[1]
    consumer.assign([place])
    found = [] if number == 0 else [access_log.decode(each.value()) for each in consumer.consume(number, 10)]
    consumer.close()
    return found


@pytest.mark.kafka
async def test_the_intent_is_in_kafka_before_the_target_sees_the_call(
    kafka_broker: "EmbeddedKafka", unique_name: Callable[[str], str], tmp_path: Path
) -> None:
    """When the simulator gets the question, another process already reads who asks it, and later the result."""
    servers, province = kafka_broker.bootstrap_servers, unique_name("p")
    topic = f"{province}.access-log"
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    application = create({"people": [PERSON]})
    seen: list[list[access_log.AccessEntry]] = []

    @web.middleware
    async def look(request: web.Request, handler: Any) -> web.StreamResponse:
        seen.append(await asyncio.to_thread(read_log, servers, topic))
        answer: web.StreamResponse = await handler(request)
        return answer

    application.middlewares.insert(0, look)
    async with running(application) as target, counter(tmp_path, servers, province, target) as official:
        found = await official.post("/v1/lookups/population", json=QUESTION)
        log = await asyncio.to_thread(read_log, servers, topic)

    body = found.json()
    assert (found.status_code, body["outcome"], body["disclosed"]["gender"]) == (200, "found", "female")
    assert [[entry.phase.value for entry in entries] for entries in seen] == [["intent"]]
    assert [(entry.phase.value, entry.result) for entry in log] == [("intent", ""), ("result", "match")]
    assert {entry.verification_id for entry in log} == {body["verification_id"]}
    assert PERSON["personal_id"] not in repr(log)


async def test_without_kafka_the_target_sees_nothing(tmp_path: Path) -> None:
    """A counter whose Kafka does not answer says so within the deadline, and asks nobody."""
    application = create({"people": [PERSON]})
    with socket.socket() as taken:
        # Bound and not listening: nobody else gets the port, and nobody answers.
        taken.bind(("127.0.0.1", 0))
        servers = f"127.0.0.1:{taken.getsockname()[1]}"
        async with running(application) as target, counter(tmp_path, servers, "p", target) as official:
            answer = await official.post("/v1/lookups/population", json={**QUESTION, "deadline_seconds": 1})

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:lienthong:problems:access_log_unavailable")
    assert application[STATE].ledger.calls == ()
