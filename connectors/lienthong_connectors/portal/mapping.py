"""Records of the hub → records of the portal, without any call.

Code tables whose values no public source gives are ASSUMED and marked so; nothing is cut and nothing is made up.
"""

from types import MappingProxyType
from typing import cast

from lienthong.errors import ValidationFailedError, Violation
from lienthong.outcome import Finding
from lienthong_connectors.portal.status import FROM_PORTAL, status_to_portal
from lienthong_connectors.portal.wire import (
    COUNTER,
    MAX_CHARACTERS,
    ONLINE,
    POSTAL,
    WireRecord,
    flag,
    link_entries,
    moment,
    truth,
)
from lienthong_schemas.dossier import (
    Attachment,
    DossierProgressV1,
    DossierSnapshotV1,
    DossierStatus,
    Fee,
    FileReference,
    Result,
    Supplement,
)
from lienthong_schemas.findings import of_transition
from lienthong_schemas.party import Party

CHANNELS = MappingProxyType({"counter": COUNTER, "online": ONLINE, "postal": POSTAL})
SUBJECT_KINDS = MappingProxyType({"citizen": "1", "enterprise": "2", "state_agency": "3", "organisation": "4"})
RETURN_METHODS = MappingProxyType({"counter": "0", "postal": "1"})
ORIGINS = MappingProxyType({"national_portal": "1", "local": "2"})  # 1 is ASSUMED.
ONLINE_PAYMENTS = MappingProxyType({"none": "0", "national_portal": "1", "provincial_gateway": "2", "other": "3"})
#: Only these two have a number in ``DinhDanhCHS``; other papers go into ``SoGiayToChuHoSo`` alone.
IDENTIFIER_KINDS = MappingProxyType({"personal_id": "1", "cmnd": "2"})
PAPER_ORDER = ("personal_id", "cmnd", "passport", "permanent_resident_card", "tax_code", "temporary_student_id")
#: What an account of the portal can be found by.
ACCOUNT_ORDER = ("personal_id", "cmnd", "tax_code")
REUSES = MappingProxyType({"none": "0", "reused": "1", "warehouse": "2"})
FEE_COLLECTIONS = MappingProxyType({"direct": "1", "online": "2", "postal": "3"})  # ASSUMED.
FEE_KINDS = MappingProxyType({"fee": "1", "charge": "2"})  # ASSUMED.
SUPPLEMENT_STATES = MappingProxyType({"requested": "0", "received": "1", "cancelled": "2"})  # ASSUMED.


def snapshot_to_wire(
    snapshot: DossierSnapshotV1, *, tech_id: str, links: tuple[str, ...] = (), file_base_url: str = ""
) -> WireRecord:
    """Return the ``DongBoHoSoMC`` record of a snapshot.

    Args:
        snapshot: All of the dossier.
        tech_id: Account of the submitter at the portal; empty unless handed in online.
        links: Databases that the national record is linked to and stays linked to.
        file_base_url: Put in front of file paths that are no URL.

    Raises:
        ValidationFailedError: If a text is longer than the portal takes.
        TransformError: If the status has no code.
    """
    owner = snapshot.owner
    record: WireRecord = {
        "MaHoSo": snapshot.dossier_code,
        "MaTTHC": snapshot.procedure.code,
        "TenTTHC": snapshot.procedure.name,
        "MaLinhVuc": snapshot.procedure.field_code,
        "TenLinhVuc": snapshot.procedure.field_name,
        "KenhThucHien": CHANNELS[snapshot.channel],
        "ChuHoSo": owner.full_name,
        "LoaiDoiTuong": SUBJECT_KINDS[snapshot.subject_kind],
        "MaDoiTuong": tech_id,
        "SoGiayToChuHoSo": first_identifier(owner, PAPER_ORDER),
        "DinhDanhCHS": [
            {"LoaiDinhDanh": IDENTIFIER_KINDS[identifier.type], "SoDinhDanh": identifier.value}
            for identifier in owner.identifiers
            if identifier.type in IDENTIFIER_KINDS
        ],
        "Email": owner.email or "",
        "Fax": "",
        "SoDienThoai": owner.phone or "",
        "ThongTinKhac": snapshot.authorisation or "",
        "TrichYeuHoSo": _limited(snapshot.summary, "TrichYeuHoSo", "summary"),
        "NgayNopHoSo": moment(snapshot.submitted_at),
        "NgayTiepNhan": moment(snapshot.received_at),
        "NgayHenTra": moment(snapshot.due_at),
        "TrangThaiHoSo": status_to_portal(snapshot.status),
        "NgayTra": moment(snapshot.returned_at),
        "ThongTinTra": "",
        "NgayKetThucXuLy": moment(snapshot.finished_at),
        "NgayTuChoi": moment(snapshot.occurred_at) if snapshot.status == "refused" else "",
        "HinhThuc": RETURN_METHODS[snapshot.return_method],
        "DonViXuLy": snapshot.handling_unit.name,
        "GhiChu": snapshot.status_reason or "",
        "NoiNopHoSo": ORIGINS[snapshot.origin],
        "HoSoCoThanhPhanSoHoa": flag(snapshot.has_digitised_components),
        "TaiKhoanDuocXacThucVoiVNeID": flag(snapshot.account_verified_by_vneid),
        "DuocThanhToanTrucTuyen": ONLINE_PAYMENTS[snapshot.online_payment],
        "DSKetNoiCSDL": link_entries(links),
        "TaiLieuNop": [_attachment(item, n, file_base_url) for n, item in enumerate(snapshot.attachments)],
        "DanhSachLePhi": [_fee(item) for item in snapshot.fees],
        "DanhSachTepDinhKemKhac": [],
        "DanhSachHoSoBoSung": [_supplement(item) for item in snapshot.supplements],
        "DanhSachGiayToKetQua": [_result(item, n, file_base_url) for n, item in enumerate(snapshot.results)],
    }
    return record


