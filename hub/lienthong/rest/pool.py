"""The open connections of one client."""

import asyncio
import ssl
from collections import deque
from socket import SOCK_STREAM
from typing import Any, NamedTuple

import httpx
from aiohappyeyeballs import start_connection

from lienthong.rest.connection import Connection

#: Below the idle limit of common servers (aiohttp 75 s, nginx 75 s, IIS 120 s), so that we close first.
KEEP_ALIVE_SECONDS = 20.0
#: How long addresses of a name are remembered, so that a target that closes after each answer costs no question each.
_NAMES_SECONDS = 60.0
#: Source: RFC 8305, section 5.
_NEXT_ADDRESS_SECONDS = 0.25


class Origin(NamedTuple):
    """Where connections go.

    Attributes:
        host: Name or address, without brackets.
        port: Port.
        is_secure: Whether TLS is spoken.
    """

    host: str
    port: int
    is_secure: bool


class ConnectionPool:
    """Opens connections, keeps those that are free for the next call, and lets at most some calls run at once.

    Args:
        context: Settings of TLS.
        max_connections: Connections at once; further calls wait for their turn in the order of their coming.
        keep_alive_seconds: How long a connection stays open that nobody uses.
    """

    def __init__(
        self, context: ssl.SSLContext, max_connections: int, keep_alive_seconds: float = KEEP_ALIVE_SECONDS
    ) -> None:
        self._context = context
        self._free = max_connections
        self._keep_alive_seconds = keep_alive_seconds
        self._waiting: deque[asyncio.Future[None]] = deque()
        #: The last that was given back is the last in its list, and is used first.
        self._idle: dict[Origin, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._addresses: dict[tuple[str, int], tuple[float, list[Any]]] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    async def take(self, origin: Origin, connect_seconds: float | None, wait_seconds: float | None) -> Connection:
        """Return a free connection, an open one if there is one.

        Args:
            origin: Where it goes.
            connect_seconds: Longest time for name, connection and TLS; None for no limit.
            wait_seconds: Longest wait for a turn; None for no limit.

        Raises:
            httpx.ConnectError: If the target cannot be reached.
            httpx.ConnectTimeout: If that takes too long.
            httpx.PoolTimeout: If no turn came.

        Delivery:
            Whatever it raises, nothing was sent.
        """
        if self._free > 0:
            self._free -= 1
        else:
            await self._turn(wait_seconds)
        idle = self._idle.get(origin)
        now = asyncio.get_running_loop().time()
        while idle:
            connection = idle.pop()
            if connection.is_usable and now - connection.idle_since < self._keep_alive_seconds:
                return connection
            connection.close()
        try:
            return await self._connect(origin, connect_seconds)
        except BaseException:
            self._next()
            raise

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """Take a connection back from a call that is over; one that is in the middle of an answer is closed.

        Args:
            origin: Where it goes.
            connection: From :meth:`take`.
        """
        if connection.is_usable:
            loop = asyncio.get_running_loop()
            connection.idle_since = loop.time()
            self._idle.setdefault(origin, []).append(connection)
            if self._sweeper is None:
                self._sweeper = loop.call_later(self._keep_alive_seconds, self._sweep)
        else:
            connection.close()
        self._next()

    def close(self) -> None:
        """Close all connections; calls under way fail."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self._idle.clear()
        for connection in list(self._open):
            connection.close()

    async def _turn(self, seconds: float | None) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The turn came in the moment of giving up.
                self._next()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise httpx.PoolTimeout("no connection became free in time") from error
            raise

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    async def _connect(self, origin: Origin, seconds: float | None) -> Connection:
        loop = asyncio.get_running_loop()
        name = (origin.host, origin.port)
        try:
            async with asyncio.timeout(seconds):
                socket = await start_connection(
                    await self._resolve(name), happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, interleave=1, loop=loop
                )
                _, connection = await loop.create_connection(
                    lambda: Connection(self._open.discard),
                    sock=socket,
                    ssl=self._context if origin.is_secure else None,
                    server_hostname=origin.host if origin.is_secure else None,
                )
        except TimeoutError as error:
            self._addresses.pop(name, None)
            raise httpx.ConnectTimeout("the target could not be reached in time") from error
        except (OSError, UnicodeError) as error:
            self._addresses.pop(name, None)
            raise httpx.ConnectError(type(error).__name__) from error
        self._open.add(connection)
        return connection

    async def _resolve(self, name: tuple[str, int]) -> list[Any]:
        loop = asyncio.get_running_loop()
        known = self._addresses.get(name)
        if known is not None and known[0] > loop.time():
            return known[1]
        found = await loop.getaddrinfo(*name, type=SOCK_STREAM)
        self._addresses[name] = (loop.time() + _NAMES_SECONDS, found)
        return found

    def _sweep(self) -> None:
        self._sweeper = None
        loop = asyncio.get_running_loop()
        oldest = loop.time()
        for connections in self._idle.values():
            while connections and not (
                connections[0].is_usable and loop.time() - connections[0].idle_since < self._keep_alive_seconds
            ):
                connections.pop(0).close()
            if connections:
                oldest = min(oldest, connections[0].idle_since)
        if any(self._idle.values()):
            self._sweeper = loop.call_at(oldest + self._keep_alive_seconds, self._sweep)
