"""What goes out, over TLS or not, and what is surely not sent."""

import asyncio
import datetime as dt
import ipaddress
import ssl

import httpx
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lienthong.clock import SystemClock
from lienthong.errors import OutcomeUnknownError, TargetConfigurationError, TargetUnavailableError
from lienthong.rest import ClientFactory, call
from lienthong.testing.simulator import Behaviour, Ledger, create_application, running

DAY = dt.timedelta(days=1)


async def never(_):
    """Answer nobody."""
    await asyncio.sleep(60)


async def echo(request):
    """Answer with what arrived."""
    names = ("Content-Length", "Transfer-Encoding", "Host", "X-Own")
    return web.json_response({name: request.headers.getall(name, []) for name in names})


def target():
    """Return a target that answers and one that does not."""
    return create_application("t", Behaviour(), Ledger(), [web.post("/never", never), web.route("*", "/echo", echo)])


async def test_a_write_that_only_waited_for_a_connection_was_not_sent():
    """The limit of a call also runs while it waits for its turn; such a record is simply sent later."""
    async with (
        running(target()) as url,
        ClientFactory().create(base_url=url, timeout_seconds=1.5, max_connections=1) as client,
    ):
        results = await asyncio.gather(
            *(call(client, "POST", "/never", clock=SystemClock(), content=b"1", is_write=True) for _ in range(3)),
            return_exceptions=True,
        )
    assert sorted(type(each).__name__ for each in results) == [
        OutcomeUnknownError.__name__,
        TargetUnavailableError.__name__,
        TargetUnavailableError.__name__,
    ]


@pytest.mark.parametrize(
    "request_of",
    [
        lambda client: client.build_request("POST", "/echo", content=b"1", headers={"X-Own": "a\r\nX-Forged: b"}),
        lambda client: client.build_request("POST", "/echo", content=b"1", headers={"X Own": "a"}),
        lambda client: client.build_request("POST /other HTTP/1.1\r\nX-Forged:", "/echo", content=b"1"),
    ],
)
async def test_no_value_can_become_a_header_or_a_second_request(request_of):
    """A line break in a value ends the call before anything is sent."""
    async with ClientFactory().create(base_url="http://127.0.0.1:1", timeout_seconds=1) as client:
        with pytest.raises(httpx.LocalProtocolError):
            await client.send(request_of(client))


@pytest.mark.parametrize("length", ["5000", "0"])
async def test_the_length_is_that_of_the_body_whatever_a_connector_says(length):
    """A wrong length would make the next request begin in the middle of this one."""
    async with running(target()) as url, ClientFactory().create(base_url=url, timeout_seconds=5) as client:
        for _ in range(2):
            request = client.build_request("POST", "/echo", content=b"12345", headers={"Content-Length": length})
            assert (await client.send(request)).json()["Content-Length"] == ["5"]


async def test_a_streamed_body_is_sent_with_its_length():
    """Old servers know no chunked requests."""

    async def parts():
        yield b"12"
        yield b"345"

    async with running(target()) as url, ClientFactory().create(base_url=url, timeout_seconds=5) as client:
        answer = await client.post("/echo", content=parts())
        assert answer.json() == {"Content-Length": ["5"], "Transfer-Encoding": [], "Host": [url[7:]], "X-Own": []}
        assert (await client.get("/echo")).json()["Content-Length"] == []
        assert (await client.post("/echo")).json()["Content-Length"] == ["0"]
        assert (await client.head("/echo")).content == b""


def certificate(folder, name, issuer=None):
    """Write a generated certificate with its key, and give both files and what signs further ones."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    signer, signer_key = issuer or (subject, key)
    address = [x509.IPAddress(ipaddress.ip_address(name))] if name[0].isdigit() else [x509.DNSName(name)]
    made = (
        x509.CertificateBuilder(signer, subject, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(address), critical=False)
        .sign(signer_key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(files[0]), str(files[1]), (subject, key)


@pytest.fixture
async def secure(tmp_path):
    """Serve over TLS for callers with a certificate, and give port, authority and the caller's files."""
    authority, _, signer = certificate(tmp_path, "authority")
    server_files = certificate(tmp_path, "127.0.0.1", signer)[:2]
    caller_files = certificate(tmp_path, "caller", signer)[:2]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.load_cert_chain(*server_files)
    context.verify_mode = ssl.CERT_REQUIRED
    runner = web.AppRunner(target())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    yield site._server.sockets[0].getsockname()[1], authority, caller_files
    await runner.cleanup()


async def ask(port, host="127.0.0.1", **files):
    """Call once over TLS."""
    async with ClientFactory().create(base_url=f"https://{host}:{port}", timeout_seconds=5, **files) as client:
        return await call(client, "POST", "/echo", clock=SystemClock(), content=b"1", is_write=True)


async def test_both_sides_show_their_certificates(secure):
    """Mutual TLS works, with an authority of the province's own."""
    port, authority, (file, key) = secure
    answer = await ask(port, ca_file=authority, client_certificate_file=file, client_key_file=key)
    assert answer.json()["Content-Length"] == ["1"]


@pytest.mark.parametrize(("host", "is_trusted"), [("127.0.0.1", False), ("localhost", True)])
async def test_a_certificate_of_somebody_else_gets_no_data(secure, host, is_trusted):
    """An unknown authority or another name: the pipeline pauses, nothing was sent."""
    port, authority, (file, key) = secure
    files = {"client_certificate_file": file, "client_key_file": key} | ({"ca_file": authority} if is_trusted else {})
    with pytest.raises(TargetConfigurationError) as caught:
        await ask(port, host, **files)
    assert caught.value.reason == "certificate"
