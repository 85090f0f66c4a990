"""Three embedded brokers as one cluster."""

import threading

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from lienthong.kafka.embedded_cluster import EmbeddedCluster

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]


def write(cluster: EmbeddedCluster, seconds: float) -> bool:
    """Return whether all copies in sync acknowledge a record in time."""
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "acks": "all", "log_level": 0})
    answers: list[bool] = []
    producer.produce("kept", b"v", on_delivery=lambda error, _: answers.append(error is None))
    producer.flush(seconds)
    producer.purge()
    return answers == [True]


def test_the_loss_of_one_is_survived_and_of_two_is_not(tmp_path, kafka_broker) -> None:
    """Another node becomes the controller; a single copy acknowledges nothing until others are back."""
    del kafka_broker
    pause = threading.Event()
    with EmbeddedCluster(tmp_path) as cluster:
        topic = NewTopic("kept", 1, 3, config={"min.insync.replicas": "2"})
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
        admin.create_topics([topic])["kept"].result(20)
        assert write(cluster, 20)
        first = cluster.leader()
        assert first is not None
        cluster.nodes[first].kill()
        assert write(cluster, 30)
        for _ in range(100):
            if cluster.leader() is not None:
                break
            pause.wait(0.1)
        second = cluster.leader()
        assert second not in {None, first}
        other = next(number for number in cluster.nodes if number not in {first, second})
        cluster.nodes[other].kill()
        assert not write(cluster, 4)
        cluster.start([first, other])
        assert write(cluster, 30)
