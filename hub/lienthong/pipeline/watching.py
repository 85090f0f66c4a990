"""What the watchdog sees of a worker."""

import asyncio
import time
from collections.abc import Callable, Sequence

from lienthong.observability.vitals import Vitals
from lienthong.observability.watchdog import Signs
from lienthong.pipeline.app import WorkerApp
from lienthong.transport.assignment import Assignment
from lienthong.transport.poller import Poller

_BEAT_SECONDS = 0.5


class Watching:
    """Collects signs of life; :meth:`signs` is called from the watchdog's thread.

    Args:
        app: The worker.
        vitals: What its records wait for.
        monotonic: Seconds that never run backwards.
    """

    def __init__(self, app: WorkerApp, vitals: Vitals, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._vitals = vitals
        self._monotonic = monotonic
        self._beat_at = monotonic()
        #: Whether the worker was told to stop.
        self.is_stopping = False

    async def beat(self) -> None:
        """Beat until cancelled."""
        while True:
            self._beat_at = self._monotonic()
            await asyncio.sleep(_BEAT_SECONDS)

    def assignments(self) -> Sequence[Assignment]:
        """Return the partitions that the worker owns now."""
        poller: Poller | None = getattr(self._app._consumer, "poller", None)  # noqa: SLF001 - as below
        return list(poller.assignments.values()) if poller is not None else []

    def signs(self) -> Signs:
        """Return the signs of life of this moment; waits for nothing.

        Raises:
            RuntimeError: If the worker changed what was being read; look again.
        """
        now = self._monotonic()
        # The public property would create the consumer, in the wrong thread.
        poller: Poller | None = getattr(self._app._consumer, "poller", None)  # noqa: SLF001
        is_stopping = self.is_stopping or self._app.is_draining or self._app.failure is not None
        silence = now - self._beat_at
        if poller is None:
            return Signs(loop_silence_seconds=silence, is_stopping=is_stopping)
        return Signs(
            loop_silence_seconds=silence,
            poll_silence_seconds=now - poller.heartbeat,
            is_poll_thread_gone=not poller.is_alive,
            progress=_progress(poller),
            is_waiting=self._vitals.is_waiting,
            oldest_call_seconds=self._vitals.oldest_call_seconds,
            is_stopping=is_stopping,
        )


def _progress(poller: Poller) -> tuple[tuple[str, int, int, int, int], ...] | None:
    """Return numbers that change with every record that is fetched or settled; None when nothing is open."""
    assignments = poller.assignments.values()
    if not any(each.in_flight or each.lag for each in assignments):
        return None
    return tuple(
        (each.place.topic, each.place.partition, each.position, each.in_flight, each.end_offset) for each in assignments
    )
