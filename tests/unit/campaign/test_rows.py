"""From a row to its question, and from the answer to what its system is told."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from lienthong.envelope import from_kafka
from lienthong.outcome import Answer, AnswerStatus, Finding
from lienthong.pipeline.definitions import Pipeline, installed_definitions
from lienthong.testing.clock import FakeClock
from lienthong.topic_names import TopicNames
from lienthong_connectors.campaign.asking import Order, Rows
from lienthong_connectors.campaign.decisions import Decision
from lienthong_connectors.campaign.journal import Journal
from lienthong_connectors.campaign.loading import reference_of
from lienthong_connectors.campaign.publish import Stamp
from lienthong_connectors.campaign.table import Account
from lienthong_schemas.account import AccountIdentityQuery

STAMP = Stamp("vneid-accounts", "ab" * 32, "hue.verified.account", "citizen-portal", "p", "l")
ROW = Account(7, "tk-7", "personal_id", "000190123456", "Nguyễn Thị Thuận", "1990-02-03", "female", False)
SECRET = b"secret"


@pytest.fixture
def journal(tmp_path):
    """Give an empty journal."""
    with Journal(tmp_path / "journal.sqlite3") as made:
        yield made


@pytest.fixture
def rows(journal):
    """Give the questions of the installed pipeline."""
    names = TopicNames("hue")
    pipeline = Pipeline(installed_definitions()["link-account"], (), "group", names)
    order = Order(Path("accounts.csv"), "campaign", "H57", 10)
    return Rows(pipeline, order, STAMP, journal, SECRET, FakeClock())


def test_the_question_is_a_valid_one(rows):
    """It is built without checking, because the row was checked; here it is checked."""
    query = rows.query_of(ROW)

    assert AccountIdentityQuery.model_validate_json(query.model_dump_json()) == query
    assert (query.account, query.unit_code, query.procedure_code) == ("tk-7", "H57", None)


def test_the_same_row_has_the_same_effect_after_every_restart(rows):
    """The access log ties all questions about one row together, also those of a killed process."""
    assert rows.context_of(ROW) == rows.context_of(ROW)
    assert rows.context_of(ROW).effect_key != rows.context_of(ROW._replace(line=8)).effect_key
    assert rows.context_of(ROW).key == "tk-7"


def _answer(status=AnswerStatus.MATCH, *rules, personal_id=""):
    return Answer(status, tuple(Finding("x", rule) for rule in rules), data=SimpleNamespace(personal_id=personal_id))


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (_answer(), "linked"),
        (_answer(AnswerStatus.MATCH, "accents"), "linked"),
        (_answer(AnswerStatus.MATCH, "reissued"), "id_changed"),
        (_answer(AnswerStatus.MATCH, "deceased"), "deceased"),
        (_answer(AnswerStatus.MISMATCH, "differs"), "mismatch"),
        (_answer(AnswerStatus.NO_MATCH), "not_found"),
    ],
)
def test_an_answer_becomes_a_decision_with_its_findings(rows, answer, state):
    """Findings go along as field and rule, never with a value."""
    decision = rows.decision_of(ROW, answer)

    assert decision.state == state
    assert decision.findings == tuple(f"x:{each.rule}" for each in answer.findings)
    assert decision.subject == reference_of(SECRET, "personal_id", "000190123456")


def test_an_old_number_behind_which_another_account_stands_is_a_conflict(rows, journal):
    """Only the database knows that a CMND and a personal ID are one person; without it two accounts would be linked."""
    person = reference_of(SECRET, "personal_id", "000190123456")
    journal.take_in([(2, "tk-2", person, False)], lambda: None)
    old = ROW._replace(kind="cmnd", number="999123456")

    assert rows.decision_of(old, _answer(personal_id="000190123456")).state == "conflict"
    assert rows.decision_of(old, _answer(personal_id="000190999999")).state == "linked"
    assert rows.decision_of(old._replace(account="tk-2"), _answer(personal_id="000190123456")).state == "linked"


def test_a_result_is_the_same_bytes_each_time_and_holds_no_person():
    """A record that is written again after a kill is the same record, and nobody learns more from it than the state."""
    decision = Decision(7, "tk-7", "p-1", "linked", ("full_name:accents",), "2026-10-08T08:30:00+07:00")
    record = STAMP.record_of(decision)
    event = from_kafka(record.headers, record.value)

    assert STAMP.record_of(decision) == record
    assert (event.id, event.source) == ("row-7-abababab", "/lienthong/campaigns/vneid-accounts")
    assert record.key == b"p-1"
    body = json.loads(record.value)
    assert (body["system"], body["state"], body["findings"]) == (
        "citizen-portal",
        "linked",
        [{"field": "full_name", "rule": "accents"}],
    )
    assert dict(record.headers)["lt-lane"] == b"bulk"


def test_an_account_without_a_number_has_a_key_of_its_own():
    """Nobody's results are ordered behind those of all who have no number."""
    decision = Decision(7, "tk-7", "", "no_id", (), "2026-10-08T08:30:00+07:00")

    assert STAMP.record_of(decision).key == b"account-tk-7"


def test_references_tell_nothing_and_differ_by_kind():
    """A reference cannot be computed without the key, and a CMND is not a personal ID of the same digits."""
    one = reference_of(b"a", "personal_id", "000190123456")

    assert one != reference_of(b"b", "personal_id", "000190123456")
    assert one != reference_of(b"a", "cmnd", "000190123456")
    assert reference_of(b"a", "personal_id", "") == ""
    assert "000190123456" not in one
