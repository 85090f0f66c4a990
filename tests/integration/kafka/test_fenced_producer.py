"""The fence on a real broker."""

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from lienthong.config.models import KafkaSettings
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.fenced_producer import Fenced, FencedProducer
from lienthong.kafka.settings import client_configuration
from lienthong.record import OutgoingRecord

pytestmark = pytest.mark.kafka


async def test_a_stale_owner_can_put_nothing_over_its_successor(kafka_broker, unique_name) -> None:
    """What it saved before is seen by the successor; what it tries afterwards never is, cursor and records alike."""
    topic = unique_name("cursors")
    settings = KafkaSettings(bootstrap_servers=kafka_broker.bootstrap_servers)
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    view = ClusterView(client_configuration(settings, "test"))

    def seen() -> list[bytes | None]:
        with view.whole(view.spans([topic], [0])) as reader:
            return [record.value for record in reader.records()]

    def saved(value: bytes) -> OutgoingRecord:
        return OutgoingRecord(topic, b"poll", value, [], 0)

    stale, successor = (FencedProducer(settings, f"{topic}-owner") for _ in range(2))
    await stale.open()
    await stale.write([saved(b"1")])
    await successor.open()
    assert seen() == [b"1"]
    await successor.write([saved(b"2")], lambda written: [saved(f"at {written[0].offset}".encode())])
    with pytest.raises(Fenced):
        await stale.write([saved(b"1 again")])
    await successor.write([saved(b"3")])

    assert [value for value in seen() if not (value or b"").startswith(b"at")] == [b"1", b"2", b"3"]
    await stale.close()
    await successor.close()
