"""Rows of the scan → documents of the hub, without any call.

A value that nobody can read stays as it came: it fails the record's schema under the name of its field, which becomes a
dead letter of that record alone. Nothing is padded, guessed or made up; the cause of a death is not taken along.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from lienthong.clock import VIETNAM
from lienthong_connectors.civil_status.wire import DAY_FORM, GENDERS, PARENTS, STATES, read_moment

#: Since when commune codes have their present meaning.
_UNITS_SINCE = "2025-07-01"
_CMND_DIGITS = 9


def update_of(row: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the document of ``civil-status.updated``.

    Args:
        row: One dossier of the scan.
        kind: What was asked for.
    """
    state = _text(row.get("trangThai"))
    return _filled(
        (
            *_common(row),
            ("kind", kind),
            ("status", STATES.get(state, state)),
            ("department", _text(row.get("phongBanXuLy"))),
            ("content", _text(row.get("noiDungXuLy")) or _text(row.get("ghiChu"))),
            ("supplement_until", _day(row.get("hanBoSungHoSo"))),
        )
    )


def result_of(row: Mapping[str, Any], kind: str) -> tuple[str, dict[str, Any]] | None:
    """Return type and document of the life event that a finished dossier ended in, or None.

    Args:
        row: One dossier of the scan.
        kind: What was asked for; a marriage is no life event that anybody is told of here.
    """
    result = row.get("ketQuaXuLy")
    if STATES.get(_text(row.get("trangThai"))) != "finished" or kind == "marriage":
        return None
    # A finished dossier without a result is told too: its dead letter names what is missing.
    found = result if isinstance(result, Mapping) else {}
    body, name = (_birth(found), "person.created") if kind == "birth" else (_death(found), "person.deceased")
    return name, _filled((*_common(row), *body, ("registration", _entry(found))))


def code_of(row: Mapping[str, Any]) -> str:
    """Return the dossier code: that of the one-stop centre, else that of the linked procedure.

    Args:
        row: One dossier of the scan.
    """
    return _text(row.get("maHoSoMCDT")) or _text(row.get("maHoSoLT"))


def _common(row: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    changed = read_moment(row.get("thoiGianThucHien"))
    return (
        ("dossier_code", code_of(row)),
        ("national_code", _text(row.get("maHoSoLT"))),
        ("occurred_at", changed.isoformat() if changed is not None else _text(row.get("thoiGianThucHien"))),
    )


def _birth(result: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    parents = [_parent(result, prefix, role) for prefix, role in PARENTS.items() if _text(result.get(f"{prefix}HoTen"))]
    return (
        *_person(result, "nks"),
        ("birth_place", _text(result.get("nksNoiSinh"))),
        ("identifiers", _papers(result.get("soDinhDanh"))),
        ("parents", parents),
    )


def _parent(result: Mapping[str, Any], prefix: str, role: str) -> dict[str, Any]:
    paper = _text(result.get(f"{prefix}SoDDCN")) or result.get(f"{prefix}SoGiayToTuyThan")
    return _filled(
        (
            ("role", role),
            ("full_name", _text(result.get(f"{prefix}HoTen"))),
            ("identifiers", _papers(paper)),
            ("birth_date", _day(result.get(f"{prefix}NgaySinh"))),
            ("address", _address(result.get(f"{prefix}NoiCuTru"))),
        )
    )


def _death(result: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return (
        *_person(result, "nkt"),
        ("identifiers", _papers(result.get("nktSoGiayToTuyThan"))),
        ("died_on", _day(result.get("nktNgayChet"))),
        ("died_at_time", _text(result.get("nktGioPhutChet"))),
        ("death_place", _text(result.get("nktNoiChet"))),
    )


def _person(result: Mapping[str, Any], prefix: str) -> tuple[tuple[str, Any], ...]:
    gender = _text(result.get(f"{prefix}GioiTinh"))
    return (
        ("full_name", _text(result.get(f"{prefix}HoTen"))),
        ("gender", GENDERS.get(gender, gender)),
        ("birth_date", _day(result.get(f"{prefix}NgaySinh"))),
    )


def _entry(result: Mapping[str, Any]) -> dict[str, Any]:
    commune, province = _text(result.get("ndkksMaXa")), _text(result.get("ndkksMaTinh"))
    code = commune or province
    place = {"code_system": "GSO-34", "code": code, "as_of": _UNITS_SINCE} if code else None
    return _filled(
        (
            ("number", _text(result.get("soDangKy"))),
            ("book", _text(result.get("quyenSo"))),
            ("page", _text(result.get("trangSo"))),
            ("registered_on", _day(result.get("ngayDangKy"))),
            ("place", place),
            ("result_code", _text(result.get("maGiayToKetQua"))),
        )
    )


def _papers(value: Any) -> list[dict[str, str]]:
    """Return a number with its kind; a lost leading zero is left to the schema, which names it."""
    number = "".join(_text(value).split()).replace(".", "")
    if not number:
        return []
    if not number.isdecimal():
        return [{"type": "passport", "value": number.upper()}]
    return [{"type": "cmnd" if len(number) <= _CMND_DIGITS else "personal_id", "value": number}]


def _address(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        return None
    code = _text(value.get("maXa")) or _text(value.get("maTinh"))
    if not code:
        return None
    unit = {"code_system": "GSO-34", "code": code, "as_of": _UNITS_SINCE}
    return _filled((("unit", unit), ("detail", _text(value.get("dcChiTiet")))))


def _day(value: Any) -> str:
    """Return a day in ISO form, the year alone where day and month are 00, and anything else as it came."""
    text = _text(value).partition(" ")[0]
    if text.startswith("00/00/"):
        return text[6:]
    try:
        return datetime.strptime(text, DAY_FORM).replace(tzinfo=VIETNAM).date().isoformat()
    except ValueError:
        return text


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _filled(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value not in (None, "", [], {})}
