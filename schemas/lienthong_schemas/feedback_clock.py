"""The terms of feedback (phản ánh, kiến nghị), and what is odd about a snapshot.

Source:
    Indicators of QĐ 766/QĐ-TTg: refuse within 2 working days, ask for a supplement within 5, answer within 15, publish
    within 2 of the answer; counted from reception or the last transfer. The deadline of the handling system counts;
    one that is later than ours is a finding.
"""

from datetime import datetime
from typing import Final

from lienthong.outcome import Finding
from lienthong_schemas.feedback import FeedbackSnapshotV1
from lienthong_schemas.working_time import VIETNAM_OFFICES, Pause, Term, TimeUnit, WorkCalendar, deadline

REFUSE: Final = Term(2, TimeUnit.WORKING_DAY)
ASK: Final = Term(5, TimeUnit.WORKING_DAY)
ANSWER: Final = Term(15, TimeUnit.WORKING_DAY)
PUBLISH: Final = Term(2, TimeUnit.WORKING_DAY)
_ANSWERED: Final = frozenset({"answered", "awaiting_publication", "published"})


def clock_started_at(model: FeedbackSnapshotV1) -> datetime:
    """Return when the clock of the office that has the feedback started: at its transfer there, or at reception.

    Args:
        model: The feedback.
    """
    return max((each.transferred_at for each in model.transfers), default=model.received_at)


def due_at(model: FeedbackSnapshotV1, term: Term = ANSWER, calendar: WorkCalendar = VIETNAM_OFFICES) -> datetime | None:
    """Return by when the office has to act.

    Args:
        model: The feedback; times in which the office waited do not count.
        term: Which of the terms.
        calendar: When the office is open.

    Returns:
        A time in Viet Nam; None while the clock stands still.
    """
    pauses = [Pause(each.begun_at, each.ended_at) for each in model.pauses]
    return deadline(clock_started_at(model), term, calendar, pauses)


def findings(model: FeedbackSnapshotV1) -> tuple[Finding, ...]:
    """Return what is odd or late about a snapshot.

    Args:
        model: The feedback.
    """
    found: list[Finding] = []
    if any(each.ended_at is not None and each.ended_at < each.begun_at for each in model.pauses):
        return (Finding("pauses", "ended_before_begun"),)
    answer = model.answer
    if model.status in _ANSWERED and answer is None:
        found.append(Finding("answer", "missing_for_status"))
    if model.status in {"refused", "returned"} and model.status_reason is None:
        found.append(Finding("status_reason", "missing_for_status"))
    if model.status == "published" and not model.may_be_published:
        found.append(Finding("may_be_published", "published_without_consent"))
    ours = due_at(model)
    if model.due_at is not None and _is_after(model.due_at, ours):
        found.append(Finding("due_at", "later_than_rule"))
    found += _late(model, ours)
    return tuple(found)


def _late(model: FeedbackSnapshotV1, ours: datetime | None) -> list[Finding]:
    found = []
    if model.status == "refused" and _is_after(model.occurred_at, due_at(model, REFUSE)):
        found.append(Finding("status", "refused_late"))
    if model.supplement_requested_at is not None and _is_after(
        model.supplement_requested_at, deadline(clock_started_at(model), ASK)
    ):
        found.append(Finding("supplement_requested_at", "asked_late"))
    answer = model.answer
    if answer is not None and _is_after(answer.answered_at, model.due_at or ours):
        found.append(Finding("answer.answered_at", "answered_late"))
    if (
        answer is not None
        and model.published_at is not None
        and _is_after(model.published_at, deadline(answer.answered_at, PUBLISH))
    ):
        found.append(Finding("published_at", "published_late"))
    return found


def _is_after(moment: datetime, limit: datetime | None) -> bool:
    return limit is not None and moment > limit
