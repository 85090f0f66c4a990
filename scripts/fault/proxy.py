"""A TCP proxy between workers and the broker: it cuts, freezes or slows down what passes."""

import asyncio
import threading
from contextlib import suppress

_CHUNK_BYTES = 65_536
_HOST = "127.0.0.1"


class Proxy:
    """Listens as the broker's advertised listener, from a thread of its own.

    Args:
        port: Where clients connect.
        target: Port of the broker's listener behind it.
    """

    def __init__(self, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._is_open = threading.Event()
        self._flows = asyncio.Event()
        self._delay_seconds = 0.0
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        #: Connections that were cut, and that were refused while cut.
        self.cut_connections = 0
        self.refused_connections = 0
        #: Pieces that were held back.
        self.delayed_pieces = 0

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        self._is_open.wait(10)

    def stop(self) -> None:
        """End."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._call(self._cut)

    def freeze(self) -> None:
        """Keep connections, let nothing through: packets that vanish."""
        self._call(self._flows.clear)

    def delay(self, seconds: float) -> None:
        """Hold every piece back.

        Args:
            seconds: How long.
        """
        self._delay_seconds = seconds

    def mend(self) -> None:
        """Let everything through again."""
        self._delay_seconds = 0.0
        self._is_cut = False
        self._call(self._flows.set)

    def _call(self, what) -> None:  # noqa: ANN001 - any callback
        done = threading.Event()

        def run() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait(5)

    def _cut(self) -> None:
        self._is_cut = True
        self.cut_connections += len(self._writers)
        for writer in self._writers:
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._flows.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, _HOST, self._port))
        self._is_open.set()
        self._loop.run_forever()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        # Cancelled tasks and aborted connections end in the next turns of the loop.
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            self.refused_connections += 1
            writer.transport.abort()
            return
        try:
            back_reader, back_writer = await asyncio.open_connection(_HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back_writer}
        await asyncio.gather(self._pump(reader, back_writer), self._pump(back_reader, writer))
        self._writers -= {writer, back_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A broken connection is what the proxy is for: the other half is closed too.
        with suppress(OSError):
            while piece := await reader.read(_CHUNK_BYTES):
                if not self._flows.is_set() or self._delay_seconds:
                    self.delayed_pieces += 1
                await self._flows.wait()
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                writer.write(piece)
                await writer.drain()
        writer.close()
