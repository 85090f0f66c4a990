"""The command ``dlq`` against a real broker."""

import asyncio
from types import SimpleNamespace

import orjson
import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient, NewTopic

from lienthong import access_log
from lienthong.cli.main import root
from lienthong.clock import SystemClock
from lienthong.config.models import KafkaSettings
from lienthong.delivery.command import Action, parse_command
from lienthong.delivery.dead_letter import dead_letter_id, to_dead_letter
from lienthong.errors import RejectedByTargetError, ValidationFailedError
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.kafka.settings import client_configuration
from lienthong.record import Record
from lienthong.topic_names import TopicNames

pytestmark = pytest.mark.kafka
PIPELINE = "deliver-dossier"
WHO = ("--actor", "operator-3", "--reason", "the portal was mended")


def _source(number, key=b"H57.12-250101-0001", partition=1):
    headers = [
        ("ce_id", b"e-%d" % number),
        ("ce_source", b"/hue/one-stop"),
        ("ce_type", b"dossier.progress"),
        ("content-type", b"application/json"),
        ("lt-key-id", b"k-1"),
    ]
    return Record("hue.records.dossier", partition, number, 5_000 + number, key, b"\x00secret-%d" % number, headers)


@pytest.fixture
def desk(kafka_broker, unique_name, tmp_path, monkeypatch):
    """Give the commands and topics of one province with dead letters."""
    monkeypatch.chdir(tmp_path)
    names = TopicNames(unique_name("p"))
    settings = KafkaSettings(bootstrap_servers=kafka_broker.bootstrap_servers)
    letters, replay = (names.of_pipeline(kind, PIPELINE) for kind in ("deadletters", "replay"))
    admin = AdminClient(client_configuration(settings, "test"))
    for future in admin.create_topics(
        [NewTopic(name, num_partitions=4, replication_factor=1) for name in (letters, replay, names.access_log)]
    ).values():
        future.result()
    environment = {
        "LIENTHONG_KAFKA__BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "LIENTHONG_PROVINCE": names.prefix,
    }

    def die(*records, error=None):
        async def write():
            producer = AcknowledgedProducer(settings, client_id="test")
            await producer.start()
            await producer.send(
                [
                    to_dead_letter(
                        record,
                        topic=letters,
                        pipeline=PIPELINE,
                        stage="sink_write",
                        connector="portal",
                        error=error or RejectedByTargetError("refused", reason="code:-3"),
                        first_failed_at=SystemClock().now(),
                    )
                    for record in records
                ]
            )
            await producer.stop()

        asyncio.run(write())

    def run(*arguments):
        return CliRunner().invoke(root, ["dlq", *arguments], env=environment, catch_exceptions=False)

    def read(topic):
        view = ClusterView(client_configuration(settings, "test"))
        with view.reader(view.beginning_offsets([topic]), ends=view.end_offsets([topic])) as reader:
            return [record for records in reader.batches() for record in records]

    return SimpleNamespace(die=die, run=run, read=read, replay=replay, names=names)


def test_what_is_replayed_is_the_record_as_it_was_and_in_order(desk):
    """A command carries value, headers, time and key of the record, encrypted or not, oldest first for each key."""
    sources = [_source(number) for number in (9, 3, 7)]
    desk.die(*sources)
    dry = desk.run("replay", "--pipeline", PIPELINE, "--connector", "portal", *WHO, "--dry-run")
    assert (dry.exit_code, desk.read(desk.replay)) == (0, [])
    assert dry.stdout.count("would replay") == 3
    done = desk.run("replay", "--pipeline", PIPELINE, "--connector", "portal", *WHO)
    assert done.exit_code == 0, done.output
    commands = [parse_command(record) for record in desk.read(desk.replay)]
    assert [each.offset for each in commands] == [3, 7, 9]
    for command in commands:
        source = next(each for each in sources if each.offset == command.offset)
        assert (command.action, command.partition, command.topic) == (Action.REPLAY, 1, source.topic)
        assert (command.value, command.key, command.headers) == (source.value, source.key, source.headers)
        assert (command.timestamp_ms, command.key_id, command.actor) == (source.timestamp_ms, "k-1", "operator-3")


def test_a_decision_is_taken_once_and_again_only_after_another_death(desk):
    """Replaying everything twice must not send anything twice, and a record that died again is not forgotten."""
    desk.die(_source(1), _source(2))
    desk.run("replay", "--pipeline", PIPELINE, "--id", dead_letter_id(PIPELINE, _source(1)), *WHO)
    desk.run("discard", "--pipeline", PIPELINE, "--id", dead_letter_id(PIPELINE, _source(2)), *WHO)
    again = desk.run("replay", "--pipeline", PIPELINE, "--all", *WHO)
    assert "0 command(s) written" in again.stdout
    listed = orjson.loads(desk.run("list", "--pipeline", PIPELINE, "--all", "--json").stdout)
    assert [(each["origin"][-1], each["state"]) for each in listed] == [("1", "replayed"), ("2", "discarded")]
    assert orjson.loads(desk.run("list", "--pipeline", PIPELINE, "--json").stdout) == []
    desk.die(_source(1))
    listed = orjson.loads(desk.run("list", "--pipeline", PIPELINE, "--json").stdout)
    assert [(each["deaths"], each["state"]) for each in listed] == [(2, "open")]
    desk.run("replay", "--pipeline", PIPELINE, "--all", *WHO)
    actions = [parse_command(record).action for record in desk.read(desk.replay)]
    assert actions == [Action.REPLAY, Action.DISCARD, Action.REPLAY]


def test_selection_by_key_reason_and_time(desk):
    """Only what is meant is touched; a decision on everything must be said."""
    desk.die(_source(1), _source(2, key=b"H57.12-250101-0002"))
    desk.die(_source(3), error=ValidationFailedError("broken"))

    def found(*selection):
        listed = orjson.loads(desk.run("list", "--pipeline", PIPELINE, "--json", *selection).stdout)
        return [each["origin"].rpartition("@")[2] for each in listed]

    assert found("--dossier", "H57.12-250101-0002") == ["2"]
    assert found("--reason-code", "validation_failed") == ["3"]
    assert found("--reason-code", "rejected_by_target.code:-3") == ["1", "2"]
    assert (found("--since", "1h"), found("--until", "1h")) == (["1", "2", "3"], [])
    assert found("--limit", "2") == ["1", "2"]
    assert desk.run("replay", "--pipeline", PIPELINE, *WHO).exit_code == 2
    assert desk.read(desk.replay) == []


def test_a_value_is_shown_only_after_the_access_log_knows(desk):
    """Headers and place need no entry; the value needs actor, purpose and legal basis."""
    plain = _source(1)._replace(headers=_source(1).headers[:-1])
    desk.die(plain)
    identifier = dead_letter_id(PIPELINE, plain)
    shown = desk.run("show", identifier[:8])
    assert "rejected_by_target" in shown.stdout
    assert "secret" not in shown.stdout
    assert desk.read(desk.names.access_log) == []
    look = ("show", identifier, "--with-value", "--actor", "operator-3", "--purpose", "mend", "--legal-basis", "law")
    assert "secret-1" in desk.run(*look).stdout
    entries = [access_log.decode(record.value) for record in desk.read(desk.names.access_log)]
    assert [(each.phase.value, each.purpose) for each in entries] == [("intent", "mend"), ("result", "mend")]
