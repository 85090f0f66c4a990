"""The few calls of kafka-python's administration client that the hub uses, as plain values."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from kafka import KafkaAdminClient
from kafka import errors as library
from kafka.admin import ConfigResource, ConfigResourceType, MemberToRemove
from kafka.net.compat import KafkaNetClient

from lienthong.config.models import KafkaSettings
from lienthong.errors import CatalogError, ConfigurationError, LienthongError
from lienthong.kafka.errors import from_code, translated
from lienthong.kafka.security import kafka_python_settings

_CONNECT_TIMEOUT_MS = 30_000
_ALREADY_THERE = frozenset({library.TopicAlreadyExistsError.errno, library.InvalidPartitionsError.errno})


@dataclass(frozen=True, slots=True)
class ClusterTopic:
    """A topic as it exists.

    Attributes:
        name: Full name.
        partitions: Number of partitions.
        replication_factor: Copies of the partition that has fewest.
        configs: Settings with Kafka's names, defaults included.
    """

    name: str
    partitions: int
    replication_factor: int
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A topic to create.

    Attributes:
        name: Full name.
        partitions: Number of partitions.
        replication_factor: Copies of each partition.
        configs: Settings with Kafka's names.
    """

    name: str
    partitions: int
    replication_factor: int
    configs: Mapping[str, str]


class Cluster(Protocol):
    """What the planner needs of a Kafka cluster."""

    def list_names(self) -> list[str]:
        """Return the names of all topics."""
        ...

    def describe(self, names: Iterable[str]) -> dict[str, ClusterTopic]:
        """Return the topics of these names that exist.

        Args:
            names: Full names.
        """
        ...

    def create(self, topics: Iterable[NewTopic]) -> list[str]:
        """Create topics and wait until they can be used.

        Args:
            topics: What to create.

        Returns:
            Names that existed already, because somebody else was faster.
        """
        ...

    def set_configs(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        """Set configuration values; others stay as they are.

        Args:
            changes: Full name → setting → value.
        """
        ...

    def set_partitions(self, counts: Mapping[str, int]) -> list[str]:
        """Add partitions.

        Args:
            counts: Full name → wanted number.

        Returns:
            Names that had as many already, because somebody else was faster.
        """
        ...


#: A member that does not exist any more has left.
_GONE = (library.NoError, library.UnknownMemberIdError)


class KafkaCluster:
    """A real cluster, through kafka-python.

    Args:
        settings: How to reach the broker.
        connect_timeout_ms: How long to wait for the first broker.

    Raises:
        BrokerUnavailableError: If no broker answers in time.
        ConfigurationError: If security settings cannot be used, a file is missing or credentials are refused.
    """

    def __init__(self, settings: KafkaSettings, *, connect_timeout_ms: int = _CONNECT_TIMEOUT_MS) -> None:
        # At debug level the library logs its whole configuration, passwords included; its errors are raised as ours.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        security = kafka_python_settings(settings.security)
        opened: list[Any] = []

        def remember(**configs: Any) -> Any:
            opened.append(KafkaNetClient(**configs))
            return opened[-1]

        try:
            with translated(f"connecting to {settings.bootstrap_servers}"):
                self._client = KafkaAdminClient(
                    bootstrap_servers=[server.strip() for server in settings.bootstrap_servers.split(",")],
                    client_id="lienthong-topics",
                    bootstrap_timeout_ms=connect_timeout_ms,
                    kafka_client=remember,
                    **security,
                )
        except LienthongError:
            # The library leaves its I/O thread running when no broker answers.
            for client in opened:
                client._manager._net.stop()  # noqa: SLF001 - it has no public way
            raise
        except (ValueError, AssertionError) as error:
            raise ConfigurationError(
                f"kafka.security cannot be used: {type(error).__name__}; check the names and values of the settings"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def list_names(self) -> list[str]:
        """Return the names of all topics."""
        with translated("listing topics"):
            return sorted(self._client.list_topics())

    def describe(self, names: Iterable[str]) -> dict[str, ClusterTopic]:
        """Return the topics of these names that exist, with their settings.

        Args:
            names: Full names.
        """
        existing = set(self.list_names())
        wanted = sorted(existing.intersection(names))
        if not wanted:
            return {}
        with translated("describing topics"):
            metadata = self._client.describe_topics(wanted)
            resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
            configs = self._client.describe_configs(resources, config_filter="all")["topic"]
        found: dict[str, ClusterTopic] = {}
        for entry in metadata:
            name = entry["name"]
            _check(entry["error_code"], f"describing the topic {name}")
            partitions = entry["partitions"]
            found[name] = ClusterTopic(
                name=name,
                partitions=len(partitions),
                replication_factor=min(len(partition["replica_nodes"]) for partition in partitions),
                configs={key: _text(item["value"]) for key, item in configs[name].items()},
            )
        return found

    def create(self, topics: Iterable[NewTopic]) -> list[str]:
        """Create topics and wait until every partition has a leader.

        Args:
            topics: What to create.

        Returns:
            Names that existed already, because somebody else was faster.

        Raises:
            CatalogError: If the broker refuses a name, a number or a setting.
        """
        request = {
            topic.name: {
                "num_partitions": topic.partitions,
                "replication_factor": topic.replication_factor,
                "configs": dict(topic.configs),
            }
            for topic in topics
        }
        with translated("creating topics"):
            answer = self._client.create_topics(request, raise_errors=False)
        raced = [item["name"] for item in answer["topics"] if item["error_code"] in _ALREADY_THERE]
        for item in answer["topics"]:
            if item["name"] not in raced:
                _check(item["error_code"], f"creating the topic {item['name']}")
        with translated("waiting for new topics"):
            self._client.wait_for_topics(list(request))
        return raced

    def set_configs(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        """Set configuration values; others stay as they are.

        Args:
            changes: Full name → setting → value.

        Raises:
            CatalogError: If the broker refuses a value.
        """
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, name, dict(values)) for name, values in sorted(changes.items())
        ]
        with translated("changing topic settings"):
            answer: dict[str, Any] = self._client.alter_configs(resources, raise_on_unknown=False)
        for name, result in answer["topic"].items():
            if result != "OK":
                raise CatalogError(f"Kafka refused the settings of {name}: {result}")

    def set_partitions(self, counts: Mapping[str, int]) -> list[str]:
        """Add partitions.

        Args:
            counts: Full name → wanted number.

        Returns:
            Names that had as many already, because somebody else was faster.

        Raises:
            CatalogError: If the broker refuses.
        """
        with translated("adding partitions"):
            answer = self._client.create_partitions(dict(counts), raise_errors=False)
        raced = [item.name for item in answer.results if item.error_code in _ALREADY_THERE]
        for item in answer.results:
            if item.name not in raced:
                _check(item.error_code, f"adding partitions to {item.name}")
        return raced

    def remove_member(self, group: str, member_id: str) -> None:
        """Take a member out of a group; one that is gone already is no error.

        Args:
            group: Name of the consumer group.
            member_id: As the group called it.

        Raises:
            BrokerUnavailableError: If the group's coordinator is away.
        """
        with translated(f"leaving the group {group}"):
            answers = self._client.remove_group_members(group, [MemberToRemove(member_id=member_id)])
        for problem in answers.values():
            if problem not in _GONE:
                _check(problem.errno, f"leaving the group {group}")


def _check(code: int, doing: str) -> None:
    error = from_code(code, doing)
    if error is not None:
        raise error


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(str(item) for item in value)
    return str(value)
