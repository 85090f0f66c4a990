"""One connection to a target: a request goes out, its whole answer comes back, then the next one."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

import httptools
import httpx

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
#: Of status line, headers and trailers together.
MAX_HEAD_BYTES = 64 * 1024
#: Bytes that one byte of an answer may take on the way: chunks of one byte take six.
_MAX_BYTES_FOR_ONE = 8
_INFORMATION = range(100, 200)


class Reply(NamedTuple):
    """An answer as it came in.

    Attributes:
        status: Such as 200.
        headers: Names and values in their order.
        content: The body, without the framing of chunks.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes


class Connection(asyncio.Protocol):
    """Speaks HTTP/1.1 with one target; it is used by one call at a time.

    Whatever leaves a doubt where an answer ends makes the connection unusable for a next call: an answer must never be
    taken for that of another citizen.

    Args:
        on_lost: Called when the connection is gone.

    Source:
        RFC 9112, sections 6 and 9.
    """

    def __init__(self, on_lost: "Callable[[Connection], None]") -> None:
        self._on_lost = on_lost
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Reply] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._received = 0
        self._is_headed = False
        self._is_whole = False
        self._is_bodiless = False
        self._max_bytes = MAX_RESPONSE_BYTES
        self._is_usable = False
        #: When the connection was last given back, on the clock of the event loop.
        self.idle_since = 0.0

    @property
    def is_usable(self) -> bool:
        """Whether a call may be sent."""
        return self._is_usable and self._waiting is None

    def send(
        self, head: bytes, content: bytes, *, is_bodiless: bool = False, max_bytes: int | None = None
    ) -> "asyncio.Future[Reply]":
        """Send a request.

        Args:
            head: Request line and headers with the empty line.
            content: The body, as long as the head says.
            is_bodiless: Whether the answer has no body whatever its headers say, as that of ``HEAD``.
            max_bytes: Longest body of an answer that is read; None for the usual limit.

        Returns:
            The answer, or ``httpx.TransportError`` after which nobody knows whether the target acted.
        """
        transport = self._transport
        if transport is None or self._waiting is not None or not self._is_usable:
            raise httpx.ConnectError("the connection is not free; nothing was sent")
        self._parts = []
        self._size = self._received = 0
        self._is_headed = self._is_whole = False
        self._is_bodiless = is_bodiless
        self._max_bytes = MAX_RESPONSE_BYTES if max_bytes is None else max_bytes
        self._waiting = waiting = asyncio.get_running_loop().create_future()
        transport.write(head + content if content else head)
        return waiting

    def close(self) -> None:
        """Close the connection, also in the middle of a call."""
        self._is_usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin.

        Args:
            transport: Where requests go.
        """
        self._transport = cast("asyncio.Transport", transport)
        self._is_usable = True

    def connection_lost(self, exc: Exception | None) -> None:
        """End: an answer that has no announced length is whole now, any other one is not.

        Args:
            exc: Why; None if the target closed in good order.
        """
        self._is_usable = False
        if exc is None and self._is_headed and self._ends_with_connection():
            self._end()
        else:
            self._fail(httpx.ReadError("the connection broke before the answer was whole"))
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Read on.

        Args:
            data: Some bytes of an answer.
        """
        if self._waiting is None:
            # Nobody asked: what this is an answer to cannot be known.
            self.close()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._is_usable = False
            if not self._is_whole:
                self._fail(httpx.RemoteProtocolError("the answer is no HTTP/1.1"))
        if self._is_whole:
            self._end()
        elif self._received > MAX_HEAD_BYTES + _MAX_BYTES_FOR_ONE * self._size:
            self._fail(httpx.RemoteProtocolError(f"the headers are longer than {MAX_HEAD_BYTES} bytes"))

    def on_message_begin(self) -> None:
        """Begin an answer; a second one after a whole one was not asked for."""
        self._headers = []
        self._is_headed = False
        if self._is_whole:
            self._is_usable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header.

        Args:
            name: As it was written.
            value: Without the spaces around.
        """
        if not self._is_whole:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Note that the body comes next."""
        if self._is_whole:
            return
        self._is_headed = self._parser.get_status_code() not in _INFORMATION
        if self._is_bodiless and self._is_headed:
            self._is_whole = True
            self._is_usable = False

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body.

        Args:
            body: The part.
        """
        self._size += len(body)
        if self._size > self._max_bytes:
            self._fail(httpx.RemoteProtocolError(f"the answer is larger than {self._max_bytes} bytes"))
        elif not self._is_whole:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """Note that the answer is whole, unless it only said that one will come."""
        if self._is_whole or self._parser.get_status_code() in _INFORMATION:
            return
        self._is_whole = True
        if not self._parser.should_keep_alive():
            self._is_usable = False

    def _ends_with_connection(self) -> bool:
        return not any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self._headers)

    def _end(self) -> None:
        waiting, self._waiting = self._waiting, None
        parts = self._parts
        if waiting is not None and not waiting.done():
            content = parts[0] if len(parts) == 1 else b"".join(parts)
            waiting.set_result(Reply(self._parser.get_status_code(), self._headers, content))
        if not self._is_usable:
            self.close()

    def _fail(self, error: httpx.TransportError) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
        self.close()
