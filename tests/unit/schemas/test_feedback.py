"""Feedback: its generator against its schema, its terms with pauses, and what is late."""

import json
from datetime import datetime

import pytest

from lienthong.clock import VIETNAM
from lienthong_schemas import SCHEMAS
from lienthong_schemas.base import personal_paths
from lienthong_schemas.feedback import FeedbackSnapshotV1
from lienthong_schemas.feedback_clock import due_at, findings
from lienthong_schemas.generator.feedbacks import feedbacks


@pytest.fixture
def document():
    """Give a whole, published feedback as a document to change."""
    whole = next(each for each in feedbacks(50) if each.truth.published and each.truth.transfers)
    return json.loads(whole.events[-1].data)


def read(document) -> FeedbackSnapshotV1:
    """Read a document as its publisher's record."""
    return FeedbackSnapshotV1.model_validate_json(json.dumps(document))


def rules(document) -> set[str]:
    """Return the rules that a document does not meet."""
    return {f"{each.field}:{each.rule}" for each in findings(read(document))}


def test_generated_feedback_is_valid_and_true() -> None:
    """Every generated snapshot passes its publisher's contract, and the truth is what its last one says."""
    for each in feedbacks(60, seed=3):
        models = [FeedbackSnapshotV1.model_validate_json(event.data) for event in each.events]
        assert [model.sequence for model in models] == list(each.truth.sequences)
        assert models[-1].status == each.truth.last_status
        assert (models[-1].answer is not None) == each.truth.answered
        assert len(models[-1].transfers) == each.truth.transfers
        assert "ended_before_begun" not in {finding.rule for finding in findings(models[-1])}
    assert list(feedbacks(5, seed=3)) == list(feedbacks(60, seed=3))[:5]


def test_what_a_citizen_wrote_and_who_wrote_it_is_marked_personal() -> None:
    """The class of the record follows from its fields, so no tool may show them."""
    found = personal_paths(FeedbackSnapshotV1)
    spec = next(each for each in SCHEMAS if each.type == "feedback.snapshot")

    assert spec.classification == "sensitive"
    assert found["content"] == "sensitive"
    assert {"title", "sender.full_name", "sender.identifiers[].value", "place.detail", "position"} <= set(found)


def test_the_clock_starts_at_the_last_transfer_and_stands_still_while_the_citizen_is_asked(document) -> None:
    """The office that has the feedback answers within 15 working days of getting it, without the time it waited."""
    document["transfers"][0]["transferred_at"] = "2026-10-05T09:00:00+07:00"
    document["pauses"] = []
    assert due_at(read(document)) == datetime(2026, 10, 26, 17, 0, tzinfo=VIETNAM)
    pause = {"waits_for": "citizen", "begun_at": "2026-10-06T09:00:00+07:00"}
    document["pauses"] = [pause]
    assert due_at(read(document)) is None
    document["pauses"] = [pause | {"ended_at": "2026-10-07T09:00:00+07:00"}]
    assert due_at(read(document)) == datetime(2026, 10, 28, 17, 0, tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"answer": None}, "answer:missing_for_status"),
        ({"may_be_published": False}, "may_be_published:published_without_consent"),
        ({"due_at": "2027-03-01T17:00:00+07:00"}, "due_at:later_than_rule"),
        ({"due_at": "2026-10-05T08:30:00+07:00"}, "answer.answered_at:answered_late"),
        ({"published_at": "2027-03-01T17:00:00+07:00"}, "published_at:published_late"),
        ({"supplement_requested_at": "2027-03-01T17:00:00+07:00"}, "supplement_requested_at:asked_late"),
        ({"status": "refused", "occurred_at": "2027-03-01T17:00:00+07:00"}, "status:refused_late"),
        ({"status": "refused"}, "status_reason:missing_for_status"),
        (
            {
                "pauses": [
                    {
                        "waits_for": "agency",
                        "begun_at": "2026-10-07T09:00:00+07:00",
                        "ended_at": "2026-10-06T09:00:00+07:00",
                    }
                ]
            },
            "pauses:ended_before_begun",
        ),
    ],
)
def test_what_is_late_or_missing_is_a_finding(document, changes, rule) -> None:
    """The record is accepted all the same; an official sees what to look at."""
    assert rule not in rules(document)
    assert rule in rules(document | changes)
