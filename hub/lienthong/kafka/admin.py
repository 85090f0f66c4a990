"""Brings a cluster's topics to what the catalogue says; deletes nothing and loses nothing.

What would delete records or re-hash keys is never done, only shown: fewer partitions, a shorter retention, another
cleanup policy, another number of copies. More partitions on a keyed topic are refused, because records of one key would
continue in another partition, out of order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from lienthong.config.models import KafkaSettings
from lienthong.errors import TopicDriftError
from lienthong.kafka.admin_client import Cluster, ClusterTopic, KafkaCluster, NewTopic
from lienthong.registry.topic_documents import CleanupPolicy
from lienthong.registry.topics import Topic, TopicCatalogue

_DAY_MS = 86_400_000
_RETENTION = "retention.ms"
_CLEANUP = "cleanup.policy"
_UNLIMITED = -1


class ChangeKind(StrEnum):
    """What a plan says about one topic."""

    CREATE = "create"
    ALTER = "alter"
    ADD_PARTITIONS = "add_partitions"
    DRIFT = "drift"
    REFUSED = "refused"


_DONE_BY_APPLY = frozenset({ChangeKind.CREATE, ChangeKind.ALTER, ChangeKind.ADD_PARTITIONS})


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between catalogue and cluster.

    Attributes:
        topic: The topic as declared.
        kind: What is done about it.
        field: What differs: ``partitions``, ``replication_factor`` or a Kafka setting; empty for a new topic.
        cluster: What the cluster has; empty for a new topic.
        wanted: What the catalogue says.
        note: Why it is not done, or what to do by hand.
    """

    topic: Topic
    kind: ChangeKind
    field: str = ""
    cluster: str = ""
    wanted: str = ""
    note: str = ""

    def __str__(self) -> str:
        """Return one line for people."""
        if self.kind is ChangeKind.CREATE:
            return f"create    {self.topic.full_name}  {self.wanted}"
        line = f"{self.kind.value:<9} {self.topic.full_name}  {self.field}: {self.cluster} -> {self.wanted}"
        return f"{line}  ({self.note})" if self.note else line


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that differs.

    Attributes:
        catalogue: What is declared.
        changes: Differences, in the catalogue's order.
        unmanaged: Topics of this province in the cluster that no catalogue declares; they are left alone.
    """

    catalogue: TopicCatalogue
    changes: tuple[Change, ...]
    unmanaged: tuple[str, ...] = ()

    @property
    def pending(self) -> tuple[Change, ...]:
        """What :meth:`TopicAdmin.apply` would do."""
        return tuple(change for change in self.changes if change.kind in _DONE_BY_APPLY)

    @property
    def drift(self) -> tuple[Change, ...]:
        """What differs and is only shown."""
        return tuple(change for change in self.changes if change.kind is ChangeKind.DRIFT)

    @property
    def refused(self) -> tuple[Change, ...]:
        """What must not be done at all."""
        return tuple(change for change in self.changes if change.kind is ChangeKind.REFUSED)


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done.

    Attributes:
        done: Changes that this call made.
        raced: Full names of topics that another process changed at the same time; they were checked again.
    """

    done: tuple[Change, ...] = ()
    raced: tuple[str, ...] = ()


def kafka_configs(topic: Topic) -> dict[str, str]:
    """Return the settings of a topic under Kafka's names.

    Retention goes by the broker's clock: a publisher with a wrong clock must not make its records expire at once.

    Args:
        topic: The topic as declared.
    """
    forever = topic.retention_days is None or topic.cleanup_policy is CleanupPolicy.COMPACT
    return {
        _CLEANUP: topic.cleanup_policy.value,
        _RETENTION: str(_UNLIMITED if forever else (topic.retention_days or 0) * _DAY_MS),
        "retention.bytes": str(_UNLIMITED),
        "max.message.bytes": str(topic.max_message_bytes),
        "min.insync.replicas": str(topic.min_insync_replicas),
        "message.timestamp.type": "LogAppendTime",
        "unclean.leader.election.enable": "false",
    }


