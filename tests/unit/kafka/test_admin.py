"""Plans and applies a catalogue on a cluster in memory; tests/integration/topics does the same on a real one."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from lienthong.errors import TopicDriftError
from lienthong.kafka.admin import ChangeKind, TopicAdmin, kafka_configs
from lienthong.kafka.admin_client import ClusterTopic, NewTopic
from lienthong.registry.topics import TopicCatalogue, parse_document
from lienthong.topic_names import TopicNames

_KEYED = "hue.records.dossier"
_SPREAD = "hue.receipts"


class MemoryCluster:
    """Topics in a dictionary, with the answers of a real cluster; it has no way to delete."""

    def __init__(self) -> None:
        self.topics: dict[str, ClusterTopic] = {}
        self.writes: list[str] = []
        self.rival: TopicAdmin | None = None
        self.rival_catalogue: TopicCatalogue | None = None

    def list_names(self) -> list[str]:
        """Return the names of all topics."""
        return sorted(self.topics)

    def describe(self, names: Iterable[str]) -> dict[str, ClusterTopic]:
        """Return the topics of these names that exist."""
        return {name: self.topics[name] for name in names if name in self.topics}

    def create(self, topics: Iterable[NewTopic]) -> list[str]:
        """Create topics, unless a rival was faster."""
        self._let_rival_go_first()
        self.writes.append("create")
        raced = []
        for topic in topics:
            if topic.name in self.topics:
                raced.append(topic.name)
            else:
                self.topics[topic.name] = ClusterTopic(
                    topic.name, topic.partitions, topic.replication_factor, dict(topic.configs)
                )
        return raced

    def set_configs(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        """Set configuration values."""
        self.writes.append("set_configs")
        for name, values in changes.items():
            self.change(name, configs={**self.topics[name].configs, **values})

    def set_partitions(self, counts: Mapping[str, int]) -> list[str]:
        """Add partitions, unless a rival was faster."""
        self._let_rival_go_first()
        self.writes.append("set_partitions")
        raced = [name for name, count in counts.items() if self.topics[name].partitions >= count]
        for name, count in counts.items():
            self.change(name, partitions=max(count, self.topics[name].partitions))
        return raced

    def change(self, name: str, **changes: Any) -> None:
        """Change a topic behind the catalogue's back."""
        self.topics[name] = replace(self.topics[name], **changes)

    def set(self, name: str, **configs: str) -> None:
        """Change settings behind the catalogue's back; underscores stand for dots."""
        dotted = {key.replace("_", "."): value for key, value in configs.items()}
        self.change(name, configs={**self.topics[name].configs, **dotted})

    def _let_rival_go_first(self) -> None:
        rival, self.rival = self.rival, None
        if rival and self.rival_catalogue:
            rival.apply(rival.plan(self.rival_catalogue))


def _topic(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "description": {"vi": "Hồ sơ", "en": "Dossiers"},
        "subjects": ["*"],
        "max_message_bytes": 1_048_576,
        "retention_days": 30,
        "personal_data": "none",
        **changes,
    }


def _catalogue(partitions: int = 4, province: str = "hue", **changes: Any) -> TopicCatalogue:
    document = parse_document(
        {
            "version": 1,
            "profiles": {
                "development": {"partitions": partitions, "replication_factor": 1, "min_insync_replicas": 1},
            },
            "topics": [_topic("records.dossier", **changes), _topic("receipts", keyed=False)],
        },
        "test",
    )
    return TopicCatalogue({"core": document}, TopicNames(province), "development")


@pytest.fixture
def cluster() -> MemoryCluster:
    """Give a cluster that has what the catalogue says."""
    existing = MemoryCluster()
    admin = TopicAdmin(existing)
    admin.apply(admin.plan(_catalogue()))
    existing.writes.clear()
    return existing


def test_empty_cluster_gets_every_topic():
    """A first apply creates all topics with every declared number and setting."""
    cluster = MemoryCluster()
    admin = TopicAdmin(cluster)
    applied = admin.apply(admin.plan(_catalogue()))

    assert [change.kind for change in applied.done] == [ChangeKind.CREATE, ChangeKind.CREATE]
    assert cluster.topics[_KEYED].partitions == 4
    assert str(30 * 86_400_000) == cluster.topics[_KEYED].configs["retention.ms"]
    assert cluster.topics[_KEYED].configs["max.message.bytes"] == "1048576"


