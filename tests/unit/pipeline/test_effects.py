"""What a declared effect changes: who may be called again, who is asked first, what a crash leaves behind."""

import pytest

from lienthong.connector import ConnectorKind, ConnectorSpec, Effect, Sink
from lienthong.delivery.interruption import Interrupted, Interruption
from lienthong.errors import OutcomeUnknownError, RejectedByTargetError
from lienthong.outcome import Outcome, OutcomeKind
from lienthong.pipeline.deliver import Deliver
from lienthong.pipeline.item import decode
from lienthong.pipeline.key_state import KeyState, KeyStates, encode, mark_of
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.step import ReviewRequired
from lienthong.pipeline.target import Target
from lienthong.record import Record
from lienthong.registry.schemas import SchemaRegistry

REGISTRY = SchemaRegistry.installed()
KEY = b"H57.21-261008-0001"
MARK = mark_of("/hue/one-stop", "p-1")
UNKNOWN = OutcomeUnknownError("reset after sending", reason="connection_broken")


class _Sink(Sink):
    """A target whose answers get lost, and which can say what it holds."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.answers: list[Exception] = []
        self.held: Outcome | None = None

    async def deliver(self, event, data, context):
        """Deliver."""
        self.log.append("deliver")
        if self.answers:
            raise self.answers.pop(0)
        return Outcome.delivered("written")

    async def was_done(self, event, data, context):
        """Tell what is held."""
        self.log.append("ask")
        return self.held


@pytest.fixture
def sink(producer):
    """Give a target that writes into the producer's log, so that the order of both can be seen."""
    return _Sink(producer.log)


@pytest.fixture
def run(make_pipeline, sink, clock, metrics, producer, bench):
    """Give a function that delivers one step of a dossier with an effect and a state of its key."""
    pipeline = make_pipeline(
        name="deliver",
        sources=["records.dossier"],
        deliver={"connector": "portal", "purpose": "p", "legal_basis": "l"},
    )
    message = bench.progress(1)

    async def deliver(effect, state=None, interruption=None):
        target = Target(pipeline, "portal", pipeline.definition.policy, clock, metrics)
        accepts = frozenset({"dossier.progress"})
        step = Deliver(pipeline, pipeline.definition.deliver, sink, target, accepts, lambda _: effect, producer)
        record = to_record(message)
        item = decode(record, None, REGISTRY, record.value, step.types)
        item.attempts.interruption = interruption
        return await step.handle(item, state or KeyState())

    return deliver


def _after_crash(producer) -> KeyState:
    """Return what the next worker reads of the key."""
    states = KeyStates()
    for out in producer.of("state.deliver"):
        states.load(Record(out.topic, out.partition, 0, 1, out.key, out.value, out.headers))
    return states.get(0, KEY)


@pytest.mark.parametrize("effect", [Effect.IDEMPOTENT, Effect.UPSERT, Effect.QUERY_BEFORE_WRITE])
async def test_an_unknown_outcome_is_asked_for_and_then_repeated(run, sink, effect):
    """Three of the four effects promise one effect, so nobody has to decide, and nothing is used up."""
    sink.answers = [UNKNOWN] * 7
    handled = await run(effect)
    assert handled.outcome.kind is OutcomeKind.DELIVERED
    assert (handled.outcome.attempts, handled.outcome.repeat_possible) == (8, False)
    calls = [each for each in sink.log if not each.startswith("write")]
    assert calls == ["deliver", *["ask", "deliver"] * 7]


async def test_what_the_target_holds_is_not_sent_again(run, sink):
    """The answer of the question stands for the lost one."""
    sink.answers = [UNKNOWN]
    sink.held = Outcome.delivered("found", target_reference="r-1")
    handled = await run(Effect.QUERY_BEFORE_WRITE)
    assert (handled.outcome.reason, handled.outcome.target_reference) == ("found", "r-1")
    assert sink.log.count("deliver") == 1


async def test_without_any_promise_a_person_decides(run, sink):
    """Sending again could be a second effect, so it is not done by the hub alone."""
    sink.answers = [UNKNOWN]
    with pytest.raises(ReviewRequired) as caught:
        await run(Effect.NONE)
    assert caught.value.handled.outcome.repeat_possible
    assert sink.log.count("deliver") == 1


async def test_a_repeat_after_a_crash_is_shown(run, sink, producer):
    """The call was noted before it was made, so the next worker knows that it may make it a second time."""
    await run(Effect.NONE)
    assert sink.log == ["write state.deliver", "deliver"]
    state = _after_crash(producer)
    assert state.begun == MARK
    handled = await run(Effect.NONE, state)
    assert handled.outcome.repeat_possible
    assert handled.state.begun == ""


async def test_who_froze_over_its_note_makes_no_call(run, sink):
    """The next owner has read its state without the note, so a call now would be one that no receipt shows."""
    answers = iter([True, False])

    async def is_ours() -> bool:
        return next(answers)

    with pytest.raises(Interrupted):
        await run(Effect.NONE, interruption=Interruption(is_ours))
    assert sink.log == ["write state.deliver"]


async def test_after_a_crash_the_target_is_asked_first(run, sink, producer):
    """What a dead worker sent must not be sent again where the target can tell."""
    await run(Effect.QUERY_BEFORE_WRITE)
    sink.held = Outcome.delivered("found")
    sink.log.clear()
    handled = await run(Effect.QUERY_BEFORE_WRITE, _after_crash(producer))
    assert (handled.outcome.reason, handled.outcome.repeat_possible) == ("found", False)
    assert "deliver" not in sink.log


@pytest.mark.parametrize("effect", [Effect.IDEMPOTENT, Effect.UPSERT])
async def test_what_may_be_repeated_costs_no_note(run, sink, effect):
    """Only operations that need it pay for a write before each call."""
    await run(effect)
    assert sink.log == ["deliver"]


async def test_a_refusal_and_an_outcome_end_the_note(run, sink, producer):
    """A record that the target certainly did not take, or that ended, is no possible repeat when it comes again."""
    sink.answers = [RejectedByTargetError("refused")]
    with pytest.raises(RejectedByTargetError):
        await run(Effect.NONE)
    assert _after_crash(producer).begun == ""
    handled = await run(Effect.NONE)
    out = encode("hue.state.deliver", 0, KEY, handled.state)
    producer.written.append(out)
    assert _after_crash(producer).begun == ""
    producer.written.remove(out)
    producer.written.insert(0, out)
    assert _after_crash(producer).begun == ""


def test_a_type_without_a_named_operation_counts_as_the_weakest():
    """What nobody promised is not relied on."""
    spec = ConnectorSpec(
        "x", ConnectorKind.SINK, None, None, "X", {"a": Effect.IDEMPOTENT, "b": Effect.UPSERT}, {"t": "a"}
    )
    assert (spec.effect_of("t"), spec.effect_of("other")) == (Effect.IDEMPOTENT, Effect.UPSERT)
    assert ConnectorSpec("x", ConnectorKind.SINK, None, None, "X").effect_of("t") is Effect.NONE
