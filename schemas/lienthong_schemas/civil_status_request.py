"""Civil-status dossiers (hồ sơ hộ tịch) that the province takes up to the Ministry of Justice: births and deaths.

Codes of the ministry's catalogues (ethnic groups, nationalities, kinds of residence) stand as the ministry has them:
their values are not published, so the hub neither maps nor checks them.

Source:
    ``national-specs.md`` 1.6 (fields of births and deaths); ``domain-rules.md`` 16 (newborns have no personal ID).
"""

from datetime import date
from typing import Annotated, Self

from pydantic import StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from lienthong_schemas.base import Line50, Line200, RecordModel, Text1000, Timestamp, Token, meta
from lienthong_schemas.civil_status import CatalogueCode, CivilStatusKind
from lienthong_schemas.identifiers import DossierCode, Gender, NoIdentifierReason, PartialDate
from lienthong_schemas.party import Address, Party, PartyIdentifier


class Resident(RecordModel):
    """Who a person is and where they live, as the form asks for it."""

    full_name: Annotated[Line200, meta("Họ và tên", "Full name as the paper shows it.", personal="basic")]
    identifiers: Annotated[
        tuple[PartyIdentifier, ...], meta("Giấy tờ tùy thân", "Papers, the best first.", max_length=10)
    ] = ()
    no_identifier_reason: Annotated[
        NoIdentifierReason | None, meta("Lý do không có giấy tờ", "Why there is no paper; no filler is sent.")
    ] = None
    birth_date: Annotated[PartialDate | None, meta("Ngày sinh", "yyyy-mm-dd or yyyy.", personal="basic")] = None
    ethnicity: Annotated[
        CatalogueCode | None, meta("Dân tộc", "Code in the ministry's catalogue.", personal="sensitive")
    ] = None
    nationality: Annotated[
        CatalogueCode | None, meta("Quốc tịch", "Code in the ministry's catalogue.", personal="basic")
    ] = None
    residence_kind: Annotated[
        CatalogueCode | None, meta("Loại cư trú", "Code in the ministry's catalogue.", personal="basic")
    ] = None
    residence: Annotated[Address | None, meta("Nơi cư trú", "Where the person lives.", personal="basic")] = None


class Newborn(RecordModel):
    """The child: it has no personal ID, because the registration is what gives it one."""

    full_name: Annotated[Line200, meta("Họ và tên", "Name that the child is to have.", personal="basic")]
    gender: Annotated[Gender, meta("Giới tính", "As the certificate of birth says.", personal="basic")]
    birth_date: Annotated[date, meta("Ngày sinh", "Day of birth.", personal="basic")]
    birth_date_in_words: Annotated[
        Line200 | None, meta("Ngày sinh bằng chữ", "As the form has it; never composed by the hub.", personal="basic")
    ] = None
    birth_place: Annotated[Text1000, meta("Nơi sinh", "Hospital or other place.", personal="basic")]
    birth_unit: Annotated[
        Address | None, meta("Nơi sinh (đơn vị hành chính)", "Commune of the place of birth.", personal="basic")
    ] = None
    home_town: Annotated[Address | None, meta("Quê quán", "Where the family is from.", personal="basic")] = None
    ethnicity: Annotated[
        CatalogueCode | None, meta("Dân tộc", "Code in the ministry's catalogue.", personal="sensitive")
    ] = None
    nationality: Annotated[
        CatalogueCode | None, meta("Quốc tịch", "Code in the ministry's catalogue.", personal="basic")
    ] = None
    birth_kind: Annotated[CatalogueCode | None, meta("Loại khai sinh", "Code in the ministry's catalogue.")] = None


class BirthForm(RecordModel):
    """What the registration of a birth (đăng ký khai sinh) asks for."""

    certificate_number: Annotated[
        Line50 | None, meta("Mã giấy chứng sinh", "Number of the certificate of birth.", personal="basic")
    ] = None
    certified_on: Annotated[date | None, meta("Ngày cấp giấy chứng sinh", "Day of the certificate.")] = None
    child: Annotated[Newborn, meta("Người được khai sinh", "The child.")]
    mother: Annotated[Resident | None, meta("Mẹ", "Mother, if she is to be entered.")] = None
    father: Annotated[Resident | None, meta("Cha", "Father, if he is to be entered.")] = None


