"""A seeded load: all systems of the province write to Kafka themselves, at an even pace."""

import threading
from dataclasses import replace

from confluent_kafka import KafkaError, Message, Producer

from lienthong.clock import Clock
from lienthong.config.models import KafkaSettings
from lienthong.kafka.settings import producer_configuration
from lienthong.topic_names import TopicNames
from lienthong_connectors.demo.place import DOMAIN
from lienthong_connectors.demo.publish import headers_of
from lienthong_connectors.demo.week import PreparedScenario, prepare

_TURN_SECONDS = 0.02
_WAIT_SECONDS = 0.2


def make_scenario(records: int, seed: int) -> PreparedScenario:
    """Return a generated week in which every system writes to Kafka itself.

    Args:
        records: Events in all.
        seed: What everything follows from.
    """
    scenario = prepare(records, seed)
    for dossier in scenario.kept:
        dossier.route = "kafka"
    return replace(scenario)


class Load:
    """Publishes a scenario from a thread of its own.

    Args:
        scenario: What to publish.
        names: Names of the topics.
        kafka: How to reach the broker.
        clock: Keeps the pace.
        seconds: How long publishing takes.

    Delivery:
        One idempotent producer, one topic per dossier: the order of each dossier is kept also when the broker is away.
    """

    def __init__(
        self, scenario: PreparedScenario, names: TopicNames, kafka: KafkaSettings, clock: Clock, seconds: float
    ) -> None:
        self._scenario = scenario
        self._names = names
        self._clock = clock
        self._rate = scenario.records / seconds
        self._refused: list[KafkaError] = []
        self._cancelled = threading.Event()
        self._pause = threading.Event()
        self._producer = Producer(
            # A publisher that gave up would lose what was never accepted, which says nothing about the hub.
            {
                **producer_configuration(kafka, "province"),
                "delivery.timeout.ms": 0,
                "on_delivery": self._on_delivery,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        #: Records that Kafka acknowledged.
        self.accepted = 0
        self.is_done = False

    @property
    def refused(self) -> int:
        """Records that Kafka refused for good."""
        return len(self._refused)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """End as soon as possible."""
        self._cancelled.set()
        if self._thread.is_alive():
            self._thread.join(5.0)
        self._producer.purge()

    def _run(self) -> None:
        began = self._clock.monotonic()
        for number, event in enumerate(self._scenario.events()):
            while number > (self._clock.monotonic() - began) * self._rate and not self._cancelled.is_set():
                self._producer.poll(0)
                self._pause.wait(_TURN_SECONDS)
            if self._cancelled.is_set():
                return
            topic = self._names.inbound(DOMAIN, event.system)
            self._producer.produce(topic, value=event.data, key=event.key, headers=headers_of(event))
        while len(self._producer) and not self._cancelled.is_set():
            self._producer.poll(_WAIT_SECONDS)
        self.is_done = not self._cancelled.is_set()

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.accepted += 1
        else:
            self._refused.append(error)
