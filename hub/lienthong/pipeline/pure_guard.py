"""Keeps a record that ends a worker of a pure pipeline from ending every next one."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from lienthong.clock import Clock
from lienthong.config.models import KafkaSettings
from lienthong.delivery.dead_letter import to_dead_letter
from lienthong.delivery.hygiene import identity
from lienthong.errors import LienthongError
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.settings import client_configuration
from lienthong.outcome import OutcomeKind
from lienthong.pipeline.crash_guard import CrashGuard, condemned_error
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.key_state import KeyStates
from lienthong.pipeline.messages import ReplayedMessage, to_record
from lienthong.pipeline.work import Work
from lienthong.receipt import Receipt
from lienthong.record import Place, Record
from lienthong.transport.assignment import Assignment, Slice

_DEAD_LETTERED = OutcomeKind.DEAD_LETTERED.value


class PureGuard:
    """Works on slices and finds the record that ends the worker; the third time it becomes a dead letter.

    A pure pipeline parks nothing: what follows such a record goes on, as behind any other of its dead letters.

    Args:
        pipeline: Which pipeline.
        process: What happens to a slice.
        guard: Keeps the journals.
        states: What the guard reads journals from.
        read: Partition numbers → records of ``state.<pipeline>``; runs in a thread.
        clock: Where to read the time.
        max_dead_letter_bytes: Largest dead letter.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        process: Callable[[Slice], Work],
        guard: CrashGuard,
        states: KeyStates,
        read: Callable[[Sequence[int]], list[Record]],
        clock: Clock,
        max_dead_letter_bytes: int | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._process = process
        self._guard = guard
        self._states = states
        self._read = read
        self._clock = clock
        self._max_dead_letter_bytes = max_dead_letter_bytes
        self._dead_letters = pipeline.names.of_pipeline("deadletters", pipeline.name)
        # A journal names one record that is at work; another one beside it would be blamed for its death.
        self._alone = asyncio.Lock()

    async def on_assigned(self, assignments: Sequence[Assignment]) -> None:
        """Learn how the last owners of new partitions ended.

        Args:
            assignments: The new partitions.
        """
        numbers = sorted({assignment.place.partition for assignment in assignments})
        for record in await asyncio.to_thread(self._read, numbers):
            self._states.load(record)
        await self._guard.adopt(assignments)

    async def work_on(self, item: Slice) -> Work:
        """Return what becomes of the records of a slice.

        Args:
            item: The slice.

        Raises:
            Exception: What nobody knows; a crash marker is written before.
        """
        await self._guard.begin(item.assignment)
        if self._guard.is_careful or self._guard.has_condemned(item.place):
            return await self._one_by_one(item)
        try:
            return self._process(item)
        except LienthongError:
            raise
        except Exception:
            # Nothing was written yet, so the slice may be looked through again for the record that it was.
            await self._one_by_one(item)
            raise

    async def replay(self, assignment: Assignment, record: Record, prepare: Callable[[Record], Record]) -> Work:
        """Return what becomes of a record that an operator puts back.

        Args:
            assignment: Its partition.
            record: At its place in the source topic.
            prepare: Turns it into one of the newest version of its type.

        Raises:
            Exception: What nobody knows; a crash marker is written before.

        Delivery:
            It is written down before it is begun, because its command would end every next worker too: the third time
            it becomes a dead letter again.
        """
        total = Work()

        def work() -> Work:
            return self._process(Slice(assignment, record.offset, [ReplayedMessage(prepare(record))]))

        await self._one(record, work, total, is_noted=True)
        return total

    async def close(self, places: Iterable[Place] | None = None) -> None:
        """Write down that this owner ends well.

        Args:
            places: Of the partitions that go away; None for all.
        """
        await self._guard.close(places)

    def forget(self, places: Iterable[Place]) -> None:
        """Drop what is known of partitions that another worker owns now.

        Args:
            places: Their places.
        """
        gone = list(places)
        self._guard.forget(gone)
        for place in gone:
            self._states.forget_partition(place.partition)

    async def _one_by_one(self, item: Slice) -> Work:
        total = Work(timestamps_ms=(item.messages[0].timestamp()[1], item.messages[-1].timestamp()[1]))
        for message in item.messages:
            record = to_record(message)
            alone = Slice(item.assignment, record.offset, [message])
            await self._one(record, partial(self._process, alone), total, is_noted=self._guard.is_careful)
        return total

    async def _one(self, record: Record, work: Callable[[], Work], total: Work, *, is_noted: bool) -> None:
        if self._guard.is_condemned(record):
            self._set_aside(record, total)
            return
        try:
            if is_noted:
                async with self._alone:
                    await self._guard.before(record)
                    made = work()
                    await self._guard.after(record)
            else:
                made = work()
        except LienthongError:
            raise
        except Exception:
            await self._guard.crashed(record)
            raise
        self._guard.ended(record)
        _add(total, made)

    def _set_aside(self, record: Record, total: Work) -> None:
        error = condemned_error()
        letter = to_dead_letter(
            record,
            topic=self._dead_letters,
            pipeline=self._pipeline.name,
            stage="validate",
            error=error,
            first_failed_at=self._clock.now(),
            attempts=error.attempts,
            max_bytes=self._max_dead_letter_bytes,
        )
        source, event_id = identity(record)
        row = Receipt(record.offset, source, event_id, "", "", _DEAD_LETTERED, f"{error.code}.{error.reason}")
        _add(total, Work([letter, self._guard.quarantined(record)], [row], {_DEAD_LETTERED: 1}))
        self._guard.tell(1)


def journals_of(pipeline: Pipeline, settings: KafkaSettings) -> Callable[[Sequence[int]], list[Record]]:
    """Return what reads the journals of partitions from Kafka.

    Args:
        pipeline: Which pipeline.
        settings: How to reach the broker.
    """
    topic = pipeline.names.of_pipeline("state", pipeline.name)
    view = ClusterView(client_configuration(settings, f"{pipeline.group}-state"))

    def read(partitions: Sequence[int]) -> list[Record]:
        with view.whole(view.spans([topic], partitions)) as reader:
            return list(reader.records())

    return read


def _add(total: Work, work: Work) -> None:
    total.outgoing += work.outgoing
    total.rows += work.rows
    for outcome, number in work.counts.items():
        total.counts[outcome] = total.counts.get(outcome, 0) + number
