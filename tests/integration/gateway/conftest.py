"""A gateway and an issuer as real processes in front of a real broker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

if TYPE_CHECKING:
    from lienthong.kafka.embedded import EmbeddedKafka

START_SECONDS = 30
_MAIN = "from lienthong.cli.main import main; main()"


class Process:
    """A command of the hub that tells where it is reached.

    Args:
        folder: Where its files lie.
        arguments: Of `lienthong`.
        environment: Further variables.
    """

    def __init__(self, folder: Path, arguments: list[str], environment: dict[str, str]) -> None:
        name = arguments[0]
        self._ready = folder / f"{name}.json"
        self._ready.unlink(missing_ok=True)
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "from lienthong.cli.main import main; main()",
                    *arguments,
                    "--ready-file",
                    str(self._ready),
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                cwd=folder,
            )

    @property
    def url(self) -> str:
        """Where it is reached, once it is ready."""
        deadline = time.monotonic() + START_SECONDS
        while not self._ready.exists():
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self.log.read_text(encoding="utf-8"))
            select_nothing(0.05)
        return str(json.loads(self._ready.read_text(encoding="utf-8"))["url"])

    def memory_megabytes(self) -> float:
        """Return the most memory that the process ever held."""
        status = Path(f"/proc/{self.child.pid}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1_024

    def stop(self) -> int:
        """Stop it in good order and return its exit code."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        return self.child.wait(30)


def select_nothing(seconds: float) -> None:
    """Let a little time pass.

    Args:
        seconds: How long.
    """
    import select

    select.select([], [], [], seconds)


class Hub:
    """The two processes and a client with a token.

    Args:
        folder: Where their files lie.
        bootstrap_servers: The broker.
        limits: Settings of the gateway.
    """

    def __init__(self, folder: Path, bootstrap_servers: str, **limits: Any) -> None:
        self._variables = {
            "LIENTHONG_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
            "LIENTHONG_STATE_DIRECTORY": str(folder),
            "LIENTHONG_LEDGER__URL": f"sqlite:///{folder}/ledger.sqlite3",
        }
        self.province = f"p{os.urandom(4).hex()}"
        self.issuer = Process(
            folder,
            ["issuer", "--port", "0", "--client", "one-stop:secret:publish:dossier read:receipts"],
            self._variables,
        )
        config = folder / "lienthong.yaml"
        config.write_text(
            json.dumps(
                {
                    "province": self.province,
                    "gateway": {
                        "issuer": self.issuer.url,
                        "publishers": {"one-stop": {"sources": ["/hue"], "domains": ["dossier"]}},
                        **limits,
                    },
                }
            ),
            encoding="utf-8",
        )
        self.topic = f"{self.province}.inbound.dossier.one-stop"
        self.gateway = Process(folder, ["gateway", "--port", "0"], {**self._variables, "LIENTHONG_CONFIG": str(config)})
        answer = httpx.post(
            f"{self.issuer.url}/token", data={"grant_type": "client_credentials"}, auth=("one-stop", "secret")
        )
        self.client = httpx.Client(
            base_url=self.gateway.url,
            headers={"Authorization": f"Bearer {answer.json()['access_token']}"},
            timeout=120,
        )

    def stop(self) -> None:
        """Stop both processes."""
        self.client.close()
        for process in (self.gateway, self.issuer):
            process.stop()


def create_topic(bootstrap_servers: str, topic: str) -> None:
    """Create a topic of four partitions.

    Args:
        bootstrap_servers: The broker.
        topic: Name of the topic.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    for future in admin.create_topics([NewTopic(topic, 4, 1, config={"max.message.bytes": "1048576"})]).values():
        future.result(30)


@pytest.fixture(scope="module")
def hub(kafka_broker: "EmbeddedKafka", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub in front of the shared broker."""
    made = Hub(tmp_path_factory.mktemp("gateway"), kafka_broker.bootstrap_servers)
    create_topic(kafka_broker.bootstrap_servers, made.topic)
    yield made
    made.stop()


@pytest.fixture
def start_hub(tmp_path: Path) -> Iterator[Callable[..., Hub]]:
    """A function that starts a hub of this test alone."""
    made: list[Hub] = []

    def start(bootstrap_servers: str, **limits: Any) -> Hub:
        made.append(Hub(tmp_path, bootstrap_servers, **limits))
        return made[-1]

    yield start
    for hub in made:
        hub.stop()


@pytest.fixture
def make_topic() -> Callable[[str, str], None]:
    """A function that creates a topic: broker, name."""
    return create_topic
