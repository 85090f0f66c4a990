"""The reconciliation: balanced when nothing is lost, red when anything is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson
import pytest

from lienthong.kafka.cluster import Committed
from lienthong.ledger.identity import candidates_of
from lienthong.ledger.reconcile import reconcile
from lienthong.ledger.report import Gap, PipelineReport
from lienthong.record import PIPELINE_HEADER, Place, Record
from lienthong.testing.clock import FakeClock
from lienthong.transport import commit_metadata

TOPIC = "hue.records.dossier"
HOME = Place(TOPIC, 0)


@dataclass
class Source:
    """A pipeline as the reconciler needs it."""

    name: str = "deliver-dossier"
    topics: tuple[str, ...] = (TOPIC,)
    group: str = "hue.lienthong.deliver-dossier"
    written: tuple[str, ...] = ()


class ScriptedReader:
    """Yields records of given partitions, two at a time."""

    def __init__(self, records: list[Record]) -> None:
        self._records = records

    def batches(self) -> Iterator[list[Record]]:
        """Yield everything."""
        for index in range(0, len(self._records), 2):
            yield self._records[index : index + 2]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


class ScriptedKafka:
    """A cluster in memory."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.committed: dict[Place, Committed] = {}
        self.begins: dict[Place, int] = {}
        self.receipts_end = 0

    def add(self, record_id: str | None, offset: int, partition: int = 0) -> None:
        """Append one record; None for one that is no CloudEvent."""
        headers = [("ce_id", (record_id or "").encode()), ("ce_source", b"urn:lienthong:hue:one-stop")]
        headers += [("ce_type", b"dossier.snapshot"), ("ce_specversion", b"1.0")]
        self.records.append(Record(TOPIC, partition, offset, 0, None, b"{}", headers if record_id else []))

    def commit(self, offset: int, *ranges: tuple[int, int], partition: int = 0) -> None:
        """Set the watermark and what is settled above it."""
        text = commit_metadata.encode(offset, ranges)
        self.committed[Place(TOPIC, partition)] = Committed(offset, text)

    def beginning_offsets(self, topics: Iterable[str]) -> dict[Place, int]:
        """Return 0 or what the test has set."""
        return {place: self.begins.get(place, 0) for place in self.end_offsets(topics)}

    def end_offsets(self, topics: Iterable[str]) -> dict[Place, int]:
        """Return the place behind the last record."""
        if TOPIC not in topics:
            return {Place(topic, 0): self.receipts_end for topic in topics}
        ends = dict.fromkeys(self.begins, 0)
        for record in self.records:
            ends[Place(TOPIC, record.partition)] = record.offset + 1
        return {place: max(end, self.begins.get(place, 0)) for place, end in ends.items()}

    def committed_offsets(self, group: str, topics: Iterable[str]) -> dict[Place, Committed]:
        """Return the watermarks."""
        del group, topics
        return self.committed

    def reader(
        self, starts: Mapping[Place, int], *, ends: Mapping[Place, int] | None = None, is_expiry_fatal: bool = True
    ) -> Any:
        """Return a reader between the two."""
        del is_expiry_fatal
        ends = ends or {}
        return ScriptedReader(
            [
                record
                for record in self.records
                if starts[place := Place(TOPIC, record.partition)] <= record.offset < ends[place]
            ]
        )


@pytest.fixture
def kafka() -> ScriptedKafka:
    """A cluster with five records, of which the pipeline has settled three and a half."""
    made = ScriptedKafka()
    for number in range(5):
        made.add(f"id-{number}", number)
    made.commit(3)
    return made


async def _reconcile(feeder: Any, kafka: ScriptedKafka, source: Source | None = None, **options: Any) -> PipelineReport:
    report = await reconcile([source or Source()], kafka, feeder.store, feeder.names.receipts, FakeClock(), **options)
    assert report.is_balanced is (report.pipelines[0].is_balanced and report.is_ledger_current)
    return report.pipelines[0]


def _settle(feeder: Any, **kinds: str) -> None:
    receipts = [feeder.receipt(f"id-{name[1:]}", kind, int(name[1:])) for name, kind in kinds.items()]
    feeder.apply(feeder.batch(*receipts))


async def test_ends_and_open_records_balance(sqlite_feeder: Any, kafka: ScriptedKafka) -> None:
    """In flight is what Kafka holds above the watermark without an end, also what was never fetched."""
    _settle(sqlite_feeder, r0="delivered", r1="review", r2="parked", r3="filtered")

    report = await _reconcile(sqlite_feeder, kafka)

    assert report.is_balanced
    assert (report.accepted, report.ends) == (5, {"delivered": 1, "filtered": 1})
    assert {kind: [row.id for row in listing.listed] for kind, listing in report.open.items()} == {
        "in_flight": ["id-4"],
        "parked": ["id-2"],
        "review": ["id-1"],
    }


