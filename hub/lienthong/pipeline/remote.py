"""The engine of pipelines that call a target: one lane per key, durable outcomes, settled one by one."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.delivery.command import Action
from lienthong.delivery.interruption import Interrupted
from lienthong.delivery.lanes import LaneDispatcher
from lienthong.delivery.parked_state import ParkedState
from lienthong.delivery.parking import BEHIND, QUARANTINE, WINDOW, Lane, ParkedEntry, lane_of
from lienthong.delivery.scope import parse_scope
from lienthong.errors import DecodeError, FatalError
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.observability.metrics import Metrics
from lienthong.outcome import OutcomeKind
from lienthong.pipeline.background import Background
from lienthong.pipeline.crash_guard import CrashGuard
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.durable import DurableState
from lienthong.pipeline.failure_counts import FailureCounts
from lienthong.pipeline.handling import Handling
from lienthong.pipeline.item import Handled, Item
from lienthong.pipeline.key_state import KeyStates
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.review_flow import ReviewFlow
from lienthong.pipeline.scopes import BlockedScopes
from lienthong.pipeline.settler import Settler
from lienthong.pipeline.step import RemoteStep
from lienthong.pipeline.unparking import Errand, Order, Release, Unparking
from lienthong.record import Place, Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.transport.assignment import Assignment, Slice
from lienthong.transport.membership import confirmed

log = structlog.get_logger(__name__)

#: Where a record may end the worker, others wait so long for it: one that waits for its target must not hold them up.
_ALONE_SECONDS = 30.0


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
        secret: Keys the hashes of scopes.

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
        secret: bytes = b"",
    ) -> None:
        policy = pipeline.definition.policy
        names = pipeline.names
        self._step = step
        self._producer = producer
        self._durable = durable
        self._clock = clock
        self._retry_seconds = policy.retry.max_interval
        self._parked = ParkedState()
        self._states = KeyStates()
        self._flow = ReviewFlow(pipeline, self._parked, clock)
        letters = names.of_pipeline("deadletters", pipeline.name)
        self._settler = Settler(pipeline.name, names.receipts, producer, clock, metrics, letters)
        target = getattr(pipeline.definition.step, "connector", "")
        self._scopes = BlockedScopes(pipeline.name, target, secret, metrics)
        state_topic = names.of_pipeline("state", pipeline.name)
        self._guard = CrashGuard(pipeline.name, state_topic, self._states, producer, metrics, policy.max_unsettled)
        self._handling = Handling(
            pipeline,
            step,
            registry,
            self._states,
            FailureCounts(state_topic, self._states, producer, self._settler.wait_idle),
            self._guard,
            self._flow,
            self._scopes,
            self._settler,
            clock,
            codec,
            max_dead_letter_bytes,
        )
        self._unparking = Unparking(
            pipeline.name, step, self._handling, self._flow, self._parked, producer, self._owner
        )
        self._lanes: LaneDispatcher[Item | Errand] = LaneDispatcher(
            self._handle, clock, max_in_flight=policy.max_in_flight, max_queued=policy.max_unsettled
        )
        self._assignments: dict[Place, Assignment] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._background = Background()
        self._is_draining = False

    async def start(self) -> None:
        """Start the producer, the connector and the background work."""
        await self._producer.start()
        await self._step.open()
        self._tasks = [
            asyncio.create_task(self._settler.run()),
            asyncio.create_task(self._durable.follow(self._accept)),
            asyncio.create_task(self._lanes.wait_failed()),
            asyncio.create_task(self._background.wait_failed()),
        ]

    async def stop(self) -> None:
        """Release everything; what is not settled is repeated by the next worker."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._background.close()
        await self._lanes.close()
        await self._guard.close()
        await self._step.close()
        await self._producer.stop()

    async def wait_failed(self) -> None:
        """Wait until something fails that no record is to blame for.

        Raises:
            Exception: What happened.
        """
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for ended in done:
            await ended
        raise FatalError("a part of the pipeline ended without being told to; restart the process")

    async def submit(self, item: Slice) -> None:
        """Put the records of a slice into their lanes.

        Args:
            item: The slice.
        """
        self._assignments.setdefault(item.place, item.assignment)
        await self._guard.begin(item.assignment)
        self._handling.begin_batch()
        for message in item.messages:
            if item.assignment.is_leaving or self._is_draining:
                return
            record = to_record(message)
            if self._guard.is_careful:
                await self._submit_alone(record, item.assignment)
            else:
                decoded = self._handling.decode(record, item.assignment)
                await self._lanes.submit(decoded, record.key, bulk=decoded.is_bulk)

    async def on_assigned(self, assignments: Sequence[Assignment]) -> None:
        """Read what is durable of new partitions and go on with it before their records flow.

        Args:
            assignments: The new partitions.

        Delivery:
            What this worker itself still has to write is written before: a partition that was lost while the broker was
            away comes back to it, and a state read too early would let older records be sent after newer ones.
        """
        await self._settler.wait_idle()
        places = {assignment.place for assignment in assignments}
        read = ParkedState()
        orders = await self._durable.load(sorted({place.partition for place in places}), read, self._states)
        self._assignments.update((assignment.place, assignment) for assignment in assignments)
        await self._guard.adopt(assignments)
        self._parked.adopt(read, places)
        # An owner that died may have parked a record without its review, of which nobody would ever hear.
        reviews = self._flow.reviews_of(entry for entry in self._parked if _place_of(entry) in places)
        self._background.spawn((await self._producer.begin(reviews)).wait())
        self._tell_quarantine()
        self._scopes.load(entry for entry in self._parked if _place_of(entry) in places)
        for lane in self._parked.lanes(lambda entry: entry.reason in {BEHIND, WINDOW} and _place_of(entry) in places):
            self._go_on(lane)
        for order in orders:
            self._accept(order)

    async def on_revoked(self, assignments: Sequence[Assignment], *, lost: bool) -> None:
        """Drop what waits, finish what runs, forget the partitions.

        Args:
            assignments: The partitions that go away.
            lost: Whether another worker may own them already.
        """
        leaving = {assignment.place for assignment in assignments}

        def is_leaving(item: Item | Errand) -> bool:
            return item.place in leaving if isinstance(item, Errand) else item.assignment in assignments

        for place in leaving:
            self._assignments.pop(place, None)
        self._lanes.cancel(is_leaving, running=lost)
        self._handling.interrupt(lambda item: item.assignment in assignments)
        if not lost:
            await self._lanes.drain(1.0, is_leaving)
            await self._settler.wait_idle()
            await self._guard.close(leaving)
        self._guard.forget(leaving)
        numbers = {place.partition for place in leaving}
        self._durable.forget(numbers)
        for number in numbers:
            self._states.forget_partition(number)
            self._scopes.forget_partition(number)
        for place in leaving:
            self._parked.forget_partition(*place)
        self._tell_quarantine()

    async def on_window_full(self, assignment: Assignment, offset: int) -> None:
        """Let the key of a record make way that holds its partition up; it is tried again in the background.

        Args:
            assignment: The partition.
            offset: The record.

        Delivery:
            A call under way is not cancelled: its record makes way at its next wait, unless it ends before.
        """
        item = self._lanes.find(
            lambda each: isinstance(each, Item) and each.assignment is assignment and each.record.offset == offset
        )
        if not isinstance(item, Item) or self._owner(assignment.place) is not assignment:
            return
        lane = lane_of(item.record)
        at_work = next((each for each in self._lanes.at_work() if _lane_of(each) == lane), None)
        if isinstance(at_work, Item):
            self._handling.interrupt(lambda each: each is at_work)
            return
        if at_work is not None and not self._parked.is_parked(lane):
            # The key goes on as soon as its last outcome is written.
            return
        waiting = self._lanes.cancel(
            lambda each: isinstance(each, Item) and each.assignment is assignment and lane_of(each.record) == lane
        )
        for each in waiting:
            if isinstance(each, Item):
                self._make_way(each)

    async def drain(self, timeout_seconds: float) -> bool:
        """Finish calls that are under way; what only waits is left to the next worker.

        Args:
            timeout_seconds: Longest wait.

        Returns:
            Whether all was settled in time.
        """
        end = self._clock.monotonic() + timeout_seconds
        self._is_draining = True
        self._lanes.cancel(lambda _: True)
        self._handling.interrupt(lambda _: True)
        finished = await self._lanes.drain(timeout_seconds)
        try:
            async with asyncio.timeout(max(0.1, end - self._clock.monotonic())):
                await self._settler.wait_idle()
        except TimeoutError:
            finished = False
        await self._guard.close()
        return finished

    def oldest_review(self) -> datetime | None:
        """Return when the oldest open review of the partitions owned here was opened, or None."""
        return self._parked.oldest_review()

    def parked_counts(self) -> dict[str, int]:
        """Return reason → records that are parked in the partitions owned here."""
        return self._parked.counts()

    async def _submit_alone(self, record: Record, assignment: Assignment) -> None:
        """Begin a record when it is written down, and wait until it ended, so that a death tells which one it was."""
        if not self._guard.is_condemned(record):
            await self._guard.before(record)
        item = self._handling.decode(record, assignment)
        await self._lanes.submit(item, record.key, bulk=item.is_bulk)
        await self._lanes.drain(_ALONE_SECONDS)
        await self._guard.after(record)

    def _tell_quarantine(self) -> None:
        self._guard.tell(self._parked.counts().get(QUARANTINE, 0))

    def _owner(self, place: Place) -> Assignment | None:
        assignment = self._assignments.get(place)
        if assignment is None or assignment.is_leaving or assignment.is_over or self._is_draining:
            return None
        return assignment

    def _accept(self, order: Order) -> None:
        if self._parked.is_done(order.partition, order.offset):
            return
        command = order.command
        if command.action is Action.RELEASE:
            self._release(order)
            return
        place = Place(command.topic, order.partition)
        lane = command.key if command.key is not None else f"{place.topic}:{place.partition}:{command.offset}"
        self._run_errand(Errand(place, lane, order=order))

    def _release(self, order: Order) -> None:
        try:
            scope = parse_scope(order.command.scope)
        except DecodeError as error:
            log.warning("release_unreadable", reason=error.reason)
            return
        self._scopes.release(order.partition, scope)
        lanes = self._parked.lanes(lambda entry: entry.scope == scope and entry.record.partition == order.partition)
        release = Release(order, str(scope), set(lanes))
        if not lanes:
            self._background.spawn(self._unparking.finish_order(order))
        for lane in lanes:
            first = self._parked.first(lane)
            if first is not None:
                self._run_errand(Errand(_place_of(first), lane, release=release))

    def _go_on(self, lane: Lane) -> None:
        first = self._parked.first(lane)
        if first is not None:
            self._run_errand(Errand(_place_of(first), lane))

    def _run_errand(self, errand: Errand) -> None:
        self._background.spawn(self._lanes.submit(errand, errand.lane))

    async def _handle(self, item: Item | Errand) -> None:
        if isinstance(item, Errand):
            owner = self._owner(item.place)
            if owner is None or await confirmed(owner):
                if owner is not None:
                    await self._guard.begin(owner)
                await self._unparking.run(item)
                self._tell_quarantine()
            return
        if not (item.assignment.is_sure() or await confirmed(item.assignment)):
            return
        if self._flow.is_parked(item):
            handled = self._flow.known(item) or self._flow.park_behind(item)
        else:
            try:
                handled = await self._handling.run(item, self._step.handle)
            except Interrupted:
                if self._owner(item.assignment.place) is not item.assignment:
                    # It has no effect yet; the next worker begins it.
                    return
                handled = self._handling.give_way(item)
        self._settle(item, handled)

    def _make_way(self, item: Item) -> None:
        if self._flow.is_parked(item):
            self._settle(item, self._flow.known(item) or self._flow.park_behind(item))
        else:
            self._settle(item, self._flow.park_window(item))

    def _settle(self, item: Item, handled: Handled) -> None:
        if item.assignment.is_over:
            self._handling.finish_late(item, handled)
            return
        durable = self._handling.finish(item, handled)
        if handled.outcome.attempts:
            # Begun before this is durable, the next record of the key would be overtaken by its repeat after a crash.
            self._lanes.hold(item.record.key, durable)
        if handled.outcome.kind is OutcomeKind.PARKED and handled.outcome.reason == QUARANTINE:
            self._tell_quarantine()
        if handled.outcome.kind is OutcomeKind.PARKED and handled.outcome.reason == WINDOW:
            self._background.spawn(self._try_later(lane_of(item.record)))

    async def _try_later(self, lane: Lane) -> None:
        await self._clock.sleep(self._retry_seconds)
        self._go_on(lane)


def _place_of(entry: ParkedEntry) -> Place:
    return Place(entry.record.topic, entry.record.partition)


def _lane_of(item: Item | Errand) -> Lane:
    return item.lane if isinstance(item, Errand) else lane_of(item.record)
