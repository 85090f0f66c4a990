"""The engine of pipelines that call a target: lanes, reviews, decisions, revocations and the end of a worker."""

import asyncio
from datetime import UTC, datetime

import pytest

from lienthong import receipt
from lienthong.delivery.command import Action, Command
from lienthong.delivery.parking import ParkedState
from lienthong.delivery.review_record import review_id
from lienthong.errors import FatalError, RejectedByTargetError
from lienthong.outcome import Finding, Outcome, OutcomeKind
from lienthong.pipeline.item import Handled
from lienthong.pipeline.key_state import decode, mark_of
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.remote import RemoteEngine
from lienthong.pipeline.step import ReviewRequired
from lienthong.record import Record
from lienthong.registry.schemas import SchemaRegistry

REGISTRY = SchemaRegistry.installed()
CODE = b"H57.21-261008-0001"


class _Durable:
    """What Kafka would hold of the pipeline's own topics."""

    def __init__(self, producer) -> None:
        self.producer = producer
        self.commands: list[Command] = []
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
        return self.commands

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
        self.approved: list[str] = []
        self.answers: dict[str, object] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.at_work = 0

    async def open(self) -> None:
        """Open."""

    async def close(self) -> None:
        """Close."""

    async def handle(self, item, state):
        """Call the target."""
        event, _, _ = item.decoded()
        if mark_of(event.source, event.id) in state.recent:
            return Handled(Outcome(OutcomeKind.DUPLICATE, "same_id", attempts=0))
        self.calls.append(event.id)
        self.at_work += 1
        try:
            if event.id in self.gates:
                await self.gates[event.id].wait()
        finally:
            self.at_work -= 1
        answer = self.answers.get(event.id)
        if isinstance(answer, Exception):
            raise answer
        return Handled(Outcome.delivered("done"), state=state.with_delivery(len(self.calls), ""))

    async def approve(self, item, state):
        """Take an official's word."""
        self.approved.append(item.event.id)
        return Handled(Outcome.delivered("approved", attempts=0))


def _mismatch() -> ReviewRequired:
    waiting = Outcome(OutcomeKind.REVIEW, "mismatch", 1, findings=(Finding("owner.full_name", "differs"),))
    return ReviewRequired("mismatch", Handled(waiting))


class _Lab:
    """An engine at work, and the means to look at it."""

    def __init__(self, pipeline, producer, clock, metrics) -> None:
        self.pipeline, self.producer = pipeline, producer
        self.step = _Step()
        self.durable = _Durable(producer)
        self.engine = RemoteEngine(pipeline, self.step, producer, self.durable, REGISTRY, clock, metrics)

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

    def parked(self) -> list[str]:
        """Return the ids that Kafka says are parked, in order."""
        state = ParkedState()
        for offset, each in enumerate(self.producer.of("parked.deliver")):
            state.apply(Record(each.topic, 0, offset, 0, each.key, each.value, each.headers))
        return [(entry.record.header("ce_id") or b"").decode() for entry in state]

    def command(self, message, action: Action, corrected: bytes | None = None) -> Command:
        """Return an official's decision on a record."""
        return Command(
            action=action,
            review_id=review_id("deliver", to_record(message)),
            pipeline="deliver",
            actor="officer-1",
            reason="checked",
            decided_at=datetime(2026, 10, 9, tzinfo=UTC),
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            key=CODE,
            corrected=corrected,
        )


@pytest.fixture
def make_lab(make_pipeline, producer, clock, metrics):
    """Give a function that makes an engine that is not started."""

    def make(**policy):
        pipeline = make_pipeline(
            name="deliver",
            sources=["records.dossier"],
            deliver={"connector": "portal", "purpose": "p", "legal_basis": "l"},
            policy=policy,
        )
        return _Lab(pipeline, producer, clock, metrics)

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


async def test_a_record_is_settled_after_state_and_receipt(lab, source, producer) -> None:
    """Nothing is committed that Kafka does not know the outcome of."""
    producer.is_held = True
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    assert source.assignment.in_flight == 1
    producer.acknowledge()
    await lab.turns()
    assert source.assignment.in_flight == 1
    producer.acknowledge()
    await lab.turns()
    assert source.assignment.position == 1
    assert producer.log == ["write state.deliver", "write receipts"]
    assert lab.receipts() == [("p-1", "delivered")]


