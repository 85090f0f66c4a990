"""The session in a file, so that workers in several processes have one login between them."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lienthong.errors import TargetConfigurationError

_OWNER_ONLY = 0o600


class SessionFile:
    """Holds the session id that all workers use.

    Args:
        path: The file; beside it lies another with the ending ``.lock``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = path.with_name(f"{path.name}.lock")

    def read(self) -> str:
        """Return the session id, empty when nobody has logged in yet.

        Raises:
            TargetConfigurationError: If the file cannot be read.
        """
        try:
            return self._path.read_text(encoding="ascii")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise _unusable() from error

    def write(self, session: str) -> None:
        """Replace the session id in one step; a reader sees the old or the new one.

        Args:
            session: A session that the portal has just given.

        Raises:
            TargetConfigurationError: If the file cannot be written.
        """
        following = self._path.with_name(f"{self._path.name}.next")
        try:
            descriptor = os.open(following, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(session)
            following.replace(self._path)
        except (OSError, UnicodeEncodeError) as error:
            raise _unusable() from error

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Keep all other workers from logging in; the lock of a worker that dies is free at once.

        Raises:
            TargetConfigurationError: If the lock file cannot be made.
        """
        try:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
        except OSError as error:
            raise _unusable() from error
        try:
            # In a thread: the holder waits for the portal. A caller that is cancelled leaves the thread to end by
            # itself, and the closed descriptor gives back what it may still get.
            await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _unusable() -> TargetConfigurationError:
    return TargetConfigurationError(
        "the portal's session_file cannot be used; give a path in a folder that the worker may write to",
        reason="session_file",
    )
