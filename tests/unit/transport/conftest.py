"""A scripted stand-in for librdkafka's consumer, and an inbox that writes down what it is told."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from lienthong.record import Place
from lienthong.transport.assignment import Assignment, Slice
from lienthong.transport.poller import Limits, Poller

TOPIC = "records.dossier"


@dataclass
class Message:
    """What librdkafka hands out for one record or event."""

    offset_: int
    partition_: int = 0
    topic_: str = TOPIC
    error_: KafkaError | None = None
    timestamp_ms: int = 1_000

    def error(self) -> KafkaError | None:
        """Return the event's error."""
        return self.error_

    def topic(self) -> str:
        """Return the topic."""
        return self.topic_

    def partition(self) -> int:
        """Return the partition."""
        return self.partition_

    def offset(self) -> int:
        """Return the offset."""
        return self.offset_

    def timestamp(self) -> tuple[int, int]:
        """Return kind and time."""
        return 1, self.timestamp_ms


@dataclass
class Answer:
    """One partition in the answer to a commit; the library's own class cannot be given an error."""

    topic: str
    partition: int
    offset: int
    metadata: str
    error: KafkaError | None = None


@dataclass
class ScriptedConsumer:
    """Plays a script: each poll takes the next step, a message or a function."""

    configuration: dict[str, Any] = field(default_factory=dict)
    script: deque[Any] = field(default_factory=deque)
    stored: dict[Place, tuple[int, str]] = field(default_factory=dict)
    low: int = 0
    commits: list[tuple[bool, dict[Place, tuple[int, str]]]] = field(default_factory=list)
    paused: set[Place] = field(default_factory=set)
    pauses: list[tuple[str, frozenset[Place]]] = field(default_factory=list)
    assigned: dict[Place, int] = field(default_factory=dict)
    failing: dict[Place, int] = field(default_factory=dict)
    commit_error: int | None = None
    committed_error: int | None = None
    is_closed: bool = False
    callbacks: dict[str, Callable[..., None]] = field(default_factory=dict)

    def memberid(self) -> str:
        """Return what the group calls this member."""
        return "member-1"

    def subscribe(self, topics: Sequence[str], **callbacks: Callable[..., None]) -> None:
        """Keep the callbacks."""
        self.callbacks = callbacks

    def poll(self, timeout: float) -> Any:
        """Play the next step."""
        if not self.script:
            return None
        step = self.script.popleft()
        return step() if callable(step) else step

    def consume(self, number: int, timeout: float) -> list[Any]:
        """Return the messages up to the next function."""
        found: list[Any] = []
        while self.script and len(found) < number and not callable(self.script[0]):
            found.append(self.script.popleft())
        return found

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """Write it down."""
        places = frozenset(Place(each.topic, each.partition) for each in partitions)
        self.paused |= places
        self.pauses.append(("pause", places))

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """Write it down."""
        places = frozenset(Place(each.topic, each.partition) for each in partitions)
        self.paused -= places
        self.pauses.append(("resume", places))

    def committed(self, partitions: Sequence[TopicPartition], timeout: float) -> list[TopicPartition]:
        """Return what the group has stored."""
        if self.committed_error is not None:
            raise KafkaException(KafkaError(self.committed_error))
        found = []
        for each in partitions:
            offset, metadata = self.stored.get(Place(each.topic, each.partition), (-1001, ""))
            found.append(TopicPartition(each.topic, each.partition, offset, metadata))
        return found

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        """Return the oldest and the next offset."""
        return self.low, self.low + 100

    def incremental_assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Take partitions."""
        self.assigned.update({Place(each.topic, each.partition): each.offset for each in partitions})

    def incremental_unassign(self, partitions: Sequence[TopicPartition]) -> None:
        """Give partitions up."""
        for each in partitions:
            self.assigned.pop(Place(each.topic, each.partition), None)

    def commit(self, offsets: Sequence[TopicPartition], asynchronous: bool) -> list[Answer] | None:
        """Store what does not fail."""
        wanted = {Place(each.topic, each.partition): (each.offset, each.metadata) for each in offsets}
        self.commits.append((asynchronous, wanted))
        answers = []
        for place, (offset, metadata) in wanted.items():
            code = self.failing.get(place, self.commit_error)
            if code is None:
                self.stored[place] = offset, metadata
            answers.append(Answer(*place, offset, metadata, None if code is None else KafkaError(code)))
        first = next((answer.error for answer in answers if answer.error is not None), None)
        if not asynchronous:
            if first is not None:
                raise KafkaException(first)
            return answers
        self.script.append(lambda: self.configuration["on_commit"](None, answers))
        return None

    def close(self) -> None:
        """Leave the group."""
        self.is_closed = True


@dataclass
class RecordingInbox:
    """Writes down what the poll thread says."""

    new: list[Assignment] = field(default_factory=list)
    gone: list[tuple[list[Assignment], bool]] = field(default_factory=list)
    received: list[Slice] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    full: list[tuple[Assignment, int]] = field(default_factory=list)
    on_revoke: Callable[[Sequence[Assignment]], bool] = lambda _: True

    def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Take new partitions."""
        self.new += assignments

    def revoked(self, assignments: Sequence[Assignment], drained: threading.Event, *, lost: bool) -> None:
        """Take the news of leaving partitions."""
        self.gone.append((list(assignments), lost))
        if self.on_revoke(assignments):
            drained.set()

    def slices(self, slices: Sequence[Slice]) -> None:
        """Take records."""
        self.received += slices

    def window_full(self, assignment: Assignment, offset: int) -> None:
        """Take the news of a full window."""
        self.full.append((assignment, offset))

    def failed(self, error: BaseException) -> None:
        """Take the end."""
        self.errors.append(error)


