"""Tables of statuses: every action does what its name says, and a contradiction is refused where it is written."""

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from lienthong.errors import (
    FatalError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    TokenExpiredError,
)
from lienthong.outcome import OutcomeKind, SettledByAnswer
from lienthong.rest import OnStatus, OnStatusOfQuestions, error_for_response, table
from lienthong.testing.clock import FakeClock

RULES = TypeAdapter(OnStatus)
QUESTIONS = TypeAdapter(OnStatusOfQuestions)


def _meaning(status, *rules, is_write=True, defaults=()):
    statuses = table(RULES.validate_python(list(rules)), RULES.validate_python(list(defaults)))
    return error_for_response(httpx.Response(status), clock=FakeClock(), is_write=is_write, statuses=statuses)


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ({"action": "retry"}, TargetUnavailableError),
        ({"action": "retry", "may_be_done": True}, OutcomeUnknownError),
        ({"action": "rate_limited"}, RateLimitedError),
        ({"action": "refresh_token_then_retry"}, TokenExpiredError),
        ({"action": "dead_letter"}, RejectedByTargetError),
        ({"action": "scope"}, ScopeError),
        ({"action": "fail", "failure_class": "config"}, TargetConfigurationError),
        ({"action": "fail", "failure_class": "transient"}, TargetUnavailableError),
        ({"action": "fail", "failure_class": "data"}, RejectedByTargetError),
        ({"action": "fail", "failure_class": "system"}, FatalError),
    ],
)
def test_an_action_is_an_error_of_the_engine(action, kind):
    """What the engine does follows from the class alone."""
    error = _meaning(418, {"codes": 418, **action})
    assert type(error) is kind
    assert error.reason == "http_418"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("succeed", OutcomeKind.DELIVERED),
        ("ignore", OutcomeKind.FILTERED),
        ("duplicate", OutcomeKind.DUPLICATE),
    ],
)
def test_some_answers_end_a_write_and_no_question(action, kind):
    """A login or query that is answered so must not end the record unseen."""
    rule = {"codes": [409], "action": action}
    with pytest.raises(SettledByAnswer) as caught:
        _meaning(409, rule)
    assert (caught.value.outcome.kind, caught.value.outcome.reason) == (kind, "http_409")
    assert isinstance(_meaning(409, rule, is_write=False), RejectedByTargetError)
    with pytest.raises(ValidationError, match="ends a write"):
        QUESTIONS.validate_python([rule])


def test_configured_rules_win_over_defaults_and_defaults_over_the_hub():
    """A province changes one status without repeating the others."""
    defaults = [{"codes": ["500-502"], "action": "retry", "may_be_done": True}]
    mine = {"codes": ["5xx"], "action": "dead_letter"}
    assert isinstance(_meaning(501, defaults=defaults), OutcomeUnknownError)
    assert isinstance(_meaning(501, mine, defaults=defaults), RejectedByTargetError)
    assert isinstance(_meaning(401, mine, defaults=defaults), TargetConfigurationError)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([{"codes": [200], "action": "retry"}], "from 300 to 599"),
        ([{"codes": ["6xx"], "action": "retry"}], "from 300 to 599"),
        ([{"codes": ["504-500"], "action": "retry"}], "from 300 to 599"),
        ([{"codes": [True], "action": "retry"}], "valid string"),
        ([{"codes": [], "action": "retry"}], "at least 1 item"),
        ([{"codes": [500], "action": "wait"}], "'succeed', 'ignore'"),
        ([{"codes": [500], "action": "fail"}], "failure_class"),
        ([{"codes": [500], "action": "retry", "failure_class": "data"}], "failure_class"),
        ([{"codes": [409], "action": "succeed", "may_be_done": True}], "contradicts"),
        (
            [{"codes": [409], "action": "succeed"}, {"codes": ["4xx"], "action": "retry"}],
            "two rules name the status 409",
        ),
        ([{"codes": [500], "action": "retry", "wait": "1s"}], "not permitted"),
    ],
)
def test_what_cannot_be_meant_is_refused(rules, message):
    """The message says what may be written instead."""
    with pytest.raises(ValidationError, match=message):
        RULES.validate_python(rules)