def progress_to_wire(progress: DossierProgressV1) -> WireRecord:
    """Return the ``CapNhatTienDoHoSoMC`` record of one step.

    Args:
        progress: The step.

    Raises:
        ValidationFailedError: If a text is longer than the portal takes.
        TransformError: If the status has no code.
    """
    return {
        "MaHoSo": progress.dossier_code,
        "NguoiXuLy": _limited(progress.handler_name, "NguoiXuLy", "handler_name"),
        "ChucDanh": progress.handler_title,
        "ThoiDiemXuLy": moment(progress.occurred_at),
        "PhongBanXuLy": progress.department,
        "NoiDungXuLy": progress.content,
        "TrangThai": status_to_portal(progress.status),
        "NgayBatDau": moment(progress.started_at),
        "NgayKetThucTheoQuyDinh": moment(progress.due_at),
    }


def snapshot_findings(snapshot: DossierSnapshotV1) -> tuple[Finding, ...]:
    """Return what keeps results from being released or from counting as online.

    Args:
        snapshot: All of the dossier.

    Source:
        Decision 766 (a result needs its code and a link); results are released after the signature check only.
    """
    found = []
    for number, result in enumerate(snapshot.results):
        if result.reference is not None and result.reference.signature_status != "valid":
            found.append(Finding(f"results.{number}.reference", "signature_not_valid"))
        elif result.reference is None or not result.result_code:
            found.append(Finding(f"results.{number}", "result_not_counted_online"))
    return tuple(found)


def transition_findings(before: str | None, snapshot: DossierSnapshotV1, *, is_known: bool) -> tuple[Finding, ...]:
    """Return what is odd about the way from the state that the portal shows to that of a snapshot.

    Args:
        before: ``TrangThaiHoSo`` at the portal; None when it holds none or nobody looked.
        snapshot: What is written now.
        is_known: Whether the portal held the dossier.
    """
    previous = FROM_PORTAL.get(before or "")
    if is_known and previous is None:
        return ()
    return of_transition(
        cast("DossierStatus | None", previous), snapshot.status, has_reason=snapshot.status_reason is not None
    )


def first_identifier(party: Party, order: tuple[str, ...]) -> str:
    """Return the identifier of the first type that the party has, or empty text.

    Args:
        party: An owner or submitter.
        order: Types, the best first.
    """
    for kind in order:
        for identifier in party.identifiers:
            if identifier.type == kind:
                return identifier.value
    return ""


def _limited(text: str, wire_name: str, path: str) -> str:
    limit = MAX_CHARACTERS[wire_name]
    if len(text) > limit:
        violation = Violation(path, "portal_max_length", f"the portal takes {limit} characters; shorten the text")
        raise ValidationFailedError(
            f"{path} is longer than the {limit} characters that the portal takes; it is not cut, shorten it",
            violations=[violation],
            reason="portal_max_length",
        )
    return text


def _url(reference: FileReference | None, base_url: str) -> str:
    if reference is None:
        return ""
    path = reference.path
    return path if path.startswith(("https://", "http://")) else base_url + path


def _attachment(item: Attachment, number: int, base_url: str) -> dict[str, str]:
    return {
        "TepDinhKemId": item.attachment_id,
        "TenTepDinhKem": _limited(item.name, "TenTepDinhKem", f"attachments.{number}.name"),
        "IsDeleted": truth(item.deleted or item.replaced_by),
        "MaThanhPhanHoSo": item.component_code or "",
        "DuongDanTaiTepTin": _url(item.reference, base_url),
        "DuocSoHoa": flag(item.digitised),
        "DuocTaiSuDung": REUSES[item.reuse],
        "DuocLayTuKhoDMQG": flag(item.reuse == "warehouse"),
        "MaKetQuaThayThe": item.replaced_by or "",
    }


def _fee(item: Fee) -> dict[str, str]:
    return {
        "TenPhiLePhi": item.name,
        "MaPhiLePhi": item.code,
        "HinhThucThu": FEE_COLLECTIONS[item.collection],
        "Gia": str(item.amount_vnd),
        "LoaiPhiLePhi": FEE_KINDS[item.kind],
    }


def _supplement(item: Supplement) -> WireRecord:
    return {
        "HoSoBoSungId": item.supplement_id,
        "NguoiYeuCauBoSung": item.requested_by,
        "NoiDungBoSung": item.content,
        "NgayBoSung": moment(item.requested_at),
        "NguoiTiepNhanBoSung": item.received_by or "",
        "ThongTinTiepNhan": item.received_note or "",
        "NgayTiepNhanBoSung": moment(item.received_at),
        "TrangThaiBoSung": SUPPLEMENT_STATES[item.status],
        "DanhSachGiayToBoSung": [],
        "DanhSachLePhiBoSung": [],
        "NgayHenTraTruoc": moment(item.previous_due_at),
        "NgayHenTraMoi": moment(item.new_due_at),
    }


def _result(item: Result, number: int, base_url: str) -> dict[str, str]:
    reference = item.reference
    is_released = reference is not None and reference.signature_status == "valid"
    return {
        "TenGiayTo": _limited(item.name, "TenGiayTo", f"results.{number}.name"),
        "MaThanhPhanHoSo": item.component_code or "",
        "GiayToId": item.document_id,
        "DuongDanTepTinKetQua": _url(reference, base_url) if is_released else "",
        "MaGiayToKetQua": item.result_code or "",
    }
