"""Deliveries: each snapshot once, never an older one after a newer one, progress always."""

import pytest

from lienthong.connector import CallContext
from lienthong.errors import (
    OutcomeUnknownError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
)
from lienthong.outcome import Outcome, OutcomeKind
from lienthong.pipeline.deliver import Deliver
from lienthong.pipeline.item import decode
from lienthong.pipeline.key_state import KeyState, mark_of
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.step import ReviewRequired, ScopeBlocked
from lienthong.pipeline.target import Target
from lienthong.registry.schemas import SchemaRegistry

REGISTRY = SchemaRegistry.installed()


class _Sink:
    """A target that writes down and answers what the test says."""

    def __init__(self) -> None:
        self.contexts: list[CallContext] = []
        self.answers: list[object] = []

    async def deliver(self, event, data, context):
        """Deliver."""
        self.contexts.append(context)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer or Outcome.delivered("portal.created", target_reference="r-1")


@pytest.fixture
def sink():
    """Give a target."""
    return _Sink()


@pytest.fixture
def deliver(make_pipeline, sink, clock, metrics):
    """Give the step, and run it on one message after the other with the state that it returns."""
    retry = {"max_attempts": 3, "initial_interval": "1s", "jitter": "0ms"}
    pipeline = make_pipeline(
        name="deliver",
        sources=["records.dossier"],
        deliver={"connector": "portal", "purpose": "p", "legal_basis": "l"},
        policy={"retry": retry},
    )
    accepts = frozenset({"dossier.snapshot", "dossier.progress"})
    target = Target(pipeline, "portal", pipeline.definition.policy, clock, metrics)
    step = Deliver(pipeline, pipeline.definition.deliver, sink, target, accepts)
    step.state = KeyState()

    async def run(message):
        record = to_record(message)
        item = decode(record, None, REGISTRY, record.value, step.types)
        handled = await step.handle(item, step.state)
        step.state = handled.state or step.state
        return handled.outcome

    step.run = run
    return step


async def test_the_same_id_again_is_a_duplicate(deliver, bench, sink) -> None:
    """A record that comes twice has one effect."""
    assert (await deliver.run(bench.snapshot(1))).kind is OutcomeKind.DELIVERED
    again = await deliver.run(bench.snapshot(1))
    assert (again.kind, again.reason, again.attempts) == (OutcomeKind.DUPLICATE, "same_id", 0)
    assert len(sink.contexts) == 1


async def test_the_same_content_under_a_new_id_is_a_duplicate(deliver, bench, sink) -> None:
    """Systems export the same state again and again; the nation needs it once."""
    await deliver.run(bench.snapshot(1, "a"))
    again = await deliver.run(bench.snapshot(2, "b", lambda body: body.update(occurred_at="2026-10-09T08:00:00+07:00")))
    assert (again.kind, again.reason) == (OutcomeKind.DUPLICATE, "same_content")
    assert deliver.state.sequence == 2
    changed = await deliver.run(bench.snapshot(3, "c", lambda body: body.update(status="processing")))
    assert changed.kind is OutcomeKind.DELIVERED
    back = await deliver.run(bench.snapshot(4, "d"))
    assert back.kind is OutcomeKind.DELIVERED
    assert len(sink.contexts) == 3


async def test_a_round_of_supplement_is_never_a_duplicate(deliver, bench, sink) -> None:
    """A second round with the same words is another round; only its re-export settles as a duplicate."""
    asked = {"requested_by": "Cán bộ", "content": "Bổ sung", "requested_at": "2026-10-08T08:00:00+07:00"}
    rounds = [{**asked, "supplement_id": f"bo-sung-{number}", "status": "requested"} for number in (1, 2)]
    ways = [rounds[:1], [{**rounds[0], "status": "received"}], [{**rounds[0], "status": "received"}, rounds[1]]]
    kinds = []
    for sequence, supplements in enumerate([*ways, ways[-1]], start=1):
        snapshot = bench.snapshot(sequence, change=lambda body, now=supplements: body.update(supplements=now))
        kinds.append((await deliver.run(snapshot)).kind)
    assert kinds == [OutcomeKind.DELIVERED] * 3 + [OutcomeKind.DUPLICATE]
    assert len(sink.contexts) == 3


