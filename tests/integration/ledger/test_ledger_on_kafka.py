"""Ledger, rebuild and reconciliation against a real broker."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from sqlalchemy import delete, select

from lienthong import access_log, receipt
from lienthong.clock import SystemClock
from lienthong.config.models import KafkaSettings
from lienthong.errors import ConfigurationError, FatalError
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.embedded import EmbeddedKafka
from lienthong.kafka.settings import client_configuration
from lienthong.ledger import models
from lienthong.ledger.consumer import LedgerConsumer
from lienthong.ledger.rebuild import rebuild
from lienthong.ledger.reconcile import reconcile
from lienthong.ledger.source_check import check_source
from lienthong.ledger.source_list import read_list
from lienthong.ledger.store import LedgerStore
from lienthong.receipt import Receipt, ReceiptBatch
from lienthong.record import OutgoingRecord
from lienthong.topic_names import TopicNames
from lienthong.transport import commit_metadata

pytestmark = pytest.mark.kafka
WAIT_SECONDS = 20
PIPELINE = "deliver-dossier"
SOURCE = "urn:lienthong:test:one-stop"
AT = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)


@dataclass
class Hub:
    """The topics of one province that no other test uses."""

    names: TopicNames
    settings: KafkaSettings
    view: ClusterView
    admin: Any

    @property
    def topics(self) -> tuple[str, ...]:
        """Source topics of the pipeline."""
        return (self.names.records("dossier"),)

    @property
    def written(self) -> tuple[str, ...]:
        """Nothing: the pipeline reads topics, it polls nobody."""
        return ()

    @property
    def name(self) -> str:
        """Name of the pipeline."""
        return PIPELINE

    @property
    def group(self) -> str:
        """Group of the pipeline."""
        return self.names.group(PIPELINE)

    def write(self, records: Sequence[OutgoingRecord], **configuration: Any) -> None:
        """Write records and wait for all acknowledgements."""
        producer = Producer({"bootstrap.servers": self.settings.bootstrap_servers, **configuration})
        for row in records:
            producer.produce(row.topic, row.value, row.key, row.partition, headers=row.headers)
        assert producer.flush(WAIT_SECONDS) == 0

    def publish(self, *ids: str) -> None:
        """Write accepted records into partition 0."""
        self.write([_event(self.topics[0], record_id) for record_id in ids])

    def settle(self, *receipts: Receipt, partition: int = 0) -> None:
        """Write the receipts of a slice."""
        batch = ReceiptBatch(PIPELINE, self.topics[0], partition, AT, receipts)
        self.write([receipt.encode(batch, self.names.receipts)])

    def commit(self, offset: int, *settled: tuple[int, int]) -> None:
        """Commit the watermark of partition 0, with what is settled above it."""
        text = commit_metadata.encode(offset, settled)
        consumer = Consumer({"bootstrap.servers": self.settings.bootstrap_servers, "group.id": self.group})
        consumer.commit(offsets=[TopicPartition(self.topics[0], 0, offset, text)], asynchronous=False)
        consumer.close()

    def forget_before(self, topic: str, partition: int, offset: int) -> None:
        """Let records expire."""
        request = [TopicPartition(topic, partition, offset)]
        for future in self.admin.delete_records(request).values():
            future.result(WAIT_SECONDS)


@pytest.fixture
def hub(kafka_broker: EmbeddedKafka, unique_name: Callable[[str], str]) -> Hub:
    """A province of this test alone, with its topics."""
    names = TopicNames(unique_name("hue"))
    settings = KafkaSettings(bootstrap_servers=kafka_broker.bootstrap_servers)
    configuration = client_configuration(settings, "ledger-test")
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers})
    topics = [NewTopic(name, 2, 1) for name in (names.receipts, names.access_log, names.records("dossier"))]
    for future in admin.create_topics(topics).values():
        future.result(WAIT_SECONDS)
    return Hub(names, settings, ClusterView(configuration), admin)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    """An SQLite ledger."""
    made = LedgerStore(f"sqlite:///{tmp_path}/ledger.sqlite3")
    made.prepare()
    yield made
    made.close()


def _event(topic: str, record_id: str) -> OutgoingRecord:
    headers = [("ce_specversion", b"1.0"), ("ce_id", record_id.encode()), ("ce_source", SOURCE.encode())]
    return OutgoingRecord(topic, b"H57", b"{}", [*headers, ("ce_type", b"dossier.snapshot")], 0)


def _receipt(record_id: str, offset: int, kind: str = "delivered") -> Receipt:
    return Receipt(offset, SOURCE, record_id, "dossier.snapshot", "H57", kind)


def _access(names: TopicNames, number: int) -> OutgoingRecord:
    fields = ("officer-1", "", f"H57-{number}", "verification", "ND-107", "population", "person.match")
    entry = access_log.AccessEntry(f"v{number}", access_log.AccessPhase.INTENT, AT, *fields, 1, "a" * 32, "0" * 64)
    return access_log.encode(entry, names.access_log)


def _dump(store: LedgerStore) -> dict[str, list[tuple[Any, ...]]]:
    with store.reading() as connection:
        return {
            table.name: sorted(tuple(row) for row in connection.execute(select(table)))
            for table in models.metadata.sorted_tables
        }


async def _follow_until(hub: Hub, store: LedgerStore) -> None:
    """Run the ledger's consumer until it has read what exists now."""
    consumer = LedgerConsumer(hub.view, store, hub.names, SystemClock())
    ends = hub.view.end_offsets([hub.names.receipts, hub.names.access_log])
    running = asyncio.create_task(consumer.run())
    async with asyncio.timeout(WAIT_SECONDS):
        while any(store.offsets().get(place, 0) < offset for place, offset in ends.items()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    consumer.stop()
    await running


async def test_the_ledger_follows_and_a_rebuild_gives_the_same(hub: Hub, store: LedgerStore) -> None:
    """Rows, arrivals, offsets and hash chain are the same after dropping everything, twice."""
    for number in range(20):
        hub.settle(_receipt(f"id-{number}", number, "parked"), partition=number % 2)
        hub.settle(_receipt(f"id-{number}", number), _receipt(f"id-{number}", 100 + number, "duplicate"))
    hub.write([_access(hub.names, number) for number in range(20)])
    hub.write([OutgoingRecord(hub.names.receipts, None, b"damaged", [])])
    await _follow_until(hub, store)
    followed = _dump(store)

    assert store.counts() == {PIPELINE: {"delivered": 20}}
    assert store.find("id-3")[0]["arrivals"] == 2
    assert len(store.unreadable()) == 1
    assert len(store.chain_heads()) == 2
    for _ in range(2):
        assert rebuild(hub.view, store, hub.names) == 61
        assert _dump(store) == followed
    assert store.verify_chain() == []


async def test_following_goes_on_after_a_restart(hub: Hub, store: LedgerStore) -> None:
    """A second process reads only what is new; the chain continues."""
    hub.settle(_receipt("id-1", 0))
    hub.write([_access(hub.names, 1)])
    await _follow_until(hub, store)
    hub.settle(_receipt("id-2", 1))
    hub.write([_access(hub.names, 1)])
    await _follow_until(hub, store)

    assert store.counts() == {PIPELINE: {"delivered": 2}}
    assert store.verify_chain() == []
    assert sum(head.entries for head in store.chain_heads().values()) == 2


async def test_receipts_that_expired_unread_stop_the_ledger(hub: Hub, store: LedgerStore) -> None:
    """A hole in the projection is an alarm, never a silent skip."""
    hub.settle(_receipt("id-1", 0))
    await _follow_until(hub, store)
    (place,) = [place for place, offset in store.offsets().items() if place.topic == hub.names.receipts and offset]
    hub.settle(_receipt("id-2", 1))
    hub.settle(_receipt("id-3", 2))
    hub.forget_before(place.topic, place.partition, 2)

    with pytest.raises(FatalError, match="expired"):
        await asyncio.wait_for(LedgerConsumer(hub.view, store, hub.names, SystemClock()).run(), WAIT_SECONDS)


def test_a_rebuild_loses_no_receipts_unless_it_is_told_to(hub: Hub, store: LedgerStore) -> None:
    """What Kafka no longer holds stays in the ledger; the sealed access log stays in any case."""
    hub.settle(_receipt("id-1", 0))
    hub.settle(_receipt("id-2", 1))
    hub.write([_access(hub.names, 1), _access(hub.names, 1)])
    rebuild(hub.view, store, hub.names)
    sealed = _dump(store)["access_log"]
    for place, end in hub.view.end_offsets([hub.names.receipts, hub.names.access_log]).items():
        hub.forget_before(place.topic, place.partition, end - 1 if end else 0)

    with pytest.raises(ConfigurationError, match="allow-loss"):
        rebuild(hub.view, store, hub.names)
    assert len(store.find("id-1")) == 1

    rebuild(hub.view, store, hub.names, allow_loss=True)
    assert (len(store.find("id-1")), len(store.find("id-2"))) == (0, 1)
    assert _dump(store)["access_log"] == sealed
    assert store.verify_chain() == []


async def test_reconciliation_is_green_and_a_planted_loss_turns_it_red(hub: Hub, store: LedgerStore) -> None:
    """Accepted = ends + open; without one receipt it is not, and the record is named."""
    hub.publish("id-0", "id-1", "id-2", "id-1", "id-3")
    hub.settle(
        _receipt("id-0", 0), _receipt("id-1", 1, "review"), _receipt("id-2", 2), _receipt("id-1", 3, "duplicate")
    )
    hub.commit(4)
    await _follow_until(hub, store)

    green = await reconcile([hub], hub.view, store, hub.names.receipts, SystemClock())
    with store.writing() as connection:
        connection.execute(delete(models.receipts).where(models.receipts.c.id == "id-2"))
    red = await reconcile([hub], hub.view, store, hub.names.receipts, SystemClock())

    (item,) = green.pipelines
    assert green.is_balanced
    assert (item.accepted, item.copies, item.ends) == (4, 1, {"delivered": 2})
    assert [row.id for row in item.open["review"].listed] == ["id-1"]
    assert [row.id for row in item.open["in_flight"].listed] == ["id-3"]
    assert not red.is_balanced
    assert red.pipelines[0].lost.listed == [(SOURCE, "id-2", hub.topics[0], 0, 2)]


def test_a_list_of_the_one_stop_system_is_compared_with_what_came_in(hub: Hub, tmp_path: Path) -> None:
    """What was never sent is found in Kafka itself, with its newest state, over all partitions."""
    topic = hub.names.records("dossier")
    states = [("H1", "received", 1), ("H2", "processing", 2), ("H1", "returned", 3), ("H2", "received", 1)]
    hub.write(
        [
            OutgoingRecord(
                topic,
                code.encode(),
                orjson.dumps({"status": state, "occurred_at": f"2026-10-05T08:0{minute}:00+07:00"}),
                [],
            )
            for code, state, minute in states
        ]
    )
    path = tmp_path / "list.csv"
    path.write_text("Mã hồ sơ;Trạng thái\nH1;returned\nH2;returned\nH3;received\n", encoding="utf-8")

    report = check_source(read_list(path), hub.view, topic, lambda _: False)

    assert (report.listed, report.agreeing, report.differing.total, report.never_sent.total) == (3, 1, 1, 1)
    assert [(each.dossier_code, each.ours) for each in report.differing.listed] == [("H2", "processing")]
    assert [each.dossier_code for each in report.never_sent.listed] == ["H3"]


async def test_what_the_commit_says_above_the_watermark_counts(hub: Hub, store: LedgerStore) -> None:
    """A record that a restarted worker will skip needs a receipt, though the watermark is below it."""
    hub.publish("id-0", "id-1", "id-2")
    hub.settle(_receipt("id-0", 0))
    hub.commit(1, (2, 2))
    rebuild(hub.view, store, hub.names)

    report = await reconcile([hub], hub.view, store, hub.names.receipts, SystemClock())

    (item,) = report.pipelines
    assert [row.id for row in item.open["in_flight"].listed] == ["id-1"]
    assert [row.id for row in item.lost.listed] == ["id-2"]


async def test_aborted_transactions_are_neither_accepted_nor_lost(hub: Hub, store: LedgerStore) -> None:
    """What a publisher took back never existed, and its markers do not stall the reading."""
    producer = Producer({"bootstrap.servers": hub.settings.bootstrap_servers, "transactional.id": hub.names.prefix})
    producer.init_transactions(WAIT_SECONDS)
    for record_id, is_kept in (("id-0", True), ("id-1", False)):
        producer.begin_transaction()
        row = _event(hub.topics[0], record_id)
        producer.produce(row.topic, row.value, row.key, 0, headers=row.headers)
        producer.commit_transaction() if is_kept else producer.abort_transaction()
    hub.settle(_receipt("id-0", 0))
    hub.commit(4)
    rebuild(hub.view, store, hub.names)

    report = await reconcile([hub], hub.view, store, hub.names.receipts, SystemClock())

    assert report.is_balanced
    assert report.pipelines[0].accepted == 1


def test_an_open_transaction_is_beyond_the_end(hub: Hub) -> None:
    """What is not committed is not waited for; the end is the last stable offset."""
    hub.publish("id-0")
    producer = Producer({"bootstrap.servers": hub.settings.bootstrap_servers, "transactional.id": hub.names.prefix})
    producer.init_transactions(WAIT_SECONDS)
    producer.begin_transaction()
    row = _event(hub.topics[0], "id-1")
    producer.produce(row.topic, row.value, row.key, 0, headers=row.headers)
    producer.flush(WAIT_SECONDS)
    ends = hub.view.end_offsets(hub.topics)
    with hub.view.reader(hub.view.beginning_offsets(hub.topics), ends=ends) as reader:
        read = [record for records in reader.batches(silence_seconds=5) for record in records]
    producer.abort_transaction()

    assert sorted(ends.values()) == [0, 1]
    assert len(read) == 1


def test_the_view_asks_without_leaving_traces(hub: Hub) -> None:
    """Topics and groups that do not exist are left out and are not created by the question."""
    missing = hub.names.full("missing")

    assert hub.view.end_offsets([missing]) == {}
    assert hub.view.committed_offsets(hub.names.group("nobody"), hub.topics) == {}
    assert missing not in hub.admin.list_topics(timeout=WAIT_SECONDS).topics


def test_the_process_ends_cleanly_on_sigterm(hub: Hub, tmp_path: Path) -> None:
    """`lienthong ledger run` writes what it has, and exits with 0."""
    hub.settle(_receipt("id-1", 0))
    environment = {
        **os.environ,
        "LIENTHONG_PROVINCE": hub.names.prefix,
        "LIENTHONG_KAFKA__BOOTSTRAP_SERVERS": hub.settings.bootstrap_servers,
        "LIENTHONG_LEDGER__URL": f"sqlite:///{tmp_path}/process.sqlite3",
    }
    command = [sys.executable, "-c", "from lienthong.cli.main import main; main()", "ledger", "run"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        first_line = process.stderr.readline()
        assert "ledger_started" in first_line
        store = LedgerStore(f"sqlite:///{tmp_path}/process.sqlite3")
        asyncio.run(_until_found(store))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=WAIT_SECONDS)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == 0, errors
    assert "ledger_stopped" in errors
    store.close()


async def _until_found(store: LedgerStore) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not store.find("id-1"):  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.05)
