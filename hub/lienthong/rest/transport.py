"""Calls over one aiohttp session, with httpx's requests, answers and exceptions."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from multidict import CIMultiDict
from yarl import URL

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
#: URLs that are remembered in parsed form; connectors call few.
_MAX_KNOWN_URLS = 256
#: Headers that are remembered; those that are signed or numbered never come again.
_MAX_KNOWN_HEADERS = 16
#: Below this, limits are kept exactly; aiohttp rounds longer ones up to whole seconds, so that they end together.
_EXACT_SECONDS = 30
#: Extension of a request: a function that gets the request when its turn has come, to sign it with that moment.
SIGN = "lienthong.sign"


class Call(httpx.Request):
    """A request whose body is at hand; what depends on the body alone is left to the transport's own library.

    Args:
        method: Such as ``POST``.
        target: Absolute.
        headers: Of the client.
        content: The body.
        extensions: Limits of the call.
    """

    def __init__(
        self, method: str, target: "Target", headers: httpx.Headers, content: bytes, extensions: dict[str, Any]
    ) -> None:
        super().__init__(method, target.url, headers=headers, stream=httpx.ByteStream(content), extensions=extensions)
        self._content = content
        self.target = target


class Target:
    """A URL in the forms of both libraries: to take it apart for each call costs a fiftieth of the call.

    Args:
        url: Absolute.
    """

    __slots__ = ("parsed", "url")

    def __init__(self, url: httpx.URL) -> None:
        self.url = url
        self.parsed = URL(str(url), encoded=True)


class _Answer(httpx.Response):
    """An answer that was read: what httpx does for a stream of one piece costs as much as a tenth of a call."""

    def __init__(self, response: aiohttp.ClientResponse, content: bytes, request: httpx.Request) -> None:
        super().__init__(
            response.status,
            headers=list(response.raw_headers),
            stream=httpx.ByteStream(content),
            request=request,
            extensions=_HTTP_1_1,
        )
        self._content = content
        self._num_bytes_downloaded = len(content)
        self.is_closed = True
        self.is_stream_consumed = True


class Transport(AiohttpTransport):
    """The aiohttp transport of httpx, with a limit for the whole call and with precise exceptions.

    The library calls every broken connection ``ConnectTimeout``, also one that broke after the request was sent;
    whether a write may be repeated depends on that difference. The limit for reading is used for the whole call, from
    connecting to the last byte, so that a target that drips bytes cannot hold a call for ever. What the library does
    for streams and proxies is left out, which halves the cost of a call.

    Args:
        admit: Awaited before every request, also one for a token or a session; None for nothing to wait for. The
            limit for the call begins after it.
        **options: As for the aiohttp transport of httpx.
    """

    def __init__(self, *, admit: Callable[[], Awaitable[None]] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._admit = admit
        self._urls: dict[httpx.URL, URL] = {}
        self._known_headers: dict[tuple[tuple[bytes, bytes], ...], CIMultiDict[str]] = {}
        self._timeouts: dict[tuple[float | None, ...], aiohttp.ClientTimeout] = {}

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
        short = request if isinstance(request, Call) else None
        is_answered = False
        try:
            response = await self.client.request(
                request.method,
                self._url(request.url) if short is None else short.target.parsed,
                headers=self._headers(request.headers.raw),
                data=(await request.aread() if short is None else short.content) or None,
                allow_redirects=False,
                timeout=self._timeout(request.extensions.get("timeout", {})),
            )
            is_answered = True
            content = await _read(response)
        except aiohttp.ClientError as error:
            raise _precise(error, is_answered=is_answered) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout("the call took longer than its limit") from error
        if "Content-Encoding" not in response.headers:
            return _Answer(response, content, request)
        return httpx.Response(
            response.status, headers=list(response.raw_headers), content=content, request=request, extensions=_HTTP_1_1
        )

    def _url(self, url: httpx.URL) -> URL:
        known = self._urls.get(url)
        if known is None:
            known = URL(str(url), encoded=True)
            if len(self._urls) < _MAX_KNOWN_URLS:
                self._urls[url] = known
        return known

    def _headers(self, raw: list[tuple[bytes, bytes]]) -> CIMultiDict[str]:
        """Return headers as aiohttp wants them, which copies them; those of a client are the same for most calls."""
        name = tuple(raw)
        known = self._known_headers.get(name)
        if known is None:
            known = CIMultiDict([(name.decode(), value.decode()) for name, value in raw])
            if len(self._known_headers) < _MAX_KNOWN_HEADERS:
                self._known_headers[name] = known
        return known

    def _timeout(self, limits: Mapping[str, float | None]) -> aiohttp.ClientTimeout:
        read, connect, pool = limits.get("read"), limits.get("connect"), limits.get("pool")
        known = self._timeouts.get((read, connect, pool))
        if known is None:
            known = aiohttp.ClientTimeout(total=read, sock_connect=connect, connect=pool, ceil_threshold=_EXACT_SECONDS)
            self._timeouts[read, connect, pool] = known
        return known


_HTTP_1_1 = {"http_version": b"HTTP/1.1"}


async def _read(response: aiohttp.ClientResponse) -> bytes:
    if (response.content_length or 0) > MAX_RESPONSE_BYTES:
        response.close()
        raise httpx.RemoteProtocolError(f"the answer is larger than {MAX_RESPONSE_BYTES} bytes")
    if response.content_length is not None:
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


def _precise(error: aiohttp.ClientError, *, is_answered: bool) -> httpx.TransportError:
    if is_answered and isinstance(error, aiohttp.ClientConnectionError):
        return (httpx.ReadTimeout if isinstance(error, TimeoutError) else httpx.ReadError)(type(error).__name__)
    for ours, theirs in _KINDS:
        if isinstance(error, ours):
            return theirs(type(error).__name__)
    return httpx.RemoteProtocolError(type(error).__name__)
