"""Polls one platform for one owner: read a page, write it, acknowledge it, save the cursor, in this order."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Protocol

import structlog

from lienthong.clock import Clock
from lienthong.connector import CallContext, PollContext, Source, SourceBatch
from lienthong.delivery.retry import Attempts
from lienthong.errors import BrokerUnavailableError, FatalError, OutcomeUnknownError, RecordError, ScopeError
from lienthong.observability.metrics import Metrics
from lienthong.outcome import OutcomeKind
from lienthong.pipeline.cursors import check_cursor
from lienthong.pipeline.definitions import Pipeline, PollStep
from lienthong.pipeline.source_intake import Admitted, SourceIntake
from lienthong.pipeline.target import Target

log = structlog.get_logger(__name__)

#: Names of alerts.
UNREADABLE = "source_unreadable"
ID_REUSED = "source_id_reused"
_REMEMBERED = 200_000
_BROKER_WAIT_SECONDS = 1.0
#: Ends of a poll that say nothing about the moment: somebody must look, and asking more often changes nothing.
_UNREADABLE = (RecordError, ScopeError, OutcomeUnknownError)


class Left(Exception):  # noqa: N818 - a signal, not an error
    """Another worker owns the cursor now."""


class Desk(Protocol):
    """What the owner of a cursor may do, for as long as it is the owner."""

    async def is_ours(self) -> bool:
        """Wait while it is unsure whether the cursor is still ours; return whether it is."""
        ...

    async def write(self, admitted: Sequence[Admitted]) -> None:
        """Write records, all or none, with their receipts; returns once Kafka has acknowledged them.

        Args:
            admitted: The records.
        """
        ...

    async def save(self, cursor: str) -> None:
        """Save where the next poll goes on; returns once Kafka has acknowledged it.

        Args:
            cursor: Of a durable batch.
        """
        ...


class Seen:
    """What was written lately, so that an overlap is not written again; bounded, and lost with the process.

    Args:
        most: Events that are remembered.
    """

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._contents: OrderedDict[str, str] = OrderedDict()

    def get(self, identity: str) -> str | None:
        """Return the content under which an event was written, or None.

        Args:
            identity: Hash of source and id.
        """
        return self._contents.get(identity)

    def add(self, admitted: Sequence[Admitted]) -> None:
        """Remember events that are durable.

        Args:
            admitted: The events.
        """
        for each in admitted:
            self._contents[each.identity] = each.content
            self._contents.move_to_end(each.identity)
        while len(self._contents) > self._most:
            self._contents.popitem(last=False)


class Polling:
    """One pipeline's polls.

    Args:
        pipeline: Which pipeline.
        step: Its declaration.
        connector: Reads the platform.
        target: Retry, circuit, limits and windows around every call.
        intake: Checks events.
        clock: Where to read the time and wait.
        metrics: What operators see.
        seen: What was written lately.

    Delivery:
        Every event of a batch, or its dead letter, is acknowledged by Kafka before the platform is told and before the
        cursor is saved, so the cursor never runs ahead. After a crash the last batch is read again: the same records
        with the same (source, id), which are settled downstream as duplicates.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        step: PollStep,
        connector: Source[Any],
        target: Target,
        intake: SourceIntake,
        clock: Clock,
        metrics: Metrics,
        seen: Seen | None = None,
    ) -> None:
        self._pipeline = pipeline.name
        self._policy = pipeline.definition.policy
        self._step = step
        self._connector = connector
        self._target = target
        self._intake = intake
        self._clock = clock
        self._metrics = metrics
        self._seen = seen or Seen()
        self._stopping = asyncio.Event()
        #: Whether a batch is on its way; stopped then, it would be read again.
        self.is_at_work = False

    def stop(self) -> None:
        """Begin no further batch."""
        self._stopping.set()

    async def run(self, cursor: str, desk: Desk) -> None:
        """Poll until :meth:`stop`.

        Args:
            cursor: The saved one; empty at the first start.
            desk: Writes for the owner.

        Raises:
            Left: If another worker owns the cursor.
            LienthongError: What ends the pipeline.
        """
        self._stopping.clear()
        try:
            await self._poll_again_and_again(cursor, desk)
        finally:
            self._metrics.set_source_polled(self._pipeline, self._step.connector, None)

    async def _poll_again_and_again(self, cursor: str, desk: Desk) -> None:
        while not self._stopping.is_set():
            wait_seconds = self._step.interval
            pages = _Pages(self._connector, cursor, self._poll_context())
            try:
                while (batch := await self._next(pages)) is not None:
                    self.is_at_work = True
                    cursor = pages.cursor = await self._take(batch, cursor, desk)
                    self.is_at_work = False
                    if self._stopping.is_set():
                        return
                self._succeeded()
            except _UNREADABLE as error:
                wait_seconds = max(wait_seconds, self._policy.retry.max_interval)
                self._metrics.raise_alert(UNREADABLE, self._pipeline, self._step.connector)
                log.warning("poll_unreadable", pipeline=self._pipeline, error_code=error.code, detail=str(error))
            finally:
                self.is_at_work = False
                await pages.close()
            await self._clock.sleep(wait_seconds)

    async def _next(self, pages: "_Pages") -> SourceBatch | None:
        batch, _ = await self._target.call(self._call_context(), pages.next, Attempts())
        return batch

    async def _take(self, batch: SourceBatch, cursor: str, desk: Desk) -> str:
        """Make a batch durable and return the cursor that is saved."""
        check_cursor(batch.cursor, self._step.connector)
        fresh = self._fresh(batch)
        while fresh:
            await _be_owner(desk)
            try:
                await desk.write(fresh)
            except BrokerUnavailableError as error:
                log.warning("write_waits", pipeline=self._pipeline, reason=error.reason)
                await self._clock.sleep(_BROKER_WAIT_SECONDS)
                continue
            self._written(fresh)
            break
        await _be_owner(desk)

        async def acknowledge(_context: CallContext) -> None:
            await self._connector.acknowledge(batch, self._poll_context())

        await self._target.call(self._call_context(), acknowledge, Attempts())
        self._metrics.count_source_batch(self._pipeline)
        while batch.cursor != cursor:
            await _be_owner(desk)
            try:
                await desk.save(batch.cursor)
            except BrokerUnavailableError as error:
                log.warning("save_waits", pipeline=self._pipeline, reason=error.reason)
                await self._clock.sleep(_BROKER_WAIT_SECONDS)
                continue
            break
        return batch.cursor

    def _fresh(self, batch: SourceBatch) -> list[Admitted]:
        self._intake.begin_batch()
        fresh: dict[str, Admitted] = {}
        duplicates = 0
        for found in batch.events:
            each = self._intake.admit(found)
            here = fresh.get(each.identity)
            known = here.content if here is not None else self._seen.get(each.identity)
            if known is None:
                fresh[each.identity] = each
                continue
            duplicates += 1
            if known != each.content:
                # Written or not, every later step takes it for the one that it knows: the connector must be mended.
                self._metrics.raise_alert(ID_REUSED, self._pipeline, self._step.connector)
        self._metrics.count_source_events(self._pipeline, "duplicate", duplicates)
        at_fault = next((each for each in fresh.values() if each.kind is OutcomeKind.DEAD_LETTERED), None)
        if at_fault is not None and self._policy.errors.tolerance == "stop":
            raise FatalError(
                f"an event is at fault ({at_fault.reason}) and errors.tolerance is stop; mend it at its platform"
            )
        return list(fresh.values())

    def _written(self, admitted: Sequence[Admitted]) -> None:
        self._seen.add(admitted)
        for kind in (OutcomeKind.DELIVERED, OutcomeKind.DEAD_LETTERED):
            number = sum(each.kind is kind for each in admitted)
            self._metrics.count_source_events(self._pipeline, kind.value, number)
            self._metrics.count_records(self._pipeline, kind.value, number)

    def _succeeded(self) -> None:
        self._metrics.set_source_polled(self._pipeline, self._step.connector, self._clock.now().timestamp())
        self._metrics.clear_alert(UNREADABLE, self._pipeline, self._step.connector)

    def _poll_context(self) -> PollContext:
        step = self._step
        actor = f"pipeline:{self._pipeline}"
        return PollContext(self._pipeline, step.purpose, step.legal_basis, actor, self._clock.now(), step.overlap)

    def _call_context(self) -> CallContext:
        step = self._step
        actor = f"pipeline:{self._pipeline}"
        return CallContext(
            self._pipeline, f"poll:{self._pipeline}", 0, "", step.purpose, step.legal_basis, actor, "", ""
        )


class _Pages:
    """What a connector yields, begun again at the last durable batch after a failure."""

    def __init__(self, connector: Source[Any], cursor: str, context: PollContext) -> None:
        self._connector = connector
        self._context = context
        self.cursor = cursor
        self._pages: AsyncIterator[SourceBatch] | None = None

    async def next(self, _context: CallContext) -> SourceBatch | None:
        """Return the next batch, or None after the last one."""
        if self._pages is None:
            self._pages = aiter(self._connector.poll(self.cursor, self._context))
        try:
            return await anext(self._pages)
        except StopAsyncIteration:
            return None
        except BaseException:
            # A generator that raised is at its end.
            await self.close()
            raise

    async def close(self) -> None:
        """Let the connector release what a page still holds."""
        pages, self._pages = self._pages, None
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()


async def _be_owner(desk: Desk) -> None:
    if not await desk.is_ours():
        raise Left
