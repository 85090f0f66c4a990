"""Makes outcomes durable and settles what is durable, many records at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from lienthong.clock import Clock
from lienthong.delivery.dead_letter import acknowledged
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.observability.metrics import Metrics
from lienthong.outcome import OutcomeKind
from lienthong.receipt import Receipt, ReceiptBatch, encode_all
from lienthong.record import OutgoingRecord, Place
from lienthong.transport.assignment import Assignment
from lienthong.transport.membership import confirmed


class _Entry:
    __slots__ = ("assignment", "closing", "done", "place", "receipt", "records", "state", "timestamp_ms", "was_settled")

    def __init__(
        self,
        place: Place,
        receipt: Receipt,
        records: Sequence[OutgoingRecord],
        assignment: Assignment | None,
        timestamp_ms: int,
        state: OutgoingRecord | None,
        closing: Sequence[OutgoingRecord],
        *,
        was_settled: bool,
    ) -> None:
        self.place = place
        self.receipt = receipt
        self.records = records
        self.assignment = assignment
        self.timestamp_ms = timestamp_ms
        self.state = state
        self.closing = closing
        self.was_settled = was_settled
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def become_late(self) -> bool:
        """Keep only that an effect happened, if one did; all else is the next owner's to write."""
        self.records, self.state, self.closing, self.assignment = (), None, (), None
        self.receipt = self.receipt._replace(repeat_possible=True)
        return self.receipt.kind == OutcomeKind.DELIVERED.value and self.receipt.attempts > 0


class Settler:
    """Collects outcomes and writes them in batches while the previous batch is under way.

    Args:
        pipeline: Name of the pipeline.
        receipts_topic: Full name of the receipts topic.
        producer: Writes records and receipts.
        clock: Where to read the time.
        metrics: What operators see.
        dead_letters_topic: Full name of ``deadletters.<pipeline>``; a refused record of it stops the pipeline.

    Delivery:
        Records of an outcome are acknowledged before its receipt and the state of its key are written, and both before
        the offset settles.
    """

    def __init__(
        self,
        pipeline: str,
        receipts_topic: str,
        producer: AcknowledgedProducer,
        clock: Clock,
        metrics: Metrics,
        dead_letters_topic: str = "",
    ) -> None:
        self._pipeline = pipeline
        self._topic = receipts_topic
        self._dead_letters = dead_letters_topic
        self._producer = producer
        self._clock = clock
        self._metrics = metrics
        self._waiting: list[_Entry] = []
        self._has_work = asyncio.Event()
        self._last: asyncio.Future[None] | None = None

    def add(
        self,
        place: Place,
        receipt: Receipt,
        records: Sequence[OutgoingRecord] = (),
        assignment: Assignment | None = None,
        timestamp_ms: int = -1,
        state: OutgoingRecord | None = None,
        closing: Sequence[OutgoingRecord] = (),
        *,
        was_settled: bool = False,
    ) -> "asyncio.Future[None]":
        """Note an outcome.

        Args:
            place: Topic and partition of the record.
            receipt: What the outcome was.
            records: Written before the receipt, in this order.
            assignment: Partition of the record while this worker owns it; None if nothing settles there.
            timestamp_ms: Kafka timestamp of the record, for its latency.
            state: What is known of the key now. It is written only when the records are acknowledged: a state that says
                "done" beside a record that was never written would lose that record at the next crash.
            closing: Written after the receipt: what must stay open until the outcome can be seen.
            was_settled: Whether the offset settled before, when the record was parked.

        Returns:
            Done when the outcome is durable; cancelled when Kafka refused it.
        """
        entry = _Entry(place, receipt, records, assignment, timestamp_ms, state, closing, was_settled=was_settled)
        self._waiting.append(entry)
        self._last = entry.done
        self._has_work.set()
        return entry.done

    async def run(self) -> None:
        """Write until cancelled.

        Raises:
            DeadLetterWriteError: If Kafka refuses a dead letter.
            LienthongError: If Kafka refuses anything else; nothing of the batch is settled.
        """
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            entries, self._waiting = self._waiting, []
            try:
                await self._write(await self._ours(entries))
            except BaseException:
                for entry in (*entries, *self._waiting):
                    entry.done.cancel()
                raise

    async def wait_idle(self) -> None:
        """Wait until everything that was added before this call is durable, or Kafka refused it."""
        # Batches keep the order, so the last one stands for all; what is added meanwhile must not prolong the wait.
        if self._last is not None and not self._last.done():
            await asyncio.wait([self._last])

    async def _ours(self, entries: Sequence[_Entry]) -> Sequence[_Entry]:
        """Hold outcomes of a process that was silent; of partitions that are gone, tell only of what happened."""
        owners = [owner for owner in {entry.assignment for entry in entries} if owner is not None and owner.is_suspect]
        gone = {owner for owner in owners if not await confirmed(owner)}
        if not gone:
            return entries
        for entry in entries:
            if entry.assignment in gone and not entry.become_late():
                entry.done.cancel()
        return [entry for entry in entries if not entry.done.cancelled()]

    async def _write(self, entries: Sequence[_Entry]) -> None:
        records = [record for entry in entries for record in entry.records]
        if records:
            await acknowledged(await self._producer.begin(records), self._dead_letters)
        now = self._clock.now()
        by_place: dict[Place, list[Receipt]] = defaultdict(list)
        for entry in entries:
            by_place[entry.place].append(entry.receipt)
        await self._producer.send(
            [entry.state for entry in entries if entry.state is not None]
            + [
                record
                for place, rows in by_place.items()
                for record in encode_all(
                    ReceiptBatch(self._pipeline, place.topic, place.partition, now, rows), self._topic
                )
            ]
        )
        closing = [record for entry in entries for record in entry.closing]
        if closing:
            await self._producer.send(closing)
        settled: dict[Assignment, list[int]] = defaultdict(list)
        counts: dict[str, int] = defaultdict(int)
        for entry in entries:
            if entry.assignment is not None and not entry.was_settled:
                settled[entry.assignment].append(entry.receipt.offset)
            counts[entry.receipt.kind] += 1
            if not entry.done.done():
                entry.done.set_result(None)
        for assignment, offsets in settled.items():
            assignment.settle(offsets)
        for kind, number in counts.items():
            self._metrics.count_records(self._pipeline, kind, number)
        now_ms = now.timestamp() * 1000
        self._metrics.observe_latencies(
            self._pipeline,
            [max(0.0, (now_ms - entry.timestamp_ms) / 1000) for entry in entries if entry.timestamp_ms >= 0],
        )
