"""Lookups: no question without a recorded intent, no answer used without a recorded result."""

import hashlib
import json

import pytest

from lienthong import access_log
from lienthong.access_log import AccessPhase
from lienthong.envelope import from_kafka
from lienthong.errors import BrokerUnavailableError, RejectedByTargetError, ScopeError, TargetUnavailableError
from lienthong.outcome import Answer, AnswerStatus, Finding, OutcomeKind
from lienthong.pipeline.item import decode
from lienthong.pipeline.key_state import KeyState, mark_of
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.step import ReviewRequired, ScopeBlocked
from lienthong.pipeline.target import Target
from lienthong.pipeline.verify import Verify
from lienthong.registry.schemas import SchemaRegistry

REGISTRY = SchemaRegistry.installed()
SECRETS = ("Thuận", "000190123456", "1990-02-03")


class _Lookup:
    """A database that answers what the test says and writes down what Kafka knew when it was asked."""

    def __init__(self, producer) -> None:
        self.producer = producer
        self.answers: list[object] = []
        self.asked = 0

    async def lookup(self, query, context):
        """Answer."""
        self.asked += 1
        self.producer.log.append("lookup")
        answer = self.answers.pop(0) if self.answers else Answer(AnswerStatus.MATCH, fields=("full_name",))
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def lookup(producer):
    """Give a database."""
    return _Lookup(producer)


@pytest.fixture
def make_verify(make_pipeline, lookup, producer, clock, metrics):
    """Give a function that makes the step with a secret."""

    def make(secret: bytes = b"secret"):
        pipeline = make_pipeline(
            name="verify",
            sources=["records.dossier"],
            types=["dossier.snapshot"],
            lookup={
                "connector": "population",
                "query": "person_identity",
                "purpose": "p",
                "legal_basis": "l",
                "topic": "verified.dossier",
            },
            policy={"retry": {"initial_interval": "1s", "jitter": "0ms"}},
        )
        target = Target(pipeline, "population", pipeline.definition.policy, clock, metrics)
        return Verify(pipeline, pipeline.definition.lookup, lookup, target, producer, clock, secret)

    return make


@pytest.fixture
def verify(make_verify):
    """Give the step."""
    return make_verify()


def _item(message, step):
    record = to_record(message)
    return decode(record, None, REGISTRY, record.value, step.types)


def _entries(producer):
    return [access_log.decode(each.value) for each in producer.of("access-log")]


async def test_intent_is_acknowledged_before_the_question_and_the_result_before_its_use(verify, bench, producer):
    """Whoever looks at a citizen's data leaves a trace first; the trace holds no value of the citizen."""
    handled = await verify.handle(_item(bench.snapshot(1), verify), KeyState())
    assert producer.log == ["write access-log", "lookup", "write access-log"]
    intent, result = _entries(producer)
    assert (intent.phase, result.phase) == (AccessPhase.INTENT, AccessPhase.RESULT)
    assert intent.verification_id == result.verification_id == handled.effect_key
    assert (result.result, result.fields) == ("match", ("full_name",))
    assert (intent.purpose, intent.legal_basis) == ("p", "l")
    shown = "".join(map(repr, (intent, result, handled.outcome, handled.state)))
    assert not [secret for secret in SECRETS if secret in shown]
    assert handled.outcome.kind is OutcomeKind.DELIVERED
    (record,) = handled.records
    event = from_kafka(record.headers, record.value)
    assert (event.type, json.loads(record.value)["status"]) == ("dossier.verified", "match")
    assert not [secret for secret in SECRETS if secret in record.value.decode()]


class _Refusal:
    """Refuses one write, the one with this number."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, _record):
        """Count down."""
        self.left -= 1
        return BrokerUnavailableError("away") if self.left == 0 else None


async def test_without_an_intent_there_is_no_question(verify, bench, producer, lookup) -> None:
    """If the trace cannot be written the citizen's data is not looked at."""
    producer.refuse = _Refusal(1)
    handled = await verify.handle(_item(bench.snapshot(1), verify), KeyState())
    assert producer.log == ["write access-log", "lookup", "write access-log"]
    assert lookup.asked == 1
    assert handled.outcome.attempts == 2


async def test_without_a_result_the_answer_is_not_used(verify, bench, producer, lookup) -> None:
    """The answer of a call whose result could not be recorded is thrown away and asked for again."""
    lookup.answers = [Answer(AnswerStatus.MISMATCH), Answer(AnswerStatus.MATCH)]
    producer.refuse = _Refusal(2)
    handled = await verify.handle(_item(bench.snapshot(1), verify), KeyState())
    assert handled.outcome.reason == "match"
    assert lookup.asked == 2


async def test_every_attempt_has_its_own_intent_and_result(verify, bench, producer, lookup) -> None:
    """A failed question was a question: an auditor sees each of them."""
    lookup.answers = [TargetUnavailableError("away"), TargetUnavailableError("away")]
    handled = await verify.handle(_item(bench.snapshot(1), verify), KeyState())
    entries = _entries(producer)
    assert [(each.phase.value, each.attempt, each.result) for each in entries] == [
        ("intent", 1, ""),
        ("result", 1, "target_unavailable"),
        ("intent", 2, ""),
        ("result", 2, "target_unavailable"),
        ("intent", 3, ""),
        ("result", 3, "match"),
    ]
    assert len({each.attempt_id for each in entries}) == 3
    assert handled.outcome.attempts == 3


