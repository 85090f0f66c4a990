"""The question to the health-insurance gateway: is this card valid, and does it belong to this person?"""

import hashlib
from typing import Annotated, Literal

from pydantic import StringConstraints

from lienthong_schemas.base import Line50, Line200, RecordModel, meta
from lienthong_schemas.identifiers import PartialDate, ProcedureCode
from lienthong_schemas.names import name_key

#: Whether an institution may rely on the card: yes, after a look at the papers, no.
Entitlement = Literal["valid", "check", "invalid"]
CardNumber = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}[0-9]{13}|[0-9]{10}|[0-9]{12})$")]


class InsuranceCardQuery(RecordModel):
    """What is asked about one health-insurance card (thẻ bảo hiểm y tế).

    Source:
        The lookup takes 10 to 15 characters: a card has 15, a social-insurance number (mã số BHXH) 10. That it takes a
        personal ID of 12 is ASSUMED.
    """

    number: Annotated[
        CardNumber,
        meta("Mã thẻ BHYT, mã số BHXH hoặc số định danh", "Card, insurance or personal ID.", personal="basic"),
    ]
    full_name: Annotated[Line200, meta("Họ và tên", "Name on the card.", personal="basic")]
    birth_date: Annotated[PartialDate, meta("Ngày sinh", "yyyy-mm-dd or yyyy.", personal="basic")]
    procedure_code: Annotated[
        ProcedureCode | None, meta("Mã thủ tục hành chính", "Procedure that needs the answer; null for none.")
    ] = None


class InsuranceCardAnswer(RecordModel):
    """What is kept of an answer: the card, never the treatments that the gateway lists beside it."""

    code: Annotated[Line50, meta("Mã kết quả", "Result code of the gateway.")]
    entitlement: Annotated[Entitlement, meta("Giá trị sử dụng", "Whether the card can be relied on.")]
    valid_from: Annotated[PartialDate | None, meta("Giá trị từ ngày", "First day.", personal="basic")] = None
    valid_until: Annotated[PartialDate | None, meta("Giá trị đến ngày", "Last day.", personal="basic")] = None
    facility_code: Annotated[
        Line50 | None, meta("Mã nơi đăng ký khám chữa bệnh ban đầu", "First place of treatment.", personal="basic")
    ] = None
    facility_name: Annotated[
        Line200 | None, meta("Nơi đăng ký khám chữa bệnh ban đầu", "Its name.", personal="basic")
    ] = None
    new_number: Annotated[Line50 | None, meta("Mã thẻ mới", "Number of a newer card.", personal="basic")] = None


def fingerprint(query: InsuranceCardQuery) -> bytes:
    """Return bytes that are equal for equal questions.

    Args:
        query: The question.

    Returns:
        A digest that hides nothing from someone who can guess the parts: key it before it is stored.
    """
    parts = (query.number, name_key(query.full_name), query.birth_date)
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=32).digest()
