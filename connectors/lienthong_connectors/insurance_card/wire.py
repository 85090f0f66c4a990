"""Questions and answers of the gateway as they go over the wire.

Source:
    Public clients of egw.baohiemxahoi.gov.vn: JSON in, JSON out, token and account in the query string.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from lienthong.errors import TargetUnavailableError
from lienthong_connectors.insurance_card.codes import Meaning
from lienthong_schemas.insurance import InsuranceCardAnswer, InsuranceCardQuery

OPERATION = "KQNhanLichSuKCB"
_CODE = re.compile(r"[0-9]{2,3}(\.[0-9])?")
_FIELD = re.compile(r"[A-Za-z0-9_]{1,64}")


class Tokens(NamedTuple):
    """What the gateway gave for a password; shown nowhere.

    Attributes:
        access: ``access_token``.
        id: ``id_token``.
    """

    access: str
    id: str

    def __repr__(self) -> str:
        """Show nothing."""
        return "Tokens(…)"


def object_of(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object of an answer.

    Args:
        body: The answer.

    Raises:
        TargetUnavailableError: If it is none.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        # Without the cause: a JSON error carries the whole document, which may be personal.
        raise TargetUnavailableError("the gateway answered with something that is no JSON object", reason="no_object")
    return document


def code_of(document: Mapping[str, Any]) -> str:
    """Return the result code of an answer.

    Args:
        document: The answer.

    Raises:
        TargetUnavailableError: If there is none; nothing is taken for "no card" without being told so.
    """
    code = str(document.get("maKetQua", ""))
    if not _CODE.fullmatch(code):
        raise TargetUnavailableError("the gateway answered without a result code", reason="no_code")
    return code


def question(query: InsuranceCardQuery, officer_name: str, officer_id: str) -> bytes:
    """Return the body of a question.

    Args:
        query: What is asked.
        officer_name: Full name of the official.
        officer_id: Personal ID of the official.
    """
    birth = query.birth_date
    return orjson.dumps(
        {
            "maThe": query.number,
            "hoTen": query.full_name,
            "ngaySinh": birth if len(birth) == 4 else "/".join(reversed(birth.split("-"))),
            "hoTenCb": officer_name,
            "cccdCb": officer_id,
        }
    )


def card_of(document: Mapping[str, Any], code: str, meaning: Meaning) -> InsuranceCardAnswer | None:
    """Return what is kept of an answer about a card; None when it is about no card.

    Args:
        document: The answer; its list of treatments and the address are left out.
        code: Its result code.
        meaning: What the code means.
    """
    if meaning.entitlement is None:
        return None
    return InsuranceCardAnswer(
        code=code,
        entitlement=meaning.entitlement,
        valid_from=_day(document.get("gtTheTu")),
        valid_until=_day(document.get("gtTheDen")),
        facility_code=_text(document.get("maDKBD"), 50),
        facility_name=_text(document.get("tenDKBD"), 200),
        new_number=_text(document.get("maTheMoi"), 50),
    )


def fields_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of what was disclosed: also of what is not kept.

    Args:
        document: The answer.
    """
    return tuple(name for name, value in document.items() if value not in (None, "", [], {}) and _FIELD.fullmatch(name))


def _day(value: Any) -> str | None:
    try:
        return datetime.strptime(str(value), "%d/%m/%Y").date().isoformat()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def _text(value: Any, most: int) -> str | None:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text[:most] or None
