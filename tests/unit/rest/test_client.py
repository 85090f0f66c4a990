"""Clients against a target on the loopback address."""

import asyncio
import ssl

import httpx
import pytest
from aiohttp import web
from pydantic import SecretStr

from lienthong.clock import SystemClock
from lienthong.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    RateLimitedError,
    TargetConfigurationError,
    TargetUnavailableError,
)
from lienthong.rest import SIGN, ClientCredentialsAuth, ClientFactory, call
from lienthong.rest import connection as connection_module
from lienthong.rest.client import tls_context
from lienthong.testing.simulator import Behaviour, Ledger, create_application, running


async def echo(request):
    """Answer with what arrived."""
    headers = {"Set-Cookie": "session=1", "X-Cookie": request.headers.get("Cookie", "none")}
    return web.Response(body=await request.read(), headers=headers, content_type="text/xml")


async def drip(request):
    """Send a byte now and then, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x")
        await asyncio.sleep(0.02)


async def half(request):
    """Break the connection in the middle of the answer."""
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"<half")
    request.transport.close()
    return response


async def away(request):
    """Send the caller somewhere else."""
    raise web.HTTPFound("/echo")


def target(**behaviour):
    """Return a target with some routes."""
    routes = [web.post("/echo", echo), web.post("/drip", drip), web.post("/half", half), web.post("/away", away)]
    return create_application("target", Behaviour(**behaviour), Ledger(), routes)


async def ask(url, path="/echo", *, timeout_seconds=5.0, **options):
    """Call the target once with a new client."""
    async with ClientFactory().create(base_url=url, timeout_seconds=timeout_seconds) as client:
        return await call(client, "POST", path, clock=SystemClock(), **options)


async def test_answer_is_returned():
    """The ordinary case: body, status and headers come through."""
    async with running(target()) as url:
        response = await ask(url, content="<ý/>".encode(), expected="xml")
    assert response.text == "<ý/>"
    assert response.status_code == 200


async def test_no_cookie_is_kept():
    """Calls of two citizens never share a session by accident."""
    async with (
        running(target()) as url,
        ClientFactory().create(base_url=url.replace("127.0.0.1", "localhost"), timeout_seconds=5) as client,
    ):
        for _ in range(2):
            response = await call(client, "POST", "/echo", clock=SystemClock(), content=b"<a/>")
    assert response.headers["x-cookie"] == "none"


async def test_redirect_is_not_followed():
    """Personal data is not posted to wherever a target points."""
    async with running(target()) as url:
        with pytest.raises(TargetUnavailableError) as caught:
            await ask(url, "/away")
    assert caught.value.reason == "redirected"


@pytest.mark.parametrize(
    ("behaviour", "kind", "reason"),
    [
        ({"outage": "reset"}, OutcomeUnknownError, "connection_broken"),
        ({"outage": "unavailable"}, TargetUnavailableError, "http_503"),
        ({"lost_answer_rate": 1}, OutcomeUnknownError, "connection_broken"),
        ({"hang": True}, OutcomeUnknownError, "read_timeout"),
        ({"maintenance": True}, TargetUnavailableError, "html_instead_of_xml"),
        ({"too_many_requests": {"retry_after_seconds": 7}}, RateLimitedError, "http_429"),
        ({"error_rate": 1}, TargetUnavailableError, "http_503"),
    ],
)
async def test_every_fault_of_a_target_is_told_apart(behaviour, kind, reason):
    """A write that was surely refused is retriable; one that may have happened is not."""
    async with running(target(**behaviour)) as url:
        with pytest.raises(kind) as caught:
            await ask(url, content=b"<a/>", is_write=True, expected="xml", timeout_seconds=1.0)
    assert caught.value.reason == reason


@pytest.mark.parametrize("path", ["/drip", "/half"])
async def test_answer_that_breaks_off_leaves_a_write_unknown(path):
    """Headers of success without the whole body prove nothing, and a dripping target holds nobody for ever."""
    async with running(target()) as url:
        async with asyncio.timeout(10):
            with pytest.raises(OutcomeUnknownError):
                await ask(url, path, is_write=True, timeout_seconds=1.0)


async def test_refused_connection_is_retriable_even_for_a_write(unused_tcp_port):
    """Nothing was sent, so nothing happened."""
    with pytest.raises(TargetUnavailableError) as caught:
        await ask(f"http://127.0.0.1:{unused_tcp_port}", is_write=True)
    assert caught.value.reason == "connection_refused"


async def test_target_without_tls_is_configuration():
    """TLS towards a plain port is a wrong URL, not an outage."""
    async with running(target()) as url:
        with pytest.raises(TargetConfigurationError) as caught:
            await ask(url.replace("http:", "https:"), is_write=True)
    assert caught.value.reason == "tls"


async def test_answer_without_end_is_cut(monkeypatch):
    """An endless answer cannot fill the memory of a worker."""
    monkeypatch.setattr(connection_module, "MAX_RESPONSE_BYTES", 3)
    async with running(target()) as url:
        with pytest.raises(TargetUnavailableError) as caught:
            await ask(url, "/drip")
    assert caught.value.reason == "protocol"


async def test_connector_may_read_a_failing_answer_itself():
    """A fault envelope under status 503 reaches the connector that understands it."""
    async with running(target(outage="unavailable")) as url:
        response = await ask(url, is_answer=lambda answer: answer.status_code == 503)
    assert response.status_code == 503


async def test_authentication_flow_is_not_bypassed():
    """The short way past httpx's client is not taken when a token must be fetched."""
    async with running(target()) as url, ClientFactory().create(base_url=url, timeout_seconds=5) as client:
        client.auth = ClientCredentialsAuth(
            token_url=f"{url}/echo", client_id="hub", client_secret=SecretStr("x"), clock=SystemClock()
        )
        with pytest.raises(TargetUnavailableError) as caught:
            await call(client, "POST", "/echo", clock=SystemClock(), content=b"<a/>")
    assert caught.value.reason == "no_token"


