"""Asks whether the broker can be worked with, by a client of its own: the worker's may be what hangs."""

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

_TIMEOUT_SECONDS = 5.0


class BrokerProbe:
    """Asks the broker; used only when something is wrong already.

    Args:
        configuration: Of librdkafka, as ``client_configuration`` returns it.
        topics: Topics that the worker needs.
        create: Builds the client; tests give another one.
    """

    def __init__(self, configuration: Mapping[str, Any], topics: Iterable[str], create: Any = AdminClient) -> None:
        self._configuration = dict(configuration)
        self._topics = frozenset(topics)
        self._create = create

    def answers(self) -> bool:
        """Return whether the broker answers and every partition that the worker needs can be written.

        A partition with fewer than half of its copies in step refuses what must be safe: the worker waits, as it does
        for a broker that is away.
        """
        try:
            known = self._create(self._configuration).list_topics(timeout=_TIMEOUT_SECONDS).topics
        except KafkaException:
            return False
        partitions = [each for name in self._topics & known.keys() for each in known[name].partitions.values()]
        return all(each.leader >= 0 and 2 * len(each.isrs) > len(each.replicas) for each in partitions)
