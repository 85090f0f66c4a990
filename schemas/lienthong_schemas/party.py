"""People and organisations as they stand in records: who, with which papers, living where."""

from datetime import date
from typing import Annotated, Literal

from pydantic import StringConstraints

from lienthong_schemas.base import LINE_PATTERN, Line200, RecordModel, Text1000, meta
from lienthong_schemas.identifiers import (
    IDENTIFIER_FORMS,
    CodeSystem,
    Gender,
    IdentifierType,
    IdentifierValue,
    NoIdentifierReason,
    OrganisationCode,
    PartialDate,
)

SubjectKind = Literal["citizen", "enterprise", "state_agency", "organisation"]


class AdministrativeUnit(RecordModel):
    """A province or commune: a code says nothing without its system and date.

    Source:
        Decision 19/2025/QĐ-TTg; ``domain-rules.md`` 19 (all new commune codes are old ones too).
    """

    code_system: Annotated[CodeSystem, meta("Hệ mã", "GSO-63 before 1 July 2025, GSO-34 since.")]
    code: Annotated[
        str,
        StringConstraints(pattern=r"^([0-9]{2}|[0-9]{3}|[0-9]{5})$"),
        meta("Mã đơn vị hành chính", "2 digits for a province, 3 for an old district, 5 for a commune."),
    ]
    as_of: Annotated[date, meta("Ngày áp dụng mã", "Day on which the code had this meaning.")]


class Address(RecordModel):
    """A place: the unit by code and what stands below it as text."""

    unit: Annotated[AdministrativeUnit, meta("Đơn vị hành chính", "Commune or higher unit.")]
    detail: Annotated[
        Text1000 | None, meta("Địa chỉ chi tiết", "House, street, village, as written.", personal="basic")
    ] = None


class PartyIdentifier(RecordModel):
    """One identifier of a person or organisation."""

    model_config = IDENTIFIER_FORMS

    type: Annotated[IdentifierType, meta("Loại giấy tờ", "What kind of identifier it is.")]
    value: Annotated[IdentifierValue, meta("Số giấy tờ", "The identifier, never padded.", personal="basic")]


class Party(RecordModel):
    """An owner or submitter of a dossier."""

    full_name: Annotated[
        Line200,
        meta("Họ và tên", "Full name as the paper shows it; of an organisation its name.", personal="basic"),
    ]
    identifiers: Annotated[
        tuple[PartyIdentifier, ...],
        meta("Giấy tờ định danh", "Papers, the best first; empty when there is none.", max_length=10),
    ] = ()
    no_identifier_reason: Annotated[
        NoIdentifierReason | None,
        meta("Lý do không có giấy tờ", "Why a person has no identifier; fillers are refused by the nation."),
    ] = None
    birth_date: Annotated[
        PartialDate | None, meta("Ngày sinh", "yyyy-mm-dd, or yyyy when only the year is known.", personal="basic")
    ] = None
    gender: Annotated[Gender | None, meta("Giới tính", "As the population database has it.", personal="basic")] = None
    address: Annotated[Address | None, meta("Địa chỉ", "Residence or seat.", personal="basic")] = None
    phone: Annotated[
        Annotated[str, StringConstraints(min_length=6, max_length=20, pattern=r"^\+?[0-9 .\-]+$")] | None,
        meta("Số điện thoại", "Digits, may start with +.", personal="basic"),
    ] = None
    email: Annotated[
        Annotated[str, StringConstraints(max_length=200, pattern=r"^[^@\s]+@[^@\s]+$")] | None,
        meta("Thư điện tử", "Mail address.", personal="basic"),
    ] = None


class Unit(RecordModel):
    """An agency or a part of one."""

    code: Annotated[OrganisationCode, meta("Mã định danh cơ quan", "Organisation code, in either order.")]
    name: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=LINE_PATTERN)],
        meta("Tên cơ quan", "Official name."),
    ]
