"""Parking, commands, crashes and rebalances in any order: nothing is lost, overtaken, stuck or done after its end."""

import asyncio
import random
from collections import defaultdict
from functools import partial
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from lienthong import receipt
from lienthong.delivery.command import Action
from lienthong.errors import RejectedByTargetError, ScopeError
from lienthong.outcome import Finding, Outcome, OutcomeKind
from lienthong.pipeline.item import Handled
from lienthong.pipeline.step import ReviewRequired, ScopeBlocked
from lienthong.record import Place
from lienthong.transport.assignment import Assignment, Slice

KEYS = [b"H57.21-261008-000%d" % number for number in range(3)]
PLACE = Place("hue.records.dossier", 0)
SCOPES = ["1.000001", "1.000002"]
RANKS = {"delivered": 3, "duplicate": 0, "dead_lettered": 1, "parked": 1, "review": 1}
FINAL = {"delivered", "cancelled", "superseded", "filtered"}


def _fault(kind: str):
    if kind == "refused":
        return RejectedByTargetError("refused")
    if kind == "mismatch":
        finding = Finding("owner.full_name", "differs")
        return ReviewRequired("mismatch", Handled(Outcome(OutcomeKind.REVIEW, "mismatch", findings=(finding,))))
    error = ScopeError("not whitelisted", scope_kind="procedure", scope=kind, reason="004")
    return ScopeBlocked(error, Handled(Outcome(OutcomeKind.PARKED, "scope")))


