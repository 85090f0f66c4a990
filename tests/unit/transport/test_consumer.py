"""Faust's consumer over the poll thread: what Faust may and may not do."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from faust.types import TP

from lienthong.config.models import KafkaSettings
from lienthong.errors import FatalError
from lienthong.pipeline.app import build
from lienthong.pipeline.definitions import Pipeline, PipelineDefinition
from lienthong.record import Place
from lienthong.topic_names import TopicNames
from lienthong.transport.assignment import Assignment, Slice
from lienthong.transport.consumer import Consumer
from lienthong.transport.driver import Transport

NAMES = TopicNames("hue")
TOPIC = "hue.inbound.dossier.one-stop"


class _Engine:
    """Writes down what it hears of partitions."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, list[int], bool]] = []
        self.error: Exception | None = None

    async def on_assigned(self, assignments) -> None:
        """Hear of new partitions."""
        if self.error is not None:
            raise self.error
        self.heard.append(("assigned", [each.place.partition for each in assignments], False))

    async def on_revoked(self, assignments, *, lost) -> None:
        """Hear of leaving partitions."""
        self.heard.append(("revoked", [each.place.partition for each in assignments], lost))


@pytest.fixture
async def consumer(monkeypatch):
    """Give a consumer whose poll thread is a stand-in, and whose Faust callbacks are written down."""
    document = {
        "name": "intake",
        "description": {"vi": "Thử", "en": "Test"},
        "sources": ["inbound.dossier.one-stop"],
        "forward": {"topic": "records.dossier"},
    }
    pipeline = Pipeline(PipelineDefinition.model_validate(document), (TOPIC,), "group", NAMES)
    app = build(pipeline, _Engine(), KafkaSettings())
    made = app.consumer
    assert isinstance(made, Consumer)
    readied: list[int] = []
    made.poller = SimpleNamespace(
        ready=lambda new: readied.extend(each.place.partition for each in new), assignments={}
    )
    calls: list[tuple[str, int]] = []

    async def full(assigned, _generation) -> None:
        calls.append(("full", len(assigned)))

    async def tell(assigned) -> None:
        calls.append(("tell", len(assigned)))

    monkeypatch.setattr(made, "on_partitions_assigned", full)
    monkeypatch.setattr(app.topics, "on_partitions_assigned", tell)
    monkeypatch.setattr(app, "on_rebalance_start", lambda: calls.append(("start", 0)))
    made.calls, made.readied = calls, readied
    return made


def _assignment(partition: int) -> Assignment:
    return Assignment(Place(TOPIC, partition), 0)


async def _run(consumer) -> None:
    task = asyncio.create_task(consumer._rebalances.fun(consumer))
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_only_the_first_assignment_runs_the_full_callback(consumer) -> None:
    """Faust's full callback stops the flow of partitions that stay; later ones are only told."""
    consumer.assigned([_assignment(0), _assignment(1)])
    consumer.assigned([_assignment(2)])
    await _run(consumer)
    assert consumer.calls == [("start", 0), ("full", 2), ("tell", 3)]
    assert consumer.readied == [0, 1, 2]
    assert consumer.assignment() == {TP(TOPIC, number) for number in range(3)}


async def test_partitions_are_ready_only_after_the_pipeline_was_told(consumer) -> None:
    """Parked records are read before the partition's own records flow."""
    order = []
    consumer.app.engine.on_assigned = lambda _new: _note(order, "pipeline")
    consumer.poller.ready = lambda _new: order.append("ready")
    consumer.assigned([_assignment(0)])
    await _run(consumer)
    assert order == ["pipeline", "ready"]


async def _note(order, name) -> None:
    order.append(name)


@pytest.mark.parametrize("lost", [False, True])
async def test_the_poll_thread_hears_when_a_revocation_is_done(consumer, lost) -> None:
    """It waits for this inside librdkafka's callback."""
    assignment, drained = _assignment(0), threading.Event()
    consumer.assigned([assignment])
    consumer.revoked([assignment], drained, lost=lost)
    await _run(consumer)
    assert drained.is_set()
    assert consumer.app.engine.heard[-1] == ("revoked", [0], lost)
    assert consumer.assignment() == set()


async def test_a_pipeline_that_cannot_take_a_partition_stops_the_worker(consumer, monkeypatch) -> None:
    """Going on without its parked records would let later ones overtake them."""
    crashed = []

    async def crash(error) -> None:
        crashed.append(error)

    monkeypatch.setattr(consumer, "crash", crash)
    consumer.app.engine.error = FatalError("cannot read what is parked")
    consumer.assigned([_assignment(0)])
    await _run(consumer)
    assert [str(each) for each in crashed] == ["cannot read what is parked"]
    assert consumer.readied == []


