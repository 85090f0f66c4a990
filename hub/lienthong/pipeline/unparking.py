"""Lets go on what was parked: by an order of an official or an operator, or by itself."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from lienthong.delivery.command import Action, Command
from lienthong.delivery.hygiene import identity
from lienthong.delivery.interruption import Interrupted
from lienthong.delivery.parked_state import ParkedState
from lienthong.delivery.parking import BEHIND, SCOPE, WINDOW, Lane, ParkedEntry
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.outcome import Outcome, OutcomeKind
from lienthong.pipeline.handling import Handling, Work
from lienthong.pipeline.item import Handled, Item
from lienthong.pipeline.key_state import KeyState, mark_of
from lienthong.pipeline.review_flow import ReviewFlow, corrected, replayed
from lienthong.pipeline.step import RemoteStep
from lienthong.record import OutgoingRecord, Place, Record
from lienthong.transport.assignment import Assignment

log = structlog.get_logger(__name__)

#: Records of one lane that are handled while the outcome of the first is still on its way to Kafka.
_MAX_UNWRITTEN = 100
_BY_OPERATOR = frozenset({Action.REPLAY, Action.DISCARD})
_TAKEN_BACK = frozenset({Action.CANCEL, Action.DISCARD})


@dataclass(frozen=True, slots=True)
class Order:
    """A command at its place in ``replay.<pipeline>``.

    Attributes:
        command: What was decided.
        partition: Its partition, which is that of the source.
        offset: Its place there.
    """

    command: Command
    partition: int
    offset: int


@dataclass(slots=True)
class Release:
    """One order that lets several lanes go on.

    Attributes:
        order: The order.
        scope: Text of the scope.
        lanes: Lanes that have not been tried yet.
    """

    order: Order
    scope: str
    lanes: set[Lane] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Errand:
    """Something to do in a lane that is no record of the source.

    Attributes:
        place: Partition of the source.
        lane: Where.
        order: Decision on one record; None for none.
        release: Order that this is a part of; None for none.
    """

    place: Place
    lane: Lane = field(repr=False)
    order: Order | None = None
    release: Release | None = None


class Unparking:
    """Carries out errands, each alone in its lane.

    Args:
        pipeline: Name of the pipeline.
        step: What happens to a record.
        handling: Runs the step.
        flow: Closes what was parked.
        parked: What is parked.
        producer: Writes that an order without effect is done.
        owner: Place → assignment that may be worked on now, or None.

    Delivery:
        The first record of a lane is tried again when an order or the end of a wait allows it, then those behind it, in
        order, until one must wait itself. An entry is closed after its receipt, an order is done with the record that
        it decides on: whatever a crash leaves over is found at the next assignment and goes on there.
    """

    def __init__(
        self,
        pipeline: str,
        step: RemoteStep,
        handling: Handling,
        flow: ReviewFlow,
        parked: ParkedState,
        producer: AcknowledgedProducer,
        owner: Callable[[Place], Assignment | None],
    ) -> None:
        self._pipeline = pipeline
        self._step = step
        self._handling = handling
        self._flow = flow
        self._parked = parked
        self._producer = producer
        self._owner = owner

    async def run(self, errand: Errand) -> None:
        """Carry out an errand.

        Args:
            errand: The errand.
        """
        assignment = self._owner(errand.place)
        if assignment is None:
            return
        pending: deque[asyncio.Future[None]] = deque()
        goes_on = True
        if errand.order is not None:
            goes_on = await self._carry_out(errand.order, errand.lane, assignment, pending)
        elif (entry := self._parked.first(errand.lane)) is not None and _goes_on(entry, errand):
            goes_on = await self._try(entry, assignment, pending, self._step.handle)
        if goes_on:
            await self._drain(errand, pending)
        if pending:
            # What Kafka refused, or a partition that is gone, is told by others.
            await asyncio.wait(pending)
        if errand.release is not None and self._owner(errand.place) is assignment:
            await self._tick(errand.release, errand.lane)

    async def finish_order(self, order: Order) -> None:
        """Note durably that an order is carried out.

        Args:
            order: The order.
        """
        if not self._parked.is_done(order.partition, order.offset):
            await self._producer.send(self._flow.done(order.command.key, order.partition, order.offset))

    async def _carry_out(
        self, order: Order, lane: Lane, assignment: Assignment, pending: deque[asyncio.Future[None]]
    ) -> bool:
        """Do what was decided on one record; returns whether the lane may go on."""
        command = order.command
        if self._parked.is_done(order.partition, order.offset):
            return False
        entry = self._blocked_by(command, lane)
        log.info("order_read", pipeline=self._pipeline, action=command.action.value, is_open=entry is not None)
        if entry is not None:
            work = self._work_for(command.action)
            return await self._try(entry, assignment, pending, work, order)
        if command.action in _BY_OPERATOR:
            await self._put_back(order, lane, assignment, pending)
        else:
            # A worker that died in the middle of its writes leaves a review of a record that has ended since.
            done = self._flow.done(command.key, order.partition, order.offset)
            await self._producer.send([*self._flow.closing_review(command.review_id), *done])
        return False

    def _blocked_by(self, command: Command, lane: Lane) -> ParkedEntry | None:
        if command.action not in _BY_OPERATOR:
            return self._parked.find_review(command.review_id)
        entry = self._parked.find(lane, _origin(command))
        # Reviews are decided on by officials only, and what merely waits has its turn when the first has gone.
        if entry is None or entry.review_id or (command.action is Action.REPLAY and entry.reason == BEHIND):
            return None
        return entry

    async def _put_back(
        self, order: Order, lane: Lane, assignment: Assignment, pending: deque[asyncio.Future[None]]
    ) -> None:
        """Handle a dead letter that holds nothing up; behind what is parked of its key it waits like any record."""
        command = order.command
        record = replayed(command, None)
        if record is None or self._parked.find(lane, _origin(command)) is not None:
            await self.finish_order(order)
            return
        item = self._decode(record, assignment, is_replayed=command.action is Action.REPLAY)
        if command.action is Action.DISCARD:
            handled = _taken_back(command.action)
            handled.state = self._with_mark(item, handled)
        elif self._parked.is_parked(lane):
            handled = self._flow.park_behind(item)
        else:
            try:
                handled = await self._handling.run(item, self._step.handle)
            except Interrupted:
                return
        await self._finish(
            item, handled, assignment, pending, self._flow.done(command.key, order.partition, order.offset)
        )

    async def _drain(self, errand: Errand, pending: deque[asyncio.Future[None]]) -> None:
        while (entry := self._parked.first(errand.lane)) is not None:
            assignment = self._owner(errand.place)
            if assignment is None or not _goes_on(entry, errand):
                return
            if not await self._try(entry, assignment, pending, self._step.handle):
                return

    async def _try(
        self,
        entry: ParkedEntry,
        assignment: Assignment,
        pending: deque[asyncio.Future[None]],
        work: Work,
        order: Order | None = None,
    ) -> bool:
        """Handle an entry; returns whether those behind it may go on."""
        record = entry.record
        closing: list[OutgoingRecord] = []
        if order is not None:
            record = _decided(record, order.command)
        is_replayed = order is not None and order.command.action is Action.REPLAY
        await self._handling.approach(entry)
        item = self._decode(record, assignment, is_replayed=is_replayed)
        try:
            handled = await self._handling.run(item, work, entry)
        except Interrupted:
            return False
        if assignment.is_over:
            self._handling.finish_late(item, handled)
            return False
        if order is not None:
            handled.state = self._with_mark(item, handled)
        if not handled.is_parked:
            closing += self._flow.closing(entry)
        if order is not None:
            closing += self._flow.done(order.command.key, order.partition, order.offset)
        await self._finish(item, handled, assignment, pending, closing)
        return not handled.is_parked

    async def _finish(
        self,
        item: Item,
        handled: Handled,
        assignment: Assignment,
        pending: deque[asyncio.Future[None]],
        closing: list[OutgoingRecord],
    ) -> None:
        if assignment.is_over:
            self._handling.finish_late(item, handled)
            return
        pending.append(self._handling.finish(item, handled, closing))
        if len(pending) > _MAX_UNWRITTEN:
            await asyncio.wait([pending.popleft()])

    async def _tick(self, release: Release, lane: Lane) -> None:
        release.lanes.discard(lane)
        if not release.lanes:
            await self.finish_order(release.order)

    def _decode(self, record: Record, assignment: Assignment, *, is_replayed: bool = False) -> Item:
        decode = self._handling.decode_replayed if is_replayed else self._handling.decode
        item = decode(record, assignment)
        item.is_settled = True
        return item

    def _work_for(self, action: Action) -> Work:
        if action is Action.APPROVE:
            return self._step.approve
        if action is Action.CORRECT:
            return self._correct
        if action in _TAKEN_BACK:

            async def take_back(_item: Item, _state: KeyState) -> Handled:
                return _taken_back(action)

            return take_back
        return self._step.handle

    async def _correct(self, item: Item, state: KeyState) -> Handled:
        # What was asked about the wrong value says nothing about the corrected one.
        return await self._step.handle(item, state._replace(asked=()))

    def _with_mark(self, item: Item, handled: Handled) -> KeyState | None:
        """Return the state that keeps a decided record, read again after a crash, from being handled once more."""
        source, event_id = identity(item.record)
        if not source or handled.is_parked or handled.outcome.kind is OutcomeKind.DEAD_LETTERED:
            return handled.state
        state = handled.state or self._handling.state_of(item)
        return state.with_record(mark_of(source, event_id))


def _goes_on(entry: ParkedEntry, errand: Errand) -> bool:
    """Return whether the first entry of a lane may be tried without a decision on it."""
    if entry.reason in {BEHIND, WINDOW}:
        return True
    return entry.reason == SCOPE and errand.release is not None and str(entry.scope) == errand.release.scope


def _decided(record: Record, command: Command) -> Record:
    if command.action is Action.CORRECT:
        return corrected(record, command)
    return replayed(command, record) or record


def _origin(command: Command) -> str:
    return f"{command.topic}:{command.partition}:{command.offset}"


def _taken_back(action: Action) -> Handled:
    reason = "by_official" if action is Action.CANCEL else "discarded"
    return Handled(Outcome(OutcomeKind.CANCELLED, reason, attempts=0))
