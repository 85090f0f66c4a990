"""Civil-status dossiers → what the ministry is sent, without any call.

Nothing is padded, guessed or made up: a paper without a code of the ministry or a place of before July 2025 refuses the
record, under the name of its field.

Source:
    Field names of a provincial client of the linked procedures. That ``data`` is a flat JSON object whose names are
    composed as those of the results are (``nksHoTen``), and which form its dates have, is ASSUMED.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from lienthong.errors import ValidationFailedError, Violation
from lienthong_connectors.civil_status.wire import DAY_FORM, GENDERS, MODULES, wire_moment
from lienthong_schemas.civil_status_request import BirthForm, CivilStatusRequestedV1, DeathForm, Resident
from lienthong_schemas.party import Address, Party, PartyIdentifier

_SEXES = {name: int(code) for code, name in GENDERS.items()}
_YEAR = 4
Fields = dict[str, Any]


def push_of(request: CivilStatusRequestedV1, province_code: str, paper_types: Mapping[str, str]) -> Fields:
    """Return the body of the push.

    Args:
        request: A birth or a death.
        province_code: Of the place of registration.
        paper_types: Kind of paper → the ministry's code.

    Raises:
        ValidationFailedError: The dossier has something that the exchange has no documented place for.
    """
    if request.supplement_round:
        raise _refused(
            "supplement_round",
            "supplement_not_documented",
            "the exchange documents no way to supplement a dossier: do it in the ministry's own system",
        )
    form = _Form(paper_types)
    place = form.address(request.registration_place, "registration_place")
    data: Fields = {
        "loaiDangKy": request.registration_kind,
        "noiDangKy": {**place, "maTinh": province_code},
        "soLuongBanSao": request.copies,
        **form.applicant(request.applicant, request.relation),
    }
    if request.birth is not None:
        data |= form.birth(request.birth)
    if request.death is not None:
        data |= form.death(request.death)
    return {
        "maDonVi": request.registry_unit,
        "module": MODULES[request.kind],
        "maHoSoLT": request.national_code,
        "maHoSoMCDT": request.dossier_code,
        "ngayTiepNhan": wire_moment(request.received_at),
        "data": {name: value for name, value in data.items() if value is not None},
        "fileDinhKem": [],
    }


class _Form:
    def __init__(self, paper_types: Mapping[str, str]) -> None:
        self._paper_types = paper_types

    def birth(self, form: BirthForm) -> Fields:
        child = form.child
        fields: Fields = {
            "maGCS": form.certificate_number,
            "ngayCapGCS": _day(form.certified_on),
            "nksHoTen": child.full_name,
            "nksGioiTinh": _SEXES[child.gender],
            "nksNgaySinh": _day(child.birth_date),
            "nksNgaySinhBangChu": child.birth_date_in_words,
            "nksNoiSinh": child.birth_place,
            "nksNoiSinhDVHC": self._address_or_none(child.birth_unit, "birth.child.birth_unit"),
            "nksQueQuan": self._address_or_none(child.home_town, "birth.child.home_town"),
            "nksDanToc": child.ethnicity,
            "nksQuocTich": child.nationality,
            "nksLoaiKhaiSinh": child.birth_kind,
        }
        for prefix, parent, path in (("me", form.mother, "birth.mother"), ("cha", form.father, "birth.father")):
            if parent is not None:
                fields |= self._resident(parent, prefix, path)
        return fields

    def death(self, form: DeathForm) -> Fields:
        person, notice = form.person, form.notice
        fields = self._resident(person, "nkt", "death.person") | {
            "nktGioiTinh": _SEXES[person.gender],
            "nktNgayChet": _day(person.died_on),
            "nktGioPhutChet": person.died_at_time,
            "nktNoiChet": person.death_place,
            "nktNguyenNhanChet": person.death_cause,
        }
        # The form of a death has no field of its own for the personal ID: it stands as the number of the paper.
        fields.pop("nktSoDDCN", None)
        if notice is not None:
            fields |= {
                "gbtLoai": notice.kind,
                "gbtSo": notice.number,
                "gbtNgay": _day(notice.issued_on),
                "gbtCoQuanCap": notice.issued_by,
            }
        return fields

    def applicant(self, party: Party, relation: str | None) -> Fields:
        return {
            "nycHoTen": party.full_name,
            "nycQuanHe": relation,
            "nycSoDienThoai": party.phone,
            "nycEmail": party.email,
            **self._papers(party.identifiers, "nyc", "applicant"),
        }

    def address(self, address: Address, path: str) -> Fields:
        unit = address.unit
        if unit.code_system != "GSO-34":
            raise _refused(
                f"{path}.unit.code", "old_unit_code", "give the code that is in force since 1 July 2025 (GSO-34)"
            )
        is_province = len(unit.code) == len("46")
        return {
            "maTinh": unit.code if is_province else "",
            "maHuyen": "",
            "maXa": "" if is_province else unit.code,
            "dcChiTiet": address.detail or "",
        }

    def _address_or_none(self, address: Address | None, path: str) -> Fields | None:
        return self.address(address, path) if address is not None else None

    def _resident(self, person: Resident, prefix: str, path: str) -> Fields:
        return {
            f"{prefix}HoTen": person.full_name,
            f"{prefix}NgaySinh": _day(person.birth_date),
            f"{prefix}DanToc": person.ethnicity,
            f"{prefix}QuocTich": person.nationality,
            f"{prefix}LoaiCuTru": person.residence_kind,
            f"{prefix}NoiCuTru": self._address_or_none(person.residence, f"{path}.residence"),
            **self._papers(person.identifiers, prefix, path),
        }

    def _papers(self, papers: tuple[PartyIdentifier, ...], prefix: str, path: str) -> Fields:
        """Return the first paper, and the personal ID wherever it stands; without any, nothing at all."""
        if not papers:
            return {}
        code = self._paper_types.get(papers[0].type)
        if code is None:
            raise _refused(
                f"{path}.identifiers.0.type",
                "paper_type_without_code",
                "enter the ministry's code of this kind of paper under paper_types",
            )
        numbers = {each.type: each.value for each in papers}
        return {
            f"{prefix}LoaiGiayToTuyThan": code,
            f"{prefix}SoGiayToTuyThan": papers[0].value,
            f"{prefix}SoDDCN": numbers.get("personal_id"),
        }


def _refused(field: str, rule: str, remedy: str) -> ValidationFailedError:
    return ValidationFailedError(
        f"the dossier cannot go up as it is: {remedy}", violations=(Violation(field, rule, remedy),), reason=rule
    )


def _day(day: date | str | None) -> str | None:
    """Return a day in the ministry's form; a year alone is the day 00/00 of it. ASSUMED."""
    if day is None:
        return None
    if isinstance(day, str):
        if len(day) == _YEAR:
            return f"00/00/{day}"
        day = date.fromisoformat(day)
    return day.strftime(DAY_FORM)
