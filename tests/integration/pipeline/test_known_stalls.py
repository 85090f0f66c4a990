"""Stalls that workers on Faust are known for, tried on a real broker: none of them happens here."""

import asyncio
import threading
import time
from dataclasses import dataclass, field

import pytest

from lienthong.kafka.admin_client import KafkaCluster, NewTopic
from lienthong.kafka.settings import consumer_configuration
from lienthong.pipeline.app import build
from lienthong.pipeline.definitions import load_pipelines
from lienthong.transport.poller import Limits, Poller

pytestmark = pytest.mark.kafka
KEYS = [f"H57.21-261008-{number:04}" for number in range(24)]
#: The shortest that librdkafka and the broker allow together; the tests idle for longer.
IDLE_SECONDS = 6.0


@dataclass
class Inbox:
    """Takes what the poll thread says, and is ready at once."""

    poller: Poller | None = None
    owned: set[int] = field(default_factory=set)
    lost: list[int] = field(default_factory=list)
    slices_: list[object] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def assigned(self, assignments) -> None:
        """Be ready."""
        self.owned |= {each.place.partition for each in assignments}
        self.poller.ready(assignments)

    def revoked(self, assignments, drained: threading.Event, *, lost: bool) -> None:
        """Let go."""
        self.owned -= {each.place.partition for each in assignments}
        if lost:
            self.lost += [each.place.partition for each in assignments]
        drained.set()

    def slices(self, slices) -> None:
        """Keep them open."""
        self.slices_ += slices

    def window_full(self, assignment, offset) -> None:
        """Park nothing."""

    def failed(self, error) -> None:
        """Note it."""
        self.errors.append(error)


@pytest.fixture
def topic(province):
    """Give a topic with one partition."""
    name = f"{province.names.prefix}.single"
    with KafkaCluster(province.settings) as cluster:
        cluster.create([NewTopic(name, 1, 1, {})])
    return name


@pytest.fixture
def join(province, topic):
    """Give a function that lets a member with a short ``max.poll.interval.ms`` join the group of this test."""
    made: list[Inbox] = []

    def start(**limits: int) -> Inbox:
        configuration = consumer_configuration(province.settings, client_id="test", group=f"{topic}-group")
        configuration |= {"max.poll.interval.ms": int(IDLE_SECONDS * 1_000), "session.timeout.ms": 6_000}
        inbox = Inbox()
        inbox.poller = Poller(configuration, [topic], inbox, Limits(**limits))
        inbox.poller.start()
        made.append(inbox)
        return inbox

    yield start
    for inbox in made:
        inbox.poller.stop()
        inbox.poller.join(20)


def test_a_member_that_is_full_for_longer_than_the_poll_interval_keeps_its_partition(
    province, topic, join, wait
) -> None:
    """Back-pressure during a long outage: stock members leave the group and never come back."""
    province.produce(producer := province.producer(), KEYS, topic)
    assert producer.flush(20) == 0
    inbox = join(batch_records=1, outstanding_records=4, partition_records=4)
    wait(lambda: bool(inbox.slices_))
    time.sleep(1.5 * IDLE_SECONDS)
    assert inbox.owned == {0}
    assert inbox.lost == []
    handled = 0

    def settle() -> bool:
        nonlocal handled
        for item in inbox.slices_[handled:]:
            item.settle_all()
            handled += 1
        return handled >= len(KEYS)

    wait(settle)
    assert inbox.errors == []


def test_a_member_without_partitions_takes_over_after_any_time(province, topic, join, wait) -> None:
    """More workers than partitions: stock members that idle beyond the interval can never join again."""
    first = join()
    wait(lambda: first.owned == {0})
    second = join()
    wait(lambda: second.poller.has_joined)
    time.sleep(1.5 * IDLE_SECONDS)
    owner, other = (first, second) if first.owned else (second, first)
    owner.poller.stop()
    wait(lambda: other.owned == {0}, 20)
    province.produce(producer := province.producer(), KEYS, topic)
    assert producer.flush(20) == 0
    wait(lambda: bool(other.slices_), 20)
    assert first.errors == second.errors == []


class _Engine:
    """Settles whatever comes."""

    def __init__(self) -> None:
        self.settled = 0

    async def start(self) -> None:
        """Need nothing."""

    async def stop(self) -> None:
        """Have nothing."""

    async def on_assigned(self, assignments) -> None:
        """Need nothing."""

    async def on_revoked(self, assignments, *, lost) -> None:
        """Have nothing."""

    async def drain(self, timeout_seconds: float) -> bool:
        """Have nothing open."""
        return True

    async def wait_failed(self) -> None:
        """Never fail."""
        await asyncio.Event().wait()

    async def submit(self, item) -> None:
        """Settle."""
        self.settled += len(item.messages)
        item.settle_all()


async def _until(condition, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def test_a_worker_whose_faust_recovery_is_dead_goes_on_through_rebalances(province) -> None:
    """Faust issues 523 and 175: a slow seek after a rebalance ends the recovery loop, and stock workers stay silent."""
    pipeline = load_pipelines(province.names, "development")["deliver-dossier"]
    engines = [_Engine(), _Engine()]
    apps = [build(pipeline, engine, province.settings) for engine in engines]
    sent = 0

    def publish() -> None:
        nonlocal sent
        producer = province.producer()
        province.produce(producer, KEYS, province.records)
        assert producer.flush(20) == 0
        sent += len(KEYS)

    publish()
    await apps[0].start()
    try:
        await _until(lambda: engines[0].settled == sent)
        for future in list(apps[0].tables.recovery._futures):
            future.cancel()
        await apps[1].start()
        await _until(lambda: len(apps[1].consumer.assignment()) == 2)
        await asyncio.to_thread(publish)
        await _until(lambda: sum(engine.settled for engine in engines) == sent)
        assert engines[1].settled > 0
    finally:
        await apps[1].stop()
    try:
        await asyncio.to_thread(publish)
        await _until(lambda: sum(engine.settled for engine in engines) == sent)
        assert apps[0].failure is None
    finally:
        await apps[0].stop()
