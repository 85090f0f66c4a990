"""Work that nobody awaits, whose failure still ends the pipeline."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """Holds tasks until they end.

    Delivery:
        What one of them raises is raised by :meth:`wait_failed`; nothing is lost in a task that nobody looks at.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed = asyncio.Event()
        self._error: BaseException | None = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin something.

        Args:
            work: What is done.
        """
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    async def wait_failed(self) -> None:
        """Wait until something fails.

        Raises:
            BaseException: What happened first.
        """
        await self._failed.wait()
        if self._error is not None:
            raise self._error

    async def close(self) -> None:
        """Give up what has not ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and self._error is None:
            self._error = error
            self._failed.set()