class Deceased(Resident):
    """The person who died."""

    gender: Annotated[Gender, meta("Giới tính", "As the papers show it.", personal="basic")]
    died_on: Annotated[PartialDate, meta("Ngày chết", "yyyy-mm-dd, or yyyy when only that is known.", personal="basic")]
    died_at_time: Annotated[
        Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None,
        meta("Giờ phút chết", "HH:MM, if known.", personal="basic"),
    ] = None
    death_place: Annotated[Text1000, meta("Nơi chết", "Where.", personal="basic")]
    death_cause: Annotated[Text1000 | None, meta("Nguyên nhân chết", "As the notice says.", personal="sensitive")] = (
        None
    )


class DeathNotice(RecordModel):
    """The paper that says that somebody died (giấy báo tử or what stands in its place)."""

    kind: Annotated[CatalogueCode | None, meta("Loại giấy báo tử", "Code in the ministry's catalogue.")] = None
    number: Annotated[Line50 | None, meta("Số giấy báo tử", "Its number.", personal="basic")] = None
    issued_on: Annotated[date | None, meta("Ngày cấp", "Its day.")] = None
    issued_by: Annotated[Line200 | None, meta("Cơ quan cấp", "Who gave it.")] = None


class DeathForm(RecordModel):
    """What the registration of a death (đăng ký khai tử) asks for."""

    person: Annotated[Deceased, meta("Người chết", "The person who died.")]
    notice: Annotated[DeathNotice | None, meta("Giấy báo tử", "The paper about the death.")] = None


class CivilStatusRequestedV1(RecordModel):
    """A civil-status dossier that the one-stop centre accepted and that goes up to the Ministry of Justice."""

    dossier_code: Annotated[DossierCode, meta("Mã hồ sơ một cửa", "Code at the one-stop centre.")]
    national_code: Annotated[Token, meta("Mã hồ sơ liên thông", "Code in the linked procedure.")]
    kind: Annotated[CivilStatusKind, meta("Loại việc hộ tịch", "What is to be registered.")]
    supplement_round: Annotated[
        int, meta("Lần bổ sung", "0 for the dossier itself, 1 and up when it was supplemented.", ge=0, le=99)
    ] = 0
    received_at: Annotated[Timestamp, meta("Ngày tiếp nhận", "When the one-stop centre received it.")]
    registry_unit: Annotated[
        int, meta("Mã đơn vị đăng ký", "Number of the registering unit at the ministry.", ge=1, le=2**53)
    ]
    registration_kind: Annotated[CatalogueCode | None, meta("Loại đăng ký", "Code in the ministry's catalogue.")] = None
    registration_place: Annotated[Address, meta("Nơi đăng ký", "Commune that enters it.")]
    copies: Annotated[int, meta("Số lượng bản sao", "Certified copies asked for.", ge=0, le=1000)] = 0
    applicant: Annotated[Party, meta("Người yêu cầu", "Who asks for the registration.")]
    relation: Annotated[
        Line200 | None, meta("Quan hệ với người được đăng ký", "What the applicant is to the person.", personal="basic")
    ] = None
    birth: Annotated[BirthForm | None, meta("Tờ khai khai sinh", "Only of a birth.")] = None
    death: Annotated[DeathForm | None, meta("Tờ khai khai tử", "Only of a death.")] = None

    @model_validator(mode="after")
    def _has_its_form(self) -> Self:
        if self.kind == "marriage":
            raise PydanticCustomError(
                "form_not_carried", "the hub takes births and deaths up: enter a marriage in the ministry's own system"
            )
        if (self.birth is not None, self.death is not None) != (self.kind == "birth", self.kind == "death"):
            raise PydanticCustomError("form_of_kind", "give the form of this kind, and no other")
        return self
