"""The poll thread: the only place that talks to the group, fetches and commits."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from lienthong.errors import FatalError, OffsetCommitError
from lienthong.record import Place
from lienthong.transport.assignment import Assignment, Slice
from lienthong.transport.codes import REBALANCE_CODES, REFUSED_COMMIT_CODES, TRANSIENT_CODES
from lienthong.transport.ghost import Touch
from lienthong.transport.inbox import Inbox
from lienthong.transport.membership import Membership
from lienthong.transport.starts import StartFinder, without_errors
from lienthong.transport.window import WindowWatch

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.05
_ROOM_SECONDS = 0.002
_ROOM_WAITS = 100
_PAUSED_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the poll thread.

    Attributes:
        batch_records: Most records of one fetch.
        outstanding_records: Unsettled records at which fetching pauses.
        partition_records: Unsettled records of one partition at which that partition pauses.
        window_records: Settled records that one blocking record may hold back; the partition pauses at twice as many.
        commit_interval_seconds: Longest time between a settlement and its commit.
        drain_seconds: Longest wait for records in flight when partitions are revoked.
    """

    batch_records: int = 2_000
    outstanding_records: int = 20_000
    partition_records: int = 10_000
    window_records: int = 100_000
    commit_interval_seconds: float = 0.2
    drain_seconds: float = 0.5


