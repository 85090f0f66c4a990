"""What an official is told when there is no answer; each cause has a status and a type of its own.

Nothing here can be taken for "not found", which is an answer with status 200.
"""

import math

from lienthong.errors import (
    LienthongError,
    OutcomeUnknownError,
    RateLimitedError,
    RecordError,
    RetriableError,
    ScopeError,
    TargetConfigurationError,
    ValidationFailedError,
)
from lienthong.gateway.problems import RETRY_AFTER_SECONDS, Problem

_MAX_RETRY_AFTER_SECONDS = 3_600
#: Somebody has to mend credentials or agreement first.
_MENDING_SECONDS = 60

ACCESS_LOG_AWAY = Problem(
    "access_log_unavailable",
    "the access log was not acknowledged by Kafka in time, so nothing was asked or the answer is withheld; ask again",
    retry_after_seconds=RETRY_AFTER_SECONDS,
)
DEADLINE = Problem("deadline_exceeded", "the target did not answer within the deadline; ask again")
OVER_BUDGET = Problem(
    "over_budget",
    "no call to the target was free within the deadline; nothing was sent to it",
    retry_after_seconds=RETRY_AFTER_SECONDS,
)
TOO_MANY = Problem(
    "too_many_waiting", "too many questions are under way; ask again", retry_after_seconds=RETRY_AFTER_SECONDS
)


def away(detail: str, retry_after_seconds: float | None = None) -> Problem:
    """Return the problem of a target that cannot be asked now.

    Args:
        detail: Why, and what to do.
        retry_after_seconds: When it may be there again; None for soon.
    """
    asked = RETRY_AFTER_SECONDS if retry_after_seconds is None else retry_after_seconds
    return Problem("target_unavailable", detail, retry_after_seconds=_bounded(asked))


def not_allowed(error: LienthongError) -> Problem:
    """Return the problem of a question that the target or the agreement does not allow.

    Args:
        error: What was said about the procedure, the officer or the agreement.
    """
    what = error.scope_kind if isinstance(error, ScopeError) else "agreement"
    return Problem(
        "lookup_not_allowed",
        f"the {what} may not ask ({error.reason or 'refused'}): {error}; "
        "let the hub's operators have it allowed by the target's owner, then ask again",
    )


def problem_of_lookup(error: LienthongError) -> Problem:
    """Return what an official is told about a question that was not answered.

    Args:
        error: Raised by the connector.

    Raises:
        LienthongError: The same, if it is nothing that an official can be told.
    """
    if isinstance(error, ScopeError):
        return not_allowed(error)
    if isinstance(error, ValidationFailedError):
        return Problem("validation_failed", str(error), error.violations)
    if isinstance(error, RecordError):
        return Problem("lookup_refused", f"{error} ({error.reason or error.code}); mend the question")
    if isinstance(error, RateLimitedError):
        wait = RETRY_AFTER_SECONDS if error.retry_after_seconds is None else error.retry_after_seconds
        return Problem("over_budget", "the target asks to slow down; ask again", retry_after_seconds=_bounded(wait))
    if isinstance(error, RetriableError | OutcomeUnknownError):
        asked = error.retry_after_seconds if isinstance(error, RetriableError) else None
        return away("the target could not be asked; ask again", asked)
    if isinstance(error, TargetConfigurationError):
        return away("the target refuses the hub; its operators have to mend that", _MENDING_SECONDS)
    raise error


def _bounded(seconds: float) -> int:
    return min(max(1, math.ceil(seconds)), _MAX_RETRY_AFTER_SECONDS)
