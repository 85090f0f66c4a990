"""Calls over one aiohttp session, with httpx's requests, answers and exceptions."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from multidict import CIMultiDict
from yarl import URL

from lienthong.rest.deadlines import Deadlines
from lienthong.rest.resolution import NotPreparedError

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
#: URLs that are remembered in parsed form; connectors call few.
_MAX_KNOWN_URLS = 256
#: Headers that are remembered; those that are signed or numbered never come again.
_MAX_KNOWN_HEADERS = 16
#: Below this, limits are kept exactly; aiohttp rounds longer ones up to whole seconds, so that they end together.
_EXACT_SECONDS = 30
#: Extension of a request: a function that gets the request when its turn has come, to sign it with that moment.
SIGN = "lienthong.sign"
#: Extension of a request that only prepares another one, such as one for a token: when it fails, nothing was sent of
#: what the connector wanted to send.
PREPARES = "lienthong.prepares"


class CommonHeaders:
    """The headers that every call of a client carries, also in aiohttp's form.

    Args:
        headers: Of the client.
    """

    __slots__ = ("_entries", "headers", "parsed")

    def __init__(self, headers: httpx.Headers) -> None:
        self.headers = headers.copy()
        self.parsed = _parsed(headers.raw)
        self._entries = list(_entries(headers))

    def are(self, headers: httpx.Headers) -> bool:
        """Return whether these are still the client's headers.

        Args:
            headers: Of the client now.
        """
        return self._entries == _entries(headers)


def _parsed(raw: Iterable[tuple[bytes, bytes]]) -> CIMultiDict[str]:
    return CIMultiDict([(name.decode(), value.decode()) for name, value in raw])


def _entries(headers: httpx.Headers) -> list[tuple[bytes, bytes, bytes]]:
    # What the class offers for it makes a new list of all headers, for every call.
    return headers._list  # noqa: SLF001


class Target:
    """A URL in the forms of both libraries: to take it apart for each call costs a fiftieth of the call.

    Args:
        url: Absolute.
    """

    __slots__ = ("parsed", "url")

    def __init__(self, url: httpx.URL) -> None:
        self.url = url
        self.parsed = URL(str(url), encoded=True)


class Call(httpx.Request):
    """A request whose parts are at hand in the forms of both libraries; headers are copied when they are asked for.

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

    def __init__(self, response: aiohttp.ClientResponse, content: bytes, request: httpx.Request) -> None:
        # Instead of the general way: what it does for streams costs as much as a tenth of a call.
        self.status_code = response.status
        self._raw_headers = response.raw_headers
        self._request = request
        self.next_request = None
        self.extensions = dict(_HTTP_1_1)
        self.history = []
        self.is_closed = True
        self.is_stream_consumed = True
        self.default_encoding = "utf-8"
        self.stream = httpx.ByteStream(content)
        self._content = content
        self._num_bytes_downloaded = len(content)

    @cached_property
    def headers(self) -> httpx.Headers:  # type: ignore[override]  # it can be set
        """Headers of the answer."""
        return httpx.Headers(list(self._raw_headers))


