"""Decides whether the person that the database knows is the person that was asked about.

Source:
    ``domain-rules.md`` 15.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from lienthong.outcome import Answer, AnswerStatus, Finding
from lienthong_schemas.identity import PersonIdentityQuery

_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u2018\u02bc\u00b4`", "'"))
#: Unicode gives Đ no decomposition, so stripping accents leaves it.
_STROKE = str.maketrans({"Đ": "D"})


@dataclass(frozen=True, slots=True)
class Citizen:
    """What the database disclosed about one person, as far as it is compared.

    Attributes:
        personal_id: 12 digits, or empty.
        old_id: CMND, or empty.
        full_name: The whole name.
        birth: ``yyyymmdd`` or ``yyyy``, or empty.
        gender: ``male``, ``female`` or None when the database does not know.
        fields: Names of all elements that were disclosed.
        vital_status: ``deceased``, ``missing``, or empty for neither.
    """

    personal_id: str = field(repr=False)
    old_id: str = field(repr=False)
    full_name: str = field(repr=False)
    birth: str = field(repr=False)
    gender: str | None = field(repr=False)
    fields: tuple[str, ...]
    vital_status: str = field(default="", repr=False)


def name_key(name: str) -> str:
    """Return the form in which names are sent and compared: upper case, without accents and spaces, Đ as D.

    Args:
        name: A name in any Unicode form.
    """
    upper = name.upper().translate(_APOSTROPHES)
    if not upper.isascii():
        plain = unicodedata.normalize("NFD", upper).translate(_STROKE)
        upper = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return "".join(upper.split())


def compare_names(asked: str, known: str) -> Finding | None:
    """Return what an official should know about two names.

    Args:
        asked: The name in the dossier.
        known: The name in the database.

    Returns:
        None for the same name; rule ``tone_place``, ``accents`` or ``i_y`` for a spelling of the same name; rule
        ``differs`` for another name.
    """
    if _written(asked) == _written(known):
        return None
    asked_key, known_key = name_key(asked), name_key(known)
    if asked_key == known_key:
        rule = "tone_place" if _toneless(asked) == _toneless(known) else "accents"
    elif asked_key.replace("Y", "I") == known_key.replace("Y", "I"):
        rule = "i_y"
    else:
        rule = DIFFERS
    return Finding("full_name", rule)


DIFFERS = "differs"


def compare_births(asked: str | None, known: str) -> Finding | None:
    """Return what an official should know about two dates of birth.

    Args:
        asked: ``yyyy-mm-dd``, ``yyyy`` or None.
        known: ``yyyymmdd``, ``yyyy`` or empty.

    Returns:
        None for the same date; rule ``year_only`` when only one side has a day and the years agree; ``unknown`` when
        one side has nothing; ``differs`` otherwise.
    """
    digits = (asked or "").replace("-", "")
    if not digits or not known:
        return Finding("birth_date", "unknown")
    if digits == known:
        return None
    if len(digits) == len(known) or digits[:4] != known[:4]:
        return Finding("birth_date", DIFFERS)
    return Finding("birth_date", "year_only")


def judge(query: PersonIdentityQuery, citizens: Sequence[Citizen], attempt_id: str) -> Answer:
    """Return the answer to a question.

    Args:
        query: What was asked.
        citizens: Whom the database knows under the identifier.
        attempt_id: Request id that was used.
    """
    attempts = (attempt_id,)
    if not citizens:
        return Answer(AnswerStatus.NO_MATCH, attempt_ids=attempts)
    judged = [(citizen, _findings(query, citizen)) for citizen in citizens]
    citizen, findings = min(judged, key=lambda pair: (_is_other(pair[1]), len(pair[1])))
    if len(citizens) > 1:
        findings = (*findings, Finding("identifiers", "several_found"))
    status = AnswerStatus.MISMATCH if _is_other(findings) else AnswerStatus.MATCH
    fields = tuple(dict.fromkeys(name for item in citizens for name in item.fields))
    return Answer(status, findings, attempts, fields, citizen)


def _findings(query: PersonIdentityQuery, citizen: Citizen) -> tuple[Finding, ...]:
    asked = {item.type: item.value for item in query.identifiers}
    found = [compare_names(query.full_name, citizen.full_name), compare_births(query.birth_date, citizen.birth)]
    if query.gender is not None and citizen.gender is not None and query.gender != citizen.gender:
        found.append(Finding("gender", "gender_differs"))
    if citizen.personal_id and asked.get("personal_id", citizen.personal_id) != citizen.personal_id:
        found.append(Finding("identifiers", "reissued"))
    if citizen.vital_status:
        found.append(Finding("vital_status", citizen.vital_status))
    return tuple(finding for finding in found if finding is not None)


def _is_other(findings: tuple[Finding, ...]) -> bool:
    return any(finding.rule == DIFFERS for finding in findings)


def _written(name: str) -> str:
    return unicodedata.normalize("NFC", " ".join(name.translate(_APOSTROPHES).split())).upper()


def _toneless(name: str) -> list[tuple[str, list[str]]]:
    words = []
    for word in unicodedata.normalize("NFD", name.upper()).split():
        letters = "".join(letter for letter in word if letter not in _TONES)
        words.append((unicodedata.normalize("NFC", letters), sorted(letter for letter in word if letter in _TONES)))
    return words
