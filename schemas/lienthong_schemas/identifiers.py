"""Identifiers of people, organisations, procedures and dossiers, and what is checked about them.

Only the form is an error. What a personal ID says about province, sex and century is checked softly, because a holder
may be born abroad, or a register may have been corrected: such a record is accepted and flagged.

Source:
    Law on Identification 26/2023, article 12; Decree 70/2024, article 11; Decision 20/2020/QĐ-TTg;
    Decree 118/2025 (dossier codes).
"""

import re
from datetime import date
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, ConfigDict, StringConstraints, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

IdentifierType = Literal[
    "personal_id", "cmnd", "passport", "permanent_resident_card", "tax_code", "temporary_student_id"
]
NoIdentifierReason = Literal["newborn", "foreigner", "not_issued"]
Gender = Literal["male", "female"]
CodeSystem = Literal["GSO-63", "GSO-34"]

ORGANISATION_PATTERN: Final = r"^([A-Z][0-9]{2}(\.[0-9]{2,3})*|[0-9]{3}(\.[0-9]{2}){2}\.[A-Z][0-9]{2})$"
PROCEDURE_PATTERN: Final = r"^[0-9]\.[0-9]{6}(\.(000\.00\.00\.)?H[0-9]{2}(\.[0-9]{2})?)?$"
DOSSIER_PATTERN: Final = (
    r"^([A-Z][0-9]{2}(\.[0-9]{2,3})*|[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2})"
    r"-[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])-[0-9]{4,7}$"
)
#: Owner and field, such as G03-GD10; local codes differ, so only the alphabet is held. ASSUMED.
FIELD_CODE_PATTERN: Final = r"^[A-Z0-9][A-Z0-9.\-]{1,34}$"

OrganisationCode = Annotated[str, StringConstraints(max_length=35, pattern=ORGANISATION_PATTERN)]
ProcedureCode = Annotated[str, StringConstraints(pattern=PROCEDURE_PATTERN)]
DossierCode = Annotated[str, StringConstraints(max_length=50, pattern=DOSSIER_PATTERN)]
FieldCode = Annotated[str, StringConstraints(pattern=FIELD_CODE_PATTERN)]

PERSONAL_ID: Final = re.compile(r"[0-9]{12}")
_FORMS: Final = {
    "personal_id": PERSONAL_ID,
    "cmnd": re.compile(r"[0-9]{9}"),
    "passport": re.compile(r"[A-Z0-9]{6,12}"),
    "permanent_resident_card": re.compile(r"[A-Z0-9]{6,15}"),
    "tax_code": re.compile(r"[0-9]{10}(-[0-9]{3})?|[0-9]{12}"),
    "temporary_student_id": re.compile(r"[A-Za-z0-9.\-]{3,30}"),
}
_NATIONAL_DATE: Final = re.compile(r"[0-9]{8}|[0-9]{14}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}( [0-9:]{4,8})?")
_PARTIAL_DATE: Final = re.compile(r"(?:1[89]|2[0-9])[0-9]{2}(?:-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))?")
EMPTY_DATE_MARKER: Final = "1900-01-01"

