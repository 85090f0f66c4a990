"""Request bodies: read within a limit, or cut into lines in constant memory."""

import asyncio
from collections.abc import Iterator

from starlette.requests import ClientDisconnect, Request

from lienthong.gateway.problems import Problem, ProblemError

#: Longest silence of a publisher inside a body.
READ_TIMEOUT_SECONDS = 60.0


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the body of a request.

    Args:
        request: The request.
        max_bytes: Most that is read; what ``Content-Length`` says is only used to refuse earlier.

    Raises:
        ProblemError: 413 if it is longer, 408 if the publisher falls silent.
    """
    too_large = ProblemError(
        Problem("too_large", f"the body may have {max_bytes} bytes; use /v1/events:bulk or send files by reference"),
        {"Connection": "close"},
    )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_large
    parts: list[bytes] = []
    total = 0
    try:
        async with asyncio.timeout(None) as limit:
            chunks = request.stream()
            while True:
                limit.reschedule(asyncio.get_running_loop().time() + READ_TIMEOUT_SECONDS)
                chunk = await anext(chunks, None)
                if chunk is None:
                    return b"".join(parts)
                total += len(chunk)
                if total > max_bytes:
                    raise too_large
                parts.append(chunk)
    except TimeoutError:
        raise ProblemError(
            Problem("request_timeout", f"nothing of the body came for {READ_TIMEOUT_SECONDS:g} s"),
            {"Connection": "close"},
        ) from None
    except ClientDisconnect:
        # Nobody reads the answer; it only ends the request in good order.
        raise ProblemError(Problem("request_timeout", "the connection was closed inside the body")) from None


class LineSplitter:
    """Cuts chunks of bytes into lines without ever holding more than one line.

    Args:
        max_bytes: Longest line; of a longer one nothing is kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._is_too_long = False

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        """Yield the lines that a chunk completes, without their line feed; None for a line that is too long.

        Args:
            chunk: Next bytes of the body.
        """
        first, *others = chunk.split(b"\n")
        self._add(first)
        if not others:
            return
        yield self._take()
        last = others.pop()
        for line in others:
            yield line if len(line) <= self._max_bytes else None
        self._add(last)

    def end(self) -> Iterator[bytes | None]:
        """Yield the last line, if the body does not end with a line feed."""
        if self._size or self._is_too_long:
            yield self._take()

    def _add(self, part: bytes) -> None:
        if not part or self._is_too_long:
            return
        self._size += len(part)
        if self._size > self._max_bytes:
            self._is_too_long = True
            self._parts.clear()
        else:
            self._parts.append(part)

    def _take(self) -> bytes | None:
        line = None if self._is_too_long else b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        self._is_too_long = False
        return line
