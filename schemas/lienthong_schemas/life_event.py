"""Life events: that a person was born or has died, as the civil-status register has it.

They go to declared recipients only, each with the fields that were agreed on. The cause of death is not part of them.
"""

from typing import Annotated, Literal

from pydantic import StringConstraints

from lienthong_schemas.base import Line200, RecordModel, Text1000, Timestamp, Token, meta
from lienthong_schemas.civil_status import RegistryEntry
from lienthong_schemas.identifiers import DossierCode, Gender, NoIdentifierReason, PartialDate
from lienthong_schemas.party import Address, PartyIdentifier


class Parent(RecordModel):
    """Mother or father of a newborn, as entered."""

    role: Annotated[Literal["mother", "father"], meta("Vai trò", "Mother or father.")]
    full_name: Annotated[Line200, meta("Họ và tên", "Full name.", personal="basic")]
    identifiers: Annotated[
        tuple[PartyIdentifier, ...], meta("Giấy tờ định danh", "Papers, the best first.", max_length=10)
    ] = ()
    birth_date: Annotated[PartialDate | None, meta("Ngày sinh", "yyyy-mm-dd or yyyy.", personal="basic")] = None
    address: Annotated[Address | None, meta("Nơi cư trú", "Where the parent lives.", personal="basic")] = None


class PersonCreatedV1(RecordModel):
    """A birth was entered: there is a person who was not there before, with a personal ID of their own.

    Source:
        ``national-specs.md`` 1.6 (result of a birth registration), flow F9.
    """

    dossier_code: Annotated[DossierCode, meta("Mã hồ sơ", "Dossier that the entry ended.")]
    national_code: Annotated[Token, meta("Mã hồ sơ liên thông", "Code in the linked procedure.")]
    occurred_at: Annotated[Timestamp, meta("Thời gian thực hiện", "When the result came to be.")]
    full_name: Annotated[Line200, meta("Họ và tên", "Of the newborn.", personal="basic")]
    gender: Annotated[Gender | None, meta("Giới tính", "As registered.", personal="basic")] = None
    birth_date: Annotated[PartialDate, meta("Ngày sinh", "yyyy-mm-dd, or yyyy for a late entry.", personal="basic")]
    birth_place: Annotated[Text1000 | None, meta("Nơi sinh", "As entered.", personal="basic")] = None
    identifiers: Annotated[
        tuple[PartyIdentifier, ...], meta("Số định danh cá nhân", "The new personal ID.", max_length=10)
    ] = ()
    no_identifier_reason: Annotated[
        NoIdentifierReason | None, meta("Lý do không có số định danh", "Why none was issued with the entry.")
    ] = None
    parents: Annotated[tuple[Parent, ...], meta("Cha, mẹ", "Who is entered as mother and father.", max_length=2)] = ()
    registration: Annotated[RegistryEntry, meta("Thông tin đăng ký", "Where the birth is entered.")]


class PersonDeceasedV1(RecordModel):
    """A death was entered.

    Source:
        ``national-specs.md`` 1.6 (result of a death registration), flow F9.
    """

    dossier_code: Annotated[DossierCode, meta("Mã hồ sơ", "Dossier that the entry ended.")]
    national_code: Annotated[Token, meta("Mã hồ sơ liên thông", "Code in the linked procedure.")]
    occurred_at: Annotated[Timestamp, meta("Thời gian thực hiện", "When the result came to be.")]
    full_name: Annotated[Line200, meta("Họ và tên", "Of the person who died.", personal="basic")]
    gender: Annotated[Gender | None, meta("Giới tính", "As registered.", personal="basic")] = None
    birth_date: Annotated[PartialDate | None, meta("Ngày sinh", "yyyy-mm-dd or yyyy.", personal="basic")] = None
    identifiers: Annotated[
        tuple[PartyIdentifier, ...], meta("Giấy tờ định danh", "Papers, the best first.", max_length=10)
    ] = ()
    died_on: Annotated[PartialDate, meta("Ngày chết", "yyyy-mm-dd, or yyyy when only that is known.", personal="basic")]
    died_at_time: Annotated[
        Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None,
        meta("Giờ phút chết", "HH:MM, if known.", personal="basic"),
    ] = None
    death_place: Annotated[Text1000 | None, meta("Nơi chết", "As entered.", personal="basic")] = None
    registration: Annotated[RegistryEntry, meta("Thông tin đăng ký", "Where the death is entered.")]