async def test_slices_of_a_partition_that_left_are_dropped_and_others_are_not(consumer) -> None:
    """The new owner reads them."""
    old, new = _assignment(0), _assignment(1)
    old.is_over = True
    taken = []

    async def callback(message) -> None:
        taken.append(message.value)

    consumer.callback = callback
    first, second = Slice(old, 0, []), Slice(new, 0, [])
    consumer.slices([first, second])
    task = asyncio.create_task(consumer._drain_messages(SimpleNamespace(should_stop=False)))
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert taken == [second]


async def test_fausts_own_commits_and_seeks_do_nothing(consumer) -> None:
    """Faust acknowledges a slice when the agent has taken it, long before its records are settled."""
    assert consumer.ack(consumer._to_message(TP(TOPIC, 0), Slice(_assignment(0), 0, []))) is False
    assert await consumer.commit() is False
    assert await consumer.force_commit() is False
    assert await consumer._commit({TP(TOPIC, 0): 9}) is False
    with pytest.raises(FatalError):
        await consumer.seek_wait({TP(TOPIC, 0): 9})
    with pytest.raises(FatalError):
        await consumer.create_topic("x", 1, 1)


async def _crashes(consumer, monkeypatch) -> list[str]:
    crashed: list[str] = []

    async def crash(error) -> None:
        crashed.append(str(error))

    monkeypatch.setattr(consumer, "crash", crash)
    return crashed


@pytest.mark.parametrize("part", ["fetcher", "reader of rebalances"])
async def test_a_loop_that_is_cancelled_by_a_stray_hand_stops_the_worker(consumer, monkeypatch, part) -> None:
    """Faust swallows a cancelled fetcher: the worker looks healthy and consumes nothing for ever."""
    crashed = await _crashes(consumer, monkeypatch)
    fetcher = SimpleNamespace(should_stop=False)
    loop = consumer._drain_messages(fetcher) if part == "fetcher" else consumer._rebalances.fun(consumer)
    task = asyncio.create_task(loop)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)
    assert crashed == [f"the {part} ended without being told to; restart the process"]


async def test_a_fetcher_that_is_told_to_stop_is_no_failure(consumer, monkeypatch) -> None:
    """A graceful stop cancels it, too."""
    crashed = await _crashes(consumer, monkeypatch)
    fetcher = SimpleNamespace(should_stop=False)
    task = asyncio.create_task(consumer._drain_messages(fetcher))
    await asyncio.sleep(0)
    fetcher.should_stop = True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)
    assert crashed == []


async def test_the_pipeline_hears_of_a_full_window_and_stops_when_it_cannot_park(consumer, monkeypatch) -> None:
    """A key that cannot be parked would hold back the watermark without bound."""
    crashed = await _crashes(consumer, monkeypatch)
    told: list[int] = []

    async def on_window_full(assignment, offset) -> None:
        told.append(offset)
        if offset:
            raise FatalError("cannot park")

    consumer.app.engine.on_window_full = on_window_full
    leaving = _assignment(1)
    leaving.is_leaving = True
    consumer.window_full(_assignment(0), 0)
    consumer.window_full(leaving, 5)
    consumer.window_full(_assignment(0), 7)
    for _ in range(10):
        await asyncio.sleep(0)
    assert told == [0, 7]
    assert crashed == ["cannot park"]


async def test_topics_of_a_running_pipeline_cannot_change(consumer) -> None:
    """A second subscription would throw the assignment away."""
    with pytest.raises(FatalError):
        await consumer.subscribe(["other"])


async def test_the_end_of_the_poll_thread_crashes_the_worker(consumer, monkeypatch) -> None:
    """A worker that fetches nothing any more must not look healthy."""
    crashed = []

    async def crash(error) -> None:
        crashed.append(error)

    monkeypatch.setattr(consumer, "crash", crash)
    consumer.failed(FatalError("retention"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert [str(each) for each in crashed] == ["retention"]


def test_the_transport_is_found_by_its_scheme() -> None:
    """Faust finds the driver through the entry point, as it would anybody's."""
    from faust.transport import by_name

    assert by_name("rdkafka") is Transport


@pytest.mark.parametrize(("failure", "seconds"), [(None, 15.0), (FatalError("gone"), 1.0)])
async def test_nobody_waits_long_for_a_thread_that_has_failed(consumer, failure, seconds) -> None:
    """It commits nothing any more, and its goodbye to a silent broker would only delay the next worker."""
    waited: list[float] = []
    consumer.poller = SimpleNamespace(error=failure, stop=lambda: None, join=waited.append)
    await consumer.on_stop()
    assert waited == [seconds]
