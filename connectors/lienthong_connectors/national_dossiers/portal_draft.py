"""A dossier of the portal in the hub's words.

Source:
    ``DongBoHoSoMC`` record of "Hướng dẫn kết nối Cổng DVCQG v1.4" (VPCP, 2020); that the portal hands dossiers out in
    the form in which it takes them is ASSUMED.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from lienthong_connectors.national_dossiers.answers import items_of
from lienthong_connectors.national_dossiers.feed import Draft, Listed
from lienthong_connectors.national_dossiers.wording import filled, moment, named, number, sequence, text

FORM = "%Y%m%d%H%M%S"
#: Where a dossier was handed in: at the portal, or at the province. 1 is ASSUMED.
ORIGINS = MappingProxyType({"1": "national_portal", "2": "local"})
CHANNELS = MappingProxyType({"1": "counter", "2": "online", "3": "postal"})
SUBJECT_KINDS = MappingProxyType({"1": "citizen", "2": "enterprise", "3": "state_agency", "4": "organisation"})
RETURN_METHODS = MappingProxyType({"0": "counter", "1": "postal"})
ONLINE_PAYMENTS = MappingProxyType({"0": "none", "1": "national_portal", "2": "provincial_gateway", "3": "other"})
IDENTIFIER_KINDS = MappingProxyType({"1": "personal_id", "2": "cmnd"})
REUSES = MappingProxyType({"0": "none", "1": "reused", "2": "warehouse"})
FEE_COLLECTIONS = MappingProxyType({"1": "direct", "2": "online", "3": "postal"})  # ASSUMED.
FEE_KINDS = MappingProxyType({"1": "fee", "2": "charge"})  # ASSUMED.
SUPPLEMENT_STATES = MappingProxyType({"0": "requested", "1": "received", "2": "cancelled"})  # ASSUMED.
#: ``TrangThaiHoSo`` → state of the hub; 0 is seen in one province only.
STATES = MappingProxyType(
    {
        "0": "processing",
        "1": "submitted",
        "2": "accepted",
        "3": "refused",
        "4": "processing",
        "5": "supplement",
        "6": "payment",
        "7": "withdrawn",
        "8": "stopped",
        "9": "finished",
        "10": "returned",
    }
)
#: What other clients write for an owner without papers; never a person's number.
_FILLERS = frozenset({"000000001", "000000000", "000000000001", "000000000000"})
_OWNER_CODE = re.compile(r"(.+)-[0-9]{6}-[0-9]{4,7}")


def portal_draft(line: Listed, record: Mapping[str, Any]) -> Draft:
    """Return the snapshot of a dossier, its attachments without files.

    Args:
        line: From the list; it tells when the dossier changed.
        record: As the portal has it.
    """
    return filled(
        (
            ("dossier_code", text(record.get("MaHoSo"))),
            ("sequence", sequence(line.changed_at)),
            ("occurred_at", moment(line.changed, FORM)),
            ("procedure", _procedure(record)),
            ("channel", named(record.get("KenhThucHien"), CHANNELS)),
            ("subject_kind", named(record.get("LoaiDoiTuong"), SUBJECT_KINDS)),
            ("owner", _owner(record)),
            ("authorisation", text(record.get("ThongTinKhac"))),
            ("summary", text(record.get("TrichYeuHoSo"))),
            ("submitted_at", moment(record.get("NgayNopHoSo"), FORM)),
            ("received_at", moment(record.get("NgayTiepNhan"), FORM)),
            ("due_at", moment(record.get("NgayHenTra"), FORM)),
            ("finished_at", moment(record.get("NgayKetThucXuLy"), FORM)),
            ("returned_at", moment(record.get("NgayTra"), FORM)),
            ("status", named(record.get("TrangThaiHoSo"), STATES)),
            ("status_reason", text(record.get("GhiChu"))),
            ("return_method", named(record.get("HinhThuc"), RETURN_METHODS)),
            ("handling_unit", _unit(record)),
            ("origin", named(record.get("NoiNopHoSo"), ORIGINS)),
            ("has_digitised_components", text(record.get("HoSoCoThanhPhanSoHoa")) == "1"),
            ("account_verified_by_vneid", text(record.get("TaiKhoanDuocXacThucVoiVNeID")) == "1"),
            ("online_payment", named(record.get("DuocThanhToanTrucTuyen") or "0", ONLINE_PAYMENTS)),
            ("tech_id", text(record.get("MaDoiTuong"))),
            ("attachments", [_attachment(item) for item in papers_of(record)]),
            ("fees", [_fee(item) for item in _list(record, "DanhSachLePhi")]),
            ("supplements", [_supplement(item) for item in _list(record, "DanhSachHoSoBoSung")]),
        )
    )


def papers_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the papers that were handed in.

    Args:
        record: As the portal has it.
    """
    return _list(record, "TaiLieuNop")


