"""The policy language: durations, limits and who is at fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lienthong import errors
from lienthong.delivery.policy import (
    CircuitPolicy,
    ErrorPolicy,
    FailureClass,
    RetryPolicy,
    exhausts,
    failure_class,
    format_duration,
    parse_duration,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("3s", 3.0), ("1.5s", 1.5), ("5m", 300.0), ("1h", 3600.0), ("2d", 172_800.0), ("0s", 0.0)],
)
def test_durations_are_read_with_their_unit(text, seconds):
    """A duration means what its unit says."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", [5, 5.0, "5", "", "s", "5 s", "-1s", "5S", "1h30m", None, True, "٥s"])
def test_a_number_without_unit_is_refused(text):
    """A bare number is read as seconds by one and as milliseconds by another, so nobody may write it."""
    with pytest.raises(ValueError, match="unit"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**12))
def test_durations_survive_writing_and_reading(milliseconds):
    """A policy that is written out reads back the same."""
    seconds = milliseconds / 1000

    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds)


def test_a_policy_survives_writing_and_reading():
    """What a command prints of a policy can be put into a file again."""
    policy = RetryPolicy.model_validate({"max_elapsed": "1h", "jitter": "0s"})

    assert RetryPolicy.model_validate(policy.model_dump()) == policy
    assert RetryPolicy.model_validate(RetryPolicy().model_dump()) == RetryPolicy()


@pytest.mark.parametrize(
    ("model", "document"),
    [
        (RetryPolicy, {"max_attempt": 3}),
        (RetryPolicy, {"max_attempts": 0}),
        (RetryPolicy, {"initial_interval": "0s"}),
        (RetryPolicy, {"initial_interval": "2s", "max_interval": "1s"}),
        (RetryPolicy, {"multiplier": 0.5}),
        (RetryPolicy, {"max_interval": 60}),
        (ErrorPolicy, {"tolerance": "ignore"}),
        (CircuitPolicy, {"failures": 0}),
        (CircuitPolicy, {"initial_interval": "0ms"}),
        (CircuitPolicy, {"initial_interval": "2s", "max_interval": "1s"}),
    ],
)
def test_a_policy_that_cannot_work_is_refused(model, document):
    """A misspelt key or a storm of retries is found before any record moves."""
    with pytest.raises(ValidationError):
        model.model_validate(document)


def _example(kind):
    if kind is errors.ScopeError:
        return kind("text", scope_kind="procedure", scope="1.000001")
    return kind("text")


@pytest.mark.parametrize(
    ("kind", "expected", "uses_up"),
    [
        (errors.RecordError, FailureClass.RECORD, False),
        (errors.ValidationFailedError, FailureClass.RECORD, False),
        (errors.RejectedByTargetError, FailureClass.RECORD, False),
        (errors.RetriableError, FailureClass.RECORD, True),
        (errors.TargetUnavailableError, FailureClass.TARGET, False),
        (errors.RateLimitedError, FailureClass.TARGET, False),
        (errors.BrokerUnavailableError, FailureClass.TARGET, False),
        (errors.TokenExpiredError, FailureClass.CONFIG, False),
        (errors.TargetConfigurationError, FailureClass.CONFIG, False),
        (errors.ScopeError, FailureClass.SCOPE, False),
        (errors.OutcomeUnknownError, None, False),
        (errors.FatalError, None, False),
    ],
)
def test_each_error_has_one_class(kind, expected, uses_up):
    """Who is at fault decides what the engine does; only the record's own failures of the moment use up attempts."""
    assert failure_class(_example(kind)) is expected
    assert exhausts(_example(kind)) is uses_up


def test_foreign_errors_have_no_class():
    """An unknown exception is never taken for a fault that the engine may handle."""
    assert failure_class(RuntimeError("text")) is None


def _all_below(kind):
    return [kind, *(found for child in kind.__subclasses__() for found in _all_below(child))]


@pytest.mark.parametrize("kind", _all_below(errors.RetriableError) + _all_below(errors.RecordError))
def test_no_error_of_a_record_or_moment_is_without_class(kind):
    """A class that is added to the tree later is classified by its parent."""
    assert failure_class(kind("text")) is not None
