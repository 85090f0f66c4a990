"""Keeps Kafka from deleting what is not settled: an alarm at half of the retention, a longer retention near its end."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import structlog

from lienthong.clock import Clock
from lienthong.config.models import KafkaSettings
from lienthong.errors import LienthongError
from lienthong.kafka.admin_client import Cluster, KafkaCluster
from lienthong.observability.metrics import Metrics
from lienthong.transport.assignment import Assignment

log = structlog.get_logger(__name__)

#: Names of alerts; the target of both is the topic.
UNSETTLED = "unsettled_near_retention"
NOT_EXTENDED = "retention_not_extended"
_LOOK_SECONDS = 30.0
_ASK_AGAIN_SECONDS = 600.0
_ALARM = 0.5
_EXTEND = 0.8
_RETENTION = "retention.ms"
_UNLIMITED = -1


def open_cluster(settings: KafkaSettings) -> Callable[[], AbstractContextManager[Cluster]]:
    """Return a function that opens the administration of the configured cluster.

    Args:
        settings: How to reach the broker.
    """
    return lambda: KafkaCluster(settings)


class RetentionGuard:
    """Compares the age of the oldest unsettled record of each source topic with the topic's retention.

    Args:
        pipeline: Name of the pipeline.
        assignments: Returns the partitions of this worker.
        cluster: Opens the administration; used when something is old, and every ten minutes.
        metrics: What operators see.
        clock: Where to read the time and wait.

    Delivery:
        Retention is only ever made longer, and by what is measured, not declared: ``topics plan`` then shows the topic
        as drifted and leaves it alone. A worker without the right to change it raises an alert instead.
    """

    def __init__(
        self,
        pipeline: str,
        assignments: Callable[[], Iterable[Assignment]],
        cluster: Callable[[], AbstractContextManager[Cluster]],
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._pipeline = pipeline
        self._assignments = assignments
        self._cluster = cluster
        self._metrics = metrics
        self._clock = clock
        self._retention_ms: dict[str, int] = {}
        self._asked_at: dict[str, float] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Compare once."""
        oldest: dict[str, int] = {}
        now_ms = int(self._clock.now().timestamp() * 1000)
        for assignment in self._assignments():
            topic, timestamp_ms = assignment.place.topic, assignment.oldest_timestamp_ms()
            age_ms = now_ms - timestamp_ms if timestamp_ms is not None and timestamp_ms >= 0 else 0
            oldest[topic] = max(oldest.get(topic, 0), age_ms)
        for topic, age_ms in oldest.items():
            if age_ms > 0:
                await self._compare(topic, age_ms)
            else:
                self._clear(topic)

    async def _compare(self, topic: str, age_ms: int) -> None:
        asked_at = self._asked_at.get(topic)
        is_due = asked_at is None or self._clock.monotonic() >= asked_at + _ASK_AGAIN_SECONDS
        if is_due or self._is_near(topic, age_ms):
            await self._ask(topic, age_ms)
        if self._is_near(topic, age_ms):
            self._metrics.raise_alert(UNSETTLED, self._pipeline, topic)
        else:
            self._clear(topic)

    def _is_near(self, topic: str, age_ms: int) -> bool:
        retention_ms = self._retention_ms.get(topic, _UNLIMITED)
        return retention_ms != _UNLIMITED and age_ms >= _ALARM * retention_ms

    def _clear(self, topic: str) -> None:
        self._metrics.clear_alert(UNSETTLED, self._pipeline, topic)
        self._metrics.clear_alert(NOT_EXTENDED, self._pipeline, topic)

    async def _ask(self, topic: str, age_ms: int) -> None:
        self._asked_at[topic] = self._clock.monotonic()
        failure: LienthongError | None = None
        try:
            before, after = await asyncio.to_thread(self._extend, topic, age_ms)
        except LienthongError as error:
            failure = error
        if failure is None:
            self._retention_ms[topic] = after
            self._metrics.clear_alert(NOT_EXTENDED, self._pipeline, topic)
            if after != before:
                log.warning("retention_extended", topic=topic, before_ms=before, after_ms=after)
        elif self._retention_ms.get(topic, _UNLIMITED) * _EXTEND <= age_ms and topic in self._retention_ms:
            self._metrics.raise_alert(NOT_EXTENDED, self._pipeline, topic)
            log.warning("retention_not_extended", topic=topic, error_code=failure.code, detail=str(failure))

    def _extend(self, topic: str, age_ms: int) -> tuple[int, int]:
        """Return the retention before and after; runs in a thread."""
        with self._cluster() as cluster:
            found: Any = cluster.describe([topic]).get(topic)
            before = int(found.configs.get(_RETENTION, _UNLIMITED)) if found is not None else _UNLIMITED
            self._retention_ms[topic] = before
            if before == _UNLIMITED or age_ms < _EXTEND * before:
                return before, before
            # The oldest record is then at half of it again.
            after = int(age_ms / _ALARM)
            cluster.set_configs({topic: {_RETENTION: str(after)}})
            return before, after