def file_path(paper: Mapping[str, Any]) -> str:
    """Return where the portal keeps the file of a paper; empty for a paper that was taken back, or only seen.

    Args:
        paper: From :func:`papers_of`.
    """
    return "" if text(paper.get("IsDeleted")) == "True" else text(paper.get("DuongDanTaiTepTin"))


def _list(record: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = record.get(name)
    return [] if value is None or value == "" else items_of(value)


def _procedure(record: Mapping[str, Any]) -> Draft:
    return filled(
        (
            ("code", text(record.get("MaTTHC"))),
            ("name", text(record.get("TenTTHC"))),
            ("field_code", text(record.get("MaLinhVuc"))),
            ("field_name", text(record.get("TenLinhVuc"))),
        )
    )


def _owner(record: Mapping[str, Any]) -> Draft:
    return filled(
        (
            ("full_name", text(record.get("ChuHoSo"))),
            ("identifiers", list(_identifiers(record))),
            ("phone", text(record.get("SoDienThoai"))),
            ("email", text(record.get("Email"))),
        )
    )


def _identifiers(record: Mapping[str, Any]) -> Iterator[Draft]:
    for item in _list(record, "DinhDanhCHS"):
        value = text(item.get("SoDinhDanh"))
        if value and value not in _FILLERS:
            yield {"type": named(item.get("LoaiDinhDanh"), IDENTIFIER_KINDS), "value": value}


def _unit(record: Mapping[str, Any]) -> Draft:
    # The prefix of a dossier code names who received it, and stands in when the portal tells a name only.
    prefix = _OWNER_CODE.fullmatch(text(record.get("MaHoSo")))
    code = text(record.get("MaDonViXuLy")) or (prefix[1] if prefix else "")
    return filled((("code", code), ("name", text(record.get("DonViXuLy")))))


def _attachment(paper: Mapping[str, Any]) -> Draft:
    return filled(
        (
            ("attachment_id", text(paper.get("TepDinhKemId"))),
            ("name", text(paper.get("TenTepDinhKem"))),
            ("component_code", text(paper.get("MaThanhPhanHoSo"))),
            ("digitised", text(paper.get("DuocSoHoa")) == "1"),
            ("reuse", named(paper.get("DuocTaiSuDung") or "0", REUSES)),
            ("replaced_by", text(paper.get("MaKetQuaThayThe"))),
            ("deleted", text(paper.get("IsDeleted")) == "True"),
        )
    )


def _fee(item: Mapping[str, Any]) -> Draft:
    return filled(
        (
            ("name", text(item.get("TenPhiLePhi"))),
            ("code", text(item.get("MaPhiLePhi"))),
            ("collection", named(item.get("HinhThucThu"), FEE_COLLECTIONS)),
            ("amount_vnd", number(item.get("Gia"))),
            ("kind", named(item.get("LoaiPhiLePhi"), FEE_KINDS)),
        )
    )


def _supplement(item: Mapping[str, Any]) -> Draft:
    return filled(
        (
            ("supplement_id", text(item.get("HoSoBoSungId"))),
            ("requested_by", text(item.get("NguoiYeuCauBoSung"))),
            ("content", text(item.get("NoiDungBoSung"))),
            ("requested_at", moment(item.get("NgayBoSung"), FORM)),
            ("received_by", text(item.get("NguoiTiepNhanBoSung"))),
            ("received_note", text(item.get("ThongTinTiepNhan"))),
            ("received_at", moment(item.get("NgayTiepNhanBoSung"), FORM)),
            ("status", named(item.get("TrangThaiBoSung"), SUPPLEMENT_STATES)),
            ("previous_due_at", moment(item.get("NgayHenTraTruoc"), FORM)),
            ("new_due_at", moment(item.get("NgayHenTraMoi"), FORM)),
        )
    )
