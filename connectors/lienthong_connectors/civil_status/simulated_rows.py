"""Made-up births and deaths as the ministry's scan writes them: the opposite way of the connector, written apart."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from lienthong.clock import to_vietnam
from lienthong_schemas.generator.life_events import LifeEvent, life_events

Row = dict[str, Any]
_STATES = {"submitted": 1, "supplement": 2, "accepted_or_processing": 3, "finished": 4, "refused": 6}
_MODULES = {"birth": "LTKS", "death": "LTKT"}
_SEXES = {"male": 1, "female": 2}


def rows_of(event: LifeEvent) -> list[tuple[str, Row]]:
    """Return module and row of each state that a dossier goes through, in order.

    Args:
        event: Generated.
    """
    module = _MODULES[event.kind]
    rows = [_row(update, module) for update in event.updates]
    if event.result is not None:
        rows[-1]["ketQuaXuLy"] = _birth(event.result) if event.kind == "birth" else _death(event.result)
    return [(module, row) for row in rows]


def generated_rows(count: int, seed: int, first_day: date) -> list[tuple[str, Row]]:
    """Return module and row of the last state of many dossiers.

    Args:
        count: How many.
        seed: What they follow from.
        first_day: When the first of them were submitted.
    """
    return [rows_of(event)[-1] for event in life_events(count, seed, first_day)]


def _row(update: Mapping[str, Any], module: str) -> Row:
    moment = to_vietnam(datetime.fromisoformat(update["occurred_at"]))
    until = update.get("supplement_until")
    return {
        "maDonVi": 1,
        "maTinh": "46",
        "module": module,
        "maHoSoLT": update["national_code"],
        "maHoSoMCDT": update["dossier_code"],
        "trangThai": _STATES[update["status"]],
        "thoiGianThucHien": f"{moment:%d/%m/%Y %H:%M:%S}",
        "ghiChu": "",
        "nguoiXuLy": "Cán bộ hộ tịch",
        "chucDanh": "Công chức",
        "phongBanXuLy": update["department"],
        "noiDungXuLy": update.get("content", ""),
        "hanBoSungHoSo": _day(until) if until else "",
        "ketQuaXuLy": None,
    }


def _birth(result: Mapping[str, Any]) -> Row:
    row = {
        **_entry(result),
        "soDinhDanh": result["identifiers"][0]["value"],
        "nksHoTen": result["full_name"],
        "nksGioiTinh": _SEXES[result["gender"]],
        "nksNgaySinh": _day(result["birth_date"]),
        "nksNoiSinh": result["birth_place"],
        "giayKhaiSinh": "",
    }
    for parent in result["parents"]:
        prefix = {"mother": "me", "father": "cha"}[parent["role"]]
        address = parent["address"]
        row |= {
            f"{prefix}HoTen": parent["full_name"],
            f"{prefix}NgaySinh": _day(parent["birth_date"]),
            f"{prefix}SoDDCN": parent["identifiers"][0]["value"],
            f"{prefix}NoiCuTru": {
                "maTinh": "46",
                "maHuyen": "",
                "maXa": address["unit"]["code"],
                "dcChiTiet": address["detail"],
            },
        }
    return row


def _death(result: Mapping[str, Any]) -> Row:
    return {
        **_entry(result),
        "nktHoTen": result["full_name"],
        "nktGioiTinh": _SEXES[result["gender"]],
        "nktNgaySinh": _day(result["birth_date"]),
        "nktSoGiayToTuyThan": result["identifiers"][0]["value"],
        "nktNgayChet": _day(result["died_on"]),
        "nktGioPhutChet": result.get("died_at_time", ""),
        "nktNoiChet": result["death_place"],
        "nktNguyenNhanChet": "Nguyên nhân thử nghiệm",
        "giayKhaiTu": "",
    }


def _entry(result: Mapping[str, Any]) -> Row:
    entry = result["registration"]
    return {
        "soDangKy": entry["number"],
        "quyenSo": entry["book"],
        "trangSo": entry["page"],
        "ngayDangKy": _day(entry["registered_on"]),
        "ndkksMaTinh": "46",
        "ndkksMaHuyen": "",
        "ndkksMaXa": entry["place"]["code"],
        "maGiayToKetQua": entry["result_code"],
    }


def _day(text: str) -> str:
    return f"00/00/{text}" if len(text) == len("yyyy") else f"{date.fromisoformat(text):%d/%m/%Y}"
