"""Works off the open rows of a campaign: one process, many questions under way, never more than the target allows."""

import asyncio
import json
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, TypeVar

from lienthong.clock import Clock
from lienthong.config.models import HubSettings
from lienthong.connector import ConnectorKind, Lookup
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.kafka.settings import PIPELINE_OVERRIDES
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.target import Target
from lienthong.record import OutgoingRecord
from lienthong.targets.access_trail import AccessTrail
from lienthong.targets.connectors import build_connector, open_gate
from lienthong.targets.turns import Turns
from lienthong_connectors.campaign.asking import Asking, Order, Rows, lookup_of
from lienthong_connectors.campaign.decisions import Decision
from lienthong_connectors.campaign.journal import Journal
from lienthong_connectors.campaign.loading import open_rows
from lienthong_connectors.campaign.publish import Results, Stamp
from lienthong_connectors.campaign.table import Account, Finding
from lienthong_connectors.campaign.together import Together

T = TypeVar("T")

_BATCH = 500
_FLUSH_SECONDS = 0.2
#: Rows that are noted together as about to be asked about: at most so many more than are under way are asked twice.
_CHUNK = 64


class Run:
    """One run of a campaign; another one goes on where this one ended, however it ended.

    Args:
        settings: The hub's configuration.
        pipeline: Declares purpose, law, retry and circuit.
        order: What to do.
        stamp: Of its results.
        journal: What was done.
        secret: Keys references and hashes of questions.
        clock: Where to read the time.

    Delivery:
        No question before its intent, and no decision before the question's result, is acknowledged in the access log.
        A decision is durable in the journal before it is published, and published again only when Kafka does not hold
        it: after a kill, questions that were under way are asked again, results are not written again.
    """

    def __init__(
        self,
        settings: HubSettings,
        pipeline: Pipeline,
        order: Order,
        stamp: Stamp,
        journal: Journal,
        secret: bytes,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._order = order
        self._stamp = stamp
        self._journal = journal
        self._secret = secret
        self._clock = clock
        self._producer = AcknowledgedProducer(
            settings.kafka, client_id=f"campaign-{stamp.campaign}", overrides=PIPELINE_OVERRIDES
        )
        self._writing = asyncio.Lock()
        self._decisions: list[Decision] = []
        self._refused: list[Finding] = []
        self._entries: list[OutgoingRecord] = []
        self._is_stopping = False
        self._is_done = False
        #: Rows that this process has decided.
        self.finished = 0
        self._target: Target | None = None

    @property
    def pause_reason(self) -> str:
        """Why the target is not called; empty if it is."""
        return self._target.pause_reason if self._target is not None else ""

    def stop(self) -> None:
        """Begin nothing new; what is under way is finished and noted."""
        self._is_stopping = True

    async def work(self) -> None:
        """Work until every row is published, or :meth:`stop` was called.

        Raises:
            LienthongError: Why it cannot go on; calling it again in a new process goes on.
        """
        async with AsyncExitStack() as stack:
            await self._producer.start()
            stack.push_async_callback(self._producer.stop)
            await self._publish_what_is_missing()
            lookup, target = self._called(stack)
            self._target = target
            await lookup.open()
            stack.push_async_callback(lookup.close)
            await target.open()
            stack.push_async_callback(target.close)
            queue: asyncio.Queue[Account | None] = asyncio.Queue(self._order.in_flight)
            asking = self._asking(lookup, target)
            began = self._clock.monotonic()
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write())
                workers = [group.create_task(asking.work(queue)) for _ in range(self._order.in_flight)]
                await self._feed(queue)
                await asyncio.wait(workers)
                self._is_done = True
                await writer
            seconds = self._clock.monotonic() - began
            facts = {"last_run_rows": str(self.finished), "last_run_seconds": f"{seconds:.3f}", "ended_well": "yes"}
            await self._durably(self._journal.note, **facts)

    def _note(self, decision: Decision | Finding) -> None:
        """Take what was found out about a row; it counts once the journal has it."""
        if isinstance(decision, Finding):
            self._refused.append(decision)
        else:
            self._decisions.append(decision)

    async def _note_entries(self, entries: Iterable[OutgoingRecord]) -> None:
        """Take results for the access log; they are acknowledged before the decision that they led to counts."""
        self._entries.extend(entries)

    def _called(self, stack: AsyncExitStack) -> tuple[Lookup[Any], Target]:
        step = lookup_of(self._pipeline)
        gates, gate = open_gate(self._settings, step.connector, f"campaign-{self._stamp.campaign}", self._clock)
        turns = Turns(gate, self._clock).wait
        _, lookup = build_connector(self._settings, step.connector, ConnectorKind.LOOKUP, self._clock, turns)
        target = Target(
            self._pipeline,
            step.connector,
            self._pipeline.definition.policy,
            self._clock,
            Metrics(with_process=False),
            gate=gate,
            release=gates.aclose if gates is not None else None,
        )
        # Also when the connector cannot be opened: what is leased is given back.
        stack.push_async_callback(target.close)
        return lookup, target

    def _asking(self, lookup: Lookup[Any], target: Target) -> Asking:
        step = lookup_of(self._pipeline)
        write = Together(self._producer.send).write
        topic = self._pipeline.names.access_log
        intents, results = (
            AccessTrail(step.connector, step.query, topic, each, self._clock, self._secret)
            for each in (write, self._note_entries)
        )
        rows = Rows(self._pipeline, self._order, self._stamp, self._journal, self._secret, self._clock)
        return Asking(rows, lookup, target, intents, results, self._note)

    async def _durably(self, write: Callable[..., T], *arguments: Any, **facts: str) -> T:
        """Write into the journal beside the event loop, one write at a time."""
        async with self._writing:
            return await asyncio.to_thread(partial(write, *arguments, **facts))

    async def _publish_what_is_missing(self) -> None:
        results = Results(self._settings.kafka, self._stamp)
        ends = await asyncio.to_thread(results.ends)
        begun = self._journal.fact("published_from")
        if begun and not self._journal.fact("ended_well"):
            since = self._journal.published_from()
            await self._durably(self._journal.restore, await asyncio.to_thread(list, results.written(since, ends)))
        await self._durably(self._journal.note, published_from=json.dumps(ends), ended_well="")
        while missing := self._journal.decided(_BATCH):
            await self._publish(missing)

    async def _publish(self, decisions: list[Decision]) -> None:
        await self._producer.send([self._stamp.record_of(each) for each in decisions])
        await self._durably(self._journal.published, [each.line for each in decisions])

    async def _feed(self, queue: "asyncio.Queue[Account | None]") -> None:
        chunk: list[Account] = []
        for row in open_rows(self._journal, self._order.file):
            if self._is_stopping:
                chunk.clear()
                break
            chunk.append(row)
            if len(chunk) == _CHUNK:
                await self._hand_over(chunk, queue)
        await self._hand_over(chunk, queue)
        for _ in range(self._order.in_flight):
            await queue.put(None)

    async def _hand_over(self, chunk: list[Account], queue: "asyncio.Queue[Account | None]") -> None:
        if chunk:
            await self._durably(self._journal.begin, [row.line for row in chunk])
        for row in chunk:
            await queue.put(row)
        chunk.clear()

    async def _write(self) -> None:
        while True:
            is_last = self._is_done
            if self._decisions or self._refused or self._entries:
                await self._flush()
            elif is_last:
                return
            if not self._is_done and len(self._decisions) < _BATCH:
                await self._clock.sleep(_FLUSH_SECONDS)

    async def _flush(self) -> None:
        decisions, self._decisions = self._decisions, []
        refused, self._refused = self._refused, []
        entries, self._entries = self._entries, []
        if entries:
            await self._producer.send(entries)
        await self._durably(self._journal.decide, decisions, refused)
        self.finished += len(decisions) + len(refused)
        await self._publish(decisions)
