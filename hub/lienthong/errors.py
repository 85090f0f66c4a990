"""Everything that can go wrong, grouped by what the engine does with it.

LienthongError
├── ConfigurationError          refuse to start; exit 78
│   ├── PluginError             a missing, clashing or incompatible entry point
│   └── SecretNotFoundError     a secret that the configuration points to
├── CatalogError                what is declared differs from what is allowed or exists
│   ├── NamingError
│   ├── IncompatibleSchemaError
│   └── TopicDriftError
├── RecordError                 about this record: never retried, set aside as a dead letter
│   ├── DecodeError             not a CloudEvent, not JSON, not UTF-8
│   ├── UnknownSubjectError     no such type or version
│   ├── ValidationFailedError   fields and rules, never values
│   ├── TransformError
│   ├── RecordTooLargeError
│   └── RejectedByTargetError   refused by the target on its merits
├── RetriableError              about this moment: back off, then the same call again
│   ├── TargetUnavailableError  timeout, refused connection, 5xx, maintenance
│   ├── RateLimitedError        429 or quota
│   ├── TokenExpiredError       refresh, then once more
│   └── BrokerUnavailableError
├── ScopeError                  about a procedure or an officer: park what it touches
├── TargetConfigurationError    credentials, certificate or agreement refused: pause the pipeline
│   └── TargetSuspendedError    cut off by the other side: not even probes until somebody restarts the worker
├── OutcomeUnknownError         the effect may have happened: query the target or send to review
└── FatalError                  about the pipeline: stop it, commit nothing further; exit 70
    ├── DeadLetterWriteError
    └── OffsetCommitError

A message says what happened and what to do, never a value of a record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule of one field.

    Attributes:
        field: Path of the field, such as ``owner.full_name``; array indexes are numbers.
        rule: Name of the rule, such as ``missing`` or ``string_pattern_mismatch``.
        remedy: What the publisher can do, in English, without any value.
    """

    field: str
    rule: str
    remedy: str = ""


class LienthongError(Exception):
    """Base of all errors of the hub.

    Args:
        message: What happened and what to do, without any value of a record.
        reason: Machine-readable detail below :attr:`code`, such as a target's own reason code.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class ConfigurationError(LienthongError):
    """The configuration cannot work; nothing was started."""

    code = "configuration"


class PluginError(ConfigurationError):
    """An entry point is missing, clashes with another or cannot be loaded."""

    code = "plugin"


class SecretNotFoundError(ConfigurationError):
    """A secret that the configuration refers to does not exist."""

    code = "secret_not_found"


class CatalogError(LienthongError):
    """What is declared differs from what is allowed or from what exists."""

    code = "catalog"


class NamingError(CatalogError):
    """A topic or group name does not follow the naming rule."""

    code = "naming"


class IncompatibleSchemaError(CatalogError):
    """A schema change would break publishers or readers."""

    code = "incompatible_schema"


class TopicDriftError(CatalogError):
    """The cluster differs from the catalogue in a way that must not be mended silently."""

    code = "topic_drift"


class RecordError(LienthongError):
    """The record itself is at fault: it is set aside and never retried.

    Attributes:
        attempts: Calls that were made to a target before it was given up.
    """

    code = "record"
    attempts: int = 1


class DecodeError(RecordError):
    """The bytes are no CloudEvent, no JSON or no UTF-8."""

    code = "decode"


class UnknownSubjectError(RecordError):
    """No schema is known for this type and version."""

    code = "unknown_subject"


class ValidationFailedError(RecordError):
    """The record breaks its schema.

    Args:
        message: What happened and what to do.
        violations: The broken rules, by field, without values.
    """

    code = "validation_failed"

    def __init__(self, message: str, *, violations: Sequence[Violation] = (), reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.violations = tuple(violations)


class TransformError(RecordError):
    """A step of the pipeline cannot handle the record."""

    code = "transform"


class RecordTooLargeError(RecordError):
    """The record is larger than its topic allows."""

    code = "record_too_large"


class RejectedByTargetError(RecordError):
    """The target refused the record on its merits."""

    code = "rejected_by_target"


class RetriableError(LienthongError):
    """The moment is at fault: the same call may succeed later.

    Args:
        message: What happened and what to do.
        retry_after_seconds: Wait that the target asked for, in seconds; None when it asked for none.
        reason: Machine-readable detail.
    """

    code = "retriable"

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after_seconds = retry_after_seconds


class TargetUnavailableError(RetriableError):
    """The target did not answer, answered 5xx or is under maintenance."""

    code = "target_unavailable"


class RateLimitedError(RetriableError):
    """The target asked to slow down."""

    code = "rate_limited"


class TokenExpiredError(RetriableError):
    """The session or token is no longer valid: refresh it, then call once more."""

    code = "token_expired"


class BrokerUnavailableError(RetriableError):
    """Kafka cannot be reached or did not acknowledge in time."""

    code = "broker_unavailable"


class ScopeError(LienthongError):
    """The target does not allow this procedure or this officer.

    Args:
        message: What happened and what to do.
        scope_kind: ``procedure``, ``officer``, ``agreement`` or ``endpoint``.
        scope: The procedure code, the opaque officer id or another name of what is blocked.
        reason: The target's own code, such as ``004``.
    """

    code = "scope"

    def __init__(self, message: str, *, scope_kind: str, scope: str, reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.scope_kind = scope_kind
        self.scope = scope


class TargetConfigurationError(LienthongError):
    """The target refuses our credentials, certificate or agreement: the pipeline pauses."""

    code = "target_configuration"


class TargetSuspendedError(TargetConfigurationError):
    """The other side has cut us off; a call that is not agreed on with it makes things worse."""

    code = "target_suspended"


class OutcomeUnknownError(LienthongError):
    """The effect may or may not have happened at the target."""

    code = "outcome_unknown"


class FatalError(LienthongError):
    """The pipeline must stop and commit nothing further."""

    code = "fatal"


class DeadLetterWriteError(FatalError):
    """A record could not be set aside, so the pipeline must not move on."""

    code = "dead_letter_write"


class OffsetCommitError(FatalError):
    """An offset could not be committed although the group membership is valid."""

    code = "offset_commit"
