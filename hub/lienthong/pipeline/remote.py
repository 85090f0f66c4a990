"""The engine of pipelines that call a target: one lane per key, durable outcomes, settled one by one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.delivery.command import Action, Command
from lienthong.delivery.dead_letter import to_dead_letter
from lienthong.delivery.hygiene import identity
from lienthong.delivery.lanes import LaneDispatcher
from lienthong.delivery.parking import ParkedState
from lienthong.errors import DecodeError, FatalError, RecordError
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.observability.metrics import Metrics
from lienthong.outcome import Outcome, OutcomeKind
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.durable import DurableState
from lienthong.pipeline.failure_counts import FailureCounts
from lienthong.pipeline.item import Handled, Item, decode
from lienthong.pipeline.key_state import KeyState, KeyStates, encode, mark_of
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.review_flow import Decided, ReviewFlow, cancelled
from lienthong.pipeline.settler import Settler
from lienthong.pipeline.step import RemoteStep, ReviewRequired
from lienthong.receipt import Receipt
from lienthong.record import OutgoingRecord, Place, Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.transport.assignment import Assignment, Slice

log = structlog.get_logger(__name__)


class RemoteEngine:
    """Runs a remote step on records.

    Args:
        pipeline: Which pipeline.
        step: What happens to a record.
        producer: Writes everything.
        durable: Reads what was parked, known and decided.
        registry: All record types.
        clock: Where to read the time.
        metrics: What operators see.
        codec: Decrypts values; None if nothing is encrypted.
        max_dead_letter_bytes: Largest dead letter.

    Delivery:
        Records of one key are handled in the order of their partition and never two at once. A record is settled when
        its outcome, with everything that belongs to it, and then its receipt are acknowledged by Kafka.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        step: RemoteStep,
        producer: AcknowledgedProducer,
        durable: DurableState,
        registry: SchemaRegistry,
        clock: Clock,
        metrics: Metrics,
        codec: RecordCodec | None = None,
        max_dead_letter_bytes: int | None = None,
    ) -> None:
        policy = pipeline.definition.policy
        self._pipeline = pipeline
        self._step = step
        self._producer = producer
        self._durable = durable
        self._registry = registry
        self._clock = clock
        self._codec = codec
        self._max_dead_letter_bytes = max_dead_letter_bytes
        self._parked = ParkedState()
        self._states = KeyStates()
        self._state_topic = pipeline.names.of_pipeline("state", pipeline.name)
        self._review = ReviewFlow(pipeline, self._parked, clock)
        self._settler = Settler(pipeline.name, pipeline.names.receipts, producer, clock, metrics)
        self._counts = FailureCounts(self._state_topic, self._states, producer, self._settler.wait_idle)
        self._lanes: LaneDispatcher[Item | Command] = LaneDispatcher(
            self._handle, clock, max_in_flight=policy.max_in_flight, max_queued=policy.max_unsettled
        )
        self._dead_letters = pipeline.names.of_pipeline("deadletters", pipeline.name)
        self._tasks: list[asyncio.Task[None]] = []
        self._commands: set[asyncio.Task[None]] = set()
        self._is_draining = False

    async def start(self) -> None:
        """Start the producer, the connector and the background work."""
        await self._producer.start()
        await self._step.open()
        self._tasks = [
            asyncio.create_task(self._settler.run()),
            asyncio.create_task(self._durable.follow(self._accept)),
            asyncio.create_task(self._lanes.wait_failed()),
        ]

    async def stop(self) -> None:
        """Release everything; what is not settled is repeated by the next worker."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._lanes.close()
        await self._step.close()
        await self._producer.stop()

    async def wait_failed(self) -> None:
        """Wait until something fails that no record is to blame for.

        Raises:
            Exception: What happened.
        """
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
        raise FatalError("a part of the pipeline ended without being told to; restart the process")

    async def submit(self, item: Slice) -> None:
        """Put the records of a slice into their lanes.

        Args:
            item: The slice.
        """
        if self._codec is not None:
            self._codec.begin_batch()
        for message in item.messages:
            if item.assignment.is_leaving or self._is_draining:
                return
            record = to_record(message)
            await self._lanes.submit(self._decode(record, item.assignment), record.key)

    async def on_assigned(self, assignments: Sequence[Assignment]) -> None:
        """Read what is durable of new partitions before their records flow.

        Args:
            assignments: The new partitions.
        """
        numbers = sorted({assignment.place.partition for assignment in assignments})
        for command in await self._durable.load(numbers, self._parked, self._states):
            self._accept(command)

    async def on_revoked(self, assignments: Sequence[Assignment], *, lost: bool) -> None:
        """Drop what waits, finish what runs, forget the partitions.

        Args:
            assignments: The partitions that go away.
            lost: Whether another worker may own them already.
        """
        leaving = set(assignments)
        numbers = {assignment.place.partition for assignment in assignments}

        def is_leaving(item: Item | Command) -> bool:
            return item.partition in numbers if isinstance(item, Command) else item.assignment in leaving

        self._lanes.cancel(is_leaving, running=lost)
        if not lost:
            await self._lanes.drain(1.0, is_leaving)
            await self._settler.wait_idle()
        self._durable.forget(numbers)
        for number in numbers:
            self._states.forget_partition(number)
            for topic in self._pipeline.topics:
                self._parked.forget_partition(topic, number)

    async def drain(self, timeout_seconds: float) -> bool:
        """Finish what is at work; what only waits in a lane is left to the next worker.

        Args:
            timeout_seconds: Longest wait.

        Returns:
            Whether all was settled in time.
        """
        end = self._clock.monotonic() + timeout_seconds
        self._is_draining = True
        self._lanes.cancel(lambda _: True)
        finished = await self._lanes.drain(timeout_seconds)
        try:
            async with asyncio.timeout(max(0.1, end - self._clock.monotonic())):
                await self._settler.wait_idle()
        except TimeoutError:
            return False
        return finished

    def oldest_review(self) -> datetime | None:
        """Return when the oldest open review of the partitions owned here was opened, or None."""
        return min((entry.parked_at for entry in self._parked if entry.review_id), default=None)

    def _accept(self, command: Command) -> None:
        if self._parked.find_review(command.review_id) is None:
            return
        task = asyncio.create_task(self._lanes.submit(command, command.key))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    def _decode(self, record: Record, assignment: Assignment | None) -> Item:
        try:
            plain = record.value if self._codec is None else self._codec.decrypt(record)
        except RecordError as error:
            return Item(record, assignment, error=error)
        return decode(record, assignment, self._registry, plain, self._step.types)

    async def _handle(self, item: Item | Command) -> None:
        if isinstance(item, Command):
            await self._decide(item)
            return
        assignment = item.assignment
        if assignment is not None and assignment.is_over:
            return
        if self._review.is_parked(item):
            handled = self._review.known(item) or self._review.park_behind(item)
        else:
            handled = await self._run(item, self._step.handle)
        if assignment is not None and assignment.is_over:
            self._finish_late(item, handled)
        else:
            self._finish(item, handled, assignment)

    async def _run(
        self, item: Item, work: Callable[[Item, KeyState], Awaitable[Handled]], *, opens_review: bool = True
    ) -> Handled:
        state = self._states.get(item.record.partition, item.record.key or b"")
        self._counts.attach(item)
        try:
            return await work(item, state)
        except ReviewRequired as signal:
            if not opens_review:
                raise
            if item.assignment is not None and item.assignment.is_over:
                return signal.handled
            return self._review.open_review(item, signal.reason, signal.handled)
        except RecordError as error:
            return self._set_aside(item, error)

    def _set_aside(self, item: Item, error: RecordError) -> Handled:
        if self._pipeline.definition.policy.errors.tolerance == "stop":
            raise FatalError(f"a record failed ({error.code}) and the pipeline tolerates none") from error
        step = self._pipeline.definition.step
        undecoded = item.data is None and item.error is not None
        letter = to_dead_letter(
            item.record,
            topic=self._dead_letters,
            pipeline=self._pipeline.name,
            stage=("decode" if isinstance(error, DecodeError) else "validate") if undecoded else "sink_write",
            error=error,
            first_failed_at=item.attempts.first_failed_at or self._clock.now(),
            attempts=error.attempts,
            connector=getattr(step, "connector", ""),
            max_bytes=self._max_dead_letter_bytes,
        )
        reason = f"{error.code}.{error.reason}" if error.reason else error.code
        return Handled(Outcome(OutcomeKind.DEAD_LETTERED, reason, error.attempts), [letter])

    def _finish(
        self, item: Item, handled: Handled, assignment: Assignment | None, after: Sequence[OutgoingRecord] = ()
    ) -> "asyncio.Future[None]":
        record = item.record
        state = self._counts.after(item, handled)
        if state is not None:
            self._states.put(record.partition, record.key or b"", state)
        return self._settler.add(
            Place(record.topic, record.partition),
            _receipt(item, handled),
            [*handled.records, *after],
            assignment,
            record.timestamp_ms,
            None if state is None else encode(self._state_topic, record.partition, record.key or b"", state),
        )

    def _finish_late(self, item: Item, handled: Handled) -> None:
        """Tell of an effect that happened after the partition had left; all else is the next owner's to write."""
        outcome = handled.outcome
        if outcome.kind is OutcomeKind.DELIVERED and outcome.attempts:
            told = Handled(replace(outcome, repeat_possible=True), effect_key=handled.effect_key)
            self._settler.add(Place(item.record.topic, item.record.partition), _receipt(item, told))

    async def _decide(self, command: Command) -> None:
        """Carry out a decision and let go on what waited behind it; the lane is ours until all of it ended."""
        decided = self._review.take_decision(command, lambda record: self._decode(record, None))
        for each in decided:
            try:
                handled = await self._run(each.item, self._work_for(each), opens_review=False)
            except ReviewRequired as signal:
                waiting = self._review.wait_again(each, signal.reason, signal.handled)
                await self._finish(each.item, waiting, None)
                return
            if each.action is not None:
                handled.state = self._with_mark(each.item, handled)
            await self._finish(each.item, handled, None)
            await self._producer.send(self._review.closing(each))
        if decided:
            log.info("review_decided", pipeline=self._pipeline.name, action=command.action.value)

    def _with_mark(self, item: Item, handled: Handled) -> KeyState | None:
        """Return the state that keeps a decided record, read again after a crash, from being handled once more."""
        if item.event is None:
            return handled.state
        state = handled.state or self._states.get(item.record.partition, item.record.key or b"")
        return state.with_record(mark_of(item.event.source, item.event.id))

    def _work_for(self, decided: Decided) -> Callable[[Item, KeyState], Awaitable[Handled]]:
        if decided.action is Action.APPROVE:
            return self._step.approve
        if decided.action is Action.CANCEL:
            return _cancel
        return self._correct if decided.action is Action.CORRECT else self._step.handle

    async def _correct(self, item: Item, state: KeyState) -> Handled:
        # What was asked about the wrong value says nothing about the corrected one.
        return await self._step.handle(item, replace(state, asked=()))


async def _cancel(_item: Item, _state: KeyState) -> Handled:
    return cancelled()


def _receipt(item: Item, handled: Handled) -> Receipt:
    source, event_id = identity(item.record)
    outcome = handled.outcome
    return Receipt(
        item.record.offset,
        source,
        event_id,
        item.event.type if item.event is not None else "",
        item.key,
        outcome.kind.value,
        outcome.reason,
        outcome.attempts,
        outcome.repeat_possible,
        handled.effect_key,
        outcome.attempt_ids,
        tuple(f"{finding.field}:{finding.rule}" for finding in outcome.findings),
        outcome.target_reference,
    )