async def test_one_key_is_in_order_and_others_do_not_wait(lab, source) -> None:
    """A slow dossier holds itself up and nobody else; what settles behind it is remembered above the watermark."""
    lab.step.gates["p-1"] = asyncio.Event()
    other = source.progress(3)
    first, second = source.progress(1), source.progress(2)
    first.offset_, second.offset_, other.offset_ = 0, 1, 2
    other.key_ = b"H57.21-261008-0002"
    await lab.engine.submit(source.slice(first, second, other))
    await lab.turns()
    assert lab.step.calls == ["p-1", "p-3"]
    assert source.assignment.position == 0
    assert source.assignment.in_flight == 2
    lab.step.gates["p-1"].set()
    await lab.turns()
    assert lab.step.calls == ["p-1", "p-3", "p-2"]
    assert source.assignment.position == 3


async def test_a_rejected_record_becomes_a_dead_letter_and_the_key_goes_on(lab, source, producer) -> None:
    """The record's own fault: set aside with reason and origin, receipt, settled."""
    error = RejectedByTargetError("refused", reason="E05")
    error.attempts = 3
    lab.step.answers["p-1"] = error
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    assert lab.receipts() == [("p-1", "dead_lettered"), ("p-2", "delivered")]
    (letter,) = producer.of("deadletters.deliver")
    headers = dict(letter.headers)
    assert headers["lt-error-reason"] == b"E05"
    assert headers["lt-error-attempts"] == b"3"
    assert headers["lt-error-stage"] == b"sink_write"
    assert source.assignment.position == 2


async def test_an_undecodable_record_becomes_a_dead_letter(lab, source, producer) -> None:
    """Also behind intake a record can be broken; it must not stop the pipeline."""
    await lab.engine.submit(source.slice(source.message(b"{", [("ce_id", b"x")]), source.progress(1)))
    await lab.turns()
    assert [kind for _, kind in lab.receipts()] == ["dead_lettered", "delivered"]
    assert dict(producer.of("deadletters.deliver")[0].headers)["lt-error-stage"] == b"decode"


async def test_a_pipeline_that_tolerates_no_error_stops(make_lab, source, producer) -> None:
    """With tolerance "stop" nothing is set aside and nothing settled."""
    lab = make_lab(errors={"tolerance": "stop"})
    await lab.engine.start()
    lab.step.answers["p-1"] = RejectedByTargetError("refused")
    await lab.engine.submit(source.slice(source.progress(1)))
    with pytest.raises(FatalError):
        await asyncio.wait_for(lab.engine.wait_failed(), 1)
    assert source.assignment.in_flight == 1
    assert producer.written == []
    await lab.engine.stop()


async def test_an_unknown_error_stops_the_engine_and_settles_nothing(lab, source, producer) -> None:
    """A defect of a connector is no reason to set citizens' records aside."""
    lab.step.answers["p-1"] = ZeroDivisionError("defect")
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(lab.engine.wait_failed(), 1)
    assert source.assignment.in_flight == 2
    assert producer.of("receipts") == []


async def test_a_review_parks_its_key_and_nothing_of_it_overtakes(lab, source) -> None:
    """While an official decides, later records of the dossier wait behind, in order, settled in the source."""
    lab.step.answers["p-1"] = _mismatch()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2), source.progress(3)))
    await lab.turns()
    assert lab.step.calls == ["p-1"]
    assert lab.receipts() == [("p-1", "review"), ("p-2", "parked"), ("p-3", "parked")]
    assert lab.parked() == ["p-1", "p-2", "p-3"]
    assert len(lab.open_reviews()) == 1
    assert source.assignment.position == 3


@pytest.mark.parametrize("action", [Action.APPROVE, Action.CANCEL, Action.CORRECT])
async def test_a_decision_releases_the_key_in_order(lab, source, action) -> None:
    """The decided record first, then those behind it; afterwards nothing is parked and no review open."""
    lab.step.answers["p-1"] = _mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2), source.progress(3)))
    await lab.turns()
    lab.step.answers.clear()
    corrected = first.value() if action is Action.CORRECT else None
    lab.durable.deliver(lab.command(first, action, corrected))
    await lab.turns(200)
    ends = {Action.APPROVE: "delivered", Action.CANCEL: "cancelled", Action.CORRECT: "delivered"}
    assert lab.receipts()[3:] == [("p-1", ends[action]), ("p-2", "delivered"), ("p-3", "delivered")]
    assert lab.step.calls == ["p-1", *(["p-1"] if action is Action.CORRECT else []), "p-2", "p-3"]
    assert lab.parked() == []
    assert lab.open_reviews() == set()
    await lab.engine.submit(source.slice(source.progress(4)))
    await lab.turns()
    assert lab.receipts()[-1] == ("p-4", "delivered")


