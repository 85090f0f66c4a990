"""Ends a worker that stands still: judged by progress, from a thread that a blocked event loop cannot hold up."""

import asyncio
import faulthandler
import os
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import structlog

from lienthong.config.models import WatchdogSettings
from lienthong.observability.health import Health
from lienthong.observability.stacks import stacks

log = structlog.get_logger(__name__)

#: Exit code of a worker that its watchdog ended; EX_TEMPFAIL of sysexits: start it again.
EXIT_STALLED = 75
_CHECK_SECONDS = 1.0
#: A check that comes this late was held up with the whole process, so that nobody is to blame for the silence.
_FROZEN_SECONDS = 5.0
_UNREADABLE = 10
_ASK_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs of life of a worker at one moment.

    Attributes:
        loop_silence_seconds: Since the event loop last beat.
        poll_silence_seconds: Since the poll thread last went round; 0 before it was started.
        is_poll_thread_gone: Whether the poll thread has ended although the worker runs.
        progress: Changes whenever anything is settled or fetched; None when nothing is open.
        is_waiting: Whether records wait for a target, a budget, a window or a decision.
        oldest_call_seconds: How long the oldest call to a target is under way.
        is_stopping: Whether the worker was told to stop or has failed.
    """

    loop_silence_seconds: float = 0.0
    poll_silence_seconds: float = 0.0
    is_poll_thread_gone: bool = False
    progress: Hashable = None
    is_waiting: bool = False
    oldest_call_seconds: float = 0.0
    is_stopping: bool = False


class Judge:
    """Says what stands still.

    Args:
        settings: How long what may be silent.
        now: Seconds that never run backwards, at the start.
    """

    def __init__(self, settings: WatchdogSettings, now: float) -> None:
        self._settings = settings
        self._begun = self._thawed = self._moved = now
        self._progress: Hashable = None
        self._stopping_since: float | None = None
        self._gone_since: float | None = None

    def forgive(self, now: float, *, was_frozen: bool) -> None:
        """Count silence from now on.

        Args:
            now: The time.
            was_frozen: Whether nothing at all could beat; otherwise the broker was away, which excuses no blocked loop.
        """
        self._begun = self._moved = now
        if was_frozen:
            self._thawed = now
        self._gone_since = None
        if self._stopping_since is not None:
            self._stopping_since = now

    def judge(self, signs: Signs, now: float) -> str | None:
        """Return the name of what stands still, or None.

        Args:
            signs: What was seen.
            now: The time.
        """
        settings = self._settings
        watched = now - self._begun
        if min(signs.loop_silence_seconds, now - self._thawed) > settings.loop_seconds:
            return "event_loop"
        if signs.is_stopping:
            self._stopping_since = now if self._stopping_since is None else self._stopping_since
            return "stop" if now - self._stopping_since > settings.stop_seconds else None
        if not signs.is_poll_thread_gone or self._gone_since is None:
            self._gone_since = now if signs.is_poll_thread_gone else None
        if self._gone_since is not None and now - self._gone_since > settings.grace_seconds:
            return "poll_thread_gone"
        if min(signs.poll_silence_seconds, watched) > settings.poll_seconds:
            return "poll_thread"
        if min(signs.oldest_call_seconds, watched) > settings.stall_seconds:
            return "call"
        if signs.progress is None or signs.is_waiting or signs.progress != self._progress:
            self._progress, self._moved = signs.progress, now
        return "progress" if now - self._moved > settings.stall_seconds else None


#: What may stand still because the broker is away; everything else is the worker's own fault.
_OF_THE_BROKER = frozenset({"poll_thread", "call", "progress"})


class Watchdog:
    """Looks every second, in a thread of its own.

    Args:
        settings: How long what may be silent.
        signs: Reads the signs of life; must not wait for anything.
        is_broker_there: Asks the broker; only called when something stands still.
        health: Turns red before the end.
        loop: The event loop whose tasks are told of at the end.
        end: Ends the process; tests give another one.
        monotonic: Seconds that never run backwards.

    Delivery:
        The end is hard: what was not committed is repeated by the next worker, as after any crash.
    """

    def __init__(
        self,
        settings: WatchdogSettings,
        signs: Callable[[], Signs],
        is_broker_there: Callable[[], bool],
        health: Health,
        loop: asyncio.AbstractEventLoop | None = None,
        end: Callable[[int], None] = os._exit,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._signs = signs
        self._is_broker_there = is_broker_there
        self._health = health
        self._end = end
        self._monotonic = monotonic
        self._judge = Judge(settings, monotonic())
        self._last_look = monotonic()
        self._away_until: float | None = None
        self._unreadable = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lienthong-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if self._settings.enabled:
            self._last_look = self._monotonic()
            self._judge.forgive(self._last_look, was_frozen=True)
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> bool:
        """Look once.

        Returns:
            Whether the worker goes on.
        """
        now = self._monotonic()
        if now - self._last_look > _CHECK_SECONDS + _FROZEN_SECONDS:
            log.warning("process_was_frozen", seconds=round(now - self._last_look, 1))
            self._judge.forgive(now, was_frozen=True)
        self._last_look = now
        if self._away_until is not None:
            self._judge.forgive(now, was_frozen=False)
            if now >= self._away_until:
                self._ask_broker()
        reason = self._reason(now)
        if reason is None or (reason in _OF_THE_BROKER and not self._ask_broker()):
            return True
        self._bite(reason)
        return False

    def _ask_broker(self) -> bool:
        is_there = self._is_broker_there()
        self._last_look = self._monotonic()
        self._away_until = None if is_there else self._last_look + _ASK_AGAIN_SECONDS
        if not is_there:
            self._health.set_not_ready("kafka", "the broker does not answer")
        return is_there

    def _reason(self, now: float) -> str | None:
        try:
            signs = self._signs()
        except RuntimeError:
            # Another thread changed what was read; that this happens again and again is a defect of its own.
            self._unreadable += 1
            return "watchdog" if self._unreadable >= _UNREADABLE else None
        self._unreadable = 0
        return self._judge.judge(signs, now)

    def _bite(self, reason: str) -> None:
        self._health.fail("watchdog", f"{reason} stands still; the process ends itself")
        # First, because whoever hangs may hold the lock of the log.
        threading.Thread(target=self._end_soon, name="lienthong-watchdog-end", daemon=True).start()
        log.error("worker_stands_still", reason=reason, exit_code=EXIT_STALLED)
        for line in stacks([self._loop] if self._loop is not None else []):
            log.error("stack", at=line)

    def _end_soon(self) -> None:
        threading.Event().wait(self._settings.grace_seconds)
        self._end(EXIT_STALLED)

    def _run(self) -> None:
        settings = self._settings
        dead_man_seconds = 4 * settings.loop_seconds + settings.grace_seconds
        try:
            while not self._stopping.wait(_CHECK_SECONDS):
                # Native code that never gives the interpreter back stops this thread, too, but not this call's own.
                faulthandler.dump_traceback_later(dead_man_seconds, exit=True)
                if not self.look():
                    return
        finally:
            faulthandler.cancel_dump_traceback_later()