class _Machine(RuleBasedStateMachine):
    """One partition of a sequenced pipeline, its target, its operators, and workers that come, go and die."""

    def __init__(self, tools) -> None:
        super().__init__()
        self.tools = tools
        self.runner = asyncio.Runner()
        self.world = (tools.producer(), tools.clock(), tools.metrics(), [])
        self.step = tools.step()
        self.faults: dict[str, str] = {}
        self.messages: list = []
        self.keys: dict[str, bytes] = {}
        self.committed = 0
        self.deaths = 0
        self.taken_back: dict[str, int] = {}
        self.runner.run(self._begin())

    # What workers do.

    async def _begin(self) -> None:
        self.lab = self.tools.make_lab(self.world, self.step, errors={"sequenced": True}, retry={"max_interval": "60s"})
        await self.lab.engine.start()
        self.assignment = Assignment(PLACE, self.committed)
        await self.lab.engine.on_assigned([self.assignment])
        await self._submit(self.messages[self.committed :])
        await self.lab.turns(40)

    async def _submit(self, messages) -> None:
        if messages:
            self.assignment.deliver([each.offset() for each in messages])
            slice_ = Slice(self.assignment, messages[0].offset(), messages)
            submitting = asyncio.create_task(self.lab.engine.submit(slice_))
            await self.lab.turns(20)
            while not submitting.done() and self.world[0].lives != 0:
                # After a death records are begun one at a time, and one that waits holds up the next for a while.
                self.world[1].advance(10.0)
                await self.lab.turns(20)
            # A process of which Kafka hears nothing any more hangs until its end.
            submitting.cancel()
            await asyncio.wait([submitting])

    def _turn(self, *, is_calm: bool) -> None:
        self.runner.run(self.lab.turns(150 if is_calm else 3))

    def _id(self, message) -> str:
        return dict(message.headers())["ce_id"].decode()

    # What happens.

    @rule(
        key=st.sampled_from(KEYS),
        fault=st.sampled_from(["", "", "", "refused", "mismatch", *SCOPES, "waits"]),
        is_calm=st.booleans(),
    )
    def publish(self, key, fault, is_calm) -> None:
        """A record comes; the target accepts it, refuses it, doubts it, does not allow it or makes it wait."""
        message = self.tools.message(len(self.messages), key)
        identifier = self._id(message)
        self.keys[identifier] = key
        self.messages.append(message)
        if fault == "waits":
            self.step.waits[identifier] = asyncio.Event()
        elif fault:
            self.faults[identifier] = fault
            self.step.answers[identifier] = _fault(fault)
        self.runner.run(self._submit([message]))
        self._turn(is_calm=is_calm)

    @precondition(lambda self: self.step.answers or self.step.waits)
    @rule(which=st.integers(0, 20), is_calm=st.booleans())
    def heal(self, which, is_calm) -> None:
        """The target changes its mind about a record."""
        candidates = sorted({*self.step.answers, *self.step.waits})
        self._heal(candidates[which % len(candidates)])
        self._turn(is_calm=is_calm)

    @precondition(lambda self: self.messages)
    @rule(
        which=st.integers(0, 100),
        action=st.sampled_from([each for each in Action if each is not Action.RELEASE]),
        is_calm=st.booleans(),
    )
    def decide(self, which, action, is_calm) -> None:
        """Somebody decides on any record, whether or not there is anything to decide."""
        message = self.messages[which % len(self.messages)]
        self._give(message, action)
        self._turn(is_calm=is_calm)

    @rule(which=st.integers(0, 100), helps=st.booleans())
    def decide_what_is_open(self, which, helps) -> None:
        """Somebody decides on a record that makes others wait."""
        blockers = self._blockers()
        if blockers:
            message, reason = blockers[which % len(blockers)]
            self._answer(message, reason, helps=helps)
            self._turn(is_calm=True)

    @rule(scope=st.sampled_from(SCOPES), is_true=st.booleans(), is_calm=st.booleans())
    def release(self, scope, is_true, is_calm) -> None:
        """An operator says that a scope is allowed, rightly or not."""
        if is_true:
            for identifier in [each for each, fault in self.faults.items() if fault == scope]:
                self._heal(identifier)
        self._allow(scope)
        self._turn(is_calm=is_calm)

    @rule(seconds=st.sampled_from([1.0, 60.0]))
    def time_passes(self, seconds) -> None:
        """What was parked for the window is tried again."""
        self.world[1].advance(seconds)
        self._turn(is_calm=True)

    @rule()
    def window_is_full(self) -> None:
        """Whatever holds the partition up makes way."""
        if self.assignment.oldest is not None:
            self.runner.run(self.lab.engine.on_window_full(self.assignment, self.assignment.oldest))
            self._turn(is_calm=True)

    @rule(lost=st.booleans(), back=st.integers(0, 3))
    def rebalance(self, lost, back) -> None:
        """The partition goes and comes back, perhaps with a commit that is older than what was settled."""
        self.runner.run(self._leave(lost=lost))
        self._commit(back)
        self.runner.run(self._begin())

    @rule(writes=st.integers(0, 12), seed=st.integers(0, 1000))
    def is_going_to_die(self, writes, seed) -> None:
        """After some more writes Kafka hears nothing of this worker any more."""
        producer = self.world[0]
        if producer.lives is None:
            producer.lives, producer.chance = writes, random.Random(seed)

    @precondition(lambda self: self.world[0].lives is not None)
    @rule(back=st.integers(0, 3))
    def dies(self, back) -> None:
        """The process ends; all it knew is gone, what it wrote is read by the next one."""
        self._die(back)

    # What must hold.

    @invariant()
    def effects_of_a_key_are_in_order(self) -> None:
        """The first effect of a record never comes after that of a later record of its key."""
        seen = defaultdict(list)
        for identifier in self.step.effects:
            if identifier not in seen[self.keys[identifier]]:
                seen[self.keys[identifier]].append(identifier)
        for identifiers in seen.values():
            numbers = [int(each.removeprefix("p-")) for each in identifiers]
            assert numbers == sorted(numbers)

    @invariant()
    def an_effect_is_repeated_by_a_death_only(self) -> None:
        """Decisions, releases and rebalances repeat nothing."""
        for identifier in set(self.step.effects):
            assert self.step.effects.count(identifier) <= 1 + self.deaths

    @invariant()
    def what_was_taken_back_is_not_sent(self) -> None:
        """After its cancellation is durable, a record has no effect any more."""
        for identifier, effects in self.taken_back.items():
            assert self.step.effects.count(identifier) == effects
        for identifier, kinds in self._receipts().items():
            if "cancelled" in kinds:
                self.taken_back.setdefault(identifier, self.step.effects.count(identifier))

    @invariant()
    def what_is_committed_is_known(self) -> None:
        """Every record below the watermark has a receipt; what is open has its entry in Kafka."""
        kinds = self._receipts()
        parked = set(self.lab.parked())
        for message in self.messages[: self.assignment.position]:
            identifier = self._id(message)
            assert identifier in kinds
            if self._merged(kinds[identifier]) in {"parked", "review"}:
                assert identifier in parked

    def teardown(self) -> None:
        """In the end the target accepts, operators answer, and every record ends without anything left over."""
        if self.world[0].lives is not None:
            self._die(3)
        for identifier in {*self.step.answers, *self.step.waits}:
            self._heal(identifier)
        for _ in range(4 * len(self.messages) + 4):
            self._turn(is_calm=True)
            orphans = self.lab.open_reviews() - {each.review_id.encode() for each in self.lab.engine._parked}
            if not self.lab.parked() and not orphans and self.assignment.position == len(self.messages):
                break
            # Officials see them in their list and decide on them like on any other.
            for message in self.messages:
                if self.lab.review_of(message) in orphans:
                    self._give(message, Action.CANCEL)
            self.world[1].advance(60.0)
            for scope in SCOPES:
                self._allow(scope)
            for message, reason in self._blockers():
                self._answer(message, reason, helps=True)
        self._turn(is_calm=True)
        kinds = self._receipts()
        sent = set(self.step.effects)
        self.runner.run(self.lab.engine.stop())
        self.runner.close()
        assert self.lab.parked() == []
        assert self.lab.open_reviews() == set()
        for message in self.messages:
            identifier = self._id(message)
            end = self._merged(kinds[identifier])
            # A death between the state of a key and the receipt leaves "duplicate" for a record that ended before.
            assert end in FINAL or (end == "duplicate" and self.deaths)
            assert identifier in sent or end != "delivered" or identifier in self.step.approved

    # Helpers.

    def _heal(self, identifier) -> None:
        self.step.answers.pop(identifier, None)
        self.faults.pop(identifier, None)
        waiting = self.step.waits.pop(identifier, None)
        if waiting is not None:
            waiting.set()

    def _give(self, message, action) -> None:
        async def give() -> None:
            self.lab.give(message, action, message.value() if action is Action.CORRECT else None)

        self.runner.run(give())

    def _allow(self, scope) -> None:
        async def release() -> None:
            self.lab.release("procedure", scope)

        self.runner.run(release())

    def _answer(self, message, reason, *, helps) -> None:
        if helps:
            self._heal(self._id(message))
        if reason == "review":
            self._give(message, Action.CORRECT if helps else Action.CANCEL)
        elif reason in {"dead_letter", "quarantine"}:
            self._give(message, Action.REPLAY if helps else Action.DISCARD)

    def _blockers(self):
        found = []
        for key in KEYS:
            entry = self.lab.engine._parked.first(key)
            # Officials decide on what their list shows.
            if entry is not None and (not entry.review_id or entry.review_id.encode() in self.lab.open_reviews()):
                found.append((self.messages[entry.record.offset], entry.reason))
        return found

    def _commit(self, back) -> None:
        self.committed = max(self.committed, self.assignment.position - back)

    async def _leave(self, *, lost) -> None:
        self.assignment.is_leaving = True
        if lost or self.world[0].lives is not None:
            # Whether its last writes were taken is not known, as after a death.
            self.deaths += 1
        try:
            async with asyncio.timeout(0.05):
                await self.lab.engine.on_revoked([self.assignment], lost=lost)
        except TimeoutError:
            pass
        self.assignment.is_over = True
        await self._end()

    async def _end(self) -> None:
        producer = self.world[0]
        self.lab.engine._step = SimpleNamespace(close=self._nothing)
        await self.lab.engine.stop()
        producer.lives = None
        producer.pending = []

    async def _nothing(self) -> None:
        """Close nothing: the target is the same for all workers."""

    def _die(self, back) -> None:
        self.deaths += 1
        self.runner.run(self._end())
        self._commit(back)
        self.runner.run(self._begin())

    def _receipts(self):
        found = defaultdict(list)
        for each in self.world[0].of("receipts"):
            for row in receipt.decode(each.value).receipts:
                found[row.id].append(row.kind)
        return found

    def _merged(self, kinds) -> str:
        last = ""
        for kind in kinds:
            if not last or RANKS.get(kind, 2) >= RANKS.get(last, 2):
                last = kind
        return last


