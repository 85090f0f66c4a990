"""Proves that nothing was lost: accepted = ends + open, for each pipeline, with Kafka itself as the witness.

The order of the steps makes the proof sound while everything runs: source ends and watermarks are noted first, receipts
after them. A worker commits only what has an acknowledged receipt, so every record below a noted watermark has its
receipt below the noted end of the receipts.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from lienthong.clock import Clock
from lienthong.delivery.dead_letter import PREFIX
from lienthong.kafka.cluster import Committed
from lienthong.kafka.reader import TopicReader
from lienthong.ledger.identity import candidates_of
from lienthong.ledger.report import Gap, PipelineReport, Report
from lienthong.ledger.scratch import Scratch
from lienthong.ledger.store import LedgerStore
from lienthong.outcome import OutcomeKind
from lienthong.record import PIPELINE_HEADER, Place, Record
from lienthong.transport import commit_metadata

_POLL_SECONDS = 0.2
#: After it, what a polling pipeline wrote is seen together with its receipt.
_TRANSACTION_ENDS_SECONDS = 5.0


class PipelineSource(Protocol):
    """What must be known of a pipeline."""

    @property
    def name(self) -> str:
        """Name of the pipeline, as in its receipts."""
        ...

    @property
    def topics(self) -> Collection[str]:
        """Full names of its source topics."""
        ...

    @property
    def group(self) -> str:
        """Its consumer group."""
        ...

    @property
    def written(self) -> Collection[str]:
        """Full names of the topics that it brings records in by, if it polls a platform; otherwise nothing."""
        ...


class KafkaView(Protocol):
    """What is asked of Kafka; :class:`lienthong.kafka.cluster.ClusterView` is one."""

    def beginning_offsets(self, topics: Iterable[str]) -> dict[Place, int]:
        """Return the offset of the oldest record of each partition."""
        ...

    def end_offsets(self, topics: Iterable[str]) -> dict[Place, int]:
        """Return the offset after the last committed record of each partition."""
        ...

    def committed_offsets(self, group: str, topics: Iterable[str]) -> dict[Place, Committed]:
        """Return what a group has committed."""
        ...

    def reader(
        self,
        starts: Mapping[Place, int],
        *,
        ends: Mapping[Place, int] | None = None,
        is_expiry_fatal: bool = True,
    ) -> TopicReader:
        """Return a reader of partitions."""
        ...


class _Snapshot:
    """Where the source topics of one pipeline stood at the start."""

    def __init__(self, source: PipelineSource, view: KafkaView, now: datetime) -> None:
        self.source = source
        topics = source.written or source.topics
        self.ends = view.end_offsets(topics)
        self.begins = view.beginning_offsets(topics)
        # A record that was polled and its receipt are one transaction, whose ends in two topics are moments apart.
        self._passed_before_ms = (now.timestamp() - _TRANSACTION_ENDS_SECONDS) * 1000
        self.committed = {} if source.written else view.committed_offsets(source.group, topics)
        self._settled = {
            place: commit_metadata.decode(commit.offset, commit.metadata) for place, commit in self.committed.items()
        }

    def is_passed(self, record: Record) -> bool:
        """Whether the pipeline says that the record is settled."""
        if self.source.written:
            return record.timestamp_ms < self._passed_before_ms
        place = Place(record.topic, record.partition)
        commit = self.committed.get(place)
        if commit is None:
            return False
        return record.offset < commit.offset or any(
            first <= record.offset <= last for first, last in self._settled[place]
        )

    def is_mine(self, record: Record) -> bool:
        """Whether the record was accepted by this pipeline: others may write the topic of one that polls."""
        if not self.source.written or record.header(f"{PREFIX}pipeline") is not None:
            return True
        return record.header(PIPELINE_HEADER) == self.source.name.encode()

    def expired(self) -> list[Gap]:
        """Return what Kafka deleted above the watermark."""
        return [
            Gap(place.topic, place.partition, commit.offset, self.begins[place] - 1)
            for place, commit in sorted(self.committed.items())
            if self.begins.get(place, 0) > commit.offset
        ]


async def reconcile(
    sources: Sequence[PipelineSource],
    view: KafkaView,
    store: LedgerStore,
    receipts_topic: str,
    clock: Clock,
    *,
    wait_seconds: float = 10.0,
    limit: int = 20,
) -> Report:
    """Compare what was accepted with what the ledger shows.

    Args:
        sources: The pipelines.
        view: Kafka.
        store: The ledger; its consumer may run meanwhile.
        receipts_topic: Full name of the receipts topic.
        clock: Waits for the ledger.
        wait_seconds: How long the ledger may take to read the receipts that exist now.
        limit: How many records to list of each kind; all are counted.

    Returns:
        The report; it is not balanced when the ledger stayed behind, because then nothing is proved.

    Raises:
        BrokerUnavailableError: If Kafka cannot be reached.
        TargetUnavailableError: If the ledger's database is away.

    Delivery:
        Reads only; no group is joined and no offset is moved.
    """
    snapshots = [_Snapshot(source, view, clock.now()) for source in sources]
    is_current = await _wait_for_ledger(store, view.end_offsets([receipts_topic]), clock, wait_seconds)
    reports = [_compare(snapshot, view, store, limit) for snapshot in snapshots]
    return Report(reports, is_current, len(store.unreadable()))


async def _wait_for_ledger(store: LedgerStore, wanted: Mapping[Place, int], clock: Clock, wait_seconds: float) -> bool:
    deadline = clock.monotonic() + wait_seconds
    while True:
        stored = store.offsets()
        if all(stored.get(place, 0) >= offset for place, offset in wanted.items()):
            return True
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(_POLL_SECONDS)


def _compare(snapshot: _Snapshot, view: KafkaView, store: LedgerStore, limit: int) -> PipelineReport:
    report = PipelineReport(snapshot.source.name, expired=snapshot.expired())
    with Scratch() as scratch:
        scratch.spans(
            (place.topic, place.partition, begin, snapshot.ends.get(place, begin))
            for place, begin in snapshot.begins.items()
        )
        scratch.settle(store.of_pipeline(snapshot.source.name))
        _read_accepted(snapshot, view, scratch)
        report.accepted, report.copies = scratch.totals()
        report.ends = scratch.ends()
        report.open = {
            OutcomeKind.IN_FLIGHT.value: scratch.in_flight(limit),
            OutcomeKind.PARKED.value: scratch.waiting(OutcomeKind.PARKED, limit),
            OutcomeKind.REVIEW.value: scratch.waiting(OutcomeKind.REVIEW, limit),
        }
        report.lost = scratch.lost(limit)
        report.unknown = scratch.unknown(limit)
    return report


def _read_accepted(snapshot: _Snapshot, view: KafkaView, scratch: Scratch) -> None:
    # A record that expires while it is being read was settled or is in the report as expired next time.
    with view.reader(snapshot.begins, ends=snapshot.ends, is_expiry_fatal=False) as reader:
        for records in reader.batches():
            scratch.accept(
                (
                    *scratch.choose(candidates_of(record)),
                    record.topic,
                    record.partition,
                    record.offset,
                    int(snapshot.is_passed(record)),
                )
                for record in records
                if snapshot.is_mine(record)
            )
