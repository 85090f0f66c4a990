"""The transport and the remote engine on a real broker, in this process, with a target that the test plays."""

import asyncio
import time
from collections import defaultdict
from itertools import pairwise

import pytest

from lienthong.clock import SystemClock
from lienthong.errors import RecordTooLargeError
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.kafka.settings import PIPELINE_OVERRIDES
from lienthong.observability.metrics import Metrics
from lienthong.outcome import Outcome
from lienthong.pipeline.app import build
from lienthong.pipeline.definitions import load_pipelines
from lienthong.pipeline.durable import DurableState
from lienthong.pipeline.item import Handled
from lienthong.pipeline.remote import RemoteEngine
from lienthong.record import OutgoingRecord
from lienthong.registry.schemas import SchemaRegistry
from lienthong.transport import commit_metadata

pytestmark = pytest.mark.kafka
KEYS = [f"H57.21-261008-{number:04}" for number in range(24)]


class _Target:
    """Writes down each call; calls for blocked keys wait."""

    types = frozenset()

    def __init__(self, seconds: float = 0.0) -> None:
        self.calls: list[tuple[float, int, str]] = []
        self.blocked: dict[str, asyncio.Event] = {}
        self.seconds = seconds

    async def open(self) -> None:
        """Open."""

    async def close(self) -> None:
        """Close."""

    async def handle(self, item, state):
        """Call."""
        event, _, _ = item.decoded()
        self.calls.append((time.monotonic(), item.record.partition, event.id))
        if item.key in self.blocked:
            await self.blocked[item.key].wait()
        elif self.seconds:
            # A call under way is never given up, a wait is: this is a call.
            await item.attempts.interruption.call(asyncio.sleep, self.seconds)
        return Handled(Outcome.delivered("done"), state=state.with_delivery(len(self.calls), ""))

    async def approve(self, item, state):
        """Never asked for here."""
        raise NotImplementedError

    @property
    def ids(self) -> list[str]:
        """Ids in the order of the calls."""
        return [each for _, _, each in self.calls]


@pytest.fixture
async def start(province):
    """Give a function that starts a worker of the delivering pipeline with a target."""
    apps = []
    pipeline = load_pipelines(province.names, "development")["deliver-dossier"]

    async def make(target):
        engine = RemoteEngine(
            pipeline,
            target,
            AcknowledgedProducer(province.settings, client_id="test", overrides=PIPELINE_OVERRIDES),
            DurableState(pipeline, province.settings),
            SchemaRegistry.installed(),
            SystemClock(),
            Metrics(with_process=False),
        )
        app = build(pipeline, engine, province.settings)
        apps.append(app)
        await app.start()
        return app

    yield make
    for app in apps:
        await app.stop()


async def _until(condition, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


def _fill(province, keys, rounds: int = 1) -> None:
    producer = province.producer()
    for _ in range(rounds):
        province.produce(producer, keys, province.records)
    assert producer.flush(30) == 0


async def test_what_settled_above_a_blocked_record_is_not_repeated_by_the_next_owner(province, start) -> None:
    """One dossier waits for hours; a restart must not deliver everybody else's records again."""
    group = province.names.group("deliver-dossier")

    def stored():
        return province.view.committed_offsets(group, [province.records])

    first = _Target()
    first.blocked = {KEYS[0]: asyncio.Event()}
    _fill(province, KEYS, rounds=10)
    app = await start(first)
    await _until(lambda: len(first.calls) == 23 * 10 + 1)

    def is_remembered() -> bool:
        places = {place: each for place, each in stored().items() if commit_metadata.decode(each.offset, each.metadata)}
        return (
            len(places) == 1
            and sum(end - begin + 1 for each in places.values() for begin, end in commit_metadata.decode(*each)) >= 9
        )

    await _until(is_remembered)
    app.failure = RuntimeError("crash")
    await app.stop()
    second = _Target()
    await start(second)
    await _until(lambda: len(second.calls) >= 10)
    await _until(lambda: all(not commit_metadata.decode(*each) for each in stored().values()))
    assert second.ids == [f"{KEYS[0]}-{number}" for number in range(1, 11)]


async def test_partitions_that_stay_keep_flowing_while_others_move(province, start) -> None:
    """A second worker must not be felt by the dossiers that stay with the first, also when calls are slow."""
    first, second = _Target(0.02), _Target(0.02)
    producer = province.producer()
    is_over = False

    async def flow() -> None:
        while not is_over:
            province.produce(producer, KEYS, province.records)
            await asyncio.sleep(0.05)

    _fill(province, KEYS)
    await start(first)
    await _until(lambda: len(first.calls) >= len(KEYS))
    flowing = asyncio.create_task(flow())
    await asyncio.sleep(0.5)
    begun = time.monotonic()
    await start(second)
    await _until(lambda: len({partition for _, partition, _ in second.calls}) == 2)
    await asyncio.sleep(0.5)
    ended = time.monotonic()
    is_over = True
    await flowing
    assert producer.flush(30) == 0
    total = sum(province.sent.values())
    await _until(lambda: len({*first.ids, *second.ids}) == total)
    moved = {partition for _, partition, _ in second.calls}
    times = defaultdict(list)
    for moment, partition, _ in first.calls:
        if begun <= moment <= ended:
            times[partition].append(moment)
    kept = {partition: moments for partition, moments in times.items() if partition not in moved}
    assert len(kept) == 2
    for moments in kept.values():
        gaps = [after - before for before, after in pairwise(moments)]
        assert max(gaps) < 2.0
    # Nothing was drained that had to be repeated: the calls were short.
    assert len(first.calls) + len(second.calls) == total
    by_key = defaultdict(list)
    for _, _, each in sorted([*first.calls, *second.calls]):
        key, _, number = each.rpartition("-")
        by_key[key].append(int(number))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_the_producer_tells_what_became_of_each_record(province) -> None:
    """One record that is too large fails alone; the others are written, in order."""
    producer = AcknowledgedProducer(province.settings, client_id="test")
    await producer.start()
    try:
        topic = province.records
        good = [OutgoingRecord(topic, b"k", f"{number}".encode(), []) for number in range(3)]
        large = OutgoingRecord(topic, b"k", bytes(5_000_000), [])
        results = await producer.send_each([good[0], large, good[1]])
        assert [type(each) for each in results] == [type(None), RecordTooLargeError, type(None)]
        with pytest.raises(RecordTooLargeError):
            await producer.send([good[2], large])
        await producer.send([])
        assert await producer.send_each([]) == []
        assert [each.value for each in province.read(topic)] == [b"0", b"1", b"2"]
    finally:
        await producer.stop()


async def test_java_and_the_hub_agree_on_the_partition_of_a_key(province) -> None:
    """Publishers in Java and the hub must put one dossier into one partition: murmur2, as in Kafka's own clients."""
    from kafka.partitioner.default import murmur2

    producer = AcknowledgedProducer(province.settings, client_id="test")
    await producer.start()
    try:
        await producer.send([OutgoingRecord(province.records, key.encode(), b"{}", []) for key in KEYS])
    finally:
        await producer.stop()
    for record in province.read(province.records):
        assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % 4