async def test_the_same_question_about_a_dossier_is_asked_once(verify, bench, lookup) -> None:
    """Ten snapshots of one dossier are one look at the citizen; another name is another question."""
    first = await verify.handle(_item(bench.snapshot(1), verify), KeyState())
    again = await verify.handle(_item(bench.snapshot(2), verify), first.state)
    assert (again.outcome.kind, again.outcome.reason) == (OutcomeKind.FILTERED, "already_asked")
    other = bench.snapshot(3, change=lambda body: body["owner"].update(full_name="Trần Thị Bình"))
    assert (await verify.handle(_item(other, verify), first.state)).outcome.kind is OutcomeKind.DELIVERED
    assert lookup.asked == 2


@pytest.mark.parametrize("status", [AnswerStatus.MISMATCH, AnswerStatus.NO_MATCH])
async def test_anything_but_a_match_goes_to_a_person(verify, bench, lookup, status) -> None:
    """The hub never decides who somebody is; it says what differs, by field."""
    lookup.answers = [Answer(status, (Finding("owner.full_name", "differs"),))]
    with pytest.raises(ReviewRequired) as caught:
        await verify.handle(_item(bench.snapshot(1), verify), KeyState())
    handled = caught.value.handled
    assert handled.outcome.findings == (Finding("owner.full_name", "differs"),)
    assert handled.records == []
    assert handled.state.asked


async def test_a_scope_that_is_not_allowed_is_told_with_its_result_recorded(verify, bench, lookup, producer):
    """A refused question was asked, too."""
    lookup.answers = [ScopeError("not allowed", scope_kind="officer", scope="o-1", reason="005")]
    with pytest.raises(ScopeBlocked) as caught:
        await verify.handle(_item(bench.snapshot(1), verify), KeyState())
    assert (caught.value.error.scope_kind, caught.value.handled.outcome.reason) == ("officer", "scope")
    assert [each.result for each in _entries(producer)] == ["", "scope"]


async def test_a_question_that_is_refused_counts_its_calls(verify, bench, lookup) -> None:
    """The dead letter tells how often the target was called."""
    lookup.answers = [TargetUnavailableError("away"), RejectedByTargetError("refused")]
    with pytest.raises(RejectedByTargetError) as caught:
        await verify.handle(_item(bench.snapshot(1), verify), KeyState())
    assert caught.value.attempts == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(subject_kind="enterprise"),
        lambda body: body["owner"].pop("birth_date"),
    ],
)
async def test_nobody_is_asked_about_when_there_is_nothing_to_ask(verify, bench, lookup, producer, change) -> None:
    """Enterprises and people without papers or birth date are not looked up, and no intent is written."""
    handled = await verify.handle(_item(bench.snapshot(1, change=change), verify), KeyState())
    assert handled.outcome.kind is OutcomeKind.FILTERED
    assert lookup.asked == 0
    assert producer.written == []


async def test_another_type_is_filtered(verify, bench, lookup) -> None:
    """Steps of progress say nothing about who somebody is."""
    assert (await verify.handle(_item(bench.progress(1), verify), KeyState())).outcome.reason == "other_type"
    assert lookup.asked == 0


async def test_the_hash_of_a_question_is_keyed(make_verify, bench, producer) -> None:
    """Twelve digits are guessed in seconds: without the key the log tells nobody whom it was about."""
    message = bench.snapshot(1)
    for secret in (b"one", b"two"):
        step = make_verify(secret)
        await step.handle(_item(message, step), KeyState())
    hashes = {each.query_hash for each in _entries(producer)}
    assert len(hashes) == 2
    spec = REGISTRY.find("dossier.snapshot")
    binding = spec.lookups["person_identity"]
    query = binding.query(spec.consumer_model.model_validate_json(message.value()))
    assert hashlib.sha256(binding.fingerprint(query)).hexdigest() not in hashes
    assert binding.fingerprint(query).hex() not in hashes


async def test_an_approval_publishes_the_officials_word_and_asks_nobody(verify, bench, lookup) -> None:
    """What an official decided is a result like another, told apart by its status; the question is not asked again."""
    item = _item(bench.snapshot(1), verify)
    handled = await verify.approve(item, KeyState())
    assert lookup.asked == 0
    assert json.loads(handled.records[0].value)["status"] == "approved"
    again = await verify.handle(_item(bench.snapshot(2), verify), handled.state)
    assert again.outcome.kind is OutcomeKind.FILTERED


async def test_a_record_that_an_official_decided_on_is_not_asked_about_again(verify, bench, lookup) -> None:
    """Read again after a crash, the value that was corrected must not open the same review a second time."""
    item = _item(bench.snapshot(1), verify)
    decided = KeyState().with_record(mark_of(item.event.source, item.event.id))
    handled = await verify.handle(item, decided)
    assert (handled.outcome.kind, handled.outcome.reason) == (OutcomeKind.FILTERED, "already_decided")
    assert lookup.asked == 0