@pytest.mark.parametrize("action", [Action.APPROVE, Action.CANCEL])
async def test_a_decided_record_that_is_read_again_is_not_handled_again(lab, source, action) -> None:
    """Its offset may not have been committed when the worker died: what an official cancelled must never be sent."""
    lab.step.answers["p-1"] = _mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first))
    await lab.turns()
    lab.step.answers.clear()
    lab.durable.deliver(lab.command(first, action))
    await lab.turns(200)
    again = source.progress(1)
    await lab.engine.submit(source.slice(again))
    await lab.turns()
    assert lab.step.calls == ["p-1"]
    assert lab.receipts()[-1] == ("p-1", "duplicate")


async def test_the_same_decision_twice_is_carried_out_once(lab, source) -> None:
    """Commands stay in Kafka and are read again at every assignment."""
    lab.step.answers["p-1"] = _mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first))
    await lab.turns()
    lab.durable.deliver(lab.command(first, Action.APPROVE))
    lab.durable.deliver(lab.command(first, Action.APPROVE))
    lab.durable.deliver(lab.command(first, Action.CANCEL))
    await lab.turns(200)
    assert lab.step.approved == ["p-1"]
    assert lab.receipts() == [("p-1", "review"), ("p-1", "delivered")]


async def test_a_record_that_waited_may_need_a_decision_of_its_own(lab, source) -> None:
    """The second review keeps the order of those behind it; deciding it releases them."""
    lab.step.answers |= {"p-1": _mismatch(), "p-2": _mismatch()}
    first, second = source.progress(1), source.progress(2)
    await lab.engine.submit(source.slice(first, second, source.progress(3)))
    await lab.turns()
    lab.durable.deliver(lab.command(first, Action.APPROVE))
    await lab.turns(200)
    assert lab.parked() == ["p-2", "p-3"]
    assert lab.open_reviews() == {review_id("deliver", to_record(second)).encode()}
    assert lab.receipts()[3:] == [("p-1", "delivered"), ("p-2", "review")]
    lab.durable.deliver(lab.command(second, Action.APPROVE))
    await lab.turns(200)
    assert lab.parked() == []
    assert lab.open_reviews() == set()
    assert lab.receipts()[5:] == [("p-2", "delivered"), ("p-3", "delivered")]


async def test_a_correction_that_is_still_wrong_asks_again(lab, source) -> None:
    """A second wrong value opens the review once more, with the corrected value."""
    lab.step.answers["p-1"] = _mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2)))
    await lab.turns()
    lab.durable.deliver(lab.command(first, Action.CORRECT, first.value()))
    await lab.turns(200)
    assert lab.parked() == ["p-1", "p-2"]
    assert len(lab.open_reviews()) == 1
    assert lab.step.calls == ["p-1", "p-1"]
    lab.durable.deliver(lab.command(first, Action.CANCEL))
    await lab.turns(200)
    assert lab.parked() == []
    assert lab.receipts()[-2:] == [("p-1", "cancelled"), ("p-2", "delivered")]


async def test_a_parked_record_that_is_read_again_is_told_once_more_and_not_parked_twice(
    make_lab, lab, source, make_bench
) -> None:
    """A worker that dies between parking and commit: the next one finds it parked and adds nothing."""
    lab.step.answers["p-1"] = _mismatch()
    first, second = source.progress(1), source.progress(2)
    await lab.engine.submit(source.slice(first, second))
    await lab.turns()
    successor = make_lab()
    await successor.engine.start()
    fresh = make_bench("records.dossier")
    await successor.engine.on_assigned([fresh.assignment])
    await successor.engine.submit(fresh.slice(fresh.progress(1), fresh.progress(2), fresh.progress(3)))
    await successor.turns()
    assert successor.step.calls == []
    assert successor.parked() == ["p-1", "p-2", "p-3"]
    assert len(successor.open_reviews()) == 1
    assert fresh.assignment.position == 3
    successor.durable.deliver(successor.command(first, Action.APPROVE))
    await successor.turns(200)
    assert successor.parked() == []
    assert successor.step.calls == ["p-2", "p-3"]
    await successor.engine.stop()


