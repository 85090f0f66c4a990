"""What a data directory of the embedded broker remembers between runs: its identity and its ports."""

import base64
import fcntl
import json
import os
import secrets
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lienthong.errors import ConfigurationError
from lienthong.kafka.embedded_settings import HOST

_LOWEST_PORT = 20_000
_FALLBACK_HIGHEST_PORT = 32_768
_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class BrokerState:
    """Identity and ports of one node.

    Attributes:
        cluster_id: Kafka's own identifier of the cluster, 22 characters.
        node_id: Number of the node.
        port: Where clients connect.
        controller_port: Where controllers connect.
        is_formatted: Whether the storage was prepared to the end.
    """

    cluster_id: str
    node_id: int
    port: int
    controller_port: int
    is_formatted: bool = False


def read_state(path: Path) -> BrokerState | None:
    """Return what the directory remembers, or None if no broker has run from it.

    Args:
        path: The state file.

    Raises:
        ConfigurationError: If the file is damaged.
    """
    try:
        return BrokerState(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{path} is damaged; restore it, or remove the directory and its records") from error


def write_state(path: Path, state: BrokerState) -> None:
    """Replace the state file in one step, so that a crash leaves the old or the new one.

    Args:
        path: The state file.
        state: What to remember.
    """
    write_atomically(path, json.dumps(asdict(state), indent=2) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Replace a text file in one step.

    Args:
        path: The file.
        text: Its new content.
    """
    draft = path.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def new_cluster_id() -> str:
    """Return a random cluster id in Kafka's form.

    Source:
        Kafka's ``Uuid.randomUuid``: URL-safe base64 without padding that does not begin with a dash.
    """
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def is_port_free(port: int) -> bool:
    """Return whether the port can be listened on.

    Args:
        port: TCP port on the loopback.
    """
    with socket.socket() as probe:
        # As Java does: connections that linger from the last run do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(avoid: int = 0) -> int:
    """Return a port that nothing listens on, below those that the kernel gives to outgoing connections.

    A client that keeps trying to reach a stopped broker on an outgoing port sooner or later connects to itself and
    holds the port against the broker's return.

    Args:
        avoid: A port that is already spoken for.

    Raises:
        ConfigurationError: If none is found.
    """
    highest = _lowest_outgoing_port()
    for _ in range(_ATTEMPTS):
        port = _LOWEST_PORT + secrets.randbelow(highest - _LOWEST_PORT)
        if port != avoid and is_port_free(port):
            return port
    raise ConfigurationError(f"no free port between {_LOWEST_PORT} and {highest} on {HOST}; give one with --port")


def require_free(port: int, name: str, *, remembered: bool) -> None:
    """Refuse a port that something else listens on.

    Args:
        port: TCP port on the loopback.
        name: What it is for.
        remembered: Whether it is the port of the last run and was not asked for now.

    Raises:
        ConfigurationError: If the port is in use or is none.
    """
    if not 0 < port < 65_536:
        raise ConfigurationError(f"the {name} {port} is no TCP port; give one between 1 and 65535, or 0 for a free one")
    if not is_port_free(port):
        origin = ", which this data directory remembers," if remembered else ""
        raise ConfigurationError(
            f"the {name} {port} on {HOST}{origin} is in use or not allowed; stop the program there or give another"
        )


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold the directory while a broker is started or stopped; locking the folder itself leaves no lock file.

    Args:
        directory: The data directory.

    Raises:
        ConfigurationError: If another process is starting or stopping a broker there.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(
                f"another process is starting or stopping a broker in {directory}; wait for it"
            ) from error
        yield
    finally:
        os.close(descriptor)


def _lowest_outgoing_port() -> int:
    try:
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _FALLBACK_HIGHEST_PORT
    return lowest if lowest > _LOWEST_PORT else _FALLBACK_HIGHEST_PORT
