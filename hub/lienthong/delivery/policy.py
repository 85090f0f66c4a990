"""The policy language of pipelines: how often, how long and what then."""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from lienthong.config.models import Settings
from lienthong.errors import (
    BrokerUnavailableError,
    RateLimitedError,
    RecordError,
    RetriableError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    TokenExpiredError,
)

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def is_duration(text: str) -> bool:
    """Return whether a text has the form that :func:`parse_duration` reads.

    Args:
        text: Any text.
    """
    return _DURATION.fullmatch(text) is not None


def parse_duration(text: Any) -> float:
    """Return the seconds of a duration such as ``500ms``, ``3s``, ``5m``, ``1h`` or ``1d``.

    Args:
        text: A number directly followed by its unit.

    Raises:
        ValueError: If it has another form; a number without unit is refused because readers guess it differently.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("write a duration with its unit, such as 500ms, 3s, 5m, 1h or 1d")
    return float(match[1]) * _SECONDS[match[2]]


def format_duration(seconds: float) -> str:
    """Return a duration as :func:`parse_duration` reads it.

    Args:
        seconds: Zero or more.
    """
    milliseconds = round(seconds * 1000, 3)
    return f"{milliseconds:.3f}".rstrip("0").rstrip(".") + "ms"


#: Seconds inside the program, text with a unit in YAML.
Duration = Annotated[
    float,
    BeforeValidator(parse_duration, json_schema_input_type=str),
    PlainSerializer(format_duration, return_type=str),
]


class RetryPolicy(Settings):
    """When the same call is made again.

    ``max_attempts`` and ``max_elapsed`` count failures of the record only: an absent target never uses them up.

    Attributes:
        max_attempts: Calls that may fail because of the record, the first one included.
        initial_interval: Wait after the first failure.
        max_interval: Longest wait that the policy itself chooses.
        multiplier: Factor between one wait and the next.
        jitter: Random part that is added to every wait, from zero to this.
        max_elapsed: Time since the first failure after which the record is given up; None for no limit.
        respect_retry_after: Whether a wait that the target asks for wins over the backoff.
        retry_after_cap: Longest wait that a target can ask for.
        max_token_refreshes: Calls in a row that may end with an expired token before the credentials are blamed.
    """

    max_attempts: int = Field(default=5, ge=1)
    initial_interval: Duration = 0.5
    max_interval: Duration = 60.0
    multiplier: float = Field(default=2.0, ge=1.0, le=10.0)
    jitter: Duration = 0.25
    max_elapsed: Duration | None = None
    respect_retry_after: bool = True
    retry_after_cap: Duration = 3600.0
    max_token_refreshes: int = Field(default=3, ge=1)

    @model_validator(mode="after")
    def _check(self) -> "RetryPolicy":
        if self.initial_interval <= 0:
            raise ValueError("initial_interval must be more than 0: a retry without wait is a storm")
        if self.max_interval < self.initial_interval:
            raise ValueError("max_interval must not be shorter than initial_interval")
        return self


class ErrorPolicy(Settings):
    """What becomes of a record that failed for good.

    Attributes:
        tolerance: ``dead_letter`` sets it aside and goes on; ``stop`` stops the pipeline.
        sequenced: Whether later records of the key wait until the dead letter is replayed or discarded.
    """

    tolerance: Literal["dead_letter", "stop"] = "dead_letter"
    sequenced: bool = False


class CircuitPolicy(Settings):
    """When calls to a failing target stop and how it is probed.

    Attributes:
        failures: Failures of the target in a row after which the circuit opens.
        initial_interval: Wait before the first probe.
        max_interval: Longest wait between two probes that the policy itself chooses.
        multiplier: Factor between one wait and the next.
        retry_after_cap: Longest wait that a target can ask for.
        config_probe_interval: Wait before the first probe of a target that refuses our credentials, certificate or
            agreement; later waits grow by ``multiplier``.
        config_probe_max_interval: Longest of these waits.
    """

    failures: int = Field(default=5, ge=1)
    initial_interval: Duration = 1.0
    max_interval: Duration = 60.0
    multiplier: float = Field(default=2.0, ge=1.0, le=10.0)
    retry_after_cap: Duration = 3600.0
    config_probe_interval: Duration = 30.0
    config_probe_max_interval: Duration = 300.0

    @model_validator(mode="after")
    def _check(self) -> "CircuitPolicy":
        if self.initial_interval <= 0 or self.config_probe_interval <= 0:
            raise ValueError("initial_interval and config_probe_interval must be more than 0: probes would be a storm")
        if self.config_probe_max_interval < self.config_probe_interval:
            raise ValueError("config_probe_max_interval must not be shorter than config_probe_interval")
        if self.max_interval < self.initial_interval:
            raise ValueError("max_interval must not be shorter than initial_interval")
        return self


class FailureClass(StrEnum):
    """Who is at fault, which decides what the engine does."""

    RECORD = "record"
    TARGET = "target"
    SCOPE = "scope"
    CONFIG = "config"


_TARGET = (TargetUnavailableError, RateLimitedError, BrokerUnavailableError)
_CLASSES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], FailureClass], ...] = (
    (RecordError, FailureClass.RECORD),
    (_TARGET, FailureClass.TARGET),
    (TokenExpiredError, FailureClass.CONFIG),
    (RetriableError, FailureClass.RECORD),
    (ScopeError, FailureClass.SCOPE),
    (TargetConfigurationError, FailureClass.CONFIG),
)


def failure_class(error: BaseException) -> FailureClass | None:
    """Return who is at fault, or None for an unknown outcome, a fatal or a foreign error.

    Args:
        error: What a call raised.
    """
    for kinds, found in _CLASSES:
        if isinstance(error, kinds):
            return found
    return None


def exhausts(error: BaseException) -> bool:
    """Return whether failures like this one use up ``max_attempts`` and ``max_elapsed``.

    Args:
        error: What a call raised.

    Delivery:
        Failures of the target never do, so however long an outage lasts, nothing is dead-lettered.
    """
    return isinstance(error, RetriableError) and failure_class(error) is FailureClass.RECORD