class Transport(AiohttpTransport):
    """The aiohttp transport of httpx, with a limit for the whole call and with precise exceptions.

    The library calls every broken connection ``ConnectTimeout``, also one that broke after the request was sent;
    whether a write may be repeated depends on that difference. The limit for reading is used for the whole call, from
    connecting to the last byte, so that a target that drips bytes cannot hold a call for ever. What the library does
    for streams and proxies is left out, which halves the cost of a call.

    Args:
        admit: Awaited before every request, also one for a token or a session; None for nothing to wait for. The
            limit for the call begins after it.
        limits: Of a request that names none, such as one for a token: httpx gives its own only to the first request of
            an authentication flow.
        **options: As for the aiohttp transport of httpx.
    """

    def __init__(
        self,
        *,
        admit: Callable[[], Awaitable[None]] | None = None,
        limits: Mapping[str, float | None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._admit = admit
        self._limits = limits or {}
        self._urls: dict[httpx.URL, URL] = {}
        self._known_headers: dict[tuple[tuple[bytes, bytes], ...], CIMultiDict[str]] = {}
        self._timeouts: dict[tuple[float | None, ...], aiohttp.ClientTimeout] = {}
        self._deadlines = Deadlines()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and read the whole answer.

        Args:
            request: What to send.

        Returns:
            The answer, read.

        Raises:
            httpx.TransportError: As httpx documents its subclasses.
        """
        if self._admit is not None:
            await self._admit()
        sign = request.extensions.get(SIGN)
        if sign is not None:
            sign(request)
        if not isinstance(self.client, aiohttp.ClientSession):
            self.client = self.get_client()
        limits: Mapping[str, float | None] = request.extensions.get("timeout", self._limits)
        is_answered = False
        try:
            with self._deadlines.limit(limits.get("read")):
                if isinstance(request, Call):
                    url, content = request.target.parsed, request.content
                else:
                    url, content = self._url(request.url), await request.aread()
                response = await self.client.request(
                    request.method,
                    url,
                    headers=self._headers(request),
                    data=aiohttp.BytesPayload(content) if content else None,
                    allow_redirects=False,
                    timeout=self._timeout(limits),
                )
                is_answered = True
                body = await _read(response)
        except aiohttp.ClientError as error:
            raise _told(_precise(error, is_answered=is_answered), request) from error
        except TimeoutError as error:
            raise _told(httpx.ReadTimeout("the call took longer than its limit"), request) from error
        if "Content-Encoding" not in response.headers:
            return _Answer(response, body, request)
        return httpx.Response(
            response.status, headers=list(response.raw_headers), content=body, request=request, extensions=_HTTP_1_1
        )

    def _url(self, url: httpx.URL) -> URL:
        known = self._urls.get(url)
        if known is None:
            known = URL(str(url), encoded=True)
            if len(self._urls) < _MAX_KNOWN_URLS:
                self._urls[url] = known
        return known

    def _headers(self, request: httpx.Request) -> CIMultiDict[str]:
        """Return headers as aiohttp wants them, which copies them; those of a client are the same for most calls."""
        if isinstance(request, Call) and request.has_common_headers:
            return request.common.parsed
        raw = request.headers.raw
        name = tuple(raw)
        known = self._known_headers.get(name)
        if known is None:
            known = _parsed(raw)
            if len(self._known_headers) < _MAX_KNOWN_HEADERS:
                self._known_headers[name] = known
        return known

    def _timeout(self, limits: Mapping[str, float | None]) -> aiohttp.ClientTimeout:
        connect, pool = limits.get("connect"), limits.get("pool")
        known = self._timeouts.get((connect, pool))
        if known is None:
            known = aiohttp.ClientTimeout(total=None, sock_connect=connect, connect=pool, ceil_threshold=_EXACT_SECONDS)
            self._timeouts[connect, pool] = known
        return known


_HTTP_1_1 = {"http_version": b"HTTP/1.1"}


async def _read(response: aiohttp.ClientResponse) -> bytes:
    announced = response.content_length
    if announced is not None:
        if announced > MAX_RESPONSE_BYTES:
            response.close()
            raise httpx.RemoteProtocolError(f"the answer is larger than {MAX_RESPONSE_BYTES} bytes")
        # More than it announced cannot come, so there is nothing to count.
        return await response.read()
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > MAX_RESPONSE_BYTES:
                raise httpx.RemoteProtocolError(f"the answer is larger than {MAX_RESPONSE_BYTES} bytes")
            chunks.append(chunk)
    finally:
        if response.content.at_eof():
            response.release()
        else:
            response.close()
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


_KINDS: tuple[tuple[type[aiohttp.ClientError], type[httpx.TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.SocketTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientProxyConnectionError, httpx.ProxyError),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.ClientConnectionError, httpx.ReadError),
)


def _told(error: httpx.TransportError, request: httpx.Request) -> httpx.TransportError:
    if PREPARES in request.extensions:
        return NotPreparedError("the request that had to come before the call failed")
    return error


def _precise(error: aiohttp.ClientError, *, is_answered: bool) -> httpx.TransportError:
    if is_answered and isinstance(error, aiohttp.ClientConnectionError):
        return (httpx.ReadTimeout if isinstance(error, TimeoutError) else httpx.ReadError)(type(error).__name__)
    for ours, theirs in _KINDS:
        if isinstance(error, ours):
            return theirs(type(error).__name__)
    return httpx.RemoteProtocolError(type(error).__name__)
