"""What the simulated ministry does with a pushed dossier: check it, take it once, and later enter it."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from lienthong.clock import VIETNAM
from lienthong_connectors.civil_status.simulated_rows import Row

#: Before anything that the register holds.
EARLIEST = datetime(2000, 1, 1, tzinfo=VIETNAM)
TAKEN = MappingProxyType({"status": 1, "statusDescription": "Thành công", "errorCode": "", "errorDescription": ""})
REPEATED = MappingProxyType(
    {"status": 0, "statusDescription": "Lỗi", "errorCode": "", "errorDescription": "Hồ sơ đã được tiếp nhận"}
)
_NEEDED = ("maDonVi", "maHoSoLT", "maHoSoMCDT", "ngayTiepNhan", "data")
_NEEDED_IN = {
    "LTKS": ("noiDangKy", "nycHoTen", "nksHoTen", "nksGioiTinh", "nksNgaySinh", "nksNoiSinh"),
    "LTKT": ("noiDangKy", "nycHoTen", "nktHoTen", "nktGioiTinh", "nktNgayChet", "nktNoiChet"),
}
_INCOMPLETE, _WRONG_DATA, _UNKNOWN_UNIT = "200", "500", "106"


def problem_of(body: Mapping[str, Any]) -> str:
    """Return the code of what is wrong with a push, or empty text.

    Args:
        body: As it came.
    """
    data, module = body.get("data"), str(body.get("module"))
    if any(not body.get(name) for name in _NEEDED) or not isinstance(data, Mapping) or module not in _NEEDED_IN:
        return _INCOMPLETE
    if not isinstance(body["maDonVi"], int):
        return _UNKNOWN_UNIT
    # A child that has a number already is no newborn.
    return _WRONG_DATA if data.get("nksSoDDCN") or any(not data.get(name) for name in _NEEDED_IN[module]) else ""


def refusal(code: str) -> Row:
    """Return the answer to a push that is not taken.

    Args:
        code: Of the older exchange of the same register.
    """
    return {"status": 0, "statusDescription": "Lỗi", "errorCode": code, "errorDescription": "Dữ liệu không hợp lệ"}


def first_row(body: Mapping[str, Any], moment: str) -> Row:
    """Return what the scan says of a dossier that has just come.

    Args:
        body: As it was pushed.
        moment: When, ``dd/MM/yyyy HH:mm:ss``.
    """
    return {
        "maDonVi": body["maDonVi"],
        "maTinh": body["data"]["noiDangKy"]["maTinh"],
        "module": body["module"],
        "maHoSoLT": body["maHoSoLT"],
        "maHoSoMCDT": body["maHoSoMCDT"],
        "trangThai": 1,
        "thoiGianThucHien": moment,
        "phongBanXuLy": "Phòng Hộ tịch",
        "ketQuaXuLy": None,
    }


def entered_row(body: Mapping[str, Any], moment: str, number: int) -> Row:
    """Return what the scan says of a dossier that is entered; a newborn has a personal ID now.

    Args:
        body: As it was pushed.
        moment: When, ``dd/MM/yyyy HH:mm:ss``.
        number: Of the entry.
    """
    data = body["data"]
    result = {
        **data,
        "soDangKy": f"{number}/{moment[6:10]}",
        "quyenSo": "01",
        "trangSo": str(number),
        "ngayDangKy": moment[:10],
        "ndkksMaTinh": data["noiDangKy"]["maTinh"],
        "ndkksMaXa": data["noiDangKy"]["maXa"],
        "maGiayToKetQua": "G15.HT01",
    }
    if body["module"] == "LTKS":
        # 999 is the part of no province; then century and sex, year, and the number of the entry.
        result["soDinhDanh"] = f"999{1 + int(data['nksGioiTinh'])}{data['nksNgaySinh'][8:10]}{number:06}"
    return {**first_row(body, moment), "trangThai": 4, "ketQuaXuLy": result}
