"""How far rows are, what becomes of them, and how many there are of each."""

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple


class Stage(IntEnum):
    """How far a row is."""

    OPEN = 0
    DECIDED = 1
    PUBLISHED = 2


class Decision(NamedTuple):
    """What becomes of one account.

    Attributes:
        line: Of the file.
        account: Opaque id of the account.
        subject: The hub's reference of the person.
        state: Where the account goes.
        findings: ``field:rule`` pairs, without values.
        decided_at: ISO 8601.
    """

    line: int
    account: str
    subject: str
    state: str
    findings: tuple[str, ...]
    decided_at: str


class Counts(NamedTuple):
    """How far a campaign is.

    Attributes:
        converted_before: Accounts that were linked before.
        open: Not decided.
        decided: Decided, not yet acknowledged.
        published: Done.
        states: Decided accounts by state.
        findings: Rows with something wrong, by rule.
        lookups: Questions that were begun.
        repeated: Of these, questions about a row that was asked about before: a killed process had noted no answer.
    """

    converted_before: int
    open: int
    decided: int
    published: int
    states: Mapping[str, int]
    findings: Mapping[str, int]
    lookups: int
    repeated: int
