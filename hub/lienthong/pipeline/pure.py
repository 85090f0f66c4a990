"""The engine of pipelines that call nobody: a slice in, its records out, then its receipts, then settled."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from lienthong.clock import Clock
from lienthong.delivery.dead_letter import acknowledged
from lienthong.kafka.producer import AcknowledgedProducer, PendingWrites
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.pure_guard import PureGuard
from lienthong.pipeline.pure_replay import PureReplay
from lienthong.pipeline.work import Work
from lienthong.receipt import ReceiptBatch, encode_all
from lienthong.transport.assignment import Assignment, Slice
from lienthong.transport.membership import confirmed


class PureStep(Protocol):
    """Turns a slice into records and receipts; no I/O."""

    def process(self, item: Slice) -> Work:
        """Return what becomes of the records of a slice.

        Args:
            item: The slice.
        """
        ...


class SlicePace(Protocol):
    """Decides when a slice may go on."""

    async def admit(self, item: Slice) -> bool:
        """Wait; return whether the slice may go on.

        Args:
            item: The slice.
        """
        ...

    def stop(self) -> None:
        """Let nothing through any more."""
        ...


class PureEngine:
    """Runs a pure step on slices.

    Args:
        pipeline: Which pipeline.
        step: What happens to a slice.
        producer: Writes records and receipts.
        clock: Where to read the time.
        metrics: What operators see.
        replay: Carries out what operators decide on dead letters; None for nobody.
        pace: Lets slices through; None lets all through at once.
        guard: Finds records that end the worker; None for nobody to look.

    Delivery:
        Records are written in the order of their partition. A slice is settled when Kafka has acknowledged all of its
        records and then its receipts; before that, nothing of it is committed. After a crash, slices that were not
        settled are written again with the same (source, id).
    """

    def __init__(
        self,
        pipeline: Pipeline,
        step: PureStep,
        producer: AcknowledgedProducer,
        clock: Clock,
        metrics: Metrics,
        replay: PureReplay | None = None,
        pace: SlicePace | None = None,
        guard: PureGuard | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._dead_letters = pipeline.names.of_pipeline("deadletters", pipeline.name)
        self._replay = replay
        self._pace = pace
        self._guard = guard
        self._replaying: asyncio.Task[None] | None = None
        self._step = step
        self._producer = producer
        self._clock = clock
        self._metrics = metrics
        self._open: dict[asyncio.Task[None], Assignment] = {}
        self._failed = asyncio.Event()
        self._error: BaseException | None = None

    async def start(self) -> None:
        """Start the producer and follow commands."""
        await self._producer.start()
        if self._replay is not None:
            self._replaying = asyncio.create_task(self._replay.run())
            self._replaying.add_done_callback(self._on_done)

    async def stop(self) -> None:
        """Release the producer."""
        if self._replaying is not None:
            self._replaying.cancel()
            await asyncio.gather(self._replaying, return_exceptions=True)
        if self._guard is not None:
            await self._guard.close()
        await self._producer.stop()

    async def submit(self, item: Slice) -> None:
        """Process one slice; returns as soon as its records are handed to the producer.

        Args:
            item: The slice.

        Raises:
            LienthongError: If an earlier slice failed.
        """
        if self._error is not None:
            raise self._error
        if self._pace is not None and not await self._pace.admit(item):
            return
        if item.assignment.is_leaving or not await confirmed(item.assignment):
            return
        work = self._step.process(item) if self._guard is None else await self._guard.work_on(item)
        pending = await self._producer.begin(work.outgoing)
        task = asyncio.create_task(self._finish(item, work, pending))
        self._open[task] = item.assignment
        task.add_done_callback(self._on_done)

    async def wait_failed(self) -> None:
        """Wait until a slice fails.

        Raises:
            Exception: What happened.
        """
        await self._failed.wait()
        if self._error is not None:
            raise self._error

    async def on_assigned(self, assignments: Sequence[Assignment]) -> None:
        """Learn which commands of new partitions are still to be carried out.

        Args:
            assignments: The new partitions.
        """
        if self._guard is not None:
            await self._guard.on_assigned(assignments)
        if self._replay is not None:
            await self._replay.on_assigned(assignments)

    async def on_revoked(self, assignments: Sequence[Assignment], *, lost: bool) -> None:
        """Wait for slices of leaving partitions, because their records are already on their way.

        Args:
            assignments: The partitions that go away.
            lost: Whether another worker may own them already.
        """
        leaving = {id(assignment) for assignment in assignments}
        tasks = [task for task, assignment in self._open.items() if id(assignment) in leaving]
        if tasks and not lost:
            await asyncio.wait(tasks)
        if self._replay is not None:
            await self._replay.on_revoked(assignments, lost=lost)
        if self._guard is not None:
            places = [assignment.place for assignment in assignments]
            if not lost:
                await self._guard.close(places)
            self._guard.forget(places)

    async def on_window_full(self, assignment: Assignment, offset: int) -> None:
        """Do nothing: slices settle in order, so nothing can pile up above one record.

        Args:
            assignment: The partition.
            offset: The record that holds it back.
        """

    async def drain(self, timeout_seconds: float) -> bool:
        """Wait for every slice that was submitted.

        Args:
            timeout_seconds: Longest wait.

        Returns:
            Whether all were settled in time.
        """
        if self._pace is not None:
            self._pace.stop()
        if not self._open:
            return True
        _, left = await asyncio.wait(list(self._open), timeout=timeout_seconds)
        return not left

    def oldest_review(self) -> datetime | None:
        """Return None: nobody decides on anything here."""
        return None

    def parked_counts(self) -> dict[str, int]:
        """Return nothing: no record waits here."""
        return {}

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._open.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and self._error is None:
            self._error = error
            self._failed.set()

    async def _finish(self, item: Slice, work: Work, pending: PendingWrites) -> None:
        await acknowledged(pending, self._dead_letters)
        now = self._clock.now()
        place = item.place
        batch = ReceiptBatch(self._pipeline.name, place.topic, place.partition, now, work.rows)
        await self._producer.send(encode_all(batch, self._pipeline.names.receipts))
        item.settle_all()
        for outcome, number in work.counts.items():
            self._metrics.count_records(self._pipeline.name, outcome, number)
        first = work.timestamps_ms[0]
        if first >= 0:
            self._metrics.observe_latency(self._pipeline.name, max(0.0, now.timestamp() - first / 1000), len(work.rows))
