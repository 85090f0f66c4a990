"""Life of a province's own account on its way to the national sign-in, VNeID.

Source:
    ``national-specs.md`` 4.4, itself ASSUMED from the code of provincial systems; ``not_found`` and ``mismatch`` are
    told apart because an official does something else about each.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final, Literal, get_args

from lienthong.outcome import Answer, AnswerStatus, Finding

AccountState = Literal[
    "unlinked",
    "candidate",
    "pending_confirmation",
    "verified",
    "linked",
    "conflict",
    "id_changed",
    "no_id",
    "not_found",
    "mismatch",
    "deceased",
    "minor_guardian",
    "expired_unconverted",
]
STATES: Final[tuple[AccountState, ...]] = get_args(AccountState)
#: States in which an official decides.
REVIEWED: Final[frozenset[AccountState]] = frozenset(
    {"conflict", "id_changed", "no_id", "not_found", "mismatch", "deceased", "minor_guardian"}
)
#: NĐ 69/2024 Đ14 k2: below this age a guardian consents.
GUARDIAN_BELOW_YEARS: Final = 14

_CHECKED: Final[frozenset[AccountState]] = REVIEWED | {"expired_unconverted"}
#: Usual states after each state. Whatever was decided wrongly begins again as candidate, so that it is checked again.
USUAL_NEXT: Final[Mapping[AccountState, frozenset[AccountState]]] = {
    "unlinked": frozenset({"candidate", "no_id", "expired_unconverted"}),
    "candidate": _CHECKED | {"pending_confirmation", "unlinked"},
    "pending_confirmation": _CHECKED | {"verified", "candidate"},
    "verified": frozenset({"linked", "conflict", "id_changed", "deceased"}),
    "linked": frozenset({"unlinked", "conflict", "id_changed", "deceased"}),
    "conflict": frozenset({"candidate", "linked", "unlinked"}),
    "id_changed": frozenset({"candidate", "linked", "unlinked"}),
    "no_id": frozenset({"candidate", "expired_unconverted"}),
    "not_found": frozenset({"candidate", "expired_unconverted"}),
    "mismatch": frozenset({"candidate", "linked", "expired_unconverted"}),
    "deceased": frozenset({"candidate", "unlinked"}),
    "minor_guardian": frozenset({"candidate", "linked", "expired_unconverted"}),
    "expired_unconverted": frozenset({"candidate"}),
}


def of_transition(previous: AccountState | None, current: AccountState) -> tuple[Finding, ...]:
    """Return what is odd about an account going from one state to the next.

    Args:
        previous: State before; None when the account is seen for the first time.
        current: State now.

    Returns:
        Warnings only: the state is what its system says it is.
    """
    if previous is None:
        return () if current in {"unlinked", "candidate"} else (Finding("state", "joined_late"),)
    if current == previous or current in USUAL_NEXT[previous]:
        return ()
    return (Finding("state", "unusual_transition"),)


def is_minor(birth_date: str | None, on: date) -> bool:
    """Return whether somebody needs a guardian's consent.

    Args:
        birth_date: ``yyyy-mm-dd``, ``yyyy``, or None when it is unknown.
        on: The day that counts.

    Returns:
        With only a year, whether it may be so: nobody is linked without a guardian because a day was not known.
    """
    if birth_date is None:
        return False
    last = date(int(birth_date[:4]), 12, 31) if len(birth_date) == 4 else date.fromisoformat(birth_date)
    years = on.year - last.year - ((on.month, on.day) < (last.month, last.day))
    return years < GUARDIAN_BELOW_YEARS


def state_of(answer: Answer, birth_date: str | None, on: date) -> AccountState:
    """Return where an account goes after the population database was asked about its holder.

    Args:
        answer: What the database said, or an official decided.
        birth_date: Of the holder, as it was asked about.
        on: Day of the question.

    Returns:
        ``linked``, or the state in which an official decides. What is known of the person comes before what differs.
    """
    if answer.status is AnswerStatus.APPROVED:
        return "linked"
    rules = {finding.rule for finding in answer.findings}
    reasons: tuple[tuple[bool, AccountState], ...] = (
        (answer.status is AnswerStatus.NO_MATCH, "not_found"),
        ("deceased" in rules, "deceased"),
        (answer.status is AnswerStatus.MISMATCH, "mismatch"),
        ("several_found" in rules, "conflict"),
        ("reissued" in rules, "id_changed"),
        (is_minor(birth_date, on), "minor_guardian"),
    )
    return next((state for holds, state in reasons if holds), "linked")