def test_second_apply_does_nothing(cluster):
    """Applying twice is the same as applying once: not even a request is sent."""
    admin = TopicAdmin(cluster)
    plan = admin.plan(_catalogue())

    assert plan.changes == ()
    assert admin.apply(plan).done == ()
    assert cluster.writes == []


def test_planning_changes_nothing(cluster):
    """Looking at a plan is safe on a running cluster."""
    cluster.set(_KEYED, max_message_bytes="1000")
    TopicAdmin(cluster).plan(_catalogue(partitions=9))

    assert cluster.writes == []


def test_retention_goes_by_the_brokers_clock():
    """A publisher with a clock years behind must not make its records expire on arrival."""
    configs = kafka_configs(_catalogue().get("records.dossier"))

    assert configs["message.timestamp.type"] == "LogAppendTime"
    assert configs["retention.bytes"] == "-1"


@pytest.mark.parametrize("declared", [{"retention_days": None}, {"cleanup_policy": "compact", "retention_days": 30}])
def test_compacted_and_unlimited_topics_never_expire(declared):
    """State that is kept by key does not disappear with age."""
    assert kafka_configs(_catalogue(**declared).get("records.dossier"))["retention.ms"] == "-1"


def test_changed_setting_is_put_right(cluster):
    """A setting that somebody changed by hand is shown and set back."""
    cluster.set(_KEYED, min_insync_replicas="2")
    admin = TopicAdmin(cluster)
    applied = admin.apply(admin.plan(_catalogue()))

    assert [(change.kind, change.field, change.cluster, change.wanted) for change in applied.done] == [
        (ChangeKind.ALTER, "min.insync.replicas", "2", "1")
    ]
    assert admin.plan(_catalogue()).changes == ()


def test_settings_outside_the_catalogue_are_left_alone(cluster):
    """An operator may tune what the catalogue does not speak of."""
    cluster.set(_KEYED, segment_ms="3600000")
    admin = TopicAdmin(cluster)
    plan = admin.plan(_catalogue(max_message_bytes=2_000_000))
    admin.apply(plan)

    assert [change.field for change in plan.changes] == ["max.message.bytes"]
    assert cluster.topics[_KEYED].configs["segment.ms"] == "3600000"


@pytest.mark.parametrize("cluster_ms", ["-1", str(60 * 86_400_000)])
def test_retention_is_never_shortened(cluster, cluster_ms):
    """Retention that was extended to save unsettled records is not cut by the next apply."""
    cluster.set(_KEYED, retention_ms=cluster_ms)
    admin = TopicAdmin(cluster)
    plan = admin.plan(_catalogue())
    admin.apply(plan)

    assert [(change.kind, change.field) for change in plan.changes] == [(ChangeKind.DRIFT, "retention.ms")]
    assert cluster_ms == cluster.topics[_KEYED].configs["retention.ms"]


@pytest.mark.parametrize(("cluster_ms", "days"), [(str(29 * 86_400_000), 30), ("1000", None)])
def test_retention_is_extended(cluster, cluster_ms, days):
    """A longer retention loses nothing and is applied."""
    cluster.set(_KEYED, retention_ms=cluster_ms)
    plan = TopicAdmin(cluster).plan(_catalogue(retention_days=days))

    assert [change.kind for change in plan.changes] == [ChangeKind.ALTER]


def test_cleanup_policy_is_only_shown(cluster):
    """Another cleanup policy would remove records, so a person decides."""
    admin = TopicAdmin(cluster)
    plan = admin.plan(_catalogue(cleanup_policy="compact,delete"))
    admin.apply(plan)

    assert [change.field for change in plan.drift] == ["cleanup.policy"]
    assert cluster.topics[_KEYED].configs["cleanup.policy"] == "delete"


def test_number_of_copies_is_only_shown(cluster):
    """Moving replicas is a task of its own, so another replication factor is drift."""
    admin = TopicAdmin(cluster)
    plan = admin.plan(_catalogue(replication_factor=3))
    admin.apply(plan)

    assert [(change.kind, change.field, change.cluster, change.wanted) for change in plan.changes] == [
        (ChangeKind.DRIFT, "replication_factor", "1", "3")
    ]
    assert cluster.writes == []


