"""Faust's consumer over the poll thread.

One Faust message carries one :class:`~lienthong.transport.assignment.Slice`. Faust's own acknowledgement, commit and
seek are switched off, because the watermark decides alone what is committed.
"""

import asyncio
import threading
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode import Service

from lienthong.config.models import KafkaSettings
from lienthong.errors import FatalError
from lienthong.kafka.admin_client import KafkaCluster
from lienthong.kafka.settings import consumer_configuration
from lienthong.record import Place
from lienthong.transport.assignment import Assignment, Slice
from lienthong.transport.ghost import GhostRemover
from lienthong.transport.listener import PartitionListener, Rebalance
from lienthong.transport.poller import Limits, Poller

log = structlog.get_logger(__name__)

_STOP_SECONDS = 15.0
#: For a thread that has failed: it commits nothing any more, and its goodbye may wait for a broker that is silent.
_FAILED_STOP_SECONDS = 1.0
_GHOST_CONNECT_MILLISECONDS = 1_000


class Consumer(FaustConsumer):
    """Faust's consumer over :class:`~lienthong.transport.poller.Poller`.

    Delivery:
        Offsets move only by :meth:`Slice.settle_all` and :meth:`Assignment.settle`; Faust's acknowledgements do
        nothing.
    """

    def on_init(self) -> None:
        """Prepare the queues between poll thread and event loop."""
        self.poller: Poller | None = None
        self._slices: asyncio.Queue[Slice] = asyncio.Queue()
        self._changes: asyncio.Queue[Rebalance] = asyncio.Queue()
        self._owned: set[Place] = set()
        self._has_started = False
        self._has_failed = False

    @property
    def _settings(self) -> KafkaSettings:
        given = getattr(self.app, "kafka_settings", None)
        if given is not None:
            return given  # type: ignore[no-any-return]
        servers = ",".join(f"{url.host}:{url.port}" for url in self.transport.url)
        return KafkaSettings(bootstrap_servers=servers)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group; called once, because topics are never added while running.

        Args:
            topics: Names of topics.
        """
        if self.poller is not None:
            raise FatalError("the topics of a running pipeline cannot change; restart it")
        configuration = consumer_configuration(self._settings, client_id=self.app.conf.id, group=self.app.conf.id)
        limits = getattr(self.app, "poll_limits", None) or Limits()
        settings = self._settings
        ghosts = GhostRemover(
            self.app.conf.id, lambda: KafkaCluster(settings, connect_timeout_ms=_GHOST_CONNECT_MILLISECONDS)
        )
        self.poller = Poller(configuration, sorted(topics), self, limits, departed=ghosts.remove)
        self.poller.start()

    def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Take new partitions over from the poll thread.

        Args:
            assignments: The partitions.
        """
        self.loop.call_soon_threadsafe(self._changes.put_nowait, Rebalance(added=assignments))

    def revoked(self, assignments: Sequence[Assignment], drained: threading.Event, *, lost: bool) -> None:
        """Take the news of leaving partitions over from the poll thread.

        Args:
            assignments: The partitions.
            drained: Set when nothing of them is in flight.
            lost: Whether another worker may own them already.
        """
        change = Rebalance(removed=assignments, drained=drained, lost=lost)
        self.loop.call_soon_threadsafe(self._changes.put_nowait, change)

    def slices(self, slices: Sequence[Slice]) -> None:
        """Take fetched records over from the poll thread.

        Args:
            slices: In order within each partition.
        """
        self.loop.call_soon_threadsafe(self._enqueue, slices)

    def failed(self, error: BaseException) -> None:
        """Stop the worker, because nothing is fetched any more.

        Args:
            error: What ended the poll thread.
        """
        self.loop.call_soon_threadsafe(self._crash_soon, error)

    def window_full(self, assignment: Assignment, offset: int) -> None:
        """Take the news of a full window over from the poll thread.

        Args:
            assignment: The partition.
            offset: The record that holds its watermark back.
        """
        self.loop.call_soon_threadsafe(self._park_soon, assignment, offset)

    def _park_soon(self, assignment: Assignment, offset: int) -> None:
        listener: PartitionListener | None = getattr(self.app, "partition_listener", None)
        if listener is not None and not assignment.is_leaving:
            log.warning("window_full", topic=assignment.place.topic, partition=assignment.place.partition)
            self.add_future(self._or_crash(listener.on_window_full(assignment, offset), "parking_failed"))

    async def _or_crash(self, work: Awaitable[None], event: str) -> None:
        failure: Exception | None = None
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker cannot go on
            failure = error
        if failure is not None:
            # Outside the handler, because Faust logs the text of whatever is being handled.
            log.error(event, error_code=getattr(failure, "code", type(failure).__name__))
            self._has_failed = True
            await self.crash(failure)

    def _crash_soon(self, error: BaseException) -> None:
        if getattr(self.app, "failure", error) is None:
            # Nothing can be committed any more, so there is nothing to drain for.
            self.app.failure = error  # type: ignore[attr-defined]
        self.add_future(self.crash(error))

    def _enqueue(self, slices: Sequence[Slice]) -> None:
        for item in slices:
            self._slices.put_nowait(item)

    @contextmanager
    def _endless(self, part: str, owner: Any) -> Iterator[None]:
        """Stop the worker when a loop ends by itself: a stray cancellation ends it without any error."""
        try:
            yield
        finally:
            if not (self._has_failed or self.should_stop or owner.should_stop or self.app.should_stop):
                self._crash_soon(FatalError(f"the {part} ended without being told to; restart the process"))

    @Service.task
    async def _rebalances(self) -> None:
        with self._endless("reader of rebalances", self):
            await self._follow_rebalances()

    async def _follow_rebalances(self) -> None:
        listener: PartitionListener | None = getattr(self.app, "partition_listener", None)
        while not self.should_stop:
            change = await self._changes.get()
            failure: Exception | None = None
            try:
                await self._apply(change, listener)
            except Exception as error:  # noqa: BLE001 - whatever it is, the partition is not ready
                failure = error
            finally:
                if change.drained is not None:
                    change.drained.set()
            if failure is not None:
                # Outside the handler, because Faust logs the text of whatever is being handled.
                log.error("rebalance_failed", error_code=getattr(failure, "code", type(failure).__name__))
                self._has_failed = True
                await self.crash(failure)
                return

    async def _apply(self, change: Rebalance, listener: PartitionListener | None) -> None:
        if change.removed:
            self._owned.difference_update(item.place for item in change.removed)
            if listener is not None:
                await listener.on_revoked(change.removed, lost=change.lost)
            return
        self._owned.update(item.place for item in change.added)
        owned = {TP(*place) for place in self._owned}
        if self._has_started:
            # Faust's full callback would stop the flow of partitions that stay.
            await self.app.topics.on_partitions_assigned(owned)
        else:
            self._has_started = True
            self.app.on_rebalance_start()
            await self.on_partitions_assigned(owned, self.app.consumer_generation_id)
        if listener is not None:
            await listener.on_assigned(change.added)
        if self.poller is not None:
            self.poller.ready(change.added)

    async def _drain_messages(self, fetcher: Any) -> None:
        callback = self.callback
        with self._endless("fetcher", fetcher):
            while not (self.should_stop or fetcher.should_stop):
                item = await self._slices.get()
                if item.assignment.is_over:
                    continue
                await callback(self._to_message(TP(*item.place), item))

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.first,
            0.0,
            0,
            [],
            None,
            record,
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def ack(self, message: Any) -> bool:
        """Ignore Faust's acknowledgement of a whole slice.

        Args:
            message: Faust's message.
        """
        self._unacked_messages.discard(message)
        return False

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Do nothing: the poll thread commits.

        Args:
            topics: Ignored.
            start_new_transaction: Ignored.
        """
        del topics, start_new_transaction
        return False

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Do nothing: the poll thread commits.

        Args:
            topics: Ignored.
            start_new_transaction: Ignored.
        """
        return await self.commit(topics, start_new_transaction)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        del offsets
        return False

    async def perform_seek(self) -> None:
        """Do nothing: the poll thread starts each partition at its committed offset."""

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Do nothing: the poll thread starts each partition at its committed offset."""
        return {}

    async def _seek(self, partition: TP, offset: int) -> None:
        del partition, offset
        raise FatalError("a running pipeline never seeks; use replay")

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Refuse: a running pipeline never seeks.

        Args:
            partitions: Where it should go.
        """
        if partitions:
            raise FatalError("a running pipeline never seeks; use replay")

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        del active_partitions, timeout
        return {}

    def assignment(self) -> set[TP]:
        """Return the partitions that this worker owns."""
        return {TP(*place) for place in self._owned}

    def highwater(self, tp: TP) -> int:
        """Return the end of a partition as last seen.

        Args:
            tp: Topic and partition.
        """
        found = self.poller.assignments.get(Place(*tp)) if self.poller else None
        return found.end_offset if found else 0

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the ends of partitions as last seen.

        Args:
            *partitions: Topics and partitions.
        """
        return {tp: self.highwater(tp) for tp in partitions}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return zero: there are no tables to recover.

        Args:
            *partitions: Topics and partitions.
        """
        return dict.fromkeys(partitions, 0)

    async def position(self, tp: TP) -> int | None:
        """Return the watermark of a partition.

        Args:
            tp: Topic and partition.
        """
        found = self.poller.assignments.get(Place(*tp)) if self.poller else None
        return found.position if found else None

    def topic_partitions(self, topic: str) -> int | None:
        """Return None: nothing in the hub asks Faust for it.

        Args:
            topic: Name of a topic.
        """
        del topic
        return None

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Return the given partition: librdkafka derives it from the key.

        Args:
            topic: Name of a topic.
            key: Key of a record.
            partition: A fixed partition.
        """
        del topic, key
        return partition

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: topics come from the catalogue.

        Args:
            *args: Ignored.
            **kwargs: Ignored.
        """
        del args, kwargs
        raise FatalError("topics are created by 'lienthong topics apply' only")

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def wait_empty(self) -> None:
        """Do nothing: the pipeline drains before the worker stops."""

    async def on_stop(self) -> None:
        """Commit what is settled and leave the group."""
        if self.poller is not None:
            self.poller.stop()
            seconds = _FAILED_STOP_SECONDS if self.poller.error is not None else _STOP_SECONDS
            await asyncio.to_thread(self.poller.join, seconds)

    def close(self) -> None:
        """Ask the poll thread to end."""
        if self.poller is not None:
            self.poller.stop()
