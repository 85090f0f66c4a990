"""One province of one test: its topics, its publishers and its worker processes."""

import concurrent.futures
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from lienthong import receipt
from lienthong.config.models import KafkaSettings
from lienthong.kafka.admin import connect
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.embedded import EmbeddedKafka
from lienthong.kafka.settings import client_configuration
from lienthong.record import Place, Record
from lienthong.registry.topics import TopicCatalogue
from lienthong.schema import dataschema
from lienthong.topic_names import TopicNames

WAIT_SECONDS = 45.0
SOURCE = "/hue/one-stop"


def progress_event(key: str, number: int) -> tuple[list[tuple[str, bytes]], bytes]:
    """Return headers and value of one step of one dossier."""
    body = {
        "dossier_code": key,
        "step_id": f"step-{number}",
        "sequence": number,
        "occurred_at": "2026-10-08T08:30:00+07:00",
        "handler_name": "Cán bộ tiếp nhận",
        "handler_title": "Cán bộ tiếp nhận",
        "department": "Trung tâm Phục vụ hành chính công",
        "content": "Tiếp nhận và chuyển hồ sơ",
        "status": "accepted",
        "started_at": "2026-10-08T08:30:00+07:00",
    }
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": f"{key}-{number}",
        "ce_source": SOURCE,
        "ce_type": "dossier.progress",
        "ce_dataschema": dataschema("dossier.progress", 1),
        "content-type": "application/json",
    }
    return [(name, text.encode()) for name, text in attributes.items()], json.dumps(body, ensure_ascii=False).encode()


@dataclass
class Worker:
    """One worker process."""

    process: subprocess.Popen[bytes]
    ready_file: Path
    log_file: Path

    @property
    def log(self) -> str:
        """Everything that it has printed."""
        return self.log_file.read_text(errors="replace")

    @property
    def is_ready(self) -> bool:
        """Whether it owns partitions."""
        return self.ready_file.exists()

    def probe(self, name: str) -> tuple[int, list[str]]:
        """Ask for readiness or liveness; return the status and what is wrong."""
        port = json.loads(self.ready_file.read_text())["metrics_port"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", f"/{name}")
            answer = connection.getresponse()
            return answer.status, list(json.loads(answer.read())["reasons"])
        finally:
            connection.close()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def ends(self, seconds: float = WAIT_SECONDS) -> int:
        """Wait for the end and return the exit code."""
        return self.process.wait(seconds)


@dataclass
class Province:
    """Topics of one test alone, on one broker."""

    names: TopicNames
    bootstrap: str
    folder: Path
    workers: list[Worker] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def settings(self) -> KafkaSettings:
        """How to reach the broker."""
        return KafkaSettings(bootstrap_servers=self.bootstrap)

    @property
    def view(self) -> ClusterView:
        """What exists in the cluster."""
        return ClusterView(client_configuration(self.settings, "test"))

    @property
    def inbound(self) -> str:
        """Where the one-stop centre publishes."""
        return self.names.inbound("dossier", "one-stop")

    @property
    def records(self) -> str:
        """Where accepted records are."""
        return self.names.records("dossier")

    @property
    def group(self) -> str:
        """The group of intake."""
        return self.names.group("intake")

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a worker."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("LIENTHONG_")}
        return kept | {
            "LIENTHONG_PROVINCE": self.names.prefix,
            "LIENTHONG_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "LIENTHONG_STATE_DIRECTORY": str(self.folder),
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("lienthong")), *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )

    def apply(self) -> None:
        """Create the topics of the catalogue."""
        with connect(self.settings) as admin:
            admin.apply(admin.plan(TopicCatalogue.installed(self.names, "development")))

    def remove(self) -> None:
        """Ask for the end of the topics: hundreds of partitions of each earlier test would slow the broker down."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "socket.timeout.ms": 5_000})
        names = [topic.full_name for topic in TopicCatalogue.installed(self.names, "development")]
        # A broker that the test has stopped for good takes them with it.
        concurrent.futures.wait(admin.delete_topics(names, request_timeout=5).values(), timeout=5)

    def start(self, pipeline: str = "intake", **environment: str) -> Worker:
        """Start a worker process."""
        ready_file = self.folder / f"worker-{len(self.workers)}.ready"
        command = [str(Path(sys.executable).with_name("lienthong")), "pipelines", "run", pipeline]
        return self.launch([*command, "--ready-file", str(ready_file)], ready_file, **environment)

    def launch(self, command: Sequence[str], ready_file: Path, **environment: str) -> Worker:
        """Start a worker process by another command."""
        log_file = self.folder / f"worker-{len(self.workers)}.log"
        with log_file.open("wb") as output:
            process = subprocess.Popen(
                list(command),
                env=self.environment | environment,
                cwd=self.folder,
                stdout=output,
                stderr=output,
            )
        worker = Worker(process, ready_file, log_file)
        self.workers.append(worker)
        return worker

    def close(self) -> None:
        """Kill what still runs."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.signal(signal.SIGCONT)
                worker.process.kill()
            worker.process.wait()

    def producer(self, **configuration: Any) -> Any:
        """Return a publisher that keeps order also while a new topic elects its leaders, as publishers must."""
        base = {"bootstrap.servers": self.bootstrap, "partitioner": "murmur2_random", "linger.ms": 5}
        return Producer({**base, "enable.idempotence": True, **configuration})

    def produce(self, producer: Any, keys: Sequence[str], topic: str | None = None) -> None:
        """Hand one more step of each dossier to a producer."""
        for key in keys:
            self.sent[key] += 1
            headers, value = progress_event(key, self.sent[key])
            producer.produce(topic or self.inbound, value, key.encode(), headers=headers)
        producer.poll(0)

    def publish(self, keys: Sequence[str], rounds: int = 1) -> None:
        """Publish steps and wait for the acknowledgements."""
        producer = self.producer()
        for _ in range(rounds):
            self.produce(producer, keys)
        assert producer.flush(WAIT_SECONDS) == 0

    def read(self, topic: str) -> list[Record]:
        """Return all records of a topic."""
        view = self.view
        with view.reader(view.beginning_offsets([topic]), ends=view.end_offsets([topic])) as reader:
            return [record for records in reader.batches() for record in records]

    def receipts(self, pipeline: str = "intake") -> list[receipt.Receipt]:
        """Return all receipts of a pipeline, in order of each partition."""
        batches = [receipt.decode(record.value or b"") for record in self.read(self.names.receipts)]
        return [each for batch in batches if batch.pipeline == pipeline for each in batch.receipts]

    def committed(self, topic: str | None = None) -> dict[int, tuple[int, str]]:
        """Return what the group has stored, by partition."""
        found = self.view.committed_offsets(self.group, [topic or self.inbound])
        return {place.partition: tuple(each) for place, each in found.items()}

    def lag(self, topic: str | None = None) -> int:
        """Return how much the group has not committed yet."""
        name = topic or self.inbound
        stored = self.committed(name)
        ends = self.view.end_offsets([name])
        starts = self.view.beginning_offsets([name])
        return sum(max(0, end - stored.get(place.partition, (starts[place], ""))[0]) for place, end in ends.items())

    def expire(self, topic: str, partition: int, offset: int) -> None:
        """Let records before an offset expire."""
        admin: Any = AdminClient({"bootstrap.servers": self.bootstrap})
        for future in admin.delete_records([TopicPartition(topic, partition, offset)]).values():
            future.result(WAIT_SECONDS)

    def outcome(self) -> tuple[dict[str, list[int]], int]:
        """Return the order of first appearance of the steps of each dossier, and the number of repeats."""
        seen: dict[str, list[int]] = defaultdict(list)
        repeats = 0
        for record in sorted(self.read(self.records), key=lambda each: (each.partition, each.offset)):
            key, _, number = (record.header("ce_id") or b"").decode().rpartition("-")
            if int(number) in seen[key]:
                repeats += 1
            else:
                seen[key].append(int(number))
        return seen, repeats

    def assert_complete(self, most_repeats: int = 0) -> None:
        """Nothing is lost, each dossier is in order, repeats are bounded and every record has its receipt."""
        where: dict[bytes, set[int]] = defaultdict(set)
        for record in self.read(self.records):
            where[record.key or b""].add(record.partition)
        assert all(len(partitions) == 1 for partitions in where.values()), "a dossier is in two partitions"
        seen, repeats = self.outcome()
        expected = {key: list(range(1, number + 1)) for key, number in self.sent.items()}
        assert {key: len(steps) for key, steps in seen.items()} == {key: len(steps) for key, steps in expected.items()}
        assert seen == expected
        assert repeats <= most_repeats, f"{repeats} repeats"
        assert {each.id for each in self.receipts()} == {
            f"{key}-{number}" for key, steps in expected.items() for number in steps
        }


