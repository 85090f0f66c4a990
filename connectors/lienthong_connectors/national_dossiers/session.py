"""One login for all calls of a poll."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from lienthong.errors import TokenExpiredError

T = TypeVar("T")


class Session:
    """Holds what a login returned.

    Args:
        login: Logs in and returns a session id or token.
    """

    def __init__(self, login: Callable[[], Awaitable[str]]) -> None:
        self._login = login
        self._id = ""
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        """Show only whether there is a session: its id is a secret."""
        return f"Session(open={bool(self._id)})"

    async def use(self, send: Callable[[str], Awaitable[T]]) -> T:
        """Send something in the session; one that has ended is renewed once, however many calls find it so.

        Args:
            send: Sends it with a session id; it only reads, or marks what may be marked twice.

        Raises:
            TokenExpiredError: If a fresh session is refused too.
        """
        used = await self._current()
        try:
            return await send(used)
        except TokenExpiredError:
            if self._id == used:
                self._id = ""
        return await send(await self._current())

    async def _current(self) -> str:
        async with self._lock:
            if not self._id:
                self._id = await self._login()
            return self._id
