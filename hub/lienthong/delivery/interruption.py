"""Ends the wait for the next call about one record, never the call itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from lienthong.errors import OutcomeUnknownError

A = TypeVar("A")
T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818 - a signal, not an error
    """The work was given up while it waited for its next call."""


class Interruption:
    """Lets somebody else end work that waits for a backoff, a circuit or a budget.

    Args:
        is_ours: Says right before a call whether the record is still this worker's; waits while nobody knows.
        is_sure: Says at once whether it is this worker's without any doubt; None for never.

    Delivery:
        A call under way is never cancelled, and after an answer, or a call whose effect nobody knows, the work goes on
        to its end: only what certainly has no effect at the target is given up.
    """

    __slots__ = ("_is_cancelled", "_is_held", "_is_ours", "_is_sure", "_is_wanted", "_task", "may_have_arrived")

    def __init__(
        self, is_ours: Callable[[], Awaitable[bool]] | None = None, is_sure: Callable[[], bool] | None = None
    ) -> None:
        self._is_ours = is_ours
        self._is_sure = is_sure
        #: Whether a call may have arrived whose effect is still to be asked for.
        self.may_have_arrived = False
        self._task: asyncio.Task[object] | None = None
        self._is_wanted = False
        self._is_cancelled = False
        self._is_held = False

    def request(self) -> None:
        """End the work at its next wait, or now if it waits."""
        self._is_wanted = True
        if self._task is not None and not self._is_held and not self._is_cancelled:
            self._is_cancelled = True
            self._task.cancel()

    @property
    def is_here(self) -> bool:
        """Whether the current task does the work, rather than one that several records wait for, such as a login."""
        return self._task is not None and self._task is asyncio.current_task()

    @property
    def is_certain(self) -> bool:
        """Whether the record is this worker's without any doubt, so that nobody need be asked."""
        return self._is_sure is not None and self._is_sure()

    @asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        """Let the work be given up inside the block although a call was begun, because nothing was sent yet."""
        self._is_held = False
        if self._is_wanted:
            self.request()
        yield
        if self._is_cancelled:
            # Delivered here: a request that follows must not be cut off.
            await asyncio.sleep(0)
        await self.check()
        self._is_held = True

    async def check(self) -> None:
        """Ask once more whether the record is still ours, after something that may have taken long.

        Raises:
            Interrupted: If it is not.
        """
        if self._is_ours is not None and not await self._is_ours():
            raise Interrupted

    def __enter__(self) -> None:
        """Let the current task's work be given up; every call in it goes through :meth:`call`."""
        self._task = asyncio.current_task()

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        """End the block.

        Raises:
            Interrupted: If the work was given up.
        """
        task, self._task = self._task, None
        if kind is None or not issubclass(kind, asyncio.CancelledError):
            return
        # Somebody else may have cancelled the same task, because its partition is lost.
        if task is not None and self._is_cancelled and task.uncancel() <= 0:
            raise Interrupted from None

    async def call(self, function: Callable[[A], Awaitable[T]], argument: A) -> T:
        """Make a call that is not interrupted.

        Args:
            function: One call to the target.
            argument: What it gets.

        Raises:
            Interrupted: If the record went to another worker; then the call was not made.
        """
        if not self.is_certain:
            await self.check()
        self._is_held = True
        try:
            return await function(argument)
        except OutcomeUnknownError:
            raise
        except Exception as error:
            # A step that can ask its target first turns an unknown outcome into a failure of the moment.
            self.may_have_arrived |= isinstance(error.__cause__, OutcomeUnknownError)
            self._is_held = False
            if self._is_wanted:
                # By then the task has gone on to its wait, or has ended.
                asyncio.get_running_loop().call_soon(self.request)
            raise