async def test_a_planted_lost_receipt_turns_it_red(sqlite_feeder: Any, kafka: ScriptedKafka) -> None:
    """A record below the watermark without a receipt is named with its place."""
    _settle(sqlite_feeder, r0="delivered", r2="delivered")

    report = await _reconcile(sqlite_feeder, kafka)

    assert not report.is_balanced
    assert (report.lost.total, report.lost.listed[0]) == (1, (sqlite_feeder.source, "id-1", TOPIC, 0, 1))
    assert [row.id for row in report.open["in_flight"].listed] == ["id-3", "id-4"]


async def test_a_passed_record_that_only_began_is_lost(sqlite_feeder: Any, kafka: ScriptedKafka) -> None:
    """A receipt of a first failure is no end and allows no commit."""
    _settle(sqlite_feeder, r0="delivered", r1="in_flight", r2="delivered", r3="in_flight")

    report = await _reconcile(sqlite_feeder, kafka)

    assert [row.id for row in report.lost.listed] == ["id-1"]
    assert [row.id for row in report.open["in_flight"].listed] == ["id-3", "id-4"]


async def test_what_was_settled_above_the_watermark_needs_a_receipt_too(
    sqlite_feeder: Any, kafka: ScriptedKafka
) -> None:
    """A worker that restarts skips these records for ever."""
    kafka.commit(3, (4, 4))
    _settle(sqlite_feeder, r0="delivered", r1="delivered", r2="delivered")

    report = await _reconcile(sqlite_feeder, kafka)

    assert [row.id for row in report.lost.listed] == ["id-4"]


async def test_a_receipt_without_a_record_is_unknown(sqlite_feeder: Any, kafka: ScriptedKafka) -> None:
    """A receipt for something that was never accepted is as wrong as a missing one."""
    _settle(sqlite_feeder, r0="delivered", r1="delivered", r2="delivered")
    invented = sqlite_feeder.receipt("id-invented", "delivered", 2)
    elsewhere = sqlite_feeder.receipt("id-expired-long-ago", "delivered", 2)
    later = sqlite_feeder.receipt("id-later", "delivered", 17)
    sqlite_feeder.apply(sqlite_feeder.batch(invented, later))
    sqlite_feeder.apply(sqlite_feeder.batch(elsewhere, topic="hue.replay.deliver-dossier"))

    report = await _reconcile(sqlite_feeder, kafka)

    assert not report.is_balanced
    assert [row.id for row in report.unknown.listed] == ["id-invented"]


async def test_copies_are_one_record(sqlite_feeder: Any, kafka: ScriptedKafka) -> None:
    """The same source and id again, also in another partition, is not accepted twice."""
    kafka.add("id-0", 5)
    kafka.add("id-0", 0, partition=1)
    _settle(sqlite_feeder, r0="delivered", r1="delivered", r2="delivered")

    report = await _reconcile(sqlite_feeder, kafka)

    assert report.is_balanced
    assert (report.accepted, report.copies, report.open["in_flight"].total) == (5, 2, 2)


async def test_a_lost_copy_is_found_although_another_one_is_open(sqlite_feeder: Any) -> None:
    """The passed copy decides, whichever is read first."""
    kafka = ScriptedKafka()
    kafka.add("id-0", 0)
    kafka.add("id-0", 0, partition=1)
    kafka.commit(1, partition=1)

    report = await _reconcile(sqlite_feeder, kafka)

    assert report.lost.listed == [(sqlite_feeder.source, "id-0", TOPIC, 1, 0)]


async def test_a_pipeline_that_never_ran_has_everything_in_flight(sqlite_feeder: Any, kafka: ScriptedKafka) -> None:
    """Without a commit nothing is lost."""
    kafka.committed = {}

    report = await _reconcile(sqlite_feeder, kafka, limit=2)

    assert report.is_balanced
    assert (report.open["in_flight"].total, len(report.open["in_flight"].listed)) == (5, 2)


async def test_records_that_expired_unsettled_turn_it_red(sqlite_feeder: Any, kafka: ScriptedKafka) -> None:
    """Retention that was faster than the pipeline is a loss, though nobody can say of what."""
    kafka.begins = {HOME: 4}

    report = await _reconcile(sqlite_feeder, kafka)

    assert not report.is_balanced
    assert report.expired == [Gap(TOPIC, 0, 3, 3)]


async def test_records_that_are_no_cloudevents_are_known_by_their_place(
    sqlite_feeder: Any, kafka: ScriptedKafka
) -> None:
    """Rubbish is accepted, dead-lettered and counted like everything else."""
    kafka.add(None, 5)
    kafka.commit(6)
    _settle(sqlite_feeder, r0="delivered", r1="delivered", r2="delivered", r3="delivered", r4="delivered")
    lost = await _reconcile(sqlite_feeder, kafka)
    sqlite_feeder.apply(sqlite_feeder.batch(sqlite_feeder.receipt(f"{TOPIC}:0:5", "dead_lettered", 5, source="")))
    found = await _reconcile(sqlite_feeder, kafka)

    assert lost.lost.listed == [("", f"{TOPIC}:0:5", TOPIC, 0, 5)]
    assert found.is_balanced