async def never(_):
    """Answer nobody."""
    await asyncio.sleep(60)


async def broken(request):
    """Break the connection off."""
    request.transport.close()


@pytest.mark.parametrize("issuer", [never, broken])
async def test_a_token_that_never_comes_holds_nobody_for_ever_and_nothing_was_written(issuer):
    """All calls of a client wait for its token; and a write that waited for it was certainly not sent."""
    application = create_application("issuer", Behaviour(), Ledger(), [web.post("/token", issuer)])
    async with running(application) as url, ClientFactory().create(base_url=url, timeout_seconds=0.2) as client:
        client.auth = ClientCredentialsAuth(
            token_url=f"{url}/token", client_id="hub", client_secret=SecretStr("x"), clock=SystemClock()
        )
        async with asyncio.timeout(10):
            results = await asyncio.gather(
                *(call(client, "POST", "/echo", clock=SystemClock(), is_write=True) for _ in range(3)),
                return_exceptions=True,
            )
    assert [(type(each), each.reason) for each in results] == [(TargetUnavailableError, "not_prepared")] * 3


async def test_closed_client_refuses_to_call():
    """A connector that calls after close is told so instead of opening a new session."""
    client = ClientFactory().create(base_url="http://127.0.0.1:1", timeout_seconds=1)
    await client.aclose()
    await client.aclose()
    with pytest.raises(RuntimeError):
        await client.post("/echo")


