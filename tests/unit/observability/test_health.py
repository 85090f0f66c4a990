"""Probes are answered with named reasons, even while the main loop is blocked."""

import asyncio
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from lienthong.errors import ConfigurationError
from lienthong.observability.health import Health
from lienthong.observability.metrics import Metrics
from lienthong.observability.server import ObservabilityServer


class HandClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        """Return a fixed day plus the seconds that passed."""
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        """Return the seconds that passed."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.seconds += seconds


@pytest.fixture
def clock() -> HandClock:
    """Return a clock that stands still."""
    return HandClock()


@pytest.fixture
def health(clock: HandClock) -> Health:
    """Return the health of a process that needs Kafka."""
    return Health(clock, required=("kafka",))


@pytest.fixture
def server(health: Health) -> Iterator[ObservabilityServer]:
    """Return a server that is stopped afterwards."""
    server = ObservabilityServer(Metrics(with_process=False), health, host="127.0.0.1")
    yield server
    server.stop()


def get(port: int, path: str) -> tuple[int, str, str]:
    """Return status, content type and body of a request to loopback.

    Args:
        port: Port of the server.
        path: Path of the request.
    """
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


def test_a_process_is_not_ready_before_its_conditions_are_met(health: Health) -> None:
    """A new process gets no work before each required condition was met."""
    assert health.readiness().reasons == {"kafka": "starting"}
    assert health.liveness().is_ok

    health.set_ready("kafka")

    assert health.readiness().is_ok


def test_a_lost_condition_is_named(health: Health) -> None:
    """The probe says what is missing and why."""
    health.set_ready("kafka")
    health.set_not_ready("kafka", "no broker answers")

    assert health.readiness().reasons == {"kafka": "no broker answers"}


def test_a_silent_loop_is_not_alive(health: Health, clock: HandClock) -> None:
    """Liveness follows progress: a loop that stopped beating asks for a restart, one that ended does not."""
    health.set_ready("kafka")
    health.watch("poll", max_silence_seconds=30)
    clock.seconds = 20
    health.beat("poll")
    clock.seconds = 45

    assert health.liveness().is_ok

    clock.seconds = 51

    assert list(health.liveness().reasons) == ["poll"]
    assert not health.readiness().is_ok

    health.unwatch("poll")
    health.beat("poll")

    assert health.liveness().is_ok


def test_a_failure_asks_for_a_restart(health: Health) -> None:
    """What only a restart can mend makes the process not alive."""
    health.fail("pipeline", "fatal error")

    assert health.liveness().reasons == {"pipeline": "fatal error"}


def test_probes_and_metrics_over_http(server: ObservabilityServer, health: Health) -> None:
    """Each path answers with the status a kubelet or scraper expects."""
    port = server.start(0)

    assert get(port, "/livez")[0] == 200
    status, _, body = get(port, "/readyz")
    assert (status, json.loads(body)) == (503, {"ok": False, "reasons": {"kafka": "starting"}})
    health.set_ready("kafka")
    assert get(port, "/readyz")[0] == 200
    status, content_type, body = get(port, "/metrics")
    assert status == 200
    assert content_type.startswith("text/plain; version=")
    assert "# TYPE lienthong_records_total counter" in body
    assert get(port, "/other")[0] == 404


async def test_answers_while_the_main_loop_is_blocked(server: ObservabilityServer) -> None:
    """A main loop that does not run cannot silence the probes."""
    port = server.start(0)

    blocked = get(port, "/livez")

    assert asyncio.get_running_loop().is_running()
    assert blocked[0] == 200


def test_a_used_port_is_a_clear_error(server: ObservabilityServer) -> None:
    """A port that is taken refuses the start and names the setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(ConfigurationError, match="metrics_port"):
            server.start(taken.getsockname()[1])


def test_stops_twice_and_starts_again(server: ObservabilityServer) -> None:
    """Stopping frees the port and may be repeated; the server can be started again."""
    port = server.start(0)
    server.stop()
    server.stop()

    assert get(server.start(port), "/livez")[0] == 200
