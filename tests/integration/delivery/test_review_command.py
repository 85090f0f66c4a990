"""The command ``review`` against a real broker."""

import asyncio

import orjson
import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient, NewTopic

from lienthong.cli.main import root
from lienthong.clock import SystemClock
from lienthong.config.models import KafkaSettings
from lienthong.delivery.command import Action, parse_command
from lienthong.delivery.review_record import review_id, to_closed_review, to_review
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.kafka.settings import client_configuration
from lienthong.outcome import Finding
from lienthong.record import Record
from lienthong.topic_names import TopicNames

pytestmark = pytest.mark.kafka
PIPELINE = "verify-dossier"


def _source(number):
    headers = [("ce_id", b"e-%d" % number), ("ce_source", b"/hue/one-stop"), ("ce_type", b"dossier.snapshot")]
    return Record("records.dossier", number % 4, number, 5, b"H57.12-250101-%04d" % number, b'{"a":"secret"}', headers)


async def _send(settings, records):
    producer = AcknowledgedProducer(settings, client_id="test")
    await producer.start()
    await producer.send(records)
    await producer.stop()


def test_an_official_sees_and_decides(kafka_broker, unique_name, tmp_path, monkeypatch):
    """Open reviews are read from all partitions, and the decision arrives in the partition of the source."""
    monkeypatch.chdir(tmp_path)
    names = TopicNames(unique_name("p"))
    settings = KafkaSettings(bootstrap_servers=kafka_broker.bootstrap_servers)
    replay = names.of_pipeline("replay", PIPELINE)
    admin = AdminClient(client_configuration(settings, "test"))
    for future in admin.create_topics(
        [NewTopic(name, num_partitions=4, replication_factor=1) for name in (names.review, replay, names.access_log)]
    ).values():
        future.result()
    opened = [
        to_review(
            _source(number),
            topic=names.review,
            pipeline=PIPELINE,
            reason="mismatch",
            opened_at=SystemClock().now(),
            findings=[Finding("owner.full_name", "mismatch")],
        )
        for number in range(6)
    ]
    closed = [to_closed_review(review_id(PIPELINE, _source(number)), names.review) for number in (0, 1)]
    asyncio.run(_send(settings, opened + closed))
    environment = {
        "LIENTHONG_KAFKA__BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "LIENTHONG_PROVINCE": names.prefix,
    }

    def run(*arguments):
        return CliRunner().invoke(root, ["review", *arguments], env=environment, catch_exceptions=False)

    listed = orjson.loads(run("list", "--json").stdout)
    assert {each["id"] for each in listed} == {review_id(PIPELINE, _source(number)) for number in (2, 3, 4, 5)}

    target = review_id(PIPELINE, _source(3))
    done = run("approve", target, "--actor", "officer-17", "--reason", "đã đối chiếu")
    assert done.exit_code == 0, done.output
    shown = run("show", target, "--reveal", "--actor", "officer-17", "--purpose", "x", "--legal-basis", "y")
    assert "secret" in shown.output

    view = ClusterView(client_configuration(settings, "test"))
    topics = [replay, names.access_log]
    with view.reader(view.beginning_offsets(topics), ends=view.end_offsets(topics)) as reader:
        found = [record for records in reader.batches() for record in records]
    commands = [record for record in found if record.topic == replay]
    assert [(record.partition, parse_command(record).action) for record in commands] == [(3, Action.APPROVE)]
    assert sum(record.topic == names.access_log for record in found) == 2