class Poller:
    """Runs one group member in its own thread.

    Args:
        configuration: librdkafka's settings, group included.
        topics: What to subscribe to.
        inbox: Where things go.
        limits: Bounds.
        create: Builds the consumer; tests give a scripted one.
        monotonic: Seconds that never run backwards.
        departed: Told which member this worker was, when it lost touch with the group.
    """

    def __init__(
        self,
        configuration: dict[str, Any],
        topics: Sequence[str],
        inbox: Inbox,
        limits: Limits | None = None,
        create: Callable[[dict[str, Any]], Any] = Consumer,
        monotonic: Callable[[], float] = time.monotonic,
        departed: Callable[[str], object] | None = None,
    ) -> None:
        own = {"enable.partition.eof": True, "on_commit": self._on_commit, "error_cb": self._on_error}
        self._configuration = {**configuration, **own}
        self._topics = list(topics)
        self._inbox = inbox
        self._limits = limits or Limits()
        self._create = create
        self._monotonic = monotonic
        self._assignments: dict[Place, Assignment] = {}
        self._ready: deque[Assignment] = deque()
        self._stopping = threading.Event()
        self._is_holding = False
        #: What ended the thread, or is about to.
        self.error: BaseException | None = None
        self._last_commit = 0.0
        #: Commits that Kafka accepted and refused, by partition; only ever rising.
        self.commits_total = 0
        self.commit_failures_total = 0
        self._thread = threading.Thread(target=self._run, name="lienthong-poller", daemon=True)
        self._consumer: Any = None
        self._touch = Touch(configuration, departed, monotonic)
        self._membership = Membership(configuration, monotonic)
        self._starts = StartFinder(self._membership, self._stopping)
        self._windows = WindowWatch(self._limits.window_records, self._limits.partition_records, monotonic)
        #: Whether the group has told what it gives to this worker, be it nothing.
        self.has_joined = False
        #: Whether the library found no broker since the last sign of life.
        self.is_broker_away = False

    @property
    def assignments(self) -> dict[Place, Assignment]:
        """The partitions that this worker owns now."""
        return dict(self._assignments)

    @property
    def heartbeat(self) -> float:
        """When the thread last went round; the watchdog compares it with the time."""
        return self._membership.beat_at

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Join the group and begin to fetch."""
        self._thread.start()

    def ready(self, assignments: Sequence[Assignment]) -> None:
        """Let records of new partitions flow; called from the event loop.

        Args:
            assignments: What :meth:`Inbox.assigned` was given.
        """
        self._ready.extend(assignments)

    def hold(self, *, held: bool) -> None:
        """Stop or resume fetching without leaving the group; called from the event loop.

        Args:
            held: Whether nothing more is fetched.
        """
        self._is_holding = held

    def stop(self) -> None:
        """Ask the thread to commit, leave the group and end."""
        self._stopping.set()

    def join(self, timeout_seconds: float) -> None:
        """Wait for the thread.

        Args:
            timeout_seconds: Longest wait.
        """
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        try:
            self._consumer = self._create(self._configuration)
            self._consumer.subscribe(
                self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            while not self._stopping.is_set() and self.error is None:
                self._turn()
        except BaseException as error:  # noqa: BLE001 - a thread must hand on whatever ended it
            self.error = self.error or error
        if self.error is not None:
            # Told first: the library's goodbye may wait for the broker, and the worker must not wait with it.
            self._inbox.failed(self.error)
        self._leave()

    def _turn(self) -> None:
        is_sure = self._membership.beat()
        self._touch.check()
        self._wait_for_room()
        paused = self._balance()
        first = self._consumer.poll(_PAUSED_POLL_SECONDS if paused else _POLL_SECONDS)
        if first is not None:
            more = self._consumer.consume(self._limits.batch_records - 1, 0.001)
            self._deliver([first, *more])
        if self._monotonic() - self._last_commit >= self._limits.commit_interval_seconds:
            if is_sure:
                self._commit(asynchronous=True)
            else:
                self._confirm()
            for assignment, offset in self._windows.blocking(self._assignments.values()):
                self._inbox.window_full(assignment, offset)

    def _leave(self) -> None:
        if self._consumer is None:
            return
        try:
            if self.error is None:
                self._commit(asynchronous=False)
            self._consumer.close()
        except KafkaException as error:
            log.warning("group_left_without_goodbye", error_code=error.args[0].name())

    def _wait_for_room(self) -> None:
        """Give a pipeline that is a moment behind that moment: a pause throws away what is fetched already."""
        for _ in range(_ROOM_WAITS):
            if self._is_holding or self._total() < self._limits.outstanding_records:
                return
            self._stopping.wait(_ROOM_SECONDS)

    def _total(self) -> int:
        return sum(assignment.in_flight for assignment in self._assignments.values())

    def _balance(self) -> bool:
        """Pause and resume partitions; return whether all are paused."""
        while self._ready:
            self._ready.popleft().is_ready = True
        limits = self._limits
        total = self._total()
        full = self._is_holding or total >= limits.outstanding_records
        low = total < limits.outstanding_records // 2
        pause: list[TopicPartition] = []
        resume: list[TopicPartition] = []
        for place, assignment in self._assignments.items():
            blocked = (
                not assignment.is_ready
                or full
                or assignment.in_flight >= limits.partition_records
                or assignment.is_window_over(2 * limits.window_records)
            )
            if blocked and not assignment.is_paused:
                assignment.is_paused = True
                pause.append(TopicPartition(*place))
            elif not blocked and assignment.is_paused and (low or assignment.in_flight == 0):
                assignment.is_paused = False
                resume.append(TopicPartition(*place))
        if pause:
            self._consumer.pause(pause)
        if resume:
            self._consumer.resume(resume)
        return all(assignment.is_paused for assignment in self._assignments.values())

    def _deliver(self, messages: Sequence[Any]) -> None:
        slices: list[Slice] = []
        ends: list[Any] = []
        run: list[Any] = []
        place: Place | None = None
        for message in messages:
            error = message.error()
            if error is not None:
                self._event(message, error, ends)
            elif place is not None and message.partition() == place[1] and message.topic() == place[0]:
                run.append(message)
            else:
                self._cut(place, run, slices)
                place, run = Place(message.topic(), message.partition()), [message]
        self._cut(place, run, slices)
        if slices:
            self.is_broker_away = False
            self._inbox.slices(slices)
        for message in ends:
            self._reached_end(message)

    def _cut(self, place: Place | None, run: list[Any], slices: list[Slice]) -> None:
        assignment = self._assignments.get(place) if place is not None else None
        if assignment is None:
            return
        offsets = [message.offset() for message in run]
        if not assignment.is_ready:
            # A partition that is not ready is paused: these are of an assignment that ended in this very call.
            assignment.drop(offsets[0])
            return
        if assignment.has_skipped(offsets[0]):
            raise FatalError(
                f"records of {assignment.place.topic} were skipped in a rebalance; the restarted worker reads them"
            )
        known = assignment.deliver(offsets, run[0].timestamp()[1])
        if known is not None:
            run = [message for message, skip in zip(run, known, strict=True) if not skip]
        assignment.end_offset = max(assignment.end_offset, offsets[-1] + 1)
        if run:
            slices.append(Slice(assignment, offsets[0], run))

    def _reached_end(self, message: Any) -> None:
        assignment = self._assignments.get(Place(message.topic(), message.partition()))
        if assignment is not None:
            assignment.end_offset = max(assignment.end_offset, message.offset())
            assignment.reached_end(message.offset())

    def _event(self, message: Any, error: KafkaError, ends: list[Any]) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            ends.append(message)
            return
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            raise FatalError(
                f"{message.topic()}[{message.partition()}] no longer holds the records after the watermark: "
                "retention removed unsettled records; see the runbook 'log start above the watermark'"
            )
        if error.fatal() or (error.code() not in TRANSIENT_CODES and not error.retriable()):
            raise FatalError(f"the consumer cannot go on ({error.name()}); check the broker, the topics and the ACLs")
        log.warning("broker_unreachable", error_code=error.name())

    def _on_error(self, error: KafkaError) -> None:
        """Take what concerns the client as a whole; the library never hands it out by ``poll``."""
        if error.fatal():
            reason = f"the consumer cannot go on ({error.name()}); check the group and the ACLs"
            self.error = self.error or FatalError(reason)
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            if not self.is_broker_away:
                log.warning("broker_unreachable", error_code=error.name())
            self.is_broker_away = True

    def _confirm(self) -> None:
        """Ask the group by a commit whether it still counts on this process, after a long silence."""
        self._last_commit = self._monotonic()
        offsets = self._uncommitted(self._assignments, everything=True)
        if offsets:
            try:
                results = without_errors(self._consumer.commit(offsets=offsets, asynchronous=False))
            except KafkaException as error:
                log.warning("membership_unsure", error_code=error.args[0].name())
                return
            self._on_commit(None, results)
        self._membership.confirm()

    def _commit(self, *, asynchronous: bool, places: Sequence[Place] | None = None) -> None:
        self._last_commit = self._monotonic()
        offsets = self._uncommitted(self._assignments if places is None else places)
        if not offsets:
            return
        try:
            results = self._consumer.commit(offsets=offsets, asynchronous=asynchronous)
        except KafkaException as error:
            self._on_commit(error.args[0], offsets)
            return
        if not asynchronous:
            self._on_commit(None, results)

    def _uncommitted(self, places: Iterable[Place], *, everything: bool = False) -> list[TopicPartition]:
        offsets = []
        for place in places:
            assignment = self._assignments.get(place)
            if assignment is None or assignment.is_over:
                continue
            progress = assignment.progress()
            if everything or progress != assignment.committed:
                offsets.append(TopicPartition(*place, progress.offset, progress.metadata))
        return offsets

    def _on_commit(self, error: KafkaError | None, partitions: Sequence[TopicPartition]) -> None:
        for result in partitions:
            problem = result.error or error
            if problem is None:
                self.is_broker_away = False
                assignment = self._assignments.get(Place(result.topic, result.partition))
                if assignment is not None:
                    assignment.committed = assignment.committed._replace(
                        offset=result.offset, metadata=result.metadata or ""
                    )
                self.commits_total += 1
            elif problem.code() not in REBALANCE_CODES:
                self.commit_failures_total += 1
                log.warning("commit_failed", topic=result.topic, partition=result.partition, error_code=problem.name())
                if problem.code() in REFUSED_COMMIT_CODES:
                    self.error = self.error or OffsetCommitError(
                        f"Kafka refuses the offsets of {result.topic} ({problem.name()}); check the group's ACLs",
                        reason=problem.name(),
                    )

    def _on_assign(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        try:
            self.has_joined = True
            self._touch.found(consumer.memberid())
            new = self._starts.find(consumer, partitions) if partitions else []
            consumer.incremental_assign([start for _, start in new])
            if new:
                consumer.pause([TopicPartition(start.topic, start.partition) for _, start in new])
            self._assignments.update({assignment.place: assignment for assignment, _ in new})
            self._inbox.assigned([assignment for assignment, _ in new])
        except BaseException as error:  # noqa: BLE001 - librdkafka would swallow it and the thread die silently
            self.error = self.error or error

    def _on_revoke(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        try:
            self._give_back(partitions, lost=False)
            consumer.incremental_unassign(list(partitions))
        except BaseException as error:  # noqa: BLE001 - as above
            self.error = self.error or error

    def _on_lost(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        try:
            self._touch.lost()
            self._give_back(partitions, lost=True)
            consumer.incremental_unassign(list(partitions))
        except BaseException as error:  # noqa: BLE001 - as above
            self.error = self.error or error

    def _give_back(self, partitions: Sequence[TopicPartition], *, lost: bool) -> None:
        places = [Place(partition.topic, partition.partition) for partition in partitions]
        leaving = [self._assignments[place] for place in places if place in self._assignments]
        if not leaving:
            return
        for assignment in leaving:
            assignment.is_leaving = True
        drained = threading.Event()
        self._inbox.revoked(leaving, drained, lost=lost)
        if not lost:
            drained.wait(self._limits.drain_seconds)
            self._commit(asynchronous=False, places=places)
        for assignment in leaving:
            assignment.is_over = True
            self._assignments.pop(assignment.place, None)
