"""Whether the group can still count on this process: a frozen one must not write over its successor."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

_DEFAULT_SESSION_MS = 45_000
_HOLD_SECONDS = 0.02


class Membership:
    """Beaten by the poll thread, read by the event loop.

    After a silence of two thirds of the session, such as a process that was stopped or swapped out, nothing says any
    more that the partitions are still ours. They are suspect until the group has accepted a commit of this member.

    Args:
        configuration: librdkafka's settings of the member.
        monotonic: Seconds that never run backwards.

    Source:
        The coordinator gives the partitions of a silent member away after ``session.timeout.ms``; the last heartbeat
        may be a sixth of it old when the silence begins.
    """

    def __init__(self, configuration: Mapping[str, Any], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._allowed_seconds = int(configuration.get("session.timeout.ms", _DEFAULT_SESSION_MS)) / 1_500
        self._monotonic = monotonic
        self._is_suspect = False
        #: When the poll thread last went round.
        self.beat_at = monotonic()

    @property
    def is_suspect(self) -> bool:
        """Whether another worker may own our partitions."""
        return self._is_suspect or self._monotonic() - self.beat_at > self._allowed_seconds

    def beat(self) -> bool:
        """Say that the poll thread goes round.

        Returns:
            Whether there is no doubt; otherwise ask the group, then :meth:`confirm`.
        """
        now = self._monotonic()
        if now - self.beat_at > self._allowed_seconds:
            # Before the beat, so that no reader sees a moment without doubt.
            self._is_suspect = True
        self.beat_at = now
        return not self._is_suspect

    def confirm(self) -> None:
        """Say that the group has accepted a commit after the silence."""
        self._is_suspect = False


class Held(Protocol):
    """What is held while it is suspect."""

    @property
    def is_suspect(self) -> bool:
        """Whether another worker may own the partition."""
        ...

    is_over: bool


async def confirmed(assignment: Held) -> bool:
    """Wait while it is unsure whether a partition is still ours.

    Args:
        assignment: The partition.

    Returns:
        Whether it is; False once it was revoked or lost.

    Delivery:
        Awaited before an effect and before anything is written of a record: what a frozen worker would write after its
        partitions went to another one is left to that one.
    """
    while assignment.is_suspect and not assignment.is_over:  # noqa: ASYNC110 - time itself makes it suspect
        await asyncio.sleep(_HOLD_SECONDS)
    return not assignment.is_over
