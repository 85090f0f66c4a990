"""The answer of a bulk stream: it begins late, goes out beside the reading, and is bounded in memory."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Send

from lienthong.gateway.problems import Problem, ProblemError, respond

MEDIA_TYPE = "application/x-ndjson"
#: Rejected lines that wait for the first acknowledgement before the status goes out without it.
_MAX_HELD_BYTES = 262_144
#: Rejected lines that wait for a publisher who only sends and does not read.
_MAX_UNREAD_BYTES = 4_194_304
_UNREAD_SECONDS = 60.0


class BulkAnswer:
    """Writes an NDJSON answer in a task of its own, so that a publisher who does not read yet can go on sending.

    Args:
        send: The ASGI channel.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._has_begun = False
        self._is_last = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Send the status, if it was not sent."""
        if self._has_begun:
            return
        self._has_begun = True
        await self._send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store")],
            }
        )
        # An empty chunk makes the server write the head now.
        await self._send({"type": "http.response.body", "body": b"", "more_body": True})
        self._writer = asyncio.ensure_future(self._write())

    async def add(self, line: bytes) -> None:
        """Append a line; waits while too much is unread.

        Args:
            line: JSON without line feed.

        Raises:
            ProblemError: 408 if the publisher does not read.
            ClientDisconnect: If the connection was closed.
        """
        self._put(line)
        if not self._has_begun and self._waiting_bytes > _MAX_HELD_BYTES:
            await self.begin()
        while self._has_begun and self._waiting_bytes > _MAX_UNREAD_BYTES:
            if self._writer is not None and self._writer.done():
                raise ClientDisconnect
            self._room.clear()
            try:
                await asyncio.wait_for(self._room.wait(), _UNREAD_SECONDS)
            except TimeoutError:
                raise ProblemError(Problem("request_timeout", "the answer is not read; read while sending")) from None

    async def finish(self, summary: Mapping[str, Any]) -> None:
        """End the answer with its summary.

        Args:
            summary: Numbers of lines.
        """
        await self.begin()
        await self._end(orjson.dumps(summary))

    async def fail(self, problem: Problem) -> None:
        """End the answer without a summary: with the problem's own status, or with a last line that holds it.

        Args:
            problem: Why the stream ends.
        """
        if self._has_begun:
            await self._end(orjson.dumps({"status": "incomplete", "problem": problem.document()}))
            return
        self._has_begun = True
        # The rest of the body is not read.
        response = respond(problem, {"Connection": "close"})
        await self._send(
            {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
        )
        await self._send({"type": "http.response.body", "body": response.body})

    def abandon(self) -> None:
        """Stop writing, because nobody reads or everything is written."""
        if self._writer is not None:
            self._writer.cancel()

    def _put(self, line: bytes) -> None:
        self._waiting.append(line + b"\n")
        self._waiting_bytes += len(line) + 1
        self._wake.set()

    async def _end(self, line: bytes) -> None:
        self._put(line)
        self._is_last = True
        self._wake.set()
        if self._writer is not None:
            done, _ = await asyncio.wait({self._writer}, timeout=_UNREAD_SECONDS)
            for writer in done:
                # A connection that broke under the writer ends the answer; nobody is left to be told.
                writer.exception()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            is_last = self._is_last
            body, self._waiting = b"".join(self._waiting), []
            await self._send({"type": "http.response.body", "body": body, "more_body": not is_last})
            self._waiting_bytes -= len(body)
            self._room.set()
            if is_last:
                return