@pytest.fixture
def tools(make_lab, make_bench, producer, clock, metrics):
    """Give what a machine builds its world of."""

    class Mortal(type(producer)):
        """A producer that can die in the middle of its writes."""

        lives: int | None = None
        chance = random.Random(0)

        def acknowledge(self, number=None):
            """Take what this process still lives for; what was under way at its death is written in part."""
            if self.lives is None:
                super().acknowledge(number)
                return
            for batch in self.pending:
                if self.lives >= len(batch.records):
                    self.lives -= len(batch.records)
                    self.written += batch.records
                    batch.done.set_result(None)
                    continue
                left = {each.topic: self.chance.randint(0, len(batch.records)) for each in batch.records}
                for each in batch.records if self.lives else ():
                    if left[each.topic] > 0:
                        left[each.topic] -= 1
                        self.written.append(each)
                self.lives = 0
            self.pending = [batch for batch in self.pending if not batch.done.done()]
            if self.lives == 0:
                # Nothing is heard of the rest.
                self.pending = []

    bench = make_bench("records.dossier")

    def message(offset, key):
        made = bench.progress(offset + 1)
        made.offset_, made.key_ = offset, key
        return made

    return SimpleNamespace(
        producer=Mortal,
        clock=type(clock),
        metrics=lambda: type(metrics)(with_process=False),
        step=type(make_lab().step),
        make_lab=make_lab,
        message=message,
    )


def test_no_history_loses_overtakes_or_forgets(tools) -> None:
    """Whatever officials, operators, target, crashes and rebalances do, every record ends once, in its order."""
    run_state_machine_as_test(
        partial(_Machine, tools),
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
