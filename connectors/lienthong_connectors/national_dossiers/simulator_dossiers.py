"""Made-up dossiers in the wire formats of both platforms."""

import base64
import hashlib
from datetime import datetime, timedelta
from random import Random
from typing import Any

import orjson

from lienthong.clock import to_vietnam
from lienthong_connectors.national_dossiers.linked_draft import BIRTH, DEATH
from lienthong_connectors.national_dossiers.portal_draft import FORM
from lienthong_schemas.generator.people import Person, person
from lienthong_schemas.generator.places import CITIZEN_PROCEDURES, COMMUNES

#: Procedures of the linked service, by module.
LINKED_PROCEDURES = {BIRTH: "2.000986", DEATH: "1.011733"}
_LINKED_FORM = "%d/%m/%Y %H:%M:%S"


def file_of(name: str) -> bytes:
    """Return a made-up paper, always the same for the same name.

    Args:
        name: Any.
    """
    return b"%PDF-1.7\n% " + hashlib.sha256(name.encode()).hexdigest().encode() + b"\n%%EOF\n"


def portal_record(number: int, now: datetime) -> dict[str, Any]:
    """Return a dossier as the portal has it after a citizen submitted it.

    Args:
        number: Of the dossier, from 1.
        now: When it was submitted.
    """
    draw = Random(number)
    owner = person(draw, number)
    procedure = CITIZEN_PROCEDURES[number % len(CITIZEN_PROCEDURES)]
    commune = COMMUNES[number % len(COMMUNES)]
    submitted = to_vietnam(now)
    code = f"{commune.organisation}-{submitted:%y%m%d}-{number:05}"
    return {
        "MaHoSo": code,
        "MaTTHC": procedure.code,
        "TenTTHC": procedure.name,
        "MaLinhVuc": procedure.field_code,
        "TenLinhVuc": procedure.field_name,
        "KenhThucHien": "2",
        "ChuHoSo": owner.full_name,
        "LoaiDoiTuong": "1",
        "MaDoiTuong": f"TECH-{number:08}",
        "SoGiayToChuHoSo": owner.personal_id,
        "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": owner.personal_id}],
        "Email": "",
        "Fax": "",
        "SoDienThoai": owner.phone,
        "ThongTinKhac": "",
        "TrichYeuHoSo": procedure.name,
        "NgayNopHoSo": f"{submitted:{FORM}}",
        "NgayTiepNhan": f"{submitted:{FORM}}",
        "NgayHenTra": f"{submitted + timedelta(days=procedure.days):{FORM}}",
        "TrangThaiHoSo": "1",
        "HinhThuc": "0",
        "DonViXuLy": f"Ủy ban nhân dân {commune.name}",
        "NoiNopHoSo": "1",
        "HoSoCoThanhPhanSoHoa": "1",
        "TaiKhoanDuocXacThucVoiVNeID": "1",
        "DuocThanhToanTrucTuyen": "0",
        "DSKetNoiCSDL": [],
        "TaiLieuNop": [portal_paper(code, 1)],
        "DanhSachLePhi": [],
        "DanhSachTepDinhKemKhac": [],
        "DanhSachHoSoBoSung": [],
        "DanhSachGiayToKetQua": [],
    }


def portal_paper(code: str, number: int) -> dict[str, Any]:
    """Return a paper of a dossier.

    Args:
        code: Dossier code.
        number: Of the paper, from 1.
    """
    return {
        "TepDinhKemId": f"{code}-{number}",
        "TenTepDinhKem": "Tờ khai",
        "IsDeleted": "False",
        "MaThanhPhanHoSo": f"TP{number:02}",
        "DuongDanTaiTepTin": f"/tep/{code}/{number}.pdf",
        "DuocSoHoa": "1",
        "DuocTaiSuDung": "0",
        "DuocLayTuKhoDMQG": "0",
        "MaKetQuaThayThe": "",
    }


def linked_record(number: int, now: datetime) -> dict[str, Any]:
    """Return a dossier as the linked service has it after a citizen submitted it.

    Args:
        number: Of the dossier, from 1.
        now: When it was submitted.
    """
    draw = Random(number)
    someone, requester = person(draw, 2 * number), person(draw, 2 * number + 1)
    module = BIRTH if number % 2 else DEATH
    commune = COMMUNES[number % len(COMMUNES)]
    submitted = to_vietnam(now)
    if module == BIRTH:
        form = {"nks": {"HoTen": someone.full_name, "GioiTinh": _gender(someone), "NgaySinh": f"{submitted:%d/%m/%Y}"}}
    else:
        form = {"nkt": {**_person(someone), "NgayChet": f"{submitted:%d/%m/%Y}"}}
    code = f"{commune.organisation}-{submitted:%y%m%d}-{number:06}"
    return {
        "id": 100_000 + number,
        "maDonVi": int(commune.code),
        "maTTHC": LINKED_PROCEDURES[module],
        "module": module,
        "maHoSo": code,
        "ngayTiepNhan": f"{submitted:{_LINKED_FORM}}",
        "techId": f"TECH-{number:08}",
        "data": orjson.dumps({**form, "nyc": _person(requester)}).decode(),
        "fileDinhKem": [
            {
                "id": 1,
                "loaiGiayTo": 1,
                "tenGiayTo": "Giấy chứng sinh" if module == BIRTH else "Giấy báo tử",
                "tenTepDinhKem": "tep-1.pdf",
                "huyGiayTo": 0,
                "duLieuTepDinhKem": base64.b64encode(file_of(code)).decode(),
            }
        ],
    }


def _gender(someone: Person) -> str:
    return "1" if someone.gender == "male" else "2"


def _person(someone: Person) -> dict[str, Any]:
    return {
        "HoTen": someone.full_name,
        "GioiTinh": _gender(someone),
        "NgaySinh": f"{someone.birth:%d/%m/%Y}",
        "LoaiGiayToTuyThan": "1",
        "SoGiayToTuyThan": someone.personal_id,
        "SoDDCN": someone.personal_id,
        "SoDienThoai": someone.phone,
    }
