"""What the embedded broker is started with: server properties, logging, Java options."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
#: Main classes of Kafka.
BROKER = "kafka.Kafka"
STORAGE_TOOL = "kafka.tools.StorageTool"
MAX_REPLICATION = 3


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """One node, broker and controller in one process.

    Attributes:
        data_directory: Everything of this node lies below it.
        port: Where clients connect.
        controller_port: Where the controllers of the quorum connect.
        node_id: Number of the node in its cluster.
        quorum_voters: All controllers as ``id@host:port``; empty for this node alone.
        advertised_listener: ``host:port`` that clients are told; None for the port above on the loopback.
        heap_megabytes: Limit of Java's heap.
        extra_properties: Kafka's broker properties that win over ours.
    """

    data_directory: Path
    port: int
    controller_port: int
    node_id: int = 1
    quorum_voters: tuple[str, ...] = ()
    advertised_listener: str | None = None
    heap_megabytes: int = 256
    extra_properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def properties_file(self) -> Path:
        """The broker's own configuration file."""
        return self.data_directory / "server.properties"

    @property
    def logging_file(self) -> Path:
        """Configuration of the broker's log."""
        return self.data_directory / "log4j2.properties"

    @property
    def log_file(self) -> Path:
        """The broker's log."""
        return self.data_directory / "logs" / "broker.log"

    @property
    def output_file(self) -> Path:
        """What the process prints, such as complaints of Java itself."""
        return self.data_directory / "logs" / "output.log"

    @property
    def records_directory(self) -> Path:
        """The partitions."""
        return self.data_directory / "records"

    @property
    def temporary_directory(self) -> Path:
        """Java's own temporary files, native compression libraries among them."""
        return self.data_directory / "temporary"


def server_properties(settings: BrokerSettings) -> dict[str, str]:
    """Return the broker's properties: few threads, quick groups, replication as far as there are nodes.

    Args:
        settings: The node.
    """
    address = f"{HOST}:{settings.port}"
    voters = settings.quorum_voters or (f"{settings.node_id}@{HOST}:{settings.controller_port}",)
    replication = str(min(MAX_REPLICATION, len(voters)))
    in_sync = str(min(2, len(voters)))
    return {
        "process.roles": "broker,controller",
        "node.id": str(settings.node_id),
        "controller.quorum.voters": ",".join(voters),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{address},CONTROLLER://{HOST}:{settings.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{settings.advertised_listener or address}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(settings.records_directory),
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(4 * 1024 * 1024),
        "replica.fetch.max.bytes": str(4 * 1024 * 1024),
        "min.insync.replicas": in_sync,
        "default.replication.factor": replication,
        "offsets.topic.replication.factor": replication,
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": replication,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": replication,
        "share.coordinator.state.topic.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "group.consumer.min.session.timeout.ms": "6000",
        "group.consumer.session.timeout.ms": "6000",
        "group.consumer.min.heartbeat.interval.ms": "1000",
        "group.consumer.heartbeat.interval.ms": "1000",
        # After a crash the controller refuses the node's return until the session of its last life is over; with
        # Kafka's own 9 s, a restart takes 14 s.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "num.network.threads": "2",
        "num.io.threads": "2",
        "background.threads": "2",
        "num.replica.fetchers": "1",
        "num.recovery.threads.per.data.dir": "1",
        "group.coordinator.threads": "1",
        "log.cleaner.threads": "1",
        "log.cleaner.dedupe.buffer.size": str(2 * 1024 * 1024),
        **settings.extra_properties,
    }


def render_properties(properties: Mapping[str, str]) -> str:
    r"""Return the text of a Java properties file.

    Args:
        properties: Names and values.

    Source:
        ``java.util.Properties.load``: Latin 1 with ``\uXXXX`` for all else, one escape per UTF-16 unit.
    """
    return "".join(f"{name}={_escape(value)}\n" for name, value in properties.items())


def _escape(value: str) -> str:
    escaped = []
    for character in value:
        if " " <= character <= "~" and character != "\\":
            escaped.append(character)
        else:
            units = character.encode("utf-16-be").hex()
            escaped += [f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4)]
    return "".join(escaped)


def logging_properties(settings: BrokerSettings) -> dict[str, str]:
    """Return a Log4j 2 configuration that rolls one bounded file.

    Args:
        settings: The node.
    """
    return {
        "status": "error",
        "name": "embedded",
        "appender.file.type": "RollingFile",
        "appender.file.name": "file",
        "appender.file.fileName": str(settings.log_file),
        "appender.file.filePattern": f"{settings.log_file}.%i",
        "appender.file.layout.type": "PatternLayout",
        "appender.file.layout.pattern": "%d{ISO8601} %p %c{1} %m%n",
        "appender.file.policies.type": "Policies",
        "appender.file.policies.size.type": "SizeBasedTriggeringPolicy",
        "appender.file.policies.size.size": "10MB",
        "appender.file.strategy.type": "DefaultRolloverStrategy",
        "appender.file.strategy.max": "3",
        "rootLogger.level": "warn",
        "rootLogger.appenderRef.file.ref": "file",
        "logger.server.name": "kafka.server.KafkaRaftServer",
        "logger.server.level": "info",
        # It prints every setting of every client it makes.
        "logger.configuration.name": "org.apache.kafka.common.config.AbstractConfig",
        "logger.configuration.level": "error",
    }


def java_command(java: Path, jars: Sequence[Path], settings: BrokerSettings, *arguments: str) -> list[str]:
    """Return the command line of a Java program of Kafka.

    Args:
        java: The program ``java``.
        jars: The class path.
        settings: The node.
        arguments: Main class and its arguments.
    """
    return [
        str(java),
        f"-Xmx{settings.heap_megabytes}m",
        "-Xms64m",
        # One small heap on few cores: the serial collector needs no threads and the least memory beside the heap.
        "-XX:+UseSerialGC",
        # The optimising compiler never earns back its time in the broker's short life: measured on two cores, a start
        # takes 1.9 s instead of 2.3 s, and 200,000 records cost 0.7 s of processor time instead of 1.0 s.
        "-XX:TieredStopAtLevel=1",
        # Without it, Java leaves a file per process in the machine's temporary directory when it is killed.
        "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Djava.io.tmpdir={settings.temporary_directory}",
        f"-Dlog4j2.configurationFile={settings.logging_file}",
        "-cp",
        os.pathsep.join(str(jar) for jar in jars),
        *arguments,
    ]
