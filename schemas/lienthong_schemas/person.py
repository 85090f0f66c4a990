"""A person as a province's systems know them; the key is the hub's own opaque id."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from lienthong_schemas.base import Line50, Line200, RecordModel, Timestamp, Token, meta
from lienthong_schemas.identifiers import (
    IDENTIFIER_FORMS,
    Gender,
    IdentifierType,
    IdentifierValue,
    NoIdentifierReason,
    PartialDate,
)
from lienthong_schemas.party import Address


class DatedIdentifier(RecordModel):
    """An identifier with the time for which it is valid: numbers can be cancelled and issued anew.

    Source:
        Decree 70/2024, article 11.
    """

    model_config = IDENTIFIER_FORMS

    type: Annotated[IdentifierType, meta("Loại giấy tờ", "What kind of identifier it is.")]
    value: Annotated[IdentifierValue, meta("Số giấy tờ", "The identifier, never padded.", personal="basic")]
    valid_from: Annotated[date | None, meta("Có giá trị từ", "First day; null if unknown.")] = None
    valid_to: Annotated[date | None, meta("Có giá trị đến", "Last day; null while it is valid.")] = None


class EthnicGroup(RecordModel):
    """An ethnic group; two incompatible code lists are in use.

    Source:
        Population database client list and GSO census list; ``national-specs.md`` 1.1.6.
    """

    code_system: Annotated[Literal["population", "GSO"], meta("Hệ mã", "Which list the code is from.")]
    code: Annotated[Line50, meta("Mã dân tộc", "Code in that list.", personal="sensitive")]


class PersonV1(RecordModel):
    """All that a system knows of a person at one moment."""

    person_reference: Annotated[Token, meta("Mã tham chiếu", "The hub's random id of the person; never an ID number.")]
    sequence: Annotated[Annotated[int, Field(ge=1, le=2**53 - 1)], meta("Số thứ tự", "Rises with every snapshot.")]
    occurred_at: Annotated[Timestamp, meta("Thời điểm phát sinh", "When the data changed.")]
    full_name: Annotated[Line200, meta("Họ và tên", "Full name.", personal="basic")]
    identifiers: Annotated[
        tuple[DatedIdentifier, ...], meta("Giấy tờ định danh", "All that are known, with validity.", max_length=20)
    ] = ()
    no_identifier_reason: Annotated[NoIdentifierReason | None, meta("Lý do không có giấy tờ", "Why there is none.")] = (
        None
    )
    birth_date: Annotated[PartialDate | None, meta("Ngày sinh", "yyyy-mm-dd or yyyy.", personal="basic")] = None
    gender: Annotated[Gender | None, meta("Giới tính", "As registered.", personal="basic")] = None
    ethnic_group: Annotated[
        EthnicGroup | None,
        meta("Dân tộc", "With its code system; treated as sensitive (ASSUMED).", personal="sensitive"),
    ] = None
    permanent_address: Annotated[Address | None, meta("Nơi thường trú", "Registered home.", personal="basic")] = None
    current_address: Annotated[Address | None, meta("Nơi ở hiện tại", "Where they live.", personal="basic")] = None
    vital_status: Annotated[
        Literal["alive", "deceased", "missing", "unknown"],
        meta("Tình trạng", "Whether the person lives.", personal="basic"),
    ] = "unknown"
    guardian_reference: Annotated[
        Token | None, meta("Người giám hộ", "The hub's id of the guardian of a minor.", personal="basic")
    ] = None
