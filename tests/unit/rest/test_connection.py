"""One connection: where an answer ends, and what nobody may take for an answer."""

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.rest import connection as connection_module
from lienthong.rest.connection import Connection, Reply

HEAD = b"POST / HTTP/1.1\r\nHost: target\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Wire:
    """What asyncio gives a connection to write to."""

    def __init__(self):
        self.sent = b""
        self.is_aborted = False

    def write(self, data):
        """Note what is sent."""
        self.sent += data

    def abort(self):
        """Note the end."""
        self.is_aborted = True


def connected():
    """Return a connection and its wire."""
    connection, wire = Connection(lambda _: None), Wire()
    connection.connection_made(wire)
    return connection, wire


async def answer(*parts, is_bodiless=False, end=None):
    """Send a request, feed parts of an answer, end the connection if asked to, and return all that came of it."""
    connection, wire = connected()
    waiting = connection.send(HEAD, b"", is_bodiless=is_bodiless)
    for part in parts:
        if not wire.is_aborted:
            connection.data_received(part)
    if end is not None:
        connection.connection_lost(end if isinstance(end, Exception) else None)
    assert waiting.done(), "the answer is not whole"
    return waiting, connection


async def test_an_answer_comes_back_and_the_connection_is_free_again():
    """The ordinary case: the next call needs no new connection."""
    connection, wire = connected()
    for _ in range(3):
        waiting = connection.send(HEAD, b"body")
        assert not connection.is_usable
        connection.data_received(OK)
        assert waiting.result() == Reply(200, [(b"Content-Length", b"2")], b"{}")
        assert connection.is_usable
    assert wire.sent == (HEAD + b"body") * 3


_BODIES = st.binary(max_size=200)


@st.composite
def answers(draw):
    """Draw the bytes of an answer and what they mean."""
    body = draw(_BODIES)
    status = draw(st.sampled_from([200, 201, 404, 503]))
    start = b"HTTP/1.1 %d X\r\nA: b\r\n" % status
    if draw(st.booleans()):
        start = b"HTTP/1.1 100 Continue\r\nB: c\r\n\r\n" + start
    if draw(st.booleans()):
        data = start + b"Content-Length: %d\r\n\r\n" % len(body) + body
    else:
        cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if b > a]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        data = start + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    return data, status, body


@given(answers(), st.lists(st.integers(0, 500), max_size=6))
def test_it_does_not_matter_how_the_network_cuts_an_answer(drawn, cuts):
    """Bytes come as they come; status and body are those that were sent, after each cut."""
    data, status, body = drawn
    places = sorted(min(cut, len(data)) for cut in cuts)
    parts = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if b > a]
    waiting, connection = asyncio.run(answer(*parts))
    reply = waiting.result()
    assert (reply.status, reply.content) == (status, body)
    assert (b"A", b"b") in reply.headers
    assert (b"B", b"c") not in reply.headers
    assert connection.is_usable


@given(answers(), st.integers(1, 400))
def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one(drawn, missing):
    """Half an answer of success proves nothing, wherever it breaks off."""
    data, *_ = drawn
    part = data[: max(0, len(data) - missing)]
    waiting, connection = asyncio.run(answer(*([part] if part else []), end=True))
    assert isinstance(waiting.exception(), httpx.ReadError)
    assert not connection.is_usable


@pytest.mark.parametrize(
    "data",
    [
        OK + OK,
        OK + b"HTTP/1.1 500 No\r\n",
        OK + b"garbage",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_a_connection_that_leaves_a_doubt_is_not_used_again(data):
    """What comes after an answer must not become the answer to the next citizen's request."""
    waiting, connection = await answer(data)
    assert waiting.result().content == b"{}"
    assert not connection.is_usable
    with pytest.raises(httpx.ConnectError):
        connection.send(HEAD, b"")


async def test_bytes_that_nobody_asked_for_close_the_connection():
    """A target that speaks first, or answers a call that was given up, is not listened to."""
    connection, wire = connected()
    connection.data_received(OK)
    assert wire.is_aborted
    assert not connection.is_usable


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 99999 X\r\n\r\n",
    ],
)
async def test_what_is_no_clear_answer_is_a_protocol_fault(data):
    """Two lengths, a broken chunk or another protocol: nothing of it is believed."""
    waiting, connection = await answer(data, end=True)
    assert isinstance(waiting.exception(), httpx.RemoteProtocolError)
    assert not connection.is_usable


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body_are_whole_at_once(status):
    """Nobody waits for a body that never comes."""
    waiting, connection = await answer(b"HTTP/1.1 %d X\r\nA: b\r\n\r\n" % status)
    assert waiting.result() == Reply(status, [(b"A", b"b")], b"")
    assert connection.is_usable


async def test_the_answer_to_head_has_no_body():
    """The length in its headers is that of another answer."""
    waiting, connection = await answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", is_bodiless=True)
    assert waiting.result().content == b""
    assert not connection.is_usable


async def test_an_answer_without_a_length_ends_with_the_connection():
    """Old servers end an answer by closing; a connection that broke has not ended it."""
    data = (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", b"<a/>", b"<b/>")
    waiting, _ = await answer(*data, end=True)
    assert waiting.result().content == b"<a/><b/>"
    waiting, _ = await answer(*data, end=ConnectionResetError())
    assert isinstance(waiting.exception(), httpx.ReadError)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"x" * 200,
    ],
)
async def test_headers_without_end_are_cut(monkeypatch, data):
    """A target cannot fill the memory of a worker by headers, trailers or promises either."""
    monkeypatch.setattr(connection_module, "MAX_HEAD_BYTES", 100)
    waiting, _ = await answer(data)
    assert isinstance(waiting.exception(), httpx.RemoteProtocolError)


@pytest.mark.parametrize("start", [b"Content-Length: 9\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n9\r\n"])
async def test_a_body_above_the_limit_is_cut(monkeypatch, start):
    """Announced or not, what is too large is not kept."""
    monkeypatch.setattr(connection_module, "MAX_RESPONSE_BYTES", 8)
    waiting, connection = await answer(b"HTTP/1.1 200 OK\r\n" + start, b"123456789")
    assert isinstance(waiting.exception(), httpx.RemoteProtocolError)
    assert not connection.is_usable


async def test_a_call_that_was_given_up_leaves_no_answer_behind():
    """The late answer to a cancelled call cannot reach the next one."""
    connection, wire = connected()
    waiting = connection.send(HEAD, b"")
    waiting.cancel()
    assert not connection.is_usable
    connection.close()
    assert wire.is_aborted
    connection.data_received(OK)
    connection.connection_lost(None)
    assert not connection.is_usable
