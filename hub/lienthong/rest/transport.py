"""Calls over connections of our own, with httpx's requests, answers and exceptions."""

import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any

import httpx

from lienthong.rest.connection import Connection, Reply
from lienthong.rest.deadlines import Deadlines
from lienthong.rest.pool import ConnectionPool, Origin
from lienthong.rest.resolution import NotPreparedError

#: Extension of a request: a function that gets the request when its turn has come, to sign it with that moment.
SIGN = "lienthong.sign"
#: Extension of a request that only prepares another one, such as one for a token: when it fails, nothing was sent of
#: what the connector wanted to send.
PREPARES = "lienthong.prepares"
#: Extension of a request: largest answer in bytes, where the usual limit is too much.
MAX_BYTES = "lienthong.max_bytes"
_PORTS = {"http": 80, "https": 443}
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
#: Set by the transport itself: what they say must be true, or the next request would begin in the middle of this one.
_OWN_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
#: Heads of requests that are remembered; connectors call few URLs.
_MAX_HEADS = 256
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_VISIBLE = re.compile(rb"[\x21-\x7e]+")


class CommonHeaders:
    """The headers that every call of a client carries, with the heads of requests that were made of them.

    Args:
        headers: Of the client.
    """

    __slots__ = ("_entries", "headers", "heads")

    def __init__(self, headers: httpx.Headers) -> None:
        self.headers = headers.copy()
        self._entries = list(_entries(headers))
        #: Method and target → head up to the length of the body.
        self.heads: dict[tuple[str, Target], bytes] = {}

    def are(self, headers: httpx.Headers) -> bool:
        """Return whether these are still the client's headers.

        Args:
            headers: Of the client now.
        """
        return self._entries == _entries(headers)


def _entries(headers: httpx.Headers) -> list[tuple[bytes, bytes, bytes]]:
    # What the class offers for it makes a new list of all headers, for every call.
    return headers._list  # noqa: SLF001


class Target:
    """A URL and where its connections go: to take it apart for each call costs a fiftieth of the call.

    Args:
        url: Absolute.
    """

    __slots__ = ("origin", "url")

    def __init__(self, url: httpx.URL) -> None:
        self.url = url
        self.origin = _origin(url)


def _origin(url: httpx.URL) -> Origin:
    port = url.port or _PORTS.get(url.scheme)
    if port is None or not url.host:
        raise httpx.UnsupportedProtocol("the URL has no host, or begins with neither https:// nor http://")
    return Origin(url.raw_host.decode("ascii"), port, url.scheme == "https")


class Call(httpx.Request):
    """A request whose parts are at hand as they are sent; headers are copied when they are asked for.

    Args:
        method: Such as ``POST``.
        target: Absolute.
        common: Headers of the client.
        content: The body.
        extensions: Limits of the call.
    """

    def __init__(
        self, method: str, target: Target, common: CommonHeaders, content: bytes, extensions: dict[str, Any]
    ) -> None:
        # Instead of the general way, which takes all of it apart and copies it.
        self.method = method.upper()
        self.url = target.url
        self.extensions = extensions
        self.stream = httpx.ByteStream(content)
        self._content = content
        self.target = target
        self.common = common

    @cached_property
    def headers(self) -> httpx.Headers:  # type: ignore[override]  # it can be set
        """Headers of this call, which may be changed."""
        return self.common.headers.copy()

    @property
    def has_common_headers(self) -> bool:
        """Whether nobody has asked for the headers, and so nobody has changed them."""
        return "headers" not in vars(self)


class _Answer(httpx.Response):
    """An answer that was read; its headers are taken apart when they are asked for, which most calls do not."""

    def __init__(self, reply: Reply, request: httpx.Request) -> None:
        # Instead of the general way: what it does for streams costs as much as a tenth of a call.
        self.status_code = reply.status
        self._raw_headers = reply.headers
        self._request = request
        self.next_request = None
        self.extensions = dict(_HTTP_1_1)
        self.history = []
        self.is_closed = True
        self.is_stream_consumed = True
        self.default_encoding = "utf-8"
        self.stream = httpx.ByteStream(reply.content)
        self._content = reply.content
        self._num_bytes_downloaded = len(reply.content)

    @cached_property
    def headers(self) -> httpx.Headers:  # type: ignore[override]  # it can be set
        """Headers of the answer."""
        return httpx.Headers(self._raw_headers)