async def test_a_decision_that_came_while_nobody_worked_is_carried_out_at_assignment(
    make_lab, lab, source, make_bench
) -> None:
    """Officials decide also while a worker is down."""
    lab.step.answers["p-1"] = _mismatch()
    first = source.progress(1)
    await lab.engine.submit(source.slice(first, source.progress(2)))
    await lab.turns()
    successor = make_lab()
    successor.durable.commands = [successor.command(first, Action.APPROVE)]
    await successor.engine.start()
    await successor.engine.on_assigned([make_bench("records.dossier").assignment])
    await successor.turns(200)
    assert successor.step.calls == ["p-2"]
    assert successor.parked() == []
    await successor.engine.stop()


async def test_a_revocation_finishes_what_runs_and_drops_what_waits(lab, source) -> None:
    """The new owner begins with what this worker has not begun; nothing of the key is done twice or out of order."""
    gate = lab.step.gates["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    source.assignment.is_leaving = True
    leaving = asyncio.create_task(lab.engine.on_revoked([source.assignment], lost=False))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait_for(leaving, 2)
    await lab.turns()
    assert lab.step.calls == ["p-1"]
    assert source.assignment.position == 1
    assert lab.durable.forgotten == {0}


async def test_a_lost_partition_cancels_what_runs(lab, source) -> None:
    """Another worker may be at the same record already."""
    lab.step.gates["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    await asyncio.wait_for(lab.engine.on_revoked([source.assignment], lost=True), 2)
    await lab.turns()
    assert lab.step.at_work == 0
    assert lab.receipts() == []
    assert source.assignment.in_flight == 2


@pytest.mark.parametrize("answer", [None, "review", "reject"])
async def test_a_call_that_ends_after_its_partition_left_writes_no_state(lab, source, producer, answer) -> None:
    """Its old state or parked entry would overwrite the new owner's; only a possible repeat is told."""
    gate = lab.step.gates["p-1"] = asyncio.Event()
    if answer is not None:
        lab.step.answers["p-1"] = _mismatch() if answer == "review" else RejectedByTargetError("refused")
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    source.assignment.is_over = True
    gate.set()
    await lab.turns()
    assert {each.topic for each in producer.written} <= {"hue.receipts"}
    if answer is None:
        (row,) = receipt.decode(producer.of("receipts")[0].value).receipts
        assert (row.kind, row.repeat_possible) == ("delivered", True)
    else:
        assert producer.written == []
    assert lab.engine._review.is_parked(type("Item", (), {"record": to_record(source.progress(9))})) is False


async def test_a_stopping_worker_finishes_what_runs_and_begins_nothing(lab, source) -> None:
    """The rest of a slice must not go on after what waited in its lane was dropped: that would break the order."""
    gate = lab.step.gates["p-1"] = asyncio.Event()
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    draining = asyncio.create_task(lab.engine.drain(5.0))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait_for(draining, 2)
    await lab.engine.submit(source.slice(source.progress(3)))
    await lab.turns()
    assert lab.step.calls == ["p-1"]
    assert source.assignment.position == 1
    assert lab.receipts() == [("p-1", "delivered")]


async def test_a_stopping_worker_does_not_wait_for_ever_for_kafka(make_lab, source, producer, clock) -> None:
    """With the broker away a worker must still end when it is told to."""
    lab = make_lab()
    await lab.engine.start()
    producer.is_held = True
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    assert await asyncio.wait_for(lab.engine.drain(0.05), 2) is False
    assert source.assignment.in_flight == 1
    await lab.engine.stop()


async def test_what_was_known_of_a_key_is_known_to_the_next_owner(make_lab, lab, source, make_bench) -> None:
    """The state of a key is in Kafka, not in the process."""
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    (written,) = lab.producer.of("state.deliver")
    assert (written.key, written.partition) == (CODE, 0)
    stored = decode(Record(written.topic, 0, 0, 0, written.key, written.value, []))
    assert stored.sequence == 1
    successor = make_lab()
    await successor.engine.start()
    await successor.engine.on_assigned([make_bench("records.dossier").assignment])
    assert successor.engine._states.get(0, CODE) == stored
    await successor.engine.stop()
