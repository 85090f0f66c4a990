"""Names, forms and limits of the portal's wire format, without any decision.

Source:
    "Hướng dẫn kết nối Cổng DVCQG v1.4" (VPCP, 2020) as far as it is readable, and public clients of the adapter.
"""

from datetime import datetime
from types import MappingProxyType
from typing import Any

from lienthong.clock import to_vietnam

#: What the portal holds about one dossier: strings, and lists of objects of strings.
WireRecord = dict[str, Any]

TECH_ID_SERVICE = "TraCuuTechID"
FIND_SERVICE = "TraCuuHoSo"
SYNC_SERVICE = "DongBoHoSoMC"
PROGRESS_SERVICE = "CapNhatTienDoHoSoMC"

#: Code of the national population database in ``DSKetNoiCSDL``: ASSUMED; clients use 1 and 7.
POPULATION_DATABASE = "1"
#: The databases that a dossier is linked to.
LINKS_FIELD = "DSKetNoiCSDL"
#: Most steps that the portal takes in one call.
MAX_STEPS = 10
#: The state of a dossier.
STATUS_FIELD = "TrangThaiHoSo"
COUNTER, ONLINE, POSTAL = "1", "2", "3"

#: Fields of ``DongBoHoSoMC`` that the specification marks as required.
REQUIRED_FIELDS = (
    "MaHoSo",
    "MaTTHC",
    "TenTTHC",
    "MaLinhVuc",
    "TenLinhVuc",
    "KenhThucHien",
    "LoaiDoiTuong",
    "SoGiayToChuHoSo",
    "DinhDanhCHS",
    "TrichYeuHoSo",
    "NgayNopHoSo",
    "NgayTiepNhan",
    "NgayHenTra",
    "TrangThaiHoSo",
    "HinhThuc",
    "DonViXuLy",
    "NoiNopHoSo",
    "HoSoCoThanhPhanSoHoa",
    "TaiKhoanDuocXacThucVoiVNeID",
    "DuocThanhToanTrucTuyen",
)
#: Required, yet empty when the owner has no papers; a filler would be a wrong person's number. ASSUMED accepted.
MAY_BE_EMPTY = frozenset({"SoGiayToChuHoSo", "DinhDanhCHS"})
#: Fields of ``CapNhatTienDoHoSoMC`` that known clients always fill.
PROGRESS_REQUIRED_FIELDS = ("MaHoSo", "NguoiXuLy", "ThoiDiemXuLy", "NoiDungXuLy", "TrangThai")
DATE_FIELDS = ("NgayNopHoSo", "NgayTiepNhan", "NgayHenTra", "NgayTra", "NgayKetThucXuLy", "NgayTuChoi")

#: Wire field → longest text in characters; longer text is refused, never cut.
MAX_CHARACTERS = MappingProxyType({"TrichYeuHoSo": 1000, "TenTepDinhKem": 4000, "TenGiayTo": 2000, "NguoiXuLy": 50})


def moment(value: datetime | None) -> str:
    """Return a time as ``yyyyMMddHHmmss`` in Viet Nam, or empty text for none.

    Args:
        value: An aware time; fractions of a second are dropped, because the portal has none.
    """
    return "" if value is None else to_vietnam(value).strftime("%Y%m%d%H%M%S")


def flag(value: object) -> str:
    """Return ``1`` or ``0``.

    Args:
        value: Anything that is true or false.
    """
    return "1" if value else "0"


def truth(value: object) -> str:
    """Return ``True`` or ``False`` as text, as other fields want it.

    Args:
        value: Anything that is true or false.
    """
    return "True" if value else "False"


def links_of(record: WireRecord) -> tuple[str, ...]:
    """Return the databases that a national record is linked to.

    Args:
        record: As ``TraCuuHoSo`` returned it.
    """
    entries = record.get(LINKS_FIELD) or ()
    return tuple(str(entry["MaCSDL"]) for entry in entries if isinstance(entry, dict) and entry.get("MaCSDL"))


def link_entries(links: tuple[str, ...]) -> list[dict[str, str]]:
    """Return ``DSKetNoiCSDL`` of database codes.

    Args:
        links: Database codes.
    """
    return [{"MaCSDL": link} for link in links]