async def test_nothing_is_proved_while_the_ledger_is_behind(sqlite_feeder: Any, kafka: ScriptedKafka) -> None:
    """The wait is bounded, and then the answer is no."""
    kafka.receipts_end = 3
    _settle(sqlite_feeder, r0="delivered", r1="delivered", r2="delivered")
    clock = FakeClock()

    report = await reconcile(
        [Source()], kafka, sqlite_feeder.store, sqlite_feeder.names.receipts, clock, wait_seconds=2
    )

    assert report.pipelines[0].is_balanced
    assert not report.is_balanced
    assert sum(clock.sleeps) == pytest.approx(2, abs=0.3)


async def test_the_report_is_ready_for_json(sqlite_feeder: Any, kafka: ScriptedKafka) -> None:
    """Other programs read the same numbers and ids."""
    _settle(sqlite_feeder, r0="delivered", r1="duplicate")
    report = await _reconcile(sqlite_feeder, kafka)

    document = orjson.loads(orjson.dumps(report.as_document()))

    assert document["balanced"] is False
    assert document["ends"]["duplicate"] == 1
    assert document["lost"] == {
        "total": 1,
        "listed": [{"source": sqlite_feeder.source, "id": "id-2", "topic": TOPIC, "partition": 0, "offset": 2}],
    }


STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]
BODY = orjson.dumps({"specversion": "1.0", "id": "id-1", "source": "urn:a", "type": "t", "data": {}})
PLACE = ("", f"{TOPIC}:0:9")
#: Generated: the province 000 does not exist.
PERSONAL = b"000196000001"


@pytest.mark.parametrize(
    ("headers", "value", "expected"),
    [
        ([("ce_id", b"id-1"), ("ce_source", b"urn:a")], b"{}", (("urn:a", "id-1"),)),
        (STRUCTURED, BODY, (("urn:a", "id-1"), PLACE)),
        ([*STRUCTURED, ("ce_id", b"x"), ("ce_source", b"urn:b")], BODY, (("urn:a", "id-1"), ("urn:b", "x"), PLACE)),
        (STRUCTURED, b"{", (PLACE,)),
        ([("ce_id", b"\xff"), ("ce_source", b"urn:a")], b"{}", (PLACE,)),
        ([], None, (PLACE,)),
        ([("ce_id", PERSONAL), ("ce_source", b"urn:a")], b"{}", (PLACE,)),
    ],
)
def test_a_record_is_known_by_every_name_that_a_worker_may_use(
    headers: list[tuple[str, bytes]], value: bytes | None, expected: tuple[tuple[str, str], ...]
) -> None:
    """Binary and structured mode, damaged records, and never a name that looks like a personal ID."""
    assert candidates_of(Record(TOPIC, 0, 9, 0, None, value, headers)) == expected


async def test_a_damaged_structured_record_is_found_under_its_place(sqlite_feeder: Any) -> None:
    """Intake sets it aside by its place, though its id could be read; sent twice it is two dead letters."""
    kafka = ScriptedKafka()
    kafka.records = [Record(TOPIC, 0, offset, 0, None, BODY, STRUCTURED) for offset in (0, 1, 2)]
    kafka.commit(2)
    receipts = [sqlite_feeder.receipt(f"{TOPIC}:0:{offset}", "dead_lettered", offset, source="") for offset in (0, 1)]
    sqlite_feeder.apply(sqlite_feeder.batch(*receipts))

    report = await _reconcile(sqlite_feeder, kafka)

    assert report.is_balanced
    assert (report.ends, [row.id for row in report.open["in_flight"].listed]) == ({"dead_lettered": 2}, ["id-1"])


def _polled(kafka: ScriptedKafka, by: bytes | None) -> None:
    record = kafka.records[-1]
    kafka.records[-1] = record._replace(headers=[*record.headers, (PIPELINE_HEADER, by)] if by else record.headers)


async def test_what_a_pipeline_polled_is_counted_where_it_wrote_it(sqlite_feeder: Any) -> None:
    """Others may write the same topic; what is polled and its receipt are one write, so nothing is in flight."""
    kafka = ScriptedKafka()
    for number, by in enumerate([b"deliver-dossier", b"deliver-dossier", b"another", None]):
        kafka.add(f"id-{number}", number)
        _polled(kafka, by)
    _settle(sqlite_feeder, r0="delivered", r1="dead_lettered")

    report = await _reconcile(sqlite_feeder, kafka, Source(topics=(), written=(TOPIC,)))

    assert report.is_balanced
    assert (report.accepted, report.ends) == (2, {"delivered": 1, "dead_lettered": 1})


async def test_a_polled_record_without_its_receipt_is_lost(sqlite_feeder: Any) -> None:
    """A planted loss turns it red; only in the moments after the write it may still be under way."""
    kafka = ScriptedKafka()
    for number in range(2):
        kafka.add(f"id-{number}", number)
        _polled(kafka, b"deliver-dossier")
    kafka.records[1] = kafka.records[1]._replace(timestamp_ms=int(FakeClock().now().timestamp() * 1000) - 1_000)

    report = await _reconcile(sqlite_feeder, kafka, Source(topics=(), written=(TOPIC,)))

    assert [row.id for row in report.lost.listed] == ["id-0"]
    assert [row.id for row in report.open["in_flight"].listed] == ["id-1"]
