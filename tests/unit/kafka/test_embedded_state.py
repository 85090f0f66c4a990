"""Identity and ports that a data directory remembers."""

import json
import socket
from pathlib import Path

import pytest

from lienthong.errors import ConfigurationError
from lienthong.kafka.embedded_state import (
    BrokerState,
    exclusive,
    free_port,
    is_port_free,
    new_cluster_id,
    read_state,
    require_free,
    write_state,
)


def test_state_is_read_as_written(tmp_path: Path) -> None:
    """Identity and ports survive, and no draft stays beside the file."""
    state = BrokerState("M" * 22, 2, 21_000, 21_001, is_formatted=True)
    write_state(tmp_path / "state.json", state)

    assert read_state(tmp_path / "state.json") == state
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    assert read_state(tmp_path / "other.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"cluster_id": "x", "unknown": 1})])
def test_damaged_state_is_refused_instead_of_replaced(tmp_path: Path, text: str) -> None:
    """A new identity over old records would hide them; the operator decides."""
    (tmp_path / "state.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="damaged"):
        read_state(tmp_path / "state.json")


def test_cluster_ids_have_the_form_that_kafka_takes() -> None:
    """22 URL-safe characters; never a dash in front, which Kafka's tool would take for an option."""
    identifiers = {new_cluster_id() for _ in range(500)}

    assert len(identifiers) == 500
    assert {len(identifier) for identifier in identifiers} == {22}
    assert not any(identifier.startswith("-") for identifier in identifiers)


def test_free_port_lies_below_outgoing_ports() -> None:
    """A client's own connection never takes the port of a broker that is away."""
    lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    port = free_port()

    assert 20_000 <= port < max(lowest_outgoing, 32_768)
    assert is_port_free(port)


def test_port_in_use_is_refused_with_its_number_and_purpose() -> None:
    """The operator reads which port is taken, and whether it was asked for or remembered."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"the port {port} on 127\.0\.0\.1 is in use"):
            require_free(port, "port", remembered=False)
        with pytest.raises(ConfigurationError, match=r"controller port .* which this data directory remembers"):
            require_free(port, "controller port", remembered=True)


@pytest.mark.parametrize("port", [-1, 0, 65_536])
def test_number_that_is_no_port_is_refused(port: int) -> None:
    """A number out of range is named before anything starts."""
    with pytest.raises(ConfigurationError, match="is no TCP port"):
        require_free(port, "port", remembered=False)


def test_directory_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    """Two starts at once do not prepare the same directory, and holding it leaves no file."""
    with exclusive(tmp_path), pytest.raises(ConfigurationError, match="another process"), exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        pass

    assert not list(tmp_path.iterdir())
