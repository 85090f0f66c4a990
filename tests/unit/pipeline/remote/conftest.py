"""An engine of a pipeline that calls a target, with a target and durable topics that the test plays."""

import asyncio
from datetime import UTC, datetime

import pytest

from lienthong import receipt
from lienthong.delivery.command import Action, Command
from lienthong.delivery.parked_state import ParkedState
from lienthong.delivery.review_record import review_id
from lienthong.delivery.scope import scope_of
from lienthong.outcome import Finding, Outcome, OutcomeKind
from lienthong.pipeline.item import Handled
from lienthong.pipeline.key_state import mark_of
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.remote import RemoteEngine
from lienthong.pipeline.step import ReviewRequired
from lienthong.pipeline.unparking import Order
from lienthong.record import Record
from lienthong.registry.schemas import SchemaRegistry

REGISTRY = SchemaRegistry.installed()
SECRET = b"0123456789abcdef0123456789abcdef"


class _Durable:
    """What Kafka would hold of the pipeline's own topics."""

    def __init__(self, producer, orders) -> None:
        self.producer = producer
        self.orders: list[Order] = orders
        self.forgotten: set[int] = set()
        self.deliver = None

    async def load(self, partitions, parked, states):
        """Replay what was written."""
        for offset, each in enumerate(self.producer.written):
            read = Record(each.topic, each.partition, offset, 0, each.key, each.value, each.headers)
            if each.topic == "hue.parked.deliver" and each.partition in partitions:
                parked.apply(read)
            if each.topic == "hue.state.deliver" and each.partition in partitions:
                states.load(read)
        return [order for order in self.orders if order.partition in partitions]

    def forget(self, partitions) -> None:
        """Forget."""
        self.forgotten |= set(partitions)

    async def follow(self, deliver) -> None:
        """Wait for ever."""
        self.deliver = deliver
        await asyncio.Event().wait()


class _Step:
    """A target that does what the test says."""

    types = frozenset()

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.effects: list[str] = []
        self.approved: list[str] = []
        self.answers: dict[str, object] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.waits: dict[str, asyncio.Event] = {}
        self.needs: dict[str, tuple[tuple[str, str], ...]] = {}
        self.at_work = 0

    async def open(self) -> None:
        """Open."""

    async def close(self) -> None:
        """Close."""

    async def handle(self, item, state):
        """Call the target."""
        event, _, _ = item.decoded()
        mark = mark_of(event.source, event.id)
        if mark in state.recent:
            return Handled(Outcome(OutcomeKind.DUPLICATE, "same_id", attempts=0))
        if event.id in self.waits:
            await self.waits[event.id].wait()
        answer = await item.attempts.interruption.call(self._call, event.id)
        if isinstance(answer, Exception):
            raise answer
        return Handled(Outcome.delivered("done"), state=state.with_delivery(len(self.calls), "").with_record(mark))

    async def _call(self, event_id):
        self.calls.append(event_id)
        self.at_work += 1
        try:
            if event_id in self.gates:
                await self.gates[event_id].wait()
        finally:
            self.at_work -= 1
        answer = self.answers.get(event_id)
        if answer is None:
            self.effects.append(event_id)
        return answer

    def scopes(self, item):
        """Return what the test says that a call needs."""
        return self.needs.get(item.event.id, ())

    async def approve(self, item, state):
        """Take an official's word."""
        self.approved.append(item.event.id)
        return Handled(Outcome.delivered("approved", attempts=0))


def make_mismatch() -> ReviewRequired:
    """Return the signal of a target that knows the citizen otherwise."""
    waiting = Outcome(OutcomeKind.REVIEW, "mismatch", 1, findings=(Finding("owner.full_name", "differs"),))
    return ReviewRequired("mismatch", Handled(waiting))


class _Lab:
    """An engine at work, and the means to look at it."""

    def __init__(self, pipeline, producer, clock, metrics, orders, step=None) -> None:
        self.pipeline, self.producer = pipeline, producer
        self.step = step or _Step()
        self.durable = _Durable(producer, orders)
        self.engine = RemoteEngine(pipeline, self.step, producer, self.durable, REGISTRY, clock, metrics, secret=SECRET)

    async def turns(self, number: int = 60) -> None:
        """Let everything go on."""
        for _ in range(number):
            await asyncio.sleep(0)

    def receipts(self) -> list[tuple[str, str]]:
        """Return id and kind in the order of writing."""
        batches = [receipt.decode(each.value) for each in self.producer.of("receipts")]
        return [(each.id, each.kind) for batch in batches for each in batch.receipts]

    def open_reviews(self) -> set[bytes]:
        """Return what the review topic, compacted, still holds."""
        last = {each.key: each.value for each in self.producer.of("review")}
        return {key for key, value in last.items() if value is not None}

    def review_of(self, message) -> bytes:
        """Return the key that a review of a record has."""
        return review_id("deliver", to_record(message)).encode()

    def parked(self) -> list[str]:
        """Return the ids that Kafka says are parked, in order."""
        state = ParkedState()
        for offset, each in enumerate(self.producer.of("parked.deliver")):
            state.apply(Record(each.topic, 0, offset, 0, each.key, each.value, each.headers))
        return [(entry.record.header("ce_id") or b"").decode() for entry in state]

    def give(self, message, action: Action, value: bytes | None = None) -> Order:
        """Write a decision on a record, or a release of its key's scope, where the engine reads it."""
        record = to_record(message)
        is_review = action in {Action.APPROVE, Action.CORRECT, Action.CANCEL}
        command = Command(
            action=action,
            review_id=review_id("deliver", record) if is_review else "",
            pipeline="deliver",
            actor="officer-1",
            reason="checked",
            decided_at=datetime(2026, 10, 9, tzinfo=UTC),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value if action is Action.REPLAY and value is None else value,
            headers=[] if is_review else record.headers,
        )
        return self.add(command)

    def release(self, kind: str, value: str) -> Order:
        """Write that a scope is allowed again."""
        scope = str(scope_of("portal", kind, value, SECRET))
        at = datetime(2026, 10, 9, tzinfo=UTC)
        return self.add(Command(Action.RELEASE, "", "deliver", "op-1", "allowed", at, "", 0, -1, None, scope=scope))

    def add(self, command: Command) -> Order:
        """Append a command to the topic; an engine at work reads it at once."""
        order = Order(command, command.partition, len(self.durable.orders))
        self.durable.orders.append(order)
        if self.durable.deliver is not None:
            self.durable.deliver(order)
        return order


@pytest.fixture
def make_lab(make_pipeline, producer, clock, metrics):
    """Give a function that makes an engine that is not started; all read the same topics."""
    orders: list[Order] = []
    world = (producer, clock, metrics, orders)

    def make(world=world, step=None, **policy):
        pipeline = make_pipeline(
            name="deliver",
            sources=["records.dossier"],
            deliver={"connector": "portal", "purpose": "p", "legal_basis": "l"},
            policy=policy,
        )
        return _Lab(pipeline, *world, step)

    return make


@pytest.fixture
async def lab(make_lab):
    """Give an engine at work."""
    made = make_lab()
    await made.engine.start()
    yield made
    await made.engine.stop()


@pytest.fixture
def source(make_bench):
    """Give the partition that the engine reads."""
    return make_bench("records.dossier")


@pytest.fixture
def mismatch():
    """Give a function that makes the signal of a target that knows the citizen otherwise."""
    return make_mismatch