class Transport(httpx.AsyncBaseTransport):
    """A transport of httpx with a limit for the whole call, and with exceptions that tell whether anything was sent.

    The limit for reading is used for the whole call, from connecting to the last byte, so that a target that drips
    bytes cannot hold a call for ever. An answer is always read to its end.

    Args:
        context: Settings of TLS.
        max_connections: Open connections at once.
        admit: Awaited before every request, also one for a token or a session; None for nothing to wait for. The
            limit for the call begins after it.
        limits: Of a request that names none, such as one for a token: httpx gives its own only to the first request of
            an authentication flow.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        max_connections: int,
        *,
        admit: Callable[[], Awaitable[None]] | None = None,
        limits: Mapping[str, float | None] | None = None,
    ) -> None:
        self._pool = ConnectionPool(context, max_connections)
        self._admit = admit
        self._limits = limits or {}
        self._deadlines = Deadlines()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and read the whole answer.

        Args:
            request: What to send.

        Returns:
            The answer, read.

        Raises:
            httpx.TransportError: As httpx documents its subclasses.

        Delivery:
            ``ConnectError``, ``ConnectTimeout``, ``PoolTimeout`` and ``LocalProtocolError`` mean that nothing was sent.
        """
        if self._admit is not None:
            await self._admit()
        sign = request.extensions.get(SIGN)
        if sign is not None:
            sign(request)
        limits: Mapping[str, float | None] = request.extensions.get("timeout", self._limits)
        connection: Connection | None = None
        try:
            with self._deadlines.limit(limits.get("read")):
                if isinstance(request, Call):
                    origin, content = request.target.origin, request.content
                else:
                    origin, content = _origin(request.url), await request.aread()
                head = _head(request, len(content))
                connection = await self._pool.take(origin, limits.get("connect"), limits.get("pool"))
                try:
                    reply = await connection.send(
                        head,
                        content,
                        is_bodiless=request.method == "HEAD",
                        max_bytes=request.extensions.get(MAX_BYTES),
                    )
                finally:
                    self._pool.give_back(origin, connection)
        except httpx.TransportError as error:
            if PREPARES in request.extensions:
                raise NotPreparedError(_NOT_PREPARED) from error
            raise
        except TimeoutError as error:
            raise _late(request, is_sent=connection is not None) from error
        return _answer(reply, request)

    async def aclose(self) -> None:
        """Close all connections."""
        self._pool.close()


_NOT_PREPARED = "the request that had to come before the call failed"
_HTTP_1_1 = {"http_version": b"HTTP/1.1"}


def _answer(reply: Reply, request: httpx.Request) -> httpx.Response:
    for name, _ in reply.headers:
        if name.lower() == b"content-encoding":
            return httpx.Response(
                reply.status, headers=reply.headers, content=reply.content, request=request, extensions=_HTTP_1_1
            )
    return _Answer(reply, request)


def _late(request: httpx.Request, *, is_sent: bool) -> httpx.TransportError:
    if PREPARES in request.extensions:
        return NotPreparedError(_NOT_PREPARED)
    if is_sent:
        return httpx.ReadTimeout("the call took longer than its limit")
    return httpx.ConnectTimeout("the limit of the call passed before it could be sent")


def _head(request: httpx.Request, size: int) -> bytes:
    """Return request line and headers; what is the same for the calls of a client is put together once."""
    if isinstance(request, Call) and request.has_common_headers:
        name = (request.method, request.target)
        known = request.common.heads.get(name)
        if known is None:
            known = _start(request.method, request.url, request.common.headers)
            if len(request.common.heads) < _MAX_HEADS:
                request.common.heads[name] = known
    else:
        known = _start(request.method, request.url, request.headers)
    if size or request.method in _WITH_BODY:
        return b"%bContent-Length: %d\r\n\r\n" % (known, size)
    return known + b"\r\n"


def _start(method: str, url: httpx.URL, headers: httpx.Headers) -> bytes:
    line = (method.encode(), url.raw_path)
    if not (_TOKEN.fullmatch(line[0]) and _VISIBLE.fullmatch(line[1])):
        raise httpx.LocalProtocolError("the method or the path has characters that no request may have")
    lines = [b"%b %b HTTP/1.1" % line]
    if "host" not in headers:
        lines.append(b"Host: " + url.netloc)
    for name, value in headers.raw:
        if name.lower() in _OWN_HEADERS:
            continue
        if not (_TOKEN.fullmatch(name) and _VALUE.fullmatch(value)):
            raise httpx.LocalProtocolError("a header has characters that no header may have")
        lines.append(b"%b: %b" % (name, value))
    lines.append(b"")
    return b"\r\n".join(lines)