# fmt: off
_OLD_PROVINCES: Final = (
    1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33,
    34, 35, 36, 37, 38, 40, 42, 44, 45, 46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66,
    67, 68, 70, 72, 74, 75, 77, 79, 80, 82, 83, 84, 86, 87, 89, 91, 92, 93, 94, 95, 96,
)
# fmt: on
#: Province part of a personal ID: the 63 provinces before 1 July 2025, for ever.
PROVINCE_PARTS: Final = frozenset(f"{code:03}" for code in _OLD_PROVINCES)
#: Province parts that belong to nobody; generated people have only these.
GENERATED_PARTS: Final = frozenset({"000", "999"})
_KNOWN_PARTS: Final = PROVINCE_PARTS | GENERATED_PARTS
_FEMALE_DIGITS: Final = "13579"
_CENTURIES: Final = {str(digit): str(19 + digit // 2) for digit in range(10)}


def check_identifier_value(value: str, info: ValidationInfo) -> str:
    """Return the value, if it has the form that its type asks for.

    Args:
        value: The identifier.
        info: Holds the type, which stands in front of the value.

    Raises:
        PydanticCustomError: With the rule ``identifier_form`` or ``leading_zero_lost``.
    """
    kind = info.data.get("type")
    if kind is None or _FORMS[kind].fullmatch(value):
        return value
    if (kind == "personal_id" and _has_digits(value, 11)) or (kind == "cmnd" and _has_digits(value, 8)):
        raise PydanticCustomError(
            "leading_zero_lost", "a digit is missing: a spreadsheet has probably removed the leading zero"
        )
    raise PydanticCustomError("identifier_form", "the identifier has not the form of its type")


def _has_digits(value: str, count: int) -> bool:
    return len(value) == count and value.isascii() and value.isdigit()


def check_partial_date(value: str) -> str:
    """Return the value, if it is a year or a calendar date.

    Args:
        value: ``yyyy`` or ``yyyy-mm-dd``.

    Raises:
        PydanticCustomError: With the rule ``date_format``, ``empty_date_marker`` or ``not_a_date``.
    """
    if value == EMPTY_DATE_MARKER:
        raise PydanticCustomError("empty_date_marker", "1900-01-01 stands for an empty field: omit the field")
    if _PARTIAL_DATE.fullmatch(value):
        # Only a day past the 28th can be missing from its month.
        if len(value) == 4 or value[8:] <= "28":
            return value
        try:
            date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("not_a_date", "the calendar has no such day") from None
        return value
    if _NATIONAL_DATE.fullmatch(value):
        raise PydanticCustomError("date_format", "a date is written yyyy-mm-dd, or yyyy when only the year is known")
    raise PydanticCustomError("not_a_date", "a date is written yyyy-mm-dd, or yyyy when only the year is known")


IdentifierValue = Annotated[str, StringConstraints(min_length=1, max_length=30), AfterValidator(check_identifier_value)]
#: ``yyyy`` or ``yyyy-mm-dd``.
PartialDate = Annotated[
    str,
    StringConstraints(max_length=40),
    AfterValidator(check_partial_date),
    WithJsonSchema({"type": "string", "pattern": f"^({_PARTIAL_DATE.pattern})$"}),
]
#: Says in the JSON Schema what :func:`check_identifier_value` checks.
IDENTIFIER_FORMS: Final = ConfigDict(
    json_schema_extra={
        "allOf": [
            {
                "if": {"properties": {"type": {"const": kind}}},
                "then": {"properties": {"value": {"pattern": f"^({form.pattern})$"}}},
            }
            for kind, form in _FORMS.items()
        ]
    }
)


def personal_id_discrepancies(value: str, birth_date: str | None, gender: str | None) -> tuple[str, ...]:
    """Return the soft rules that a personal ID does not meet.

    Args:
        value: 12 digits.
        birth_date: Partial date, or None if unknown.
        gender: ``male``, ``female`` or None if unknown.

    Returns:
        Names of rules; empty for a consistent number.

    Source:
        ``domain-rules.md`` 14; structure PPP G YY RRRRRR.
    """
    digit = value[3]
    has_known_part = value[:3] in _KNOWN_PARTS
    is_of_gender = gender is None or (digit in _FEMALE_DIGITS) == (gender == "female")
    is_of_year = birth_date is None or birth_date[:4] == _CENTURIES[digit] + value[4:6]
    # Nearly all numbers are consistent, and every snapshot has some.
    if has_known_part and is_of_gender and is_of_year:
        return ()
    found = []
    if not has_known_part:
        found.append("unknown_province_part")
    if not is_of_gender:
        found.append("gender_mismatch")
    if birth_date is not None:
        if birth_date[:2] != _CENTURIES[digit]:
            found.append("century_mismatch")
        if birth_date[2:4] != value[4:6]:
            found.append("birth_year_mismatch")
    return tuple(found)


def classify_typed(text: str) -> IdentifierType | Literal["leading_zero_lost"] | None:
    """Say what digits typed by hand are: spaces and dots are ignored, nothing is padded.

    Args:
        text: What was typed.

    Returns:
        ``personal_id`` for 12 digits, ``cmnd`` for 9, ``leading_zero_lost`` for 8 or 11, otherwise None.

    Source:
        ``domain-rules.md`` 17.
    """
    digits = text.replace(" ", "").replace(".", "")
    if not (digits.isascii() and digits.isdigit()):
        return None
    if len(digits) == 12:
        return "personal_id"
    if len(digits) == 9:
        return "cmnd"
    return "leading_zero_lost" if len(digits) in {8, 11} else None


def normalise_organisation_code(code: str) -> str:
    """Return an organisation code from the top down: ``000.17.22.H56`` becomes ``H56.22.17``.

    Args:
        code: In either order.

    Returns:
        The code from the top down; unknown forms come back unchanged.

    Source:
        Decision 20/2020/QĐ-TTg; that reversing and dropping zero groups is right is ASSUMED.
    """
    if not re.fullmatch(r"[0-9]{3}(\.[0-9]{2}){2}\.[A-Z][0-9]{2}", code):
        return code
    groups = reversed(code.split("."))
    return ".".join(group for group in groups if group.strip("0"))


def national_procedure_code(code: str) -> str:
    """Return the national part of a procedure code: ``2.000488.000.00.00.H56`` becomes ``2.000488``.

    Args:
        code: National or local procedure code.
    """
    return code[:8]


def dossier_code_day_exists(code: str) -> bool:
    """Return whether the reception day in a dossier code is in the calendar.

    Args:
        code: A dossier code of the right form.
    """
    day = code.rpartition("-")[0][-6:]
    if day[4:] <= "28":
        return True
    try:
        date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        return False
    return True


def mask(kind: str, value: str) -> str:
    """Return a form of an identifier that may be shown on a screen.

    Args:
        kind: Type of identifier; codes of organisations, procedures and dossiers are no secret.
        value: The identifier.

    Returns:
        For identifiers of people only the last two characters and the length remain.
    """
    if kind not in get_args(IdentifierType):
        return value
    shown = value[-2:] if len(value) > 6 else ""
    return "•" * (len(value) - len(shown)) + shown


def is_identifier_type(kind: Any) -> bool:
    """Return whether the text names an identifier type.

    Args:
        kind: Any text.
    """
    return kind in get_args(IdentifierType)
