"""Whether the broker can be worked with."""

from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

from lienthong.transport.probe import BrokerProbe

TOPIC = "hue.records.dossier"


def _probe(answer) -> BrokerProbe:
    def list_topics(timeout: float):
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(topics=answer)

    return BrokerProbe({}, [TOPIC, "hue.receipts"], lambda _configuration: SimpleNamespace(list_topics=list_topics))


def _topic(leader: int, isrs: int, replicas: int = 3) -> SimpleNamespace:
    partition = SimpleNamespace(leader=leader, isrs=list(range(isrs)), replicas=list(range(replicas)))
    return SimpleNamespace(partitions={0: partition})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (KafkaException(KafkaError(KafkaError._TRANSPORT)), False),
        ({TOPIC: _topic(1, 3)}, True),
        ({TOPIC: _topic(1, 2)}, True),
        ({TOPIC: _topic(1, 1)}, False),
        ({TOPIC: _topic(-1, 3)}, False),
        ({TOPIC: _topic(1, 1, replicas=1)}, True),
        ({TOPIC: _topic(1, 3), "hue.other": _topic(-1, 0)}, True),
        ({}, True),
    ],
)
def test_the_broker_is_there_when_what_the_worker_needs_can_be_written(answer, expected) -> None:
    """Two of three brokers away acknowledge nothing: the worker waits for them, a restart would not help."""
    assert _probe(answer).answers() is expected
