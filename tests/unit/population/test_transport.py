"""Headers, digest and what carries a refusal."""

import httpx
import pytest

from lienthong.errors import RateLimitedError, RejectedByTargetError, TargetConfigurationError, TargetUnavailableError
from lienthong.rest import SIGN
from lienthong.testing.clock import FakeClock
from lienthong_connectors.population.config import OfficerAccount, PopulationConfig
from lienthong_connectors.population.payload import LOOKUP, Question
from lienthong_connectors.population.transport import DirectTransport, authorization

QUESTION = Question(LOOKUP, "a" * 32, (("MaYeuCau", "a" * 32),), ("Nam", "1990"))
FAULT = b"<E><Body><Fault><faultcode>Server</faultcode><errorCode>%s</errorCode></Fault></Body></E>"


async def carry(response, **settings):
    """Carry one envelope; return the request that was sent and what came back."""
    seen = []

    def answer(request):
        """Sign the request in its turn as our own transport does, note and answer it."""
        request.extensions[SIGN](request)
        seen.append(request)
        return response

    config = PopulationConfig.model_validate(
        {
            "base_url": "https://population.example/dc/tracuu",
            "authentication_path": "/dc/tracuu",
            "user_name": "hub",
            "secret": "s3cret",
            "officers": {},
            "simulator": True,
            **settings,
        }
    )
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url=config.base_url) as client:
        transport = DirectTransport(client, config, FakeClock())
        return seen, await transport.call(QUESTION, OfficerAccount(officer_code="000000000009"), "H57.01-261005-0001")


async def test_request_has_the_headers_of_the_database():
    """Every header that the known clients send is there, and the URL is the configured one, letter by letter."""
    (request,), body = await carry(
        httpx.Response(200, content=b"<a/>", headers={"content-type": "text/xml"}), api_key="k3y", client_id="VN/H57"
    )
    stamp = str(int(FakeClock().now().timestamp() * 1000))
    assert body == b"<a/>"
    assert str(request.url) == "https://population.example/dc/tracuu"
    assert request.headers["timestamp"] == stamp
    assert request.headers["authorization"] == authorization("/dc/tracuu", "hub", stamp, "s3cret")
    assert request.headers["content-type"] == "application/xml; charset=utf-8"
    assert request.headers["soapaction"] == '""'
    assert request.headers["x-road-client"] == "VN/H57"
    assert request.headers["apikey"] == "k3y"
    assert request.content == QUESTION.envelope()


async def test_headers_that_are_not_configured_are_not_sent():
    """An empty key is not sent as an empty header."""
    (request,), _ = await carry(httpx.Response(200, content=b"<a/>"), timestamp_unit="seconds")
    assert "apikey" not in request.headers
    assert "x-road-client" not in request.headers
    assert request.headers["timestamp"] == str(int(FakeClock().now().timestamp()))


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
async def test_scope_refusal_is_read_under_any_status(status):
    """Which status carries 004 is not known, so all of them may."""
    _, body = await carry(httpx.Response(status, content=FAULT % b"004"))
    assert body == FAULT % b"004"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, TargetConfigurationError),
        (403, TargetConfigurationError),
        (429, RateLimitedError),
        (503, TargetUnavailableError),
    ],
)
async def test_clear_status_wins_over_a_fault(status, kind):
    """Refused credentials stay refused credentials, whatever envelope comes with them."""
    with pytest.raises(kind):
        await carry(httpx.Response(status, content=FAULT % b"099"))


async def test_fault_of_the_database_is_left_to_the_payload():
    """SOAP 1.1 sends faults with status 500."""
    _, body = await carry(httpx.Response(500, content=FAULT % b"099"))
    assert body == FAULT % b"099"


@pytest.mark.parametrize(
    ("status", "fault", "kind", "reason"),
    [
        (500, "Server.ServerProxy.NetworkError", TargetUnavailableError, "x_road.Server.ServerProxy.NetworkError"),
        (500, "Server.ServerProxy.AccessDenied", TargetConfigurationError, "x_road.Server.ServerProxy.AccessDenied"),
        (400, "Client.BadRequest", TargetConfigurationError, "x_road.Client.BadRequest"),
        (500, "TRAN THI HOA 1990", TargetUnavailableError, "x_road"),
    ],
)
async def test_fault_of_the_bus_is_no_answer_of_the_database(status, fault, kind, reason):
    """The header tells a broken bus from a refusal on its merits."""
    with pytest.raises(kind) as caught:
        await carry(httpx.Response(status, content=FAULT % b"004", headers={"x-road-error": fault}))
    assert caught.value.reason == reason


async def test_refusal_without_an_envelope_is_resolved_by_its_status():
    """A plain 400 is about the question."""
    with pytest.raises(RejectedByTargetError):
        await carry(httpx.Response(400, content=b"bad"))
