"""Back-fill is marked, keeps its distance, and never holds up live intake."""

import asyncio

import pytest

from lienthong.errors import BrokerUnavailableError
from lienthong.kafka.cluster import Committed
from lienthong.observability.vitals import Vitals
from lienthong.pipeline.bulk_lane import BulkLane, Pace, readers_of, waiting_records
from lienthong.pipeline.pure import PureEngine
from lienthong.pipeline.work import Work
from lienthong.record import OutgoingRecord, Place
from lienthong.registry.topics import is_source
from lienthong.transport import commit_metadata


class _Step:
    """Writes one record and one dead letter."""

    def process(self, _item):
        """Process."""
        headers = [("ce_id", b"1")]
        made = [OutgoingRecord(name, b"k", b"{}", headers) for name in ("hue.records.dossier", "hue.deadletters.x")]
        return Work(outgoing=made)


class _View:
    """A cluster with two partitions."""

    def __init__(self, committed) -> None:
        self.committed = committed

    def end_offsets(self, topics):
        """Return the ends."""
        return {Place(topic, number): 1_000 for topic in topics for number in (0, 1)}

    def committed_offsets(self, group, _topics):
        """Return what a group committed."""
        return self.committed.get(group, {})


def test_what_bulk_writes_is_marked_and_dead_letters_are_not(bench) -> None:
    """Pipelines tell back-fill by the header, and an operator's replay of a dead letter is urgent."""
    work = BulkLane(_Step(), "hue.deadletters.x").process(bench.slice(bench.progress()))
    assert work.records[0].headers == [("ce_id", b"1"), ("lt-lane", b"bulk")]
    assert work.records[1].headers == [("ce_id", b"1")]


def test_the_slowest_reader_counts_and_holes_do_not() -> None:
    """One record that waits for its target holds its offset back for days, and must not hold back-fill up."""
    place = Place("t", 0)
    held_back = Committed(100, commit_metadata.encode(100, [(101, 979)]))
    view = _View({"slow": {place: held_back}, "fast": {place: Committed(990, "")}})
    assert waiting_records(view, ["slow", "fast", "never"], ["t"]) == 21
    assert waiting_records(view, ["never"], ["t"]) == 0
    assert waiting_records(view, [], ["t"]) == 0


def test_readers_are_all_pipelines_of_the_topic(make_pipeline) -> None:
    """Whoever reads the topic that back-fill goes to has a say."""
    deliver = {"connector": "portal", "purpose": "p", "legal_basis": "l"}
    reader = make_pipeline(name="deliver", sources=["records.dossier"], deliver=deliver)
    other = make_pipeline(forward={"topic": "records.dossier"})
    assert readers_of(["hue.records.dossier"], [reader, other]) == ("group",)
    assert readers_of(["hue.verified.dossier"], [reader, other]) == ()


async def test_slices_pass_while_there_is_room(bench, clock) -> None:
    """Kafka is asked once for as many records as there is room."""
    asked = []

    def measure() -> int:
        asked.append(1)
        return 5

    pace = Pace(measure, 10, clock, Vitals())
    for _ in range(3):
        assert await pace.admit(bench.slice(bench.progress(1), bench.progress(2)))
    assert len(asked) == 1
    assert clock.sleeps == []
    await pace.admit(bench.slice(bench.progress(3)))
    assert len(asked) == 2


async def test_nothing_passes_while_live_pipelines_are_behind(bench, clock) -> None:
    """Waiting is told to the watchdog, and ends when the readers have caught up; a broker that is away is no room."""
    answers = iter([3_000, BrokerUnavailableError("away"), 2_000, 1_999])
    vitals, seen = Vitals(), []

    def measure() -> int:
        seen.append(vitals.is_waiting)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await Pace(measure, 2_000, clock, vitals).admit(bench.slice(bench.progress()))
    assert seen == [False, True, True, True]
    assert clock.sleeps == [0.5] * 3
    assert not vitals.is_waiting


async def test_a_slice_that_leaves_does_not_pass(bench, clock) -> None:
    """A revoked partition's slice is the next owner's."""
    pace = Pace(lambda: 0, 10, clock, Vitals())
    item = bench.slice(bench.progress())
    item.assignment.is_leaving = True
    assert not await pace.admit(item)


async def test_a_worker_that_stops_waits_no_longer(make_pipeline, producer, clock, metrics, bench) -> None:
    """A drain ends though the readers are far behind; the slice is left to the next worker."""
    looked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def measure() -> int:
        loop.call_soon_threadsafe(looked.set)
        return 9_999

    pipeline = make_pipeline(forward={"topic": "records.dossier"})
    pace = Pace(measure, 10, clock, metrics.vitals)
    engine = PureEngine(pipeline, BulkLane(_Step(), ""), producer, clock, metrics, pace=pace)
    submitting = asyncio.create_task(engine.submit(bench.slice(bench.progress())))
    await looked.wait()
    assert await engine.drain(1)
    await asyncio.wait_for(submitting, 5)
    assert producer.written == []


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("inbound.dossier.one-stop", "inbound.dossier.*", True),
        ("inbound.dossier.bulk", "inbound.dossier.*", False),
        ("inbound.dossier.bulk", "inbound.dossier.bulk", True),
        ("inbound.dossier.bulk", "inbound.*.bulk", True),
        ("records.bulk", "records.*", True),
    ],
)
def test_live_intake_never_reads_the_bulk_topic(name: str, pattern: str, expected: bool) -> None:
    """A pattern for all publishers means all that publish live."""
    assert is_source(name, pattern) is expected
