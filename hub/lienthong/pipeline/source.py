"""The engine of pipelines that poll: whoever owns the partition of the pipeline's cursor is the one that polls.

The group reads the compacted topic ``cursors``. That its records come by is of no use; that a partition has one owner
is. A frozen owner is held back by its doubt about the membership, and in the gap that this leaves by the broker.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from lienthong.clock import Clock
from lienthong.connector import Source
from lienthong.kafka.fenced_producer import Fenced, FencedProducer
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.pipeline.cursors import Cursors
from lienthong.pipeline.polling import Left, Polling
from lienthong.pipeline.pure_replay import PureReplay
from lienthong.pipeline.source_intake import Admitted, SourceIntake
from lienthong.pipeline.target import Target
from lienthong.transport.assignment import Assignment, Slice
from lienthong.transport.membership import confirmed

log = structlog.get_logger(__name__)

#: The poll thread waits no longer for what leaves.
_LEAVE_SECONDS = 0.4


class SourceEngine:
    """Polls while it owns the cursor.

    Args:
        connector: Reads the platform.
        target: What stands before its calls.
        polling: The polls.
        intake: Makes the receipts.
        cursors: Where polls go on.
        fenced: Builds the producer of a new owner.
        producer: Writes what operators decide on dead letters.
        replay: Carries these decisions out.
        clock: Where to read the time.

    Delivery:
        Records, dead letters and receipts of a batch are one transaction, the cursor is the next one. A new owner
        first ends the transactions of its predecessor, then reads the cursor: what the predecessor saved is seen, and
        nothing more of it will be.
    """

    def __init__(
        self,
        connector: Source[Any],
        target: Target,
        polling: Polling,
        intake: SourceIntake,
        cursors: Cursors,
        fenced: Callable[[], FencedProducer],
        producer: AcknowledgedProducer,
        replay: PureReplay,
        clock: Clock,
    ) -> None:
        self._connector = connector
        self._target = target
        self._polling = polling
        self._intake = intake
        self._cursors = cursors
        self._fenced = fenced
        self._producer = producer
        self._replay = replay
        self._clock = clock
        self._tenure: asyncio.Task[None] | None = None
        self._replaying: asyncio.Task[None] | None = None
        self._failed: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Prepare the clients."""
        self._failed = asyncio.get_running_loop().create_future()
        await self._producer.start()
        await self._connector.open()
        await self._target.open()
        self._replaying = asyncio.create_task(self._replay.run())
        self._replaying.add_done_callback(self._on_done)

    async def stop(self) -> None:
        """Release everything; what was not saved is read again by the next owner."""
        await self._end_tenure(0.0)
        if self._replaying is not None:
            self._replaying.cancel()
            await asyncio.gather(self._replaying, return_exceptions=True)
        await self._target.close()
        await self._connector.close()
        await self._producer.stop()

    async def submit(self, item: Slice) -> None:
        """Pass over cursors: the one that counts is read when a tenure begins.

        Args:
            item: The slice.
        """
        item.settle_all()

    async def on_assigned(self, assignments: Sequence[Assignment]) -> None:
        """Begin to poll if the partition of the cursor is among them.

        Args:
            assignments: The new partitions.
        """
        mine = await asyncio.to_thread(self._cursors.find_partition)
        await self._replay.on_assigned(assignments)
        for assignment in assignments:
            if assignment.place.partition == mine:
                await self._end_tenure(0.0)
                self._tenure = asyncio.create_task(self._own(assignment))
                self._tenure.add_done_callback(self._on_done)

    async def on_revoked(self, assignments: Sequence[Assignment], *, lost: bool) -> None:
        """Stop polling if the partition of the cursor is among them.

        Args:
            assignments: The partitions that go away.
            lost: Whether another worker may own them already.
        """
        if any(assignment.place.partition == self._cursors.find_partition() for assignment in assignments):
            await self._end_tenure(0.0 if lost else _LEAVE_SECONDS)
        await self._replay.on_revoked(assignments, lost=lost)

    async def on_window_full(self, assignment: Assignment, offset: int) -> None:
        """Do nothing: every cursor is settled at once.

        Args:
            assignment: The partition.
            offset: The record that holds it back.
        """

    async def drain(self, timeout_seconds: float) -> bool:
        """Finish the batch that is on its way; begin none.

        Args:
            timeout_seconds: Longest wait.

        Returns:
            Whether the batch was finished in time.
        """
        return await self._end_tenure(timeout_seconds)

    async def wait_failed(self) -> None:
        """Wait until polling fails.

        Raises:
            Exception: What happened.
        """
        if self._failed is not None:
            await asyncio.shield(self._failed)

    def oldest_review(self) -> datetime | None:
        """Return None: nobody decides on anything here."""
        return None

    def parked_counts(self) -> dict[str, int]:
        """Return nothing: no record waits here."""
        return {}

    async def _own(self, assignment: Assignment) -> None:
        """Poll for as long as the partition is ours; a producer that the broker gave up is made anew."""
        while await confirmed(assignment):
            producer = self._fenced()
            try:
                await producer.open()
                cursor = await asyncio.to_thread(self._cursors.load)
                log.info("polling", is_first=not cursor)
                await self._polling.run(
                    cursor, _OwnersDesk(assignment, producer, self._intake, self._cursors, self._clock)
                )
            except Fenced:
                # Either a successor has begun, which the group is about to say, or the broker was away for long.
                log.warning("owner_fenced")
                await self._clock.sleep(1.0)
            except Left:
                return
            else:
                return
            finally:
                await producer.close()

    async def _end_tenure(self, seconds: float) -> bool:
        tenure, self._tenure = self._tenure, None
        if tenure is None or tenure.done():
            return True
        self._polling.stop()
        is_finished = True
        if self._polling.is_at_work and seconds > 0:
            await asyncio.wait([tenure], timeout=seconds)
            is_finished = tenure.done()
        tenure.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([tenure])
        return is_finished

    def _on_done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)


class _OwnersDesk:
    def __init__(
        self,
        assignment: Assignment,
        producer: FencedProducer,
        intake: SourceIntake,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._assignment = assignment
        self._producer = producer
        self._intake = intake
        self._cursors = cursors
        self._clock = clock

    async def is_ours(self) -> bool:
        return not self._assignment.is_leaving and await confirmed(self._assignment)

    async def write(self, admitted: Sequence[Admitted]) -> None:
        records = [each.outgoing for each in admitted]
        await self._producer.write(records, lambda written: self._intake.receipts(admitted, written))

    async def save(self, cursor: str) -> None:
        await self._producer.write([self._cursors.record(cursor, self._clock.now())])
