"""What each result code (``maKetQua``) of the gateway means; a code that nobody knows is refused, never guessed.

Source:
    Union of the tables of two public clients of the gateway. What a code says about the use of a card
    (``entitlement``) is ASSUMED for all but ``000``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from lienthong.errors import (
    LienthongError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    TokenExpiredError,
)
from lienthong.outcome import AnswerStatus, Finding
from lienthong_schemas.insurance import Entitlement

TOKEN_REFUSED = "501"  # noqa: S105 - a result code
ACCOUNT_REFUSED = "401"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says about the card.

    Attributes:
        status: Whether there is such a card of such a person.
        entitlement: Whether it can be relied on; None when there is no match.
        finding: What an official should look at; None for nothing.
    """

    status: AnswerStatus
    entitlement: Entitlement | None = None
    finding: Finding | None = None


def _card(entitlement: Entitlement, rule: str = "") -> Meaning:
    return Meaning(AnswerStatus.MATCH, entitlement, Finding("card", rule) if rule else None)


def _differs(field: str, rule: str = "differs") -> Meaning:
    return Meaning(AnswerStatus.MISMATCH, None, Finding(field, rule))


#: Codes that answer the question.
ANSWERS: Mapping[str, Meaning] = {
    "000": _card("valid"),
    "001": _card("check", "managed_by_defence"),
    "002": _card("check", "managed_by_police"),
    "003": _card("check", "expired_new_card_issued"),
    "003.1": _card("check", "expired_new_card_issued"),
    "004": _card("valid", "new_card_issued"),
    "010": _card("invalid", "expired"),
    "050": Meaning(AnswerStatus.NO_MATCH),
    "060": _differs("full_name"),
    "061": _differs("full_name", "first_letters_agree"),
    "070": _differs("birth_date"),
    "110": _card("invalid", "withdrawn"),
    "120": _card("check", "decrease_reported"),
    "121": _card("check", "moved_out_of_province"),
    "122": _card("check", "moved_within_province"),
    "123": _card("check", "increased_again"),
    "124": _card("invalid", "no_longer_participating"),
    "130": _card("check", "child_without_card"),
}
#: Codes that refuse the question on its merits: mend the number.
REFUSALS: Mapping[str, str] = {
    "051": "card_number",
    "052": "province_characters",
    "053": "benefit_character",
    "205": "parameter_form",
}
#: Codes about the official who asks.
OFFICER_REFUSALS: Mapping[str, str] = {"054": "officer_not_registered", "055": "officer_name_differs"}
#: Codes of a gateway in trouble.
TROUBLES: frozenset[str] = frozenset({"100", "101", "500"})


def refuse(code: str, actor: str) -> NoReturn:
    """Raise what a code means that answers nothing.

    Args:
        code: ``maKetQua``, checked to be a code.
        actor: Opaque id of the official who asked.

    Raises:
        LienthongError: What the engine does about it.
    """
    raise _error(code, actor)


def _error(code: str, actor: str) -> LienthongError:
    if code in REFUSALS:
        return RejectedByTargetError("the gateway refuses the number or its form", reason=REFUSALS[code])
    if code in OFFICER_REFUSALS:
        return ScopeError(
            "the gateway does not know the official under this name and personal ID; register them there",
            scope_kind="officer",
            scope=actor,
            reason=code,
        )
    if code in TROUBLES:
        return TargetUnavailableError("the gateway reports an error of its own", reason=f"code_{code}")
    if code == TOKEN_REFUSED:
        return TokenExpiredError("the gateway refuses a token that it has just given", reason=f"code_{code}")
    if code == ACCOUNT_REFUSED:
        return TargetConfigurationError("the gateway refuses the account; check its password", reason=f"code_{code}")
    return RejectedByTargetError("the gateway answered with a code that is not documented", reason=f"code_{code}")
