"""The catalogue on a real broker: created, put right, refused, and safe when two processes run at once."""

import concurrent.futures
import json

import pytest
from click.testing import CliRunner
from kafka import KafkaAdminClient

from lienthong.cli.topics import topics
from lienthong.config.models import KafkaSettings
from lienthong.errors import CatalogError, TopicDriftError
from lienthong.kafka.admin import ChangeKind, connect, kafka_configs
from lienthong.kafka.admin_client import KafkaCluster, NewTopic
from lienthong.registry.topics import TopicCatalogue, parse_document
from lienthong.topic_names import TopicNames

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka_broker):
    """Give the settings of the shared broker."""
    return KafkaSettings(bootstrap_servers=kafka_broker.bootstrap_servers)


@pytest.fixture
def province(unique_name):
    """Give a province that no other test uses, so the broker can be shared."""
    return unique_name("p")


def _catalogue(province, partitions=3, **changes):
    topic = {
        "name": "records.dossier",
        "description": {"vi": "Hồ sơ", "en": "Dossiers"},
        "subjects": ["*"],
        "max_message_bytes": 1_048_576,
        "retention_days": 30,
        "personal_data": "none",
        **changes,
    }
    profile = {"partitions": partitions, "replication_factor": 1, "min_insync_replicas": 1}
    tree = {"version": 1, "profiles": {"development": profile}, "topics": [topic]}
    return TopicCatalogue({"core": parse_document(tree, "test")}, TopicNames(province), "development")


def test_shipped_catalogue_is_applied_twice(settings, province):
    """The real broker accepts every name, number and setting, and has nothing left to change afterwards."""
    catalogue = TopicCatalogue.installed(TopicNames(province), "development")
    with connect(settings) as admin:
        first = admin.apply(admin.plan(catalogue))
        second = admin.plan(catalogue)
        third = admin.apply(second)

    assert len(catalogue.topics) == len(first.done)
    assert second.changes == ()
    assert second.unmanaged == ()
    assert third.done == ()


def test_broker_has_what_was_declared(settings, province):
    """Every managed setting reads back exactly as it was declared."""
    catalogue = TopicCatalogue.installed(TopicNames(province), "development")
    with connect(settings) as admin:
        admin.apply(admin.plan(catalogue))
    with KafkaCluster(settings) as cluster:
        found = cluster.describe([topic.full_name for topic in catalogue])

    for topic in catalogue:
        existing = found[topic.full_name]
        expected = kafka_configs(topic)
        assert topic.partitions == existing.partitions
        assert expected == {name: existing.configs[name] for name in expected}


def test_changed_setting_is_put_right(settings, province):
    """A setting that somebody changed by hand returns to the catalogue; others of the topic stay."""
    catalogue = _catalogue(province)
    name = catalogue.topics[0].full_name
    with connect(settings) as admin:
        admin.apply(admin.plan(catalogue))
        with KafkaCluster(settings) as cluster:
            cluster.set_configs({name: {"max.message.bytes": "2000000", "segment.ms": "3600000"}})
            applied = admin.apply(admin.plan(catalogue))
            configs = cluster.describe([name])[name].configs

    assert [(change.kind, change.field) for change in applied.done] == [(ChangeKind.ALTER, "max.message.bytes")]
    assert configs["max.message.bytes"] == "1048576"
    assert configs["segment.ms"] == "3600000"


def test_keyed_topic_is_not_rehashed(settings, province):
    """The real topic keeps its partitions when the catalogue asks for more."""
    with connect(settings) as admin:
        admin.apply(admin.plan(_catalogue(province)))
        larger = _catalogue(province, partitions=5)
        with pytest.raises(TopicDriftError):
            admin.apply(admin.plan(larger))
        after = admin.plan(_catalogue(province))

    assert after.changes == ()


def test_topic_without_key_grows(settings, province):
    """Partitions are added where no order hangs on them."""
    with connect(settings) as admin:
        admin.apply(admin.plan(_catalogue(province, keyed=False)))
        larger = _catalogue(province, partitions=5, keyed=False)
        applied = admin.apply(admin.plan(larger))
        after = admin.plan(larger)

    assert [change.kind for change in applied.done] == [ChangeKind.ADD_PARTITIONS]
    assert after.changes == ()


def test_copies_are_only_shown(settings, province):
    """A one-node broker with a catalogue of three copies shows drift and changes nothing."""
    with connect(settings) as admin:
        admin.apply(admin.plan(_catalogue(province)))
        plan = admin.plan(_catalogue(province, replication_factor=3))

    assert [(change.kind, change.field) for change in plan.changes] == [(ChangeKind.DRIFT, "replication_factor")]


def test_impossible_number_of_copies_is_named(settings, province):
    """A new topic with more copies than brokers fails with the topic's name."""
    with connect(settings) as admin, pytest.raises(TopicDriftError, match=r"records\.dossier: InvalidReplication"):
        admin.apply(admin.plan(_catalogue(province, replication_factor=3)))


def test_refused_setting_is_a_catalogue_error(settings, province):
    """The broker's refusal of a value names the topic."""
    with connect(settings) as admin:
        admin.apply(admin.plan(_catalogue(province)))
    with KafkaCluster(settings) as cluster, pytest.raises(CatalogError, match="refused the settings of"):
        cluster.set_configs({f"{province}.records.dossier": {"min.insync.replicas": "many"}})


def test_two_processes_apply_at_once(settings, province):
    """Two upgrades that start together both succeed and leave one correct set of topics."""
    catalogue = TopicCatalogue.installed(TopicNames(province), "development")

    def run():
        with connect(settings) as admin:
            return admin.apply(admin.plan(catalogue))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = [future.result() for future in [pool.submit(run), pool.submit(run)]]
    with connect(settings) as admin:
        after = admin.plan(catalogue)

    assert after.changes == ()
    assert len(catalogue.topics) == len({change.topic.name for result in results for change in result.done})


def test_rival_is_noticed(settings, province):
    """A topic that exists by the time of its creation is reported as such, not as an error."""
    topic = _catalogue(province).topics[0]
    new = NewTopic(topic.full_name, topic.partitions, topic.replication_factor, kafka_configs(topic))
    with KafkaCluster(settings) as cluster:
        assert cluster.create([new]) == []
        assert [topic.full_name] == cluster.create([new])
        assert [topic.full_name] == cluster.set_partitions({topic.full_name: topic.partitions})


def test_commands_tell_the_state_by_exit_code(settings, province, tmp_path):
    """CI and Helm hooks rely on: 2 pending, 0 applied, 0 nothing to do, and the list of unmanaged topics."""
    file = tmp_path / "lienthong.yaml"
    kafka = {"bootstrap_servers": settings.bootstrap_servers}
    file.write_text(json.dumps({"province": province, "kafka": kafka}), encoding="utf-8")

    def run(*arguments):
        return CliRunner().invoke(topics, arguments, obj=file, catch_exceptions=False)

    pending, applied, again, settled = run("plan"), run("apply"), run("apply"), run("plan")
    client = KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    client.create_topics({f"{province}.old": {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    client.close()
    unmanaged = run("plan")

    assert [item.exit_code for item in (pending, applied, again, settled, unmanaged)] == [2, 0, 0, 0, 0]
    assert f"create    {province}.records.dossier  partitions=4 replication_factor=1" in applied.output
    assert "0 done, 0 drifted" in again.output
    assert f"unmanaged {province}.old" in unmanaged.output