def test_keyed_topic_is_never_rehashed(cluster):
    """More partitions on a keyed topic are refused, and nothing else of that plan is done either."""
    cluster.set(_SPREAD, min_insync_replicas="2")
    admin = TopicAdmin(cluster)
    plan = admin.plan(_catalogue(partitions=6))

    assert [change.topic.full_name for change in plan.refused] == [_KEYED]
    with pytest.raises(TopicDriftError, match=r"hue\.records\.dossier  partitions: 4 -> 6"):
        admin.apply(plan)
    assert cluster.writes == []


def test_topic_without_key_grows(cluster):
    """Where no order hangs on the partition, partitions are added."""
    cluster.change(_KEYED, partitions=6)
    admin = TopicAdmin(cluster)
    admin.apply(admin.plan(_catalogue(partitions=6)))

    assert cluster.topics[_SPREAD].partitions == 6


def test_too_many_partitions_are_only_shown(cluster):
    """Kafka cannot remove partitions; the difference is shown."""
    cluster.change(_KEYED, partitions=9)
    plan = TopicAdmin(cluster).plan(_catalogue())

    assert [(change.field, change.cluster, change.wanted) for change in plan.drift] == [("partitions", "9", "4")]


def test_unmanaged_topics_of_the_province_are_listed(cluster):
    """A forgotten topic with citizens' data is seen; other provinces and Kafka's own topics are not ours."""
    for name in ("hue.old", "hanoi.records.dossier", "__consumer_offsets", "huest.records"):
        cluster.topics[name] = ClusterTopic(name, 1, 1)

    assert TopicAdmin(cluster).plan(_catalogue()).unmanaged == ("hue.old",)


def test_kafkas_own_topics_are_nobodys(cluster):
    """A hub without a province sees every topic of the cluster, but not Kafka's internal ones."""
    cluster.topics["__consumer_offsets"] = ClusterTopic("__consumer_offsets", 50, 1)

    assert TopicAdmin(cluster).plan(_catalogue(province="")).unmanaged == (_SPREAD, _KEYED)


def test_two_processes_may_create_at_once():
    """Two upgrades that start together end with one set of topics and no error."""
    cluster = MemoryCluster()
    admin = TopicAdmin(cluster)
    plan = admin.plan(_catalogue())
    cluster.rival, cluster.rival_catalogue = TopicAdmin(cluster), _catalogue()
    applied = admin.apply(plan)

    assert applied.done == ()
    assert applied.raced == (_SPREAD, _KEYED)
    assert admin.plan(_catalogue()).changes == ()


def test_two_processes_may_add_partitions_at_once(cluster):
    """Losing the race for new partitions is no error when the wanted number is there."""
    cluster.change(_KEYED, partitions=6)
    admin = TopicAdmin(cluster)
    plan = admin.plan(_catalogue(partitions=6))
    cluster.rival, cluster.rival_catalogue = TopicAdmin(cluster), _catalogue(partitions=6)

    assert admin.apply(plan).raced == (_SPREAD,)


def test_topic_created_by_another_version_is_put_right():
    """A rival with an older catalogue leaves settings that are then corrected."""
    cluster = MemoryCluster()
    admin = TopicAdmin(cluster)
    plan = admin.plan(_catalogue())
    cluster.rival, cluster.rival_catalogue = TopicAdmin(cluster), _catalogue(max_message_bytes=2_000_000)
    applied = admin.apply(plan)

    assert [change.field for change in applied.done] == ["max.message.bytes"]
    assert cluster.topics[_KEYED].configs["max.message.bytes"] == "1048576"


def test_topic_created_by_a_rival_with_fewer_partitions_is_refused():
    """A keyed topic that a rival made too small is not grown behind everybody's back."""
    cluster = MemoryCluster()
    admin = TopicAdmin(cluster)
    plan = admin.plan(_catalogue(partitions=6))
    cluster.rival, cluster.rival_catalogue = TopicAdmin(cluster), _catalogue()

    with pytest.raises(TopicDriftError, match="partitions: 4 -> 6"):
        admin.apply(plan)


def test_lines_for_people(cluster):
    """Each difference prints as one line with topic, field, both values and the reason."""
    cluster.set(_KEYED, retention_ms="-1")
    change = TopicAdmin(cluster).plan(_catalogue()).changes[0]

    assert str(change).startswith("drift     hue.records.dossier  retention.ms: -1 -> 2592000000  (kept longer")
