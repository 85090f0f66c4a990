"""The embedded broker as a whole, on real processes."""

from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from lienthong.kafka.embedded import EmbeddedKafka

pytestmark = pytest.mark.kafka
WAIT_SECONDS = 20


def make_topic(broker: EmbeddedKafka, name: str) -> None:
    """Create a topic with one partition and wait for it."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(WAIT_SECONDS)


def write(broker: EmbeddedKafka, topic: str, *values: bytes) -> None:
    """Write values and demand the broker's acknowledgement of each."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "acks": "all"})
    problems = []
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: problems.append(error))
    assert producer.flush(WAIT_SECONDS) == 0
    assert problems == [None] * len(values)


def read(broker: EmbeddedKafka, topic: str, group: str, count: int) -> list[bytes]:
    """Read values through a consumer group."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": group, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    try:
        return [message.value() for message in consumer.consume(count, WAIT_SECONDS)]
    finally:
        consumer.close()


def test_records_pass_through_the_broker(kafka_broker: EmbeddedKafka, unique_name: Callable[[str], str]) -> None:
    """What is written with acknowledgement is read by a consumer group."""
    topic = unique_name("embedded")
    make_topic(kafka_broker, topic)
    write(kafka_broker, topic, b"1", b"2")

    assert read(kafka_broker, topic, unique_name("group"), 2) == [b"1", b"2"]