async def test_an_older_snapshot_is_superseded_and_never_sent(deliver, bench, sink) -> None:
    """A late snapshot must not put an old state over a new one."""
    await deliver.run(bench.snapshot(5))
    late = await deliver.run(bench.snapshot(4, change=lambda body: body.update(status="processing")))
    assert (late.kind, late.attempts) == (OutcomeKind.SUPERSEDED, 0)
    assert (await deliver.run(bench.snapshot(4))).kind is OutcomeKind.DUPLICATE
    assert len(sink.contexts) == 1


async def test_every_step_of_progress_is_sent_once(deliver, bench, sink) -> None:
    """Progress has no newer state that would replace it, also when it comes out of order."""
    await deliver.run(bench.snapshot(5))
    for number in (3, 1, 2):
        assert (await deliver.run(bench.progress(number))).kind is OutcomeKind.DELIVERED
    assert (await deliver.run(bench.progress(1))).kind is OutcomeKind.DUPLICATE
    assert len(sink.contexts) == 4


async def test_types_that_the_connector_does_not_know_are_filtered(deliver, bench, make_headers) -> None:
    """Further types in the same topic do not disturb."""
    message = bench.message({"dossier_code": "H57.21-261008-0001"}, make_headers("dossier.verified"))
    assert (await deliver.run(message)).kind is OutcomeKind.FILTERED


async def test_what_nobody_can_know_goes_to_a_person(deliver, bench, sink) -> None:
    """An unknown outcome is neither repeated blindly nor forgotten, also when the record is let go on."""
    sink.answers = [OutcomeUnknownError("reset after sending")]
    with pytest.raises(ReviewRequired) as caught:
        await deliver.run(bench.snapshot(1))
    handled = caught.value.handled
    assert caught.value.reason == handled.outcome.reason == "outcome_unknown"
    assert handled.outcome.repeat_possible is True
    assert handled.state.begun == mark_of("/hue/one-stop", "s-1")
    assert len(sink.contexts) == 1
    assert (await deliver.run(bench.snapshot(1))).kind is OutcomeKind.DELIVERED


async def test_what_the_target_does_not_allow_waits_for_its_scope(deliver, bench, sink) -> None:
    """No official can decide what only the target's operator can allow; the state stays as it was."""
    sink.answers = [ScopeError("not whitelisted", scope_kind="procedure", scope="1.004194", reason="004")]
    with pytest.raises(ScopeBlocked) as caught:
        await deliver.run(bench.snapshot(1))
    handled = caught.value.handled
    assert (handled.outcome.kind, handled.outcome.reason) == (OutcomeKind.PARKED, "scope")
    assert (caught.value.error.scope_kind, caught.value.error.scope) == ("procedure", "1.004194")
    assert handled.state is None
    assert (await deliver.run(bench.snapshot(1))).kind is OutcomeKind.DELIVERED


async def test_attempts_share_the_effect_and_have_ids_of_their_own(deliver, bench, sink, clock) -> None:
    """The target can tell a repeat from a second effect; officials can find each call in its log."""
    sink.answers = [TargetUnavailableError("away"), TargetUnavailableError("away")]
    outcome = await deliver.run(bench.snapshot(1))
    assert outcome.attempts == 3
    assert len({each.effect_key for each in sink.contexts}) == 1
    ids = [each.attempt_id for each in sink.contexts]
    assert outcome.attempt_ids == tuple(ids)
    assert len(set(ids)) == 3
    assert [each.attempt for each in sink.contexts] == [1, 2, 3]
    assert clock.sleeps


async def test_an_outage_never_uses_the_attempts_up(deliver, bench, sink) -> None:
    """However long the target is away or refuses our credentials, no record is set aside."""
    sink.answers = [TargetUnavailableError("away")] * 40 + [TargetConfigurationError("refused")] * 3
    outcome = await deliver.run(bench.snapshot(1))
    assert outcome.kind is OutcomeKind.DELIVERED
    assert outcome.attempts == 44


async def test_a_refused_record_leaves_the_state_as_it_was(deliver, bench, sink) -> None:
    """What was not delivered must not count as the last delivered."""
    sink.answers = [RejectedByTargetError("refused")]
    with pytest.raises(RejectedByTargetError) as caught:
        await deliver.run(bench.snapshot(7))
    assert caught.value.attempts == 1
    assert deliver.state == KeyState()
    assert (await deliver.run(bench.snapshot(3))).kind is OutcomeKind.DELIVERED
