"""Liveness (restart me) and readiness (send me work), each with named reasons."""

import threading
from dataclasses import dataclass

from lienthong.clock import Clock


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What a probe is told.

    Attributes:
        is_ok: Whether nothing is wrong.
        reasons: Name of what is wrong → why; empty if nothing is.
    """

    is_ok: bool
    reasons: dict[str, str]


class Health:
    """The state that probes read; safe to use from any thread.

    Liveness is taken from progress: a loop that is watched and no longer beats is not alive, however busy it looks.

    Args:
        clock: Where silence is measured.
        required: Conditions that must be met before the process is ready.
    """

    def __init__(self, clock: Clock, required: tuple[str, ...] = ()) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._not_ready: dict[str, str] = dict.fromkeys(required, "starting")
        self._failed: dict[str, str] = {}
        self._watched: dict[str, tuple[float, float]] = {}

    def set_not_ready(self, name: str, reason: str) -> None:
        """Say that a condition of readiness is not met.

        Args:
            name: The condition, such as ``kafka``.
            reason: Why, without any value of a record.
        """
        with self._lock:
            self._not_ready[name] = reason

    def set_ready(self, name: str) -> None:
        """Say that a condition of readiness is met.

        Args:
            name: The condition.
        """
        with self._lock:
            self._not_ready.pop(name, None)

    def fail(self, name: str, reason: str) -> None:
        """Say that only a restart can help.

        Args:
            name: What failed.
            reason: Why, without any value of a record.
        """
        with self._lock:
            self._failed[name] = reason

    def watch(self, name: str, max_silence_seconds: float) -> None:
        """Expect a loop to beat from now on.

        Args:
            name: The loop.
            max_silence_seconds: Longest time between two beats of a living loop.
        """
        with self._lock:
            self._watched[name] = (max_silence_seconds, self._clock.monotonic())

    def beat(self, name: str) -> None:
        """Say that a watched loop made progress.

        Args:
            name: The loop.
        """
        with self._lock:
            if name in self._watched:
                self._watched[name] = (self._watched[name][0], self._clock.monotonic())

    def unwatch(self, name: str) -> None:
        """Stop expecting a loop to beat, because it ended as planned.

        Args:
            name: The loop.
        """
        with self._lock:
            self._watched.pop(name, None)

    def liveness(self) -> HealthReport:
        """Return whether the process makes progress."""
        now = self._clock.monotonic()
        with self._lock:
            reasons = dict(self._failed)
            for name, (allowed, last) in self._watched.items():
                if now - last > allowed:
                    reasons[name] = f"no progress for {now - last:.0f} seconds; at most {allowed:.0f} are allowed"
        return HealthReport(not reasons, reasons)

    def readiness(self) -> HealthReport:
        """Return whether the process can be given work."""
        alive = self.liveness()
        with self._lock:
            reasons = {**self._not_ready, **alive.reasons}
        return HealthReport(not reasons, reasons)
