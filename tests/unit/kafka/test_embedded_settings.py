"""What the embedded broker is started with."""

from pathlib import Path

import pytest

from lienthong.kafka.embedded_settings import (
    BrokerSettings,
    java_command,
    logging_properties,
    render_properties,
    server_properties,
)

ALONE = BrokerSettings(Path("/data"), port=21_000, controller_port=21_001)


def test_single_node_listens_on_the_loopback_only() -> None:
    """A laptop's broker is not open to the network, and clients are told where it listens."""
    properties = server_properties(ALONE)

    assert properties["listeners"] == "PLAINTEXT://127.0.0.1:21000,CONTROLLER://127.0.0.1:21001"
    assert properties["advertised.listeners"] == "PLAINTEXT://127.0.0.1:21000"
    assert properties["controller.quorum.voters"] == "1@127.0.0.1:21001"
    assert properties["log.dirs"] == "/data/records"


@pytest.mark.parametrize(("nodes", "replication", "in_sync"), [(1, "1", "1"), (3, "3", "2"), (5, "3", "2")])
def test_replication_follows_the_number_of_nodes(nodes: int, replication: str, in_sync: str) -> None:
    """A cluster of several nodes keeps its internal topics on three of them, one node on itself."""
    voters = tuple(f"{node}@127.0.0.1:{22_000 + node}" for node in range(1, nodes + 1))
    properties = server_properties(BrokerSettings(Path("/data"), 21_000, 22_001, quorum_voters=voters))

    assert {value for name, value in properties.items() if name.endswith("replication.factor")} == {replication}
    assert {value for name, value in properties.items() if name.endswith("min.isr")} == {in_sync}
    assert properties["controller.quorum.voters"].split(",") == list(voters)


def test_given_properties_win() -> None:
    """A test about limits sets its own."""
    settings = BrokerSettings(Path("/data"), 21_000, 21_001, extra_properties={"message.max.bytes": "1000"})

    assert server_properties(settings)["message.max.bytes"] == "1000"


def test_advertised_address_can_be_that_of_a_proxy() -> None:
    """Only what clients are told changes, not where the broker listens."""
    properties = server_properties(BrokerSettings(Path("/data"), 21_000, 21_001, advertised_listener="proxy:9"))

    assert properties["advertised.listeners"] == "PLAINTEXT://proxy:9"
    assert properties["listeners"].startswith("PLAINTEXT://127.0.0.1:21000,")


def test_vietnamese_paths_and_backslashes_survive_java_properties() -> None:
    """Java reads properties as Latin 1; every other character is escaped, per UTF-16 unit."""
    assert render_properties({"a": "/dữ liệu"}) == "a=/d\\u1eef li\\u1ec7u\n"
    assert render_properties({"a": "\\ \n 😀"}) == "a=\\u005c \\u000a \\ud83d\\ude00\n"


def test_log_is_bounded() -> None:
    """The broker's log cannot fill the disk."""
    properties = logging_properties(ALONE)

    assert properties["appender.file.type"] == "RollingFile"
    assert properties["appender.file.policies.size.size"] == "10MB"
    assert properties["appender.file.strategy.max"] == "3"


def test_java_is_kept_small_and_within_the_data_directory() -> None:
    """Heap limit and temporary files are ours; Java leaves nothing in the machine's temporary directory."""
    command = java_command(Path("/java"), [Path("/a.jar"), Path("/b.jar")], ALONE, "kafka.Kafka", "x")

    assert command[0] == "/java"
    assert {"-Xmx256m", "-XX:-UsePerfData", "-Djava.io.tmpdir=/data/temporary"} <= set(command)
    assert command[-4:] == ["-cp", "/a.jar:/b.jar", "kafka.Kafka", "x"]
