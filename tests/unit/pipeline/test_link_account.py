"""Accounts are linked only after the population database was asked, and only to the system that asked."""

import json

import pytest

from lienthong.envelope import from_kafka
from lienthong.outcome import Answer, AnswerStatus, Finding, OutcomeKind
from lienthong.pipeline.definitions import installed_definitions
from lienthong.pipeline.item import decode
from lienthong.pipeline.key_state import KeyState
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.step import ReviewRequired
from lienthong.pipeline.target import Target
from lienthong.pipeline.verify import Verify
from lienthong.registry.schemas import SchemaRegistry

REGISTRY = SchemaRegistry.installed()
REQUEST = {
    "subject_reference": "p-7f3a",
    "account": "acc-1",
    "system": "citizen-portal",
    "assertion_id": "as-1",
    "assurance_level": 2,
    "requested_at": "2026-10-08T08:30:00+07:00",
    "purpose": "Đăng nhập dịch vụ công",
    "unit_code": "H57.21",
    "holder": {
        "identifiers": [{"type": "personal_id", "value": "000190123456"}],
        "full_name": "Nguyễn Thị Thuận",
        "birth_date": "1990-02-03",
    },
}


class _Lookup:
    """A database that answers what the test says."""

    def __init__(self) -> None:
        self.answer = Answer(AnswerStatus.MATCH, fields=("HoVaTen",))
        self.queries = []

    async def lookup(self, query, context):
        """Answer."""
        self.queries.append(query)
        return self.answer


@pytest.fixture
def lookup():
    """Give a database."""
    return _Lookup()


@pytest.fixture
def step(make_pipeline, lookup, producer, clock, metrics):
    """Give the step of the installed pipeline."""
    declared = installed_definitions()["link-account"]
    pipeline = make_pipeline(**declared.model_dump(include={"name", "sources", "types", "lookup"}))
    target = Target(pipeline, "population", pipeline.definition.policy, clock, metrics)
    return Verify(pipeline, pipeline.definition.lookup, lookup, target, producer, clock, b"secret")


@pytest.fixture
def ask(step, bench, make_headers):
    """Give a function that handles a request, with changes to it."""

    async def handle(state=None, event_id="r-1", **changes):
        headers = make_headers("account.link.requested", event_id)
        record = to_record(bench.message(REQUEST | changes, headers))
        item = decode(record, None, REGISTRY, record.value, step.types)
        return await step.handle(item, state or KeyState())

    return handle


async def test_a_match_links_and_tells_the_requesting_system_without_a_personal_value(ask, lookup):
    """The result names one account of one system; nothing of the holder and nothing reusable is in it."""
    handled = await ask()

    assert handled.outcome.kind is OutcomeKind.DELIVERED
    (record,) = handled.records
    assert record.topic.endswith("verified.account")
    event = from_kafka(record.headers, record.value)
    body = json.loads(record.value)
    assert (event.type, body["state"], body["account"], body["system"]) == (
        "account.link.verified",
        "linked",
        "acc-1",
        "citizen-portal",
    )
    assert event.get("subjectref")
    assert not event.get("dossiercode")
    assert not [value for value in ("Thuận", "000190123456", "1990-02-03") if value in record.value.decode()]


@pytest.mark.parametrize(
    ("status", "rules", "birth", "reason"),
    [
        (AnswerStatus.MATCH, ["reissued"], "1990-02-03", "id_changed"),
        (AnswerStatus.MATCH, ["deceased"], "1990-02-03", "deceased"),
        (AnswerStatus.MATCH, [], "2020-02-03", "minor_guardian"),
        (AnswerStatus.NO_MATCH, [], "1990-02-03", "not_found"),
        (AnswerStatus.MISMATCH, ["differs"], "1990-02-03", "mismatch"),
    ],
)
async def test_everything_else_goes_to_an_official_with_its_reason(ask, lookup, status, rules, birth, reason):
    """A re-issued number, a death, a child, nobody found and another person each wait under their own name."""
    lookup.answer = Answer(status, tuple(Finding("x", rule) for rule in rules))

    with pytest.raises(ReviewRequired) as caught:
        await ask(holder=REQUEST["holder"] | {"birth_date": birth})

    assert caught.value.reason == reason


async def test_one_person_with_two_accounts_of_a_system_is_a_conflict_and_nobody_is_asked(ask, lookup):
    """The second account waits for an official, whatever the database would say."""
    first = await ask()
    with pytest.raises(ReviewRequired) as caught:
        await ask(first.state, "r-2", account="acc-2")

    assert caught.value.reason == "conflict"
    assert len(lookup.queries) == 1


async def test_an_account_of_another_system_is_no_conflict(ask, lookup):
    """A person may have one account in each system."""
    first = await ask()
    handled = await ask(first.state, "r-2", account="acc-2", system="hue-s")

    assert handled.outcome.kind is OutcomeKind.DELIVERED


async def test_an_account_that_belongs_to_somebody_else_is_a_conflict(ask, lookup):
    """Two numbers for one account: the system says to whom it is linked already."""
    with pytest.raises(ReviewRequired) as caught:
        await ask(linked_subject_reference="p-other")

    assert (caught.value.reason, lookup.queries) == ("conflict", [])


@pytest.mark.parametrize(
    "holder",
    [
        None,
        {"full_name": "Nguyễn Thị Thuận", "birth_date": "1990-02-03"},
        {"full_name": "Nguyễn Thị Thuận", "identifiers": [{"type": "personal_id", "value": "000190123456"}]},
    ],
)
async def test_an_account_that_cannot_be_asked_about_waits_for_an_official(ask, lookup, holder):
    """Without number or birth date there is no question, and nobody is linked unchecked."""
    with pytest.raises(ReviewRequired) as caught:
        await ask(holder=holder)

    assert (caught.value.reason, lookup.queries) == ("no_id", [])


async def test_the_same_request_again_asks_nobody_again(ask, lookup):
    """One question for one account of one person."""
    first = await ask()
    again = await ask(first.state, "r-2")

    assert again.outcome.kind is OutcomeKind.FILTERED
    assert len(lookup.queries) == 1