def wait_until(condition: Callable[[], bool], seconds: float = WAIT_SECONDS, workers: Sequence[Worker] = ()) -> None:
    """Wait for a condition; a worker that ends meanwhile fails the test at once."""
    end = time.monotonic() + seconds
    while not condition():
        for worker in workers:
            assert worker.process.poll() is None, worker.log[-3000:]
        assert time.monotonic() < end, "".join(worker.log[-3000:] for worker in workers)
        time.sleep(0.1)


@pytest.fixture
def make_province(tmp_path: Path, unique_name: Callable[[str], str]) -> Iterator[Callable[[EmbeddedKafka], Province]]:
    """Give a function that makes a province with its topics on a broker; its workers end with the test."""
    made: list[Province] = []

    def make(broker: EmbeddedKafka) -> Province:
        province = Province(TopicNames(unique_name("hue")), broker.bootstrap_servers, tmp_path)
        made.append(province)
        province.apply()
        return province

    yield make
    for province in made:
        province.close()
        province.remove()


@pytest.fixture
def province(kafka_broker: EmbeddedKafka, make_province: Callable[[EmbeddedKafka], Province]) -> Province:
    """Give a province with its topics on the shared broker."""
    return make_province(kafka_broker)


@pytest.fixture
def wait() -> Callable[..., None]:
    """Give the function that waits for a condition."""
    return wait_until


@pytest.fixture
def step() -> Callable[[str, int], tuple[list[tuple[str, bytes]], bytes]]:
    """Give the function that makes headers and value of one step of a dossier."""
    return progress_event


@pytest.fixture
def place_of() -> type[Place]:
    """Give the class of places."""
    return Place
