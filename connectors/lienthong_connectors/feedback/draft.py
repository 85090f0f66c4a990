"""National feedback → the hub's snapshot, without any call.

What cannot be read stays in it as it is: the schema refuses it by field, and the record becomes a dead letter.
"""

from collections.abc import Mapping
from typing import Any

from lienthong.errors import TransformError
from lienthong_connectors.feedback.status import status_from_national

Draft = dict[str, Any]
_CHANNELS = frozenset({"portal", "app", "hotline", "counter", "letter"})


def draft_of(record: Mapping[str, Any]) -> Draft:
    """Return the snapshot of a national record; fields that it lacks are left out.

    Args:
        record: As the nation sent it.
    """
    channel = record.get("KenhTiepNhan")
    draft: Draft = {
        "feedback_code": record.get("MaPAKN"),
        "sequence": record.get("PhienBan"),
        "occurred_at": record.get("NgayCapNhat"),
        "origin": "national",
        "channel": channel if channel in _CHANNELS else "portal",
        "field_code": record.get("MaLinhVuc"),
        "field_name": record.get("TenLinhVuc"),
        "title": record.get("TieuDe"),
        "content": record.get("NoiDung"),
        "is_anonymous": record.get("AnDanh"),
        "sender": _sender(record.get("NguoiGui")),
        "place": _place(record.get("NoiXayRa"), str(record.get("NgayGui"))[:10]),
        "received_at": record.get("NgayGui"),
        "status": _status(record.get("TrangThai")),
        "status_reason": record.get("LyDo"),
        "assigned_unit": _unit(record.get("DonViXuLy")),
        "due_at": record.get("HanXuLy"),
        "transfers": [_transfer(each) for each in record.get("LichSuChuyen") or ()],
    }
    return {name: value for name, value in draft.items() if value is not None}


def _status(text: Any) -> Any:
    try:
        return status_from_national(str(text))
    except TransformError:
        # The schema refuses it, so the record becomes a dead letter that names the field.
        return text


def _sender(sender: Any) -> Draft | None:
    if not isinstance(sender, Mapping):
        return None
    number = sender.get("SoDinhDanh")
    kind = "cmnd" if isinstance(number, str) and len(number) == 9 else "personal_id"
    identifiers = [{"type": kind, "value": number}] if number else []
    if sender.get("MaSoThue"):
        identifiers.append({"type": "tax_code", "value": sender["MaSoThue"]})
    found = {
        "full_name": sender.get("HoTen"),
        "identifiers": identifiers,
        "phone": sender.get("SoDienThoai"),
        "email": sender.get("Email"),
    }
    return {name: value for name, value in found.items() if value}


def _place(place: Any, day: str) -> Draft | None:
    if not isinstance(place, Mapping):
        return None
    unit = {"code_system": place.get("HeMa"), "code": place.get("MaDonViHanhChinh"), "as_of": day}
    return {"unit": unit, "detail": place.get("ChiTiet")}


def _unit(unit: Any) -> Draft | None:
    return {"code": unit.get("MaDinhDanh"), "name": unit.get("Ten")} if isinstance(unit, Mapping) else None


def _transfer(transfer: Any) -> Any:
    if not isinstance(transfer, Mapping):
        return transfer
    found = {
        "transfer_id": transfer.get("MaLanChuyen"),
        "from_unit": _unit(transfer.get("DonViChuyen")),
        "to_unit": _unit(transfer.get("DonViNhan")),
        "transferred_at": transfer.get("NgayChuyen"),
        "reason": transfer.get("LyDo"),
    }
    return {name: value for name, value in found.items() if value is not None}
