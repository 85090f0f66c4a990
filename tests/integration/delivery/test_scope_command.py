"""The command ``scope`` against a real broker."""

import asyncio

import orjson
import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient, NewTopic

from lienthong.cli.main import root
from lienthong.clock import SystemClock
from lienthong.config.loader import load
from lienthong.config.models import KafkaSettings
from lienthong.delivery.command import Action, parse_command
from lienthong.delivery.parking import BEHIND, SCOPE, to_closed, to_parked
from lienthong.delivery.scope import parse_scope, scope_of
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.kafka.settings import client_configuration
from lienthong.record import Record
from lienthong.targets.hash_key import hash_key
from lienthong.topic_names import TopicNames

pytestmark = pytest.mark.kafka
PIPELINE = "verify-dossier"
OFFICER = "officer-17"


def _source(number, key):
    return Record("hue.records.dossier", 2, number, 5, key, b"secret", [("ce_id", b"e-%d" % number)])


def test_an_operator_sees_how_much_waits_and_lets_it_go_on(kafka_broker, unique_name, tmp_path, monkeypatch):
    """Only hashes of officers are shown and written, and every partition is told, because each has its own owner."""
    monkeypatch.chdir(tmp_path)
    names = TopicNames(unique_name("p"))
    settings = KafkaSettings(bootstrap_servers=kafka_broker.bootstrap_servers)
    topics = [names.of_pipeline(kind, each) for kind in ("parked", "replay") for each in (PIPELINE, "deliver-dossier")]
    admin = AdminClient(client_configuration(settings, "test"))
    for future in admin.create_topics([NewTopic(n, num_partitions=3, replication_factor=1) for n in topics]).values():
        future.result()
    environment = {
        "LIENTHONG_KAFKA__BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "LIENTHONG_PROVINCE": names.prefix,
    }
    secret = hash_key(load(None, environment))
    scope = scope_of("population", "officer", OFFICER, secret)
    parked = names.of_pipeline("parked", PIPELINE)
    now = SystemClock().now()
    first, behind, gone = _source(1, b"a"), _source(2, b"a"), _source(3, b"b")

    async def write():
        producer = AcknowledgedProducer(settings, client_id="test")
        await producer.start()
        await producer.send(
            [
                to_parked(first, topic=parked, reason=SCOPE, parked_at=now, scope=scope),
                to_parked(behind, topic=parked, reason=BEHIND, parked_at=now),
                to_parked(gone, topic=parked, reason=SCOPE, parked_at=now, scope=scope),
                to_closed(gone, topic=parked),
            ]
        )
        await producer.stop()

    asyncio.run(write())

    def run(*arguments):
        return CliRunner().invoke(root, ["scope", *arguments], env=environment, catch_exceptions=False)

    listed = run("list", "--json")
    assert OFFICER not in listed.output
    assert [(each["hash"], each["records"], each["behind"]) for each in orjson.loads(listed.stdout)] == [
        (scope.hash, 1, 1)
    ]
    asked = ("allow", "--target", "population", "--kind", "officer", "--actor", "operator-3", "--reason", "allowed now")
    assert run(*asked, "--value", OFFICER, "--dry-run").exit_code == 0
    assert run(*asked, "--hash", scope.hash[:8]).exit_code == 0
    view = ClusterView(client_configuration(settings, "test"))
    replay = [names.of_pipeline("replay", PIPELINE)]
    with view.reader(view.beginning_offsets(replay), ends=view.end_offsets(replay)) as reader:
        found = [record for records in reader.batches() for record in records]
    assert sorted(record.partition for record in found) == [0, 1, 2]
    assert {(parse_command(record).action, parse_scope(parse_command(record).scope)) for record in found} == {
        (Action.RELEASE, scope)
    }
    assert not any(OFFICER.encode() in (record.value or b"") for record in found)
