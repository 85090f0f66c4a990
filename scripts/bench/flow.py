"""A steady stream through intake and who sees it come out: what an outage looks like from outside."""

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, Producer

from scripts.bench.harness import Place
from scripts.bench.seeding import contents, seed_configuration
from scripts.bench.workers import pause

PARTITIONS = 4
_TICK_SECONDS = 0.02
_KNOWN = 1_000


class Flow:
    """Publishes the same rate into every partition and notes when records come out of intake.

    Args:
        place: Where.
        per_second: Records of each partition.
    """

    def __init__(self, place: Place, per_second: int) -> None:
        self._place = place
        self._every = max(1, round(per_second * _TICK_SECONDS))
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._publish, self._observe)]
        self._arrivals: dict[int, list[float]] = {partition: [] for partition in range(PARTITIONS)}

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(10)

    def arrivals(self, partition: int) -> list[float]:
        """Return when records of an inbound partition came out, on the monotonic clock.

        Args:
            partition: Its number.
        """
        return list(self._arrivals[partition])

    def await_all(self, timeout_seconds: float = 60.0) -> None:
        """Wait until every partition flows.

        Args:
            timeout_seconds: Longest wait.

        Raises:
            TimeoutError: If one does not.
        """
        since = time.monotonic()
        self.await_condition(
            lambda: all(times and times[-1] > since for times in self._arrivals.values()), timeout_seconds
        )

    @staticmethod
    def await_condition(is_met: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until something is so.

        Args:
            is_met: Tells.
            timeout_seconds: Longest wait.

        Raises:
            TimeoutError: If it does not become so.
        """
        deadline = time.monotonic() + timeout_seconds
        while not is_met():
            if time.monotonic() > deadline:
                raise TimeoutError("records do not flow")
            pause(_TICK_SECONDS)

    def _publish(self) -> None:
        topic = self._place.topic("inbound.dossier.one-stop")
        known = contents(self._place.type_name, _KNOWN)
        producer = Producer({**seed_configuration(self._place), "reconnect.backoff.max.ms": 100})
        number = 0
        while not self._stopping.wait(_TICK_SECONDS):
            for _ in range(self._every):
                key, value, headers = known[number % _KNOWN]
                for partition in range(PARTITIONS):
                    event_id = [("ce_id", b"%d-%d-%d" % (partition, number, id(self)))]
                    producer.produce(topic, value, key, partition, headers=[*headers, *event_id])
                number += 1
            producer.poll(0)
        producer.flush(5)

    def _observe(self) -> None:
        settings: dict[str, Any] = {
            "bootstrap.servers": self._place.bootstrap_servers,
            "group.id": f"bench-observer-{time.monotonic_ns()}",
            "auto.offset.reset": "latest",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 20,
            "reconnect.backoff.max.ms": 100,
            "log_level": 2,
        }
        consumer = Consumer(settings)
        consumer.subscribe([self._place.topic("records.dossier")])
        while not self._stopping.is_set():
            for message in consumer.consume(1_000, 0.02):
                if message.error() is None:
                    event_id = dict(message.headers() or [])["ce_id"]
                    self._arrivals[int(event_id.split(b"-")[0])].append(time.monotonic())
        consumer.close()


def longest_gap(times: list[float], begin: float, end: float) -> tuple[float, float]:
    """Return the longest time without a record within a span, and when it ended.

    Args:
        times: Rising.
        begin: Start of the span.
        end: End of the span.
    """
    before = [each for each in times if each <= begin][-1:]
    inside = [each for each in times if begin < each <= end]
    points = [*before, *inside, end]
    return max((after - first, after) for first, after in pairwise([points[0], *points]))
