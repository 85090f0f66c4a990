"""What became of a record in one pipeline."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class OutcomeKind(StrEnum):
    """The six ends and the three open states of a record in one pipeline."""

    DELIVERED = "delivered"
    FILTERED = "filtered"
    SUPERSEDED = "superseded"
    DUPLICATE = "duplicate"
    DEAD_LETTERED = "dead_lettered"
    CANCELLED = "cancelled"
    IN_FLIGHT = "in_flight"
    PARKED = "parked"
    REVIEW = "review"

    @property
    def is_end(self) -> bool:
        """Whether the record is done with in this pipeline."""
        return self not in _OPEN


_OPEN = frozenset({OutcomeKind.IN_FLIGHT, OutcomeKind.PARKED, OutcomeKind.REVIEW})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something an official should look at, though the record is accepted.

    Attributes:
        field: Path of the field.
        rule: Name of the rule that was not met.
    """

    field: str
    rule: str


class Outcome(NamedTuple):
    """How one record ended, or in which open state it waits.

    Attributes:
        kind: One of the nine states.
        reason: Machine-readable detail, such as ``portal.created``; never a value of the record.
        attempts: Calls made for this record in this pipeline, 1 for a success at the first attempt.
        repeat_possible: Whether the effect may have happened once more than the target shows.
        findings: Broken soft rules, by field.
        attempt_ids: Request ids used towards the target, one for each attempt.
        target_reference: The target's own id of the effect, if it gave one; never a personal identifier.
    """

    kind: OutcomeKind
    reason: str = ""
    attempts: int = 1
    repeat_possible: bool = False
    findings: tuple[Finding, ...] = ()
    attempt_ids: tuple[str, ...] = ()
    target_reference: str = ""

    @classmethod
    def delivered(cls, reason: str = "", **details: Any) -> "Outcome":
        """Return the outcome of a record that is durable at its target.

        Args:
            reason: Machine-readable detail.
            **details: Further attributes of the outcome.
        """
        return cls(OutcomeKind.DELIVERED, reason, **details)

    @classmethod
    def filtered(cls, reason: str, **details: Any) -> "Outcome":
        """Return the outcome of a record that this pipeline has nothing to do for.

        Args:
            reason: Machine-readable detail.
            **details: Further attributes of the outcome.
        """
        return cls(OutcomeKind.FILTERED, reason, **details)


class SettledByAnswer(Exception):  # noqa: N818 - a signal, not an error
    """What a target answered to a write ends the record, as the connector's ``on_status`` table says.

    Args:
        outcome: How it ends.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class AnswerStatus(StrEnum):
    """What a lookup found, or an official decided; being unavailable is an error, never an answer."""

    MATCH = "match"
    APPROVED = "approved"
    MISMATCH = "mismatch"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the target of a lookup said.

    Attributes:
        status: Whether the question was answered with yes, no or nobody found.
        findings: Differences by field, without values.
        attempt_ids: Request ids used towards the target.
        fields: Names of the fields that the target disclosed, for the access log.
        data: What the target disclosed; may be personal, so it is never logged or put into a receipt.
    """

    status: AnswerStatus
    findings: tuple[Finding, ...] = ()
    attempt_ids: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    data: Any = field(default=None, repr=False)
