"""Steps of several dossiers in one call, without making any of them wait for others."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from lienthong.errors import OutcomeUnknownError, RejectedByTargetError, TargetUnavailableError
from lienthong.outcome import SettledByAnswer
from lienthong_connectors.portal.answers import Judgement, Meaning
from lienthong_connectors.portal.wire import WireRecord

Send = Callable[[Sequence[WireRecord]], Awaitable[Judgement]]


class _Waiting(NamedTuple):
    step: WireRecord
    judgement: asyncio.Future[Judgement]


class Chunks:
    """Sends a step at once while calls are free, and together with others once none is.

    Args:
        send: Sends steps in one call and returns what the portal means.
        max_steps: Most steps in one call.
        max_calls: Calls at once.

    Delivery:
        The portal answers a call as a whole. When it breaks off or refuses several steps, nobody knows which of them it
        has written: every one has an unknown outcome, and none is sent again. A step of a caller that went away before
        its call began is not sent.
    """

    def __init__(self, send: Send, *, max_steps: int, max_calls: int) -> None:
        self._send = send
        self._max_steps = max_steps
        self._max_calls = max_calls
        self._waiting: deque[_Waiting] = deque()
        self._calls: set[asyncio.Task[None]] = set()

    async def send(self, step: WireRecord) -> Judgement:
        """Send one step, maybe with others.

        Args:
            step: On the wire; no other step of its dossier may be under way.

        Returns:
            What the portal means.

        Raises:
            OutcomeUnknownError: The step may have been written.
            LienthongError: What the call said.
        """
        judgement: asyncio.Future[Judgement] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(step, judgement))
        self._start()
        return await judgement

    async def close(self) -> None:
        """Break off all calls; what they carried has an unknown outcome, what waits was never sent."""
        _fail(tuple(self._waiting), TargetUnavailableError("the portal connector was closed", reason="closed"))
        self._waiting.clear()
        calls = tuple(self._calls)
        for task in calls:
            task.cancel()
        if calls:
            await asyncio.wait(calls)

    def _start(self) -> None:
        while self._waiting and len(self._calls) < self._max_calls:
            chunk: list[_Waiting] = []
            while self._waiting and len(chunk) < self._max_steps:
                first = self._waiting.popleft()
                if not first.judgement.done():
                    chunk.append(first)
            if chunk:
                task = asyncio.create_task(self._run(chunk), name="portal-steps")
                self._calls.add(task)
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            self._start()

    async def _run(self, chunk: Sequence[_Waiting]) -> None:
        try:
            judgement = await self._send([each.step for each in chunk])
        except asyncio.CancelledError:
            _fail(chunk, _unknown("closed"))
            raise
        except (RejectedByTargetError, SettledByAnswer) as error:
            _fail(chunk, error if len(chunk) == 1 else _unknown("chunk_refused"))
        except Exception as error:
            if not _fail(chunk, error):
                raise
        else:
            if judgement.meaning is not Meaning.SUCCESS and len(chunk) > 1:
                _fail(chunk, _unknown("chunk_refused"))
                return
            for each in chunk:
                if not each.judgement.done():
                    each.judgement.set_result(judgement)


def _unknown(reason: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        "the portal did not take all steps of a call, and nobody knows which it took; look the dossier up there",
        reason=reason,
    )


def _fail(chunk: Sequence[_Waiting], error: Exception) -> bool:
    """Hand an error to everybody who still waits, and return whether anybody does."""
    waiting = [each for each in chunk if not each.judgement.done()]
    for each in waiting:
        each.judgement.set_exception(error)
    return bool(waiting)
