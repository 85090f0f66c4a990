"""The Docker alternative is consistent with itself and with the embedded broker, as far as reading can tell."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lienthong.kafka.embedded_jars import locked_jars
from lienthong.kafka.embedded_settings import BrokerSettings, server_properties

COMPOSE_FILE = Path(__file__).parents[3] / "docker-compose.yml"


@pytest.fixture
def kafka_service() -> dict[str, Any]:
    """The service ``kafka`` of the compose file."""
    return yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))["services"]["kafka"]


def listeners(text: str) -> dict[str, tuple[str, int]]:
    """Return host and port by the name of the listener."""
    found = re.findall(r"(\w+)://([^:,]+):(\d+)", text)
    assert len(found) == len(text.split(","))
    return {name: (host, int(port)) for name, host, port in found}


def test_every_listener_has_a_protocol_and_every_client_listener_is_advertised(kafka_service: dict[str, Any]) -> None:
    """A listener without a protocol or an address stops the broker or strands its clients."""
    environment = kafka_service["environment"]
    bound = listeners(environment["KAFKA_LISTENERS"])
    advertised = listeners(environment["KAFKA_ADVERTISED_LISTENERS"])
    protocols = dict(pair.split(":") for pair in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    controller = environment["KAFKA_CONTROLLER_LISTENER_NAMES"]

    assert set(protocols) == set(bound)
    assert set(advertised) == set(bound) - {controller}
    assert {name: port for name, (_, port) in advertised.items()} == {
        name: port for name, (_, port) in bound.items() if name != controller
    }
    assert environment["KAFKA_INTER_BROKER_LISTENER_NAME"] in advertised


def test_published_port_is_the_advertised_one_and_only_on_the_loopback(kafka_service: dict[str, Any]) -> None:
    """Programs on the machine reach the address they are told; nobody else does."""
    (published,) = kafka_service["ports"]
    address, outside, inside = published.rsplit(":", 2)
    host = listeners(kafka_service["environment"]["KAFKA_ADVERTISED_LISTENERS"])["HOST"]

    assert address == "127.0.0.1"
    assert host == (address, int(outside))
    assert outside == inside


def test_quorum_names_this_node_and_its_controller_port(kafka_service: dict[str, Any]) -> None:
    """The single voter is the node itself."""
    environment = kafka_service["environment"]
    _, controller_port = listeners(environment["KAFKA_LISTENERS"])["CONTROLLER"]

    assert environment["KAFKA_CONTROLLER_QUORUM_VOTERS"] == (
        f"{environment['KAFKA_NODE_ID']}@{kafka_service['hostname']}:{controller_port}"
    )


def test_health_check_asks_an_advertised_address(kafka_service: dict[str, Any]) -> None:
    """The check talks to the broker over a listener that exists."""
    host, port = listeners(kafka_service["environment"]["KAFKA_ADVERTISED_LISTENERS"])["INTERNAL"]

    assert kafka_service["healthcheck"]["test"][-1] == f"{host}:{port}"


def test_records_lie_on_the_declared_volume(kafka_service: dict[str, Any]) -> None:
    """Records survive the container."""
    (volume,) = kafka_service["volumes"]
    name, _, path = volume.partition(":")
    declared = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))["volumes"]

    assert name in declared
    assert path == kafka_service["environment"]["KAFKA_LOG_DIRS"]


def test_docker_and_embedded_broker_are_the_same_kafka_with_the_same_limits(kafka_service: dict[str, Any]) -> None:
    """What works with one works with the other: same version, same values of every setting that both name."""
    embedded = server_properties(BrokerSettings(Path("/data"), port=9092, controller_port=9093))
    named = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in kafka_service["environment"].items()
    }
    of_the_place = {
        "log.dirs",
        "listeners",
        "advertised.listeners",
        "listener.security.protocol.map",
        "controller.quorum.voters",
    }
    shared = (set(named) & set(embedded)) - of_the_place

    assert len(shared) >= 12
    assert {name: named[name] for name in shared} == {name: embedded[name] for name in shared}
    versions = {jar.coordinate.rpartition(":")[2] for jar in locked_jars() if ":kafka_2.13:" in jar.coordinate}
    assert versions == {kafka_service["image"].rpartition(":")[2]}


def test_docker_compose_accepts_the_file() -> None:
    """Docker's own reader accepts the file, where there is one; it needs no engine for that."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    done = subprocess.run(
        [docker, "compose", "--file", str(COMPOSE_FILE), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
