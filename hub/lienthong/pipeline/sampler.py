"""Reports a worker's progress once a second: metrics, probes, and that it is at work."""

import asyncio
import os
from pathlib import Path

import orjson

from lienthong.clock import Clock
from lienthong.observability.health import Health
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.app import WorkerApp
from lienthong.record import Place
from lienthong.transport.assignment import Assignment
from lienthong.transport.poller import Poller
from lienthong.transport.probe import BrokerProbe

_SAMPLE_SECONDS = 1.0
_STANDBY_SECONDS = 5.0
_LOOP_SILENCE_SECONDS = 30.0
#: Longer than the questions that the poll thread may have to ask a broker that is away.
_POLL_SILENCE_SECONDS = 180.0


class Announcement:
    """Tells once that the worker is at work.

    Args:
        path: File that gets one JSON line; None for nobody to tell.
        port: Port of the metrics.
    """

    def __init__(self, path: Path | None, port: int) -> None:
        self._path = path
        self._port = port

    def make(self, pipeline: str) -> None:
        """Write the line, the first time only.

        Args:
            pipeline: Name of the pipeline.
        """
        if self._path is None:
            return
        line = orjson.dumps({"pipeline": pipeline, "metrics_port": self._port, "pid": os.getpid()})
        temporary = self._path.with_suffix(".tmp")
        temporary.write_bytes(line + b"\n")
        temporary.replace(self._path)
        self._path = None


class Sampler:
    """Looks at a worker from outside its hot path.

    Args:
        app: The worker.
        pipeline: Name of the pipeline.
        metrics: What operators see.
        health: What probes see.
        clock: Where to read the time and wait.
        announcement: Made once partitions are at work.
        probe: Asks a broker that was away whether it is back.
    """

    def __init__(
        self,
        app: WorkerApp,
        pipeline: str,
        metrics: Metrics,
        health: Health,
        clock: Clock,
        announcement: Announcement,
        probe: BrokerProbe,
    ) -> None:
        self._app = app
        self._pipeline = pipeline
        self._metrics = metrics
        self._health = health
        self._clock = clock
        self._announcement = announcement
        self._probe = probe
        self._joined_at: float | None = None
        self._is_stopping = False
        self._heartbeat: float | None = None
        self._known: set[Place] = set()
        self._commits = 0
        self._failures = 0

    async def run(self) -> None:
        """Sample until cancelled."""
        self._health.watch("event_loop", _LOOP_SILENCE_SECONDS)
        self._health.watch("poll_thread", _POLL_SILENCE_SECONDS)
        while True:
            if not self._is_stopping:
                self._sample()
                await self._look_for_broker()
            self._health.beat("event_loop")
            await self._clock.sleep(_SAMPLE_SECONDS)

    def stop(self) -> None:
        """Say that the worker takes no more work; the loop goes on to beat until the end."""
        self._is_stopping = True
        self._health.unwatch("poll_thread")
        self._health.set_not_ready("partitions", "stopping")

    def _sample(self) -> None:
        poller: Poller | None = getattr(self._app.consumer, "poller", None) if self._app.started else None
        if poller is None or poller.heartbeat != self._heartbeat:
            self._health.beat("poll_thread")
            self._heartbeat = None if poller is None else poller.heartbeat
        assignments = poller.assignments if poller is not None else {}
        if any(assignment.is_ready for assignment in assignments.values()) or self._is_standby(poller):
            self._health.set_ready("partitions")
            self._announcement.make(self._pipeline)
        self._partitions(assignments)
        if poller is not None:
            self._count_commits(poller)
        oldest = self._app.engine.oldest_review()
        age = (self._clock.now() - oldest).total_seconds() if oldest is not None else 0.0
        self._metrics.set_review_oldest(self._pipeline, max(0.0, age))
        self._metrics.set_parked(self._pipeline, self._app.engine.parked_counts())

    def _is_standby(self, poller: Poller | None) -> bool:
        """Return whether the group has given nothing for a while: more workers than partitions, one stands by."""
        if poller is None or not poller.has_joined or poller.assignments:
            self._joined_at = None
            return False
        if self._joined_at is None:
            self._joined_at = self._clock.monotonic()
        return self._clock.monotonic() - self._joined_at >= _STANDBY_SECONDS

    async def _look_for_broker(self) -> None:
        poller: Poller | None = getattr(self._app.consumer, "poller", None) if self._app.started else None
        if poller is None or not poller.is_broker_away:
            self._health.set_ready("kafka")
            return
        self._health.set_not_ready("kafka", "the broker does not answer")
        if await asyncio.to_thread(self._probe.answers):
            poller.is_broker_away = False

    def _partitions(self, assignments: dict[Place, Assignment]) -> None:
        now_ms = self._clock.now().timestamp() * 1000
        for place, assignment in assignments.items():
            self._metrics.set_lag(self._pipeline, place.topic, place.partition, assignment.lag)
            oldest = assignment.oldest_timestamp_ms()
            age = max(0.0, (now_ms - oldest) / 1000) if oldest is not None and oldest >= 0 else 0.0
            self._metrics.set_watermark_age(self._pipeline, place.topic, place.partition, age)
        for place in self._known - set(assignments):
            self._metrics.forget_partition(self._pipeline, *place)
        self._known = set(assignments)
        self._metrics.set_in_flight(self._pipeline, sum(item.in_flight for item in assignments.values()))

    def _count_commits(self, poller: Poller) -> None:
        done, failed = poller.commits_total, poller.commit_failures_total
        self._metrics.count_commits(self._pipeline, "ok", done - self._commits)
        self._metrics.count_commits(self._pipeline, "failed", failed - self._failures)
        self._commits, self._failures = done, failed
