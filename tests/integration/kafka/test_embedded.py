"""The embedded broker as a whole, on real processes."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from lienthong.errors import ConfigurationError
from lienthong.kafka.embedded import EmbeddedKafka
from lienthong.kafka.embedded_process import read_identity, start_ticks

pytestmark = pytest.mark.kafka
WAIT_SECONDS = 20
RUN = "from lienthong.cli.main import main; main()"


@pytest.fixture
def node(tmp_path: Path, kafka_broker: EmbeddedKafka) -> Iterator[EmbeddedKafka]:
    """A broker of this test alone, not started; its directory has a Vietnamese name with a blank."""
    broker = EmbeddedKafka(tmp_path / "dữ liệu", die_with_parent=True)
    yield broker
    broker.kill()


def make_topic(broker: EmbeddedKafka, name: str) -> None:
    """Create a topic with one partition and wait for it."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(WAIT_SECONDS)


def write(broker: EmbeddedKafka, topic: str, *values: bytes) -> None:
    """Write values and demand the broker's acknowledgement of each."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "acks": "all"})
    problems = []
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: problems.append(error))
    assert producer.flush(WAIT_SECONDS) == 0
    assert problems == [None] * len(values)


def read(broker: EmbeddedKafka, topic: str, group: str, count: int) -> list[bytes]:
    """Read values through a consumer group."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": group, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    try:
        return [message.value() for message in consumer.consume(count, WAIT_SECONDS)]
    finally:
        consumer.close()


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``lienthong kafka …`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", RUN, "kafka", *arguments], capture_output=True, text=True, timeout=90, check=False
    )


def wait_for_end(pid: int) -> bool:
    """Return whether the process has ended within the time that tests grant."""
    descriptor = os.pidfd_open(pid)
    try:
        watcher = select.poll()
        watcher.register(descriptor, select.POLLIN)
        return bool(watcher.poll(WAIT_SECONDS * 1000))
    finally:
        os.close(descriptor)


def test_records_pass_through_the_broker(kafka_broker: EmbeddedKafka, unique_name: Callable[[str], str]) -> None:
    """What is written with acknowledgement is read by a consumer group."""
    topic = unique_name("embedded")
    make_topic(kafka_broker, topic)
    write(kafka_broker, topic, b"1", b"2")

    assert read(kafka_broker, topic, unique_name("group"), 2) == [b"1", b"2"]


def test_records_address_and_cluster_survive_stop_and_crash(node: EmbeddedKafka) -> None:
    """After an orderly stop and after SIGKILL the same address serves the same records."""
    node.start()
    address, state = node.bootstrap_servers, (node.data_directory / "state.json").read_text()
    make_topic(node, "kept")
    write(node, "kept", b"before stop")
    node.stop()
    assert not node.is_running

    node.start()
    write(node, "kept", b"before crash")
    node.kill()
    assert not node.is_running

    node.start()
    assert node.bootstrap_servers == address
    assert (node.data_directory / "state.json").read_text() == state
    assert read(node, "kept", "reader", 2) == [b"before stop", b"before crash"]


def test_stop_leaves_nothing_but_data_and_then_not_even_that(node: EmbeddedKafka) -> None:
    """After stop there is no process, lock, pid file or temporary file; with remove_data no directory either."""
    before = set(Path("/tmp").iterdir())  # noqa: S108 - where Java would leave its files
    node.start()
    pid = node.pid
    assert pid is not None
    node.stop()

    assert start_ticks(pid) is None
    names = {path.name for path in node.data_directory.iterdir()}
    assert names == {"logs", "records", "server.properties", "log4j2.properties", "state.json"}
    added = {path.name for path in set(Path("/tmp").iterdir()) - before}  # noqa: S108
    assert not {name for name in added if name.startswith(("hsperf", "lib", "zstd", "snappy", "kafka"))}

    node.stop(remove_data=True)
    assert not node.data_directory.exists()


def test_stop_ends_a_suspended_broker_and_repeats(node: EmbeddedKafka) -> None:
    """A broker that hangs is woken to end orderly; stopping again is no error."""
    node.start()
    node.suspend()
    assert node.is_running
    node.stop()
    node.stop()

    assert not node.is_running
    assert (node.data_directory / "records" / ".kafka_cleanshutdown").exists()


def test_suspended_broker_does_not_answer_until_resumed(node: EmbeddedKafka) -> None:
    """Suspend makes requests time out without closing the port; resume brings the answers back."""
    node.start()
    node.suspend()
    admin = AdminClient({"bootstrap.servers": node.bootstrap_servers, "log_level": 0})
    with pytest.raises(Exception, match=r"_TRANSPORT|_TIMED_OUT|timed out"):
        admin.list_topics(timeout=0.5)
    node.resume()

    assert admin.list_topics(timeout=WAIT_SECONDS).brokers


def test_second_start_on_the_same_directory_is_refused(node: EmbeddedKafka) -> None:
    """A second broker never touches the files of the first, and the first goes on."""
    node.start()
    with pytest.raises(ConfigurationError, match=rf"already runs .*process {node.pid}"):
        EmbeddedKafka(node.data_directory).start()

    assert node.is_running


def test_failing_start_shows_the_brokers_own_words(node: EmbeddedKafka) -> None:
    """A broker that ends while it starts leaves no pid file, and the error holds the reason from its log."""
    broken = EmbeddedKafka(node.data_directory, extra_properties={"log.retention.ms": "never"})
    with pytest.raises(ConfigurationError, match=r"log\.retention\.ms"):
        broken.start()

    assert not (node.data_directory / "broker.pid").exists()


def test_broker_that_dies_after_formatting_is_reported_with_its_log(node: EmbeddedKafka) -> None:
    """Damage that only the running broker notices ends the start with the last lines of the log."""
    node.start()
    node.stop()
    (node.data_directory / "records" / "meta.properties").write_text("version=1\ncluster.id=other\nnode.id=9\n")

    with pytest.raises(ConfigurationError, match=r"(?s)ended while it started \(status 1\).*Stored node id 9"):
        node.start()
    assert not node.is_running


def test_port_in_use_is_refused_before_anything_starts(tmp_path: Path, kafka_broker: EmbeddedKafka) -> None:
    """The address of a broker that runs cannot be given to another; the error names the port."""
    port = int(kafka_broker.bootstrap_servers.rpartition(":")[2])
    second = EmbeddedKafka(tmp_path / "node", port=port)
    with pytest.raises(ConfigurationError, match=rf"the port {port} on 127\.0\.0\.1 is in use"):
        second.start()

    assert not second.is_running
    assert not list((tmp_path / "node").iterdir())


def test_full_disk_is_refused_before_anything_starts(
    tmp_path: Path, kafka_broker: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that could not write its records is not started; the error tells how much space is missing."""
    monkeypatch.setattr("lienthong.kafka.embedded_storage.MINIMUM_FREE_BYTES", 2**60)
    with pytest.raises(ConfigurationError, match=r"only \d+ MiB are free .*; free at least"):
        EmbeddedKafka(tmp_path / "node").start()

    assert not list((tmp_path / "node").iterdir())


def test_directory_of_another_node_is_refused(node: EmbeddedKafka) -> None:
    """The records of one node are never served under the identity of another."""
    node.start()
    node.stop()
    with pytest.raises(ConfigurationError, match="belongs to node 1 of cluster"):
        EmbeddedKafka(node.data_directory, node_id=2).start()
    with pytest.raises(ConfigurationError, match="belongs to node 1 of cluster"):
        EmbeddedKafka(node.data_directory, cluster_id="M" * 22).start()


def test_interrupted_preparation_is_made_good(node: EmbeddedKafka) -> None:
    """What a start left that was killed while it prepared the storage does not stop the next."""
    remains = node.data_directory / "records"
    remains.mkdir(parents=True)
    (remains / "meta.properties").write_text("half", encoding="utf-8")
    node.start()

    assert node.is_running


def test_start_that_takes_too_long_is_ended(node: EmbeddedKafka) -> None:
    """When the time is over the process is killed, and a later start with more time succeeds."""
    with pytest.raises(ConfigurationError, match="did not answer in 0 s"):
        node.start(timeout_seconds=0)
    assert not node.is_running

    node.start()
    assert node.is_running


def test_advertised_listener_is_what_clients_are_told(tmp_path: Path, kafka_broker: EmbeddedKafka) -> None:
    """A proxy between clients and broker can be advertised instead of the broker itself."""
    with EmbeddedKafka(tmp_path / "node", advertised_listener="localhost:4711", die_with_parent=True) as broker:
        brokers = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0}).list_topics(timeout=10)

    assert {(item.host, item.port) for item in brokers.brokers.values()} == {("localhost", 4711)}


def test_broker_dies_with_a_killed_parent(tmp_path: Path, kafka_broker: EmbeddedKafka) -> None:
    """A test run that is killed leaves no broker behind."""
    script = (
        "import sys; from pathlib import Path; from lienthong.kafka.embedded import EmbeddedKafka\n"
        "EmbeddedKafka(Path(sys.argv[1]), die_with_parent=True).start(); print('up', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "node")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        identity = read_identity(tmp_path / "node" / "broker.pid")
        assert identity is not None
        assert identity.is_alive()
        parent.send_signal(signal.SIGKILL)

    assert wait_for_end(identity.pid) or not identity.is_alive()


def test_command_line_starts_shows_and_stops(tmp_path: Path, kafka_broker: EmbeddedKafka) -> None:
    """The broker outlives ``start``; ``status`` exits 0 while it runs and 3 afterwards."""
    directory = ["--directory", str(tmp_path / "node")]
    try:
        started = run_command("start", *directory)
        address = started.stdout.strip()
        assert started.returncode == 0, started.stderr
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port)), timeout=5):
            pass

        running = run_command("status", *directory)
        assert running.returncode == 0
        assert address in running.stdout

        again = run_command("start", *directory)
        assert again.returncode == 78
        assert "already runs" in again.stderr
    finally:
        stopped = run_command("stop", *directory, "--remove-data")
    assert stopped.stdout == "stopped\n"
    assert run_command("status", *directory).returncode == 3
    assert not (tmp_path / "node").exists()
