"""Messages that platforms push: whom they come from, and that each is in Kafka before it is answered."""

import base64
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from lienthong.config.models import HubSettings, WebhookSettings
from lienthong.envelope import Event
from lienthong.errors import BrokerUnavailableError, CatalogError, ConfigurationError, DecodeError, PluginError
from lienthong.gateway import app as app_module
from lienthong.gateway import webhooks
from lienthong.gateway.webhooks import Webhook, build_webhooks
from lienthong.webhook_signature import sign

OLD, NEW, FOREIGN = ("whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3))
SHARED = "generated-shared-secret"
CODE = "000.00.22.H57-251123-0001"


def mapping(message: Any) -> list[Event]:
    """Make an event of each case that a message names."""
    try:
        cases = orjson.loads(message.body)["cases"]
    except (orjson.JSONDecodeError, KeyError):
        raise DecodeError("the message is no list of cases", reason="json") from None
    attributes = {"specversion": "1.0", "source": "/national/cases", "type": "case.changed"}
    return [Event({**attributes, "id": case.pop("id")}, orjson.dumps(case)) for case in cases]


def case(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return one case of a message."""
    return {
        "id": f"w-{number}",
        "code": CODE,
        "owner": {"full_name": "Nguyễn Văn Thử", "personal_id": "000099012345"},
    } | changes


def body_of(*cases: dict[str, Any]) -> bytes:
    """Return a message."""
    return orjson.dumps({"cases": cases})


class Platform:
    """A platform that signs and sends."""

    def __init__(self, gateway: Any) -> None:
        self.gateway = gateway

    async def send(
        self, body: bytes, path: str = "signed", *, secrets: tuple[str, ...] = (NEW,), age: int = 0, **headers: str
    ) -> httpx.Response:
        """Send a message that is some seconds old."""
        sent = int(self.gateway.clock.now().timestamp()) - age
        given = {"webhook-id": "m-1", "webhook-timestamp": str(sent), "authorization": ""}
        given["webhook-signature"] = sign(secrets, "m-1", sent, body)
        return await self.gateway.client.post(f"/v1/webhooks/{path}", content=body, headers={**given, **headers})


@pytest.fixture
def platform(gateway: Any, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Give a platform that a gateway with two webhooks knows."""
    common: dict[str, Any] = {"mapping": "m", "sources": ("/national/cases",), "topic": "national.case"}
    signed = WebhookSettings(secrets=(SecretStr(OLD), SecretStr(NEW)), max_bytes=4_096, **common)
    shared = WebhookSettings(scheme="shared-secret", secrets=(SecretStr(SHARED),), header="x-token", **common)
    known = {
        name: Webhook(name, each, mapping, "hue.national.case", "case")
        for name, each in (("signed", signed), ("shared", shared))
    }
    monkeypatch.setattr(app_module, "build_webhooks", lambda _settings: known)
    gateway.start()
    return Platform(gateway)


def _problem(response: httpx.Response) -> tuple[int, str]:
    document = response.json()
    return response.status_code, document["type"].rpartition(":")[2]


async def test_every_event_of_a_message_is_in_kafka_before_the_answer(gateway: Any, platform: Platform) -> None:
    """The events go to the topic of the webhook, keyed and checked as those of any publisher."""
    answer = await platform.send(body_of(case(1), case(2)))

    assert (answer.status_code, answer.json()) == (202, {"accepted": 2})
    assert [(record.topic, record.key) for record in gateway.producer.records] == [
        ("hue.national.case", CODE.encode())
    ] * 2
    assert gateway.metrics.value("lienthong_gateway_events_total", result="accepted") == 2


@pytest.mark.parametrize("secrets", [(OLD,), (NEW,), (FOREIGN, OLD)])
async def test_both_secrets_are_valid_while_one_is_replaced(platform: Platform, secrets: tuple[str, ...]) -> None:
    """A platform may change over at any moment, and may sign with both."""
    assert (await platform.send(body_of(case()), secrets=secrets)).status_code == 202


@pytest.mark.parametrize(
    "change",
    [
        {"secrets": (FOREIGN,)},
        {"age": 301},
        {"age": -301},
        {"webhook-id": "m-2"},
        {"webhook-id": ""},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA v2,BBBB"},
        {"path": "shared"},
        {"path": "shared", "x-token": SHARED + "x"},
    ],
)
async def test_what_is_not_signed_now_by_the_platform_is_refused(
    gateway: Any, platform: Platform, change: dict[str, Any]
) -> None:
    """Wrong secret, old message, changed id: one answer for all, and nothing is written."""
    answer = await platform.send(body_of(case()), **change)

    assert _problem(answer) == (401, "signature_invalid")
    assert gateway.producer.records == []


async def test_a_changed_body_is_refused(gateway: Any, platform: Platform) -> None:
    """The signature is over the bytes that arrive."""
    sent = int(gateway.clock.now().timestamp())
    headers = {"webhook-id": "m-1", "webhook-timestamp": str(sent)}
    headers["webhook-signature"] = sign((NEW,), "m-1", sent, body_of(case(1)))
    answer = await gateway.client.post("/v1/webhooks/signed", content=body_of(case(2)), headers=headers)
    assert _problem(answer) == (401, "signature_invalid")


async def test_a_platform_that_cannot_sign_sends_a_secret(platform: Platform) -> None:
    """The secret stands in the configured header."""
    assert (await platform.send(body_of(case()), "shared", **{"x-token": SHARED})).status_code == 202


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<html>", (400, "malformed")),
        (body_of(case(1), case(2, code="no code!")), (422, "validation_failed")),
        (body_of(case(1), case(2, owner={})), (422, "validation_failed")),
        (b" " * 5_000, (413, "too_large")),
    ],
)
async def test_one_event_at_fault_refuses_the_whole_message(
    gateway: Any, platform: Platform, body: bytes, expected: tuple[int, str]
) -> None:
    """Nothing is half taken in, and the mended message may be sent again under the same ids."""
    answer = await platform.send(body)

    assert _problem(answer) == expected
    assert "000099012345" not in answer.text
    assert gateway.producer.records == []
    assert (await platform.send(body_of(case(1, code="000.00.22.H57-251123-0002")))).status_code == 202