class TopicAdmin:
    """Compares and applies.

    Args:
        cluster: The cluster.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def plan(self, catalogue: TopicCatalogue) -> Plan:
        """Return what differs between catalogue and cluster, changing nothing.

        Args:
            catalogue: What is declared.

        Raises:
            BrokerUnavailableError: If Kafka cannot be asked.
        """
        managed = {topic.full_name for topic in catalogue}
        existing = self._cluster.describe(managed)
        changes: list[Change] = []
        for topic in catalogue:
            found = existing.get(topic.full_name)
            changes.extend([_creation(topic)] if found is None else _differences(topic, found))
        head = catalogue.names.full("")
        unmanaged = tuple(
            name
            for name in self._cluster.list_names()
            if name.startswith(head) and not name.startswith("__") and name not in managed
        )
        return Plan(catalogue, tuple(changes), unmanaged)

    def apply(self, plan: Plan) -> Applied:
        """Do what a plan says; doing it twice, or in two processes at once, gives the same result.

        Args:
            plan: What :meth:`plan` returned.

        Returns:
            What was done by this call.

        Raises:
            TopicDriftError: If the plan holds a refused change; nothing at all is changed then.
            CatalogError: If the broker refuses a name, number or setting.
            BrokerUnavailableError: If Kafka cannot be reached; what was done stays done.
        """
        _refuse(plan)
        done, raced = self._execute(plan)
        if raced:
            again = self.plan(plan.catalogue)
            _refuse(again)
            more, _ = self._execute(again)
            done = [*(change for change in done if change.topic.full_name not in raced), *more]
        return Applied(tuple(done), tuple(sorted(raced)))

    def _execute(self, plan: Plan) -> tuple[list[Change], set[str]]:
        by_kind = {kind: [change for change in plan.pending if change.kind is kind] for kind in _DONE_BY_APPLY}
        raced: set[str] = set()
        created = by_kind[ChangeKind.CREATE]
        if created:
            raced.update(self._cluster.create([_new(change.topic) for change in created]))
        configs: dict[str, dict[str, str]] = {}
        for change in by_kind[ChangeKind.ALTER]:
            configs.setdefault(change.topic.full_name, {})[change.field] = change.wanted
        if configs:
            self._cluster.set_configs(configs)
        added = by_kind[ChangeKind.ADD_PARTITIONS]
        if added:
            raced.update(
                self._cluster.set_partitions({change.topic.full_name: change.topic.partitions for change in added})
            )
        return list(plan.pending), raced


@contextmanager
def connect(settings: KafkaSettings) -> Iterator[TopicAdmin]:
    """Open the administration of the configured cluster.

    Args:
        settings: How to reach the broker.

    Raises:
        BrokerUnavailableError: If no broker answers in time.
        ConfigurationError: If security settings cannot be used.
    """
    with KafkaCluster(settings) as cluster:
        yield TopicAdmin(cluster)


def _refuse(plan: Plan) -> None:
    if plan.refused:
        lines = "; ".join(str(change) for change in plan.refused)
        raise TopicDriftError(f"nothing was changed, because the plan has what must not be done: {lines}")


def _new(topic: Topic) -> NewTopic:
    return NewTopic(topic.full_name, topic.partitions, topic.replication_factor, kafka_configs(topic))


def _creation(topic: Topic) -> Change:
    wanted = f"partitions={topic.partitions} replication_factor={topic.replication_factor}"
    return Change(topic, ChangeKind.CREATE, wanted=wanted)


def _differences(topic: Topic, found: ClusterTopic) -> Iterator[Change]:
    if topic.partitions != found.partitions:
        yield _partitions(topic, found)
    if topic.replication_factor != found.replication_factor:
        yield Change(
            topic,
            ChangeKind.DRIFT,
            "replication_factor",
            str(found.replication_factor),
            str(topic.replication_factor),
            "reassign replicas with kafka-reassign-partitions",
        )
    for name, wanted in kafka_configs(topic).items():
        cluster = found.configs.get(name, "")
        if cluster != wanted:
            note = _why_not(name, cluster, wanted)
            yield Change(topic, ChangeKind.DRIFT if note else ChangeKind.ALTER, name, cluster, wanted, note)


def _partitions(topic: Topic, found: ClusterTopic) -> Change:
    numbers = ("partitions", str(found.partitions), str(topic.partitions))
    if topic.partitions < found.partitions:
        return Change(topic, ChangeKind.DRIFT, *numbers, "Kafka cannot remove partitions")
    if topic.keyed:
        return Change(
            topic,
            ChangeKind.REFUSED,
            *numbers,
            "keys would move to other partitions and lose their order: declare a new topic and drain the old one",
        )
    return Change(topic, ChangeKind.ADD_PARTITIONS, *numbers)


def _why_not(name: str, cluster: str, wanted: str) -> str:
    """Return why a setting is only shown, or an empty string if it may be changed."""
    if name == _CLEANUP:
        return "another cleanup policy removes records; change it by hand"
    if name == _RETENTION and _is_shorter(cluster, wanted):
        return "kept longer than declared, as pipelines do for unsettled records; shorten it by hand"
    return ""


def _is_shorter(cluster: str, wanted: str) -> bool:
    if int(wanted) == _UNLIMITED:
        return False
    return cluster == str(_UNLIMITED) or int(wanted) < int(cluster or 0)
