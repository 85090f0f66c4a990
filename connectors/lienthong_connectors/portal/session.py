"""One session for all calls, renewed once however many calls find it refused."""

import asyncio
from collections.abc import Awaitable, Callable

from lienthong_connectors.portal.session_file import SessionFile


class Session:
    """Holds the session id of the adapter.

    Args:
        login: Logs in and returns a new session id.
        shared: Where the session is shared with workers in other processes; None for a session of this worker.

    Source:
        The lifetime of a session is not published; that a second login may end the first is ASSUMED.
    """

    def __init__(self, login: Callable[[], Awaitable[str]], shared: SessionFile | None = None) -> None:
        self._login = login
        self._shared = shared
        self._id = ""
        self._pending: asyncio.Task[str] | None = None

    def __repr__(self) -> str:
        """Show only whether there is a session: its id is a secret."""
        return f"Session(open={bool(self._id)})"

    async def current(self) -> str:
        """Return the session id, after a login if there is none."""
        return self._id or await self._renewed()

    async def renew(self, refused: str) -> str:
        """Return a session id other than the refused one.

        Args:
            refused: What the portal no longer accepts. When another call has renewed it meanwhile, that one is used.
        """
        if self._id and self._id != refused:
            return self._id
        self._id = ""
        return await self._renewed(refused)

    async def close(self) -> None:
        """Stop a login that is under way and forget the session."""
        pending, self._pending, self._id = self._pending, None, ""
        if pending is not None:
            pending.cancel()
            await asyncio.wait([pending])

    async def _renewed(self, refused: str = "") -> str:
        # One task serves all callers: no storm of logins, and no caller that is cancelled takes the others with it.
        if self._pending is None or self._pending.done():
            self._pending = asyncio.create_task(self._run(refused), name="portal-login")
            self._pending.add_done_callback(self._finished)
        return await asyncio.shield(self._pending)

    async def _run(self, refused: str) -> str:
        if self._shared is None:
            self._id = await self._login()
            return self._id
        async with self._shared.locked():
            # Whoever held the lock before may have renewed it: a login of ours would end that session.
            session = self._shared.read()
            if not session or session == refused:
                session = await self._login()
                self._shared.write(session)
        self._id = session
        return session

    def _finished(self, task: asyncio.Task[str]) -> None:
        if self._pending is task:
            self._pending = None
        if not task.cancelled():
            task.exception()  # The callers saw it; when all of them were cancelled nobody is left to.