async def test_a_platform_is_told_to_come_again_while_kafka_is_away(gateway: Any, platform: Platform) -> None:
    """No 2xx without the acknowledgement; the same message is taken later."""
    gateway.producer.error = lambda _record: BrokerUnavailableError("away")
    answer = await platform.send(body_of(case()))
    assert _problem(answer) == (503, "broker_unavailable")
    assert answer.headers["Retry-After"] == "5"

    gateway.producer.error = lambda _record: None
    assert (await platform.send(body_of(case()))).status_code == 202
    assert (await platform.send(body_of(case()))).status_code == 202
    assert len({record.headers[1] for record in gateway.producer.records}) == 1


async def test_a_message_that_says_nothing_is_answered_well(gateway: Any, platform: Platform) -> None:
    """A platform that tries its webhook out is told that it works."""
    answer = await platform.send(body_of())
    assert (answer.status_code, answer.json()) == (202, {"accepted": 0})
    assert gateway.producer.batches == []


async def test_a_webhook_that_is_not_configured_does_not_exist(platform: Platform) -> None:
    """The answer says so."""
    assert _problem(await platform.send(body_of(case()), "other")) == (404, "webhook_unknown")


def _configured(**changes: Any) -> HubSettings:
    given = {"secrets": [NEW], "mapping": "m", "sources": ["/n"], "topic": "records.dossier"} | changes
    return HubSettings.model_validate({"province": "hue", "gateway": {"webhooks": {"signed": given}}})


def test_a_webhook_is_built_from_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The topic gives the domain that it may bring."""
    monkeypatch.setattr(webhooks, "load_one", lambda group, name: (group, name))
    (found,) = build_webhooks(_configured()).values()
    assert found.mapping == ("lienthong.webhooks", "m")
    assert (found.topic, found.caller.publisher.domains) == ("hue.records.dossier", ("dossier",))


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"topic": "records.nowhere"}, CatalogError), ({"secrets": ["short"]}, ConfigurationError)],
)
def test_a_webhook_that_cannot_work_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], error: type[Exception]
) -> None:
    """Not by the first message; no secret is repeated."""
    monkeypatch.setattr(webhooks, "load_one", lambda *_: mapping)
    with pytest.raises(error) as caught:
        build_webhooks(_configured(**changes))
    assert "short" not in str(caught.value)


def test_a_mapping_that_is_not_installed_is_refused() -> None:
    """The names that are there are listed."""
    with pytest.raises(PluginError, match=r"lienthong\.webhooks"):
        build_webhooks(_configured())