class Rig:
    """A poller whose thread is never started: the test is the thread."""

    def __init__(self, limits: Limits) -> None:
        self.consumer = ScriptedConsumer()
        self.inbox = RecordingInbox()
        self.now = 0.0
        self.poller = Poller({}, [TOPIC], self.inbox, limits, self._create, lambda: self.now)
        self.poller._consumer = self._create(self.poller._configuration)

    def _create(self, configuration: dict[str, Any]) -> ScriptedConsumer:
        self.consumer.configuration = configuration
        self.consumer.subscribe(
            [], on_assign=self.poller._on_assign, on_revoke=self.poller._on_revoke, on_lost=self.poller._on_lost
        )
        return self.consumer

    def assign(self, *partitions: int, ready: bool = True) -> list[Assignment]:
        """Let the group give partitions and, unless told otherwise, the pipeline be ready for them."""
        before = len(self.inbox.new)
        self.poller._on_assign(self.consumer, [TopicPartition(TOPIC, number) for number in partitions])
        self.raise_error()
        new = self.inbox.new[before:]
        if ready:
            self.poller.ready(new)
        return new

    def revoke(self, *partitions: int, lost: bool = False) -> None:
        """Let the group take partitions."""
        callback = self.poller._on_lost if lost else self.poller._on_revoke
        callback(self.consumer, [TopicPartition(TOPIC, number) for number in partitions])
        self.raise_error()

    def turn(self, seconds: float = 0.0, number: int = 1) -> None:
        """Let the thread go round."""
        for _ in range(number):
            self.now += seconds
            self.poller._turn()
        self.raise_error()

    def raise_error(self) -> None:
        """Raise what a callback has kept."""
        if self.poller.error is not None:
            raise self.poller.error

    def fetch(self, *offsets: int, partition: int = 0) -> list[Slice]:
        """Let records arrive and return their slices."""
        before = len(self.inbox.received)
        self.consumer.script.extend(Message(offset, partition) for offset in offsets)
        self.turn()
        while self.consumer.script:
            self.turn()
        return self.inbox.received[before:]

    def stored(self, partition: int = 0) -> int | None:
        """Return the offset that the group has stored."""
        found = self.consumer.stored.get(Place(TOPIC, partition))
        return None if found is None else found[0]


@pytest.fixture
def make_rig() -> Callable[..., Rig]:
    """Give a function that builds a poller with a scripted consumer."""
    return lambda **limits: Rig(Limits(**{"drain_seconds": 0.01, **limits}))


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """Give a poller with a scripted consumer and usual limits."""
    return make_rig()


@pytest.fixture
def place() -> Place:
    """Give the partition that most tests use."""
    return Place(TOPIC, 0)


@pytest.fixture
def end_of() -> Callable[..., Message]:
    """Give a function that makes the event "nothing more to read before this offset"."""
    return lambda offset, partition=0: Message(offset, partition, error_=KafkaError(KafkaError._PARTITION_EOF))


@pytest.fixture
def event_of() -> Callable[[int], Message]:
    """Give a function that makes the event of an error code."""
    return lambda code: Message(-1, error_=KafkaError(code))


@pytest.fixture
def message() -> type[Message]:
    """Give the class of a record without error."""
    return Message
