"""What must not grow without bound: the window above a blocked record, and the age of what is not settled."""

import asyncio
import time

import pytest

from lienthong.clock import SystemClock
from lienthong.kafka.admin import ChangeKind, connect
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.kafka.settings import PIPELINE_OVERRIDES
from lienthong.observability.metrics import Metrics
from lienthong.outcome import Outcome
from lienthong.pipeline.app import build
from lienthong.pipeline.definitions import load_pipelines
from lienthong.pipeline.durable import DurableState
from lienthong.pipeline.item import Handled
from lienthong.pipeline.remote import RemoteEngine
from lienthong.pipeline.retention import RetentionGuard, open_cluster
from lienthong.record import Place
from lienthong.registry.schemas import SchemaRegistry
from lienthong.registry.topics import TopicCatalogue
from lienthong.transport.assignment import Assignment
from lienthong.transport.poller import Limits

pytestmark = pytest.mark.kafka
KEYS = [f"H57.21-261008-{number:04}" for number in range(24)]
DAY_SECONDS = 86_400


class _Target:
    """Delivers at once, but waits with one key for ever, as after a failure."""

    types = frozenset()

    def __init__(self, waiting: str) -> None:
        self.waiting = waiting
        self.delivered: set[str] = set()

    async def open(self) -> None:
        """Open."""

    async def close(self) -> None:
        """Close."""

    def scopes(self, item) -> tuple[()]:
        """Need none."""
        return ()

    async def handle(self, item, state):
        """Deliver or wait."""
        event, _, _ = item.decoded()
        if item.key == self.waiting:
            await asyncio.Event().wait()
        self.delivered.add(event.id)
        return Handled(Outcome.delivered("done"), state=state.with_delivery(item.record.offset + 1, ""))


async def _until(condition, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end
        await asyncio.sleep(0.1)


async def test_a_key_that_waits_makes_way_when_its_window_is_full(province) -> None:
    """One failing dossier must not hold back what may be committed, nor slow the others; it is kept in order."""
    pipeline = load_pipelines(province.names, "development")["deliver-dossier"]
    target = _Target(KEYS[0])
    engine = RemoteEngine(
        pipeline,
        target,
        AcknowledgedProducer(province.settings, client_id="test", overrides=PIPELINE_OVERRIDES),
        DurableState(pipeline, province.settings),
        SchemaRegistry.installed(),
        SystemClock(),
        Metrics(with_process=False),
    )
    app = build(pipeline, engine, province.settings, Limits(window_records=100))
    producer = province.producer()
    for _ in range(60):
        province.produce(producer, KEYS, province.records)
    assert producer.flush(30) == 0
    group = province.names.group("deliver-dossier")

    def lag() -> int:
        stored = province.view.committed_offsets(group, [province.records])
        ends = province.view.end_offsets([province.records])
        return sum(end - (stored[place].offset if place in stored else 0) for place, end in ends.items())

    await app.start()
    try:
        await _until(lambda: len(target.delivered) == 60 * (len(KEYS) - 1))
        await _until(lambda: lag() == 0)
        parked = await asyncio.to_thread(province.read, province.names.of_pipeline("parked", "deliver-dossier"))
        assert {record.key for record in parked} == {KEYS[0].encode()}
        assert app.failure is None
    finally:
        await app.stop()


async def test_retention_of_a_real_topic_is_extended_and_the_plan_shows_it_as_intended(province) -> None:
    """Records that wait for a target longer than the retention stay; applying the catalogue does not undo it."""
    assignment = Assignment(Place(province.records, 0), 0)
    catalogue = TopicCatalogue.installed(province.names, "development")
    with connect(province.settings) as admin:
        assert [change for change in admin.plan(catalogue).changes if change.field == "retention.ms"] == []
    declared = next(topic for topic in catalogue if topic.full_name == province.records).retention_days
    age_seconds = 0.9 * declared * DAY_SECONDS
    clock, metrics = SystemClock(), Metrics(with_process=False)
    assignment.deliver([0], int((clock.now().timestamp() - age_seconds) * 1_000))
    guard = RetentionGuard("deliver-dossier", lambda: [assignment], open_cluster(province.settings), metrics, clock)
    await guard.look()
    with connect(province.settings) as admin:
        # A change of settings is acknowledged before every broker answers with it.
        await _until(lambda: any(each.field == "retention.ms" for each in admin.plan(catalogue).changes), 10)
        plan = admin.plan(catalogue)
        (change,) = [each for each in plan.changes if each.field == "retention.ms"]
        assert change.kind is ChangeKind.DRIFT
        assert "unsettled" in change.note
        assert int(change.cluster) == pytest.approx(2 * age_seconds * 1_000, rel=0.001)
        assert plan.refused == ()
        assert admin.apply(plan).done == ()
    assert ("unsettled_near_retention", province.records) in metrics.alerts("deliver-dossier")
