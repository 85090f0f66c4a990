"""The ``on_status`` table of a connector: what the statuses of its target mean, as the configuration says it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lienthong.config.models import Settings
from lienthong.errors import (
    FatalError,
    LienthongError,
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    TokenExpiredError,
)
from lienthong.outcome import OutcomeKind
from lienthong.rest.resolution import Resolution

_HUNDRED = re.compile(r"([3-5])xx")
_SPAN = re.compile(r"([3-5]\d\d)-([3-5]\d\d)")
_FIRST, _LAST = 300, 599


class StatusAction(StrEnum):
    """What the engine does about a status.

    ``succeed``, ``ignore`` and ``duplicate`` end a record whose write was answered so, as delivered, filtered or
    duplicate; other calls of the connector are not touched by them. ``retry`` and ``rate_limited`` wait,
    ``refresh_token_then_retry`` renews the session first, ``dead_letter`` sets the record aside, ``scope`` lets
    everything wait that the agreement covers, ``fail`` does what its ``failure_class`` says.
    """

    SUCCEED = "succeed"
    IGNORE = "ignore"
    DUPLICATE = "duplicate"
    RETRY = "retry"
    RATE_LIMITED = "rate_limited"
    REFRESH_TOKEN_THEN_RETRY = "refresh_token_then_retry"  # noqa: S105 - the name of an action
    DEAD_LETTER = "dead_letter"
    SCOPE = "scope"
    FAIL = "fail"


_ENDS = {
    StatusAction.SUCCEED: OutcomeKind.DELIVERED,
    StatusAction.IGNORE: OutcomeKind.FILTERED,
    StatusAction.DUPLICATE: OutcomeKind.DUPLICATE,
}
_ERRORS: Mapping[StatusAction, type[LienthongError]] = {
    StatusAction.RETRY: TargetUnavailableError,
    StatusAction.RATE_LIMITED: RateLimitedError,
    StatusAction.REFRESH_TOKEN_THEN_RETRY: TokenExpiredError,
    StatusAction.DEAD_LETTER: RejectedByTargetError,
    StatusAction.SCOPE: ScopeError,
}
_FAILURES: Mapping[str, type[LienthongError]] = {
    "config": TargetConfigurationError,
    "transient": TargetUnavailableError,
    "data": RejectedByTargetError,
    "system": FatalError,
}


def _as_texts(value: Any) -> Any:
    # Bare numbers are the usual way to write statuses in YAML; a bool is a number for Python only.
    items = value if isinstance(value, list | tuple) else [value]
    return [str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in items]


def _checked(codes: tuple[str, ...]) -> tuple[str, ...]:
    for code in codes:
        expand(code)
    return codes


def expand(code: str) -> range:
    """Return the statuses that a text names.

    Args:
        code: One status from 300, a hundred such as ``5xx`` or a span such as ``500-504``.

    Raises:
        ValueError: If it is none of these.
    """
    if code.isascii() and code.isdecimal() and _FIRST <= int(code) <= _LAST:
        return range(int(code), int(code) + 1)
    if hundred := _HUNDRED.fullmatch(code):
        return range(int(hundred[1]) * 100, int(hundred[1]) * 100 + 100)
    if span := _SPAN.fullmatch(code):
        found = range(int(span[1]), int(span[2]) + 1)
        if found:
            return found
    raise ValueError(
        "write statuses from 300 to 599: one such as 409, a hundred such as 5xx, or a span such as 500-504"
    )


class StatusRule(Settings):
    """What some statuses mean.

    Attributes:
        codes: Statuses: 409, ``5xx`` or ``500-504``.
        action: What is done about them.
        failure_class: Who is at fault, for the action ``fail``: ``config`` pauses the pipeline, ``transient`` is called
            again, ``data`` sets the record aside, ``system`` stops the worker.
        may_be_done: Whether the target may have done what it was asked although it answered so.
    """

    codes: Annotated[tuple[str, ...], BeforeValidator(_as_texts), AfterValidator(_checked)] = Field(min_length=1)
    action: StatusAction
    failure_class: Literal["config", "transient", "data", "system"] | None = None
    may_be_done: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.failure_class is not None) != (self.action is StatusAction.FAIL):
            raise ValueError("failure_class belongs to the action fail, which needs it")
        if self.may_be_done and self.action in _ENDS:
            raise ValueError(f"may_be_done contradicts the action {self.action.value}, which ends the record")
        return self

    def statuses(self) -> Iterator[int]:
        """Yield every status that the rule names."""
        for code in self.codes:
            yield from expand(code)

    def resolution(self, status: int) -> Resolution:
        """Return what the rule makes of one status.

        Args:
            status: One of its statuses.
        """
        reason = f"http_{status}"
        if self.action in _ENDS:
            return Resolution(TargetConfigurationError, reason, ends_as=_ENDS[self.action])
        error = _FAILURES[self.failure_class] if self.failure_class is not None else _ERRORS[self.action]
        return Resolution(error, reason, may_be_sent=self.may_be_done)


def _consistent(rules: tuple[StatusRule, ...]) -> tuple[StatusRule, ...]:
    seen: set[int] = set()
    for rule in rules:
        mine = set(rule.statuses())
        if mine & seen:
            raise ValueError(f"two rules name the status {min(mine & seen)}; name each status once")
        seen |= mine
    return rules


def _without_ends(rules: tuple[StatusRule, ...]) -> tuple[StatusRule, ...]:
    for rule in rules:
        if rule.action in _ENDS:
            raise ValueError(f"the action {rule.action.value} ends a write; a connector that asks has none")
    return rules


#: The field ``on_status`` in the configuration of a connector that writes.
OnStatus = Annotated[tuple[StatusRule, ...], AfterValidator(_consistent)]
#: The same for a connector that only asks.
OnStatusOfQuestions = Annotated[OnStatus, AfterValidator(_without_ends)]


def table(rules: Iterable[StatusRule], defaults: Iterable[StatusRule] = ()) -> dict[int, Resolution]:
    """Return status → meaning for :func:`lienthong.rest.call`.

    Args:
        rules: As configured; they win.
        defaults: The connector's own, for statuses that the configuration does not name.
    """
    return {status: rule.resolution(status) for rule in (*defaults, *rules) for status in rule.statuses()}
