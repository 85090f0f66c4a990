"""A target that costs next to nothing: answers every POST after five milliseconds and counts.

``GET /counts`` gives the counts. The key that ``POST /hot`` names is counted apart, and refused with 409 after
``POST /fail``: the record is at fault, not the target. Both forget all counts; ``POST /lap`` only starts the time anew.
"""

import asyncio
import json
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import uvloop

ANSWER_SECONDS = 0.005
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_CONFLICT = b"HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_LENGTH, _KEY, _ID = b"content-length:", b"x-key:", b"x-id:"


class Counts:
    """What has come in.

    Attributes:
        calls: All calls.
        hot: Key that is counted apart; empty for none.
        is_failing: Whether its calls are refused.
        hot_calls: Its calls.
        first_at: When the first other call was accepted since the last reset.
        last_at: When the last was.
        by_id: Accepted calls by record id, of calls that carry one.
        at: When the first call of an id was accepted.
    """

    def __init__(self) -> None:
        self.reset(b"", is_failing=False)

    def reset(self, hot: bytes, *, is_failing: bool) -> None:
        """Forget everything.

        Args:
            hot: Key that is counted apart from now on.
            is_failing: Whether its calls are refused.
        """
        self.hot = hot
        self.is_failing = is_failing
        self.calls = 0
        self.hot_calls = 0
        self.first_at = 0.0
        self.last_at = 0.0
        self.by_id: dict[str, int] = defaultdict(int)
        self.at: dict[str, float] = {}

    def accept(self, event_id: bytes) -> None:
        """Count an accepted call.

        Args:
            event_id: Of the record, or empty.
        """
        self.last_at = time.time()  # noqa: TID251 - compared with the publisher's own clock
        self.first_at = self.first_at or self.last_at
        if event_id:
            text = event_id.decode()
            self.by_id[text] += 1
            self.at.setdefault(text, self.last_at)


class Target(asyncio.Protocol):
    """One connection; the next request comes only after the answer."""

    def __init__(self, counts: Counts, loop: asyncio.AbstractEventLoop) -> None:
        self._counts = counts
        self._loop = loop
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Keep the connection.

        Args:
            transport: Where answers go.
        """
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer as soon as a request is whole.

        Args:
            data: Bytes of a request.
        """
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._data[:end].lower()
        length = int(_header(head, _LENGTH) or 0)
        if len(self._data) < end + 4 + length:
            return
        body = self._data[end + 4 : end + 4 + length]
        self._data = self._data[end + 4 + length :]
        if head.startswith(b"post /effects"):
            self._effect(head)
        else:
            self._control(head, body)

    def _effect(self, head: bytes) -> None:
        self._counts.calls += 1
        key = _header(head, _KEY)
        if key and key == self._counts.hot:
            self._counts.hot_calls += 1
            self._later(_CONFLICT if self._counts.is_failing else _OK)
            return
        self._counts.accept(_header(head, _ID))
        self._later(_OK)

    def _later(self, answer: bytes) -> None:
        self._loop.call_later(ANSWER_SECONDS, self._transport.write, answer)

    def _control(self, head: bytes, body: bytes) -> None:
        counts = self._counts
        document: dict[str, Any] = {}
        if head.startswith(b"post /hot"):
            counts.reset(body.lower(), is_failing=False)
        elif head.startswith(b"post /fail"):
            counts.reset(body.lower(), is_failing=True)
        elif head.startswith(b"post /lap"):
            counts.first_at = 0.0
        else:
            names = ("calls", "hot_calls", "first_at", "last_at")
            document = {name: getattr(counts, name) for name in names} | {"records": len(counts.by_id)}
            if head.startswith(b"get /ids"):
                document |= {"by_id": dict(counts.by_id), "at": counts.at}
        answer = json.dumps(document).encode()
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))


def _header(head: bytes, name: bytes) -> bytes:
    start = head.find(b"\r\n" + name)
    if start < 0:
        return b""
    start += 2 + len(name)
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else None].strip()


async def main() -> None:
    """Serve on a free port, written into the file that is given, until SIGTERM."""
    loop = asyncio.get_running_loop()
    counts = Counts()
    server = await loop.create_server(lambda: Target(counts, loop), "127.0.0.1", 0, backlog=512)
    _tell(Path(sys.argv[1]), server.sockets[0].getsockname()[1])
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


def _tell(port_file: Path, port: int) -> None:
    partial = port_file.with_suffix(".partial")
    partial.write_text(str(port), encoding="ascii")
    partial.rename(port_file)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