def test_environment_is_not_trusted(monkeypatch):
    """A proxy variable on the machine cannot divert citizens' data."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    client = ClientFactory().create(base_url="https://target.example", timeout_seconds=1)
    assert client.trust_env is False
    assert client._mounts == {}
    assert isinstance(client, httpx.AsyncClient)


def test_tls_is_at_least_1_2_and_verifies():
    """Old TLS and unknown certificates are refused."""
    context = tls_context()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("broken", ["missing.pem", "empty.pem"])
def test_unusable_certificate_is_named(tmp_path, broken):
    """The operator learns which file is wrong before anything starts."""
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(ConfigurationError, match=broken):
        tls_context(ca_file=str(tmp_path / broken))


def test_unusable_url_is_refused():
    """A URL without a scheme is found at start, not at the first record."""
    with pytest.raises(ConfigurationError):
        ClientFactory().create(base_url="target.example", timeout_seconds=1)


async def test_every_request_waits_for_its_turn_and_is_signed_in_it():
    """A wait for the target's limits may be long; a signature made before it would be too old."""
    told = []

    async def admit():
        """Wait for a turn."""
        told.append("turn")

    def sign(request):
        """Sign with this moment."""
        told.append("signed")
        request.headers["x-signed"] = "now"

    async with (
        running(target()) as url,
        ClientFactory(admit).create(base_url=url, timeout_seconds=5) as client,
    ):
        for _ in range(2):
            await call(client, "POST", "/echo", clock=SystemClock(), content=b"<a/>", extensions={SIGN: sign})
        await call(client, "POST", "/echo", clock=SystemClock(), content=b"<a/>")

    assert told == ["turn", "signed", "turn", "signed", "turn"]


async def test_waiting_for_a_turn_is_no_part_of_the_time_limit():
    """A call that waited an hour for the daily window still has its whole time."""

    async def admit():
        """Wait longer than the limit of a call."""
        await asyncio.sleep(0.3)

    async with (
        running(target()) as url,
        ClientFactory(admit).create(base_url=url, timeout_seconds=0.2) as client,
    ):
        answer = await call(client, "POST", "/echo", clock=SystemClock(), content=b"<a/>")

    assert answer.status_code == 200


_PUBLIC = [name for name in dir(httpx.Response) if not name.startswith("_") and name not in {"elapsed", "stream"}]


async def test_an_answer_says_what_an_answer_of_the_library_says():
    """The short way of building answers leaves nothing out that a connector may ask for."""
    async with running(target()) as url, ClientFactory().create(base_url=url, timeout_seconds=5) as client:
        request = client.build_request("POST", "/echo", content="<tên/>".encode())
        answer = await client.send(request)
    usual = httpx.Response(
        200,
        headers=answer.headers.raw,
        content="<tên/>".encode(),
        request=request,
        extensions={"http_version": b"HTTP/1.1"},
    )
    await usual.aclose()
    assert vars(usual).keys() - {"headers", "_decoder"} <= vars(answer).keys()
    for name in _PUBLIC:
        ours = getattr(answer, name)
        if name != "num_bytes_downloaded" and not callable(ours):
            assert ours == getattr(usual, name), name
    assert await answer.aread() == usual.read()
    assert [part async for part in answer.aiter_bytes()] == ["<tên/>".encode()]


async def test_headers_of_one_call_are_its_own():
    """A signature that is set on one call is sent with it and with no other, and a client may change its headers."""
    seen = []

    async def note(request):
        seen.append((request.headers.get("X-Signature"), request.headers.get("X-Client"), request.headers["Host"]))
        return web.Response()

    def sign(request):
        request.headers["X-Signature"] = "s"

    application = create_application("target", Behaviour(), Ledger(), [web.post("/note", note)])
    async with running(application) as url, ClientFactory().create(base_url=url, timeout_seconds=5) as client:
        await client.send(client.build_request("POST", "note", content=b"1"))
        signed = client.build_request("POST", "note", content=b"2")
        sign(signed)
        await client.send(signed)
        client.headers["X-Client"] = "c"
        await client.send(client.build_request("POST", "note", content=b"3"))
        client.headers["X-Client"] = "d"
        await client.send(client.build_request("POST", "note", content=b"4"))
        del client.headers["X-Client"]
        await client.send(client.build_request("POST", "note", content=b""))
    assert [row[:2] for row in seen] == [(None, None), ("s", None), (None, "c"), (None, "d"), (None, None)]
    assert len({row[2] for row in seen}) == 1
