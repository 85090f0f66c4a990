"""Feedback in the national wire format, without any call.

Source:
    ASSUMED: field names after provincial models (``MaPAKN``, ``TieuDe``, ``NoiDung``); QCVN 120:2019/BTTTT, which has
    the national ones, is not public.
"""

from datetime import datetime
from typing import Any

from lienthong.clock import to_vietnam
from lienthong.errors import ValidationFailedError, Violation
from lienthong_connectors.feedback.status import status_to_national
from lienthong_schemas.dossier import FileReference
from lienthong_schemas.feedback import FeedbackAnswer, FeedbackSnapshotV1, FeedbackTransfer
from lienthong_schemas.party import Address, Party, Unit

WireRecord = dict[str, Any]


def feedback_to_wire(feedback: FeedbackSnapshotV1) -> WireRecord:
    """Return the record of a feedback.

    Args:
        feedback: All of it; who wants to stay anonymous is not named to the nation either.

    Raises:
        TransformError: If the nation has no such state.
    """
    sender = None if feedback.is_anonymous else feedback.sender
    return {
        "MaPAKN": feedback.feedback_code,
        "PhienBan": feedback.sequence,
        "NoiTiepNhan": feedback.origin,
        "KenhTiepNhan": feedback.channel,
        "MaLinhVuc": feedback.field_code,
        "TenLinhVuc": feedback.field_name,
        "TieuDe": feedback.title,
        "NoiDung": feedback.content,
        "AnDanh": feedback.is_anonymous,
        "NguoiGui": _sender(sender) if sender is not None else None,
        "NoiXayRa": _place(feedback.place),
        "TepDinhKem": [_file(each) for each in feedback.attachments],
        "NgayGui": _moment(feedback.received_at),
        "TrangThai": status_to_national(feedback.status),
        "LyDo": feedback.status_reason,
        "YeuCauBoSung": feedback.supplement_request,
        "DonViXuLy": _unit(feedback.assigned_unit),
        "HanXuLy": _moment(feedback.due_at),
        "NgayCapNhat": _moment(feedback.occurred_at),
    }


def transfer_to_wire(transfer: FeedbackTransfer) -> WireRecord:
    """Return the record of a transfer.

    Args:
        transfer: From whom to whom.
    """
    return {
        "MaLanChuyen": transfer.transfer_id,
        "DonViChuyen": _unit(transfer.from_unit),
        "DonViNhan": _unit(transfer.to_unit),
        "NgayChuyen": _moment(transfer.transferred_at),
        "LyDo": transfer.reason,
    }


def answer_to_wire(answer: FeedbackAnswer) -> WireRecord:
    """Return the record of an answer.

    Args:
        answer: What the office answered.
    """
    return {
        "NoiDungTraLoi": answer.content,
        "DonViTraLoi": _unit(answer.answered_by),
        "NgayTraLoi": _moment(answer.answered_at),
        "TepTraLoi": _file(answer.reference) if answer.reference is not None else None,
    }


def publication_to_wire(feedback: FeedbackSnapshotV1) -> WireRecord:
    """Return what everybody may see.

    Args:
        feedback: Published, with its consent and a question without anything personal.

    Raises:
        ValidationFailedError: If either is missing: what was published once cannot be taken back.
    """
    missing = [
        Violation(name, "missing_for_publication", "give it, or send another status")
        for name, is_there in (
            ("may_be_published", feedback.may_be_published),
            ("summary_for_public", feedback.summary_for_public is not None),
        )
        if not is_there
    ]
    if missing:
        raise ValidationFailedError(
            "feedback is published with consent and a question without anything personal only",
            violations=missing,
            reason="missing_for_publication",
        )
    return {
        "NoiDungCongKhai": feedback.summary_for_public,
        "NgayCongKhai": _moment(feedback.published_at or feedback.occurred_at),
    }


def _sender(sender: Party) -> WireRecord:
    numbers = {each.type: each.value for each in sender.identifiers}
    return {
        "HoTen": sender.full_name,
        "SoDinhDanh": numbers.get("personal_id") or numbers.get("cmnd"),
        "MaSoThue": numbers.get("tax_code"),
        "SoDienThoai": sender.phone,
        "Email": sender.email,
        "DiaChi": _place(sender.address),
    }


def _place(address: Address | None) -> WireRecord | None:
    if address is None:
        return None
    return {"MaDonViHanhChinh": address.unit.code, "HeMa": address.unit.code_system, "ChiTiet": address.detail}


def _file(reference: FileReference) -> WireRecord:
    return {"DuongDan": reference.path, "MaBam": reference.sha256, "DungLuong": reference.size_bytes}


def _unit(unit: Unit) -> WireRecord:
    return {"MaDinhDanh": unit.code, "Ten": unit.name}


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else to_vietnam(moment).isoformat()
