"""Dossiers in the ministry's form: each documented field under its name, nothing that was not said."""

import json
from typing import Any

from lienthong_connectors.civil_status.form import push_of
from lienthong_schemas.civil_status_request import CivilStatusRequestedV1
from lienthong_schemas.generator.civil_status import civil_status_requests


def _pushed(kind: str, form: dict[str, Any]) -> dict[str, Any]:
    document = next(each.document for each in civil_status_requests(20) if each.truth.kind == kind) | {kind: form}
    model = CivilStatusRequestedV1.model_validate_json(json.dumps(document))
    return push_of(model, "46", {"personal_id": "5", "passport": "3"})


def test_a_death_has_every_documented_field_and_the_year_alone_where_only_it_is_known() -> None:
    """The person stands with paper and cause, the notice under its own names; half a date is not completed."""
    body = _pushed(
        "death",
        {
            "person": {
                "full_name": "Người Thử Nghiệm",
                "identifiers": [{"type": "personal_id", "value": "000045000001"}],
                "birth_date": "1945",
                "gender": "female",
                "residence": {"unit": {"code_system": "GSO-34", "code": "79", "as_of": "2025-07-01"}},
                "died_on": "2026-10-01",
                "died_at_time": "04:05",
                "death_place": "Tại nhà riêng",
                "death_cause": "Tuổi già",
            },
            "notice": {"kind": "1", "number": "7/GBT", "issued_on": "2026-10-02", "issued_by": "Bệnh viện thử nghiệm"},
        },
    )
    data = {name: value for name, value in body["data"].items() if name.startswith(("nkt", "gbt"))}

    assert body["module"] == "LTKT"
    assert body["fileDinhKem"] == []
    assert body["data"]["noiDangKy"]["maTinh"] == "46"
    assert data == {
        "nktHoTen": "Người Thử Nghiệm",
        "nktLoaiGiayToTuyThan": "5",
        "nktSoGiayToTuyThan": "000045000001",
        "nktNgaySinh": "00/00/1945",
        "nktGioiTinh": 2,
        "nktNoiCuTru": {"maTinh": "79", "maHuyen": "", "maXa": "", "dcChiTiet": ""},
        "nktNgayChet": "01/10/2026",
        "nktGioPhutChet": "04:05",
        "nktNoiChet": "Tại nhà riêng",
        "nktNguyenNhanChet": "Tuổi già",
        "gbtLoai": "1",
        "gbtSo": "7/GBT",
        "gbtNgay": "02/10/2026",
        "gbtCoQuanCap": "Bệnh viện thử nghiệm",
    }


def test_parents_stand_each_under_their_own_name_and_who_is_not_entered_not_at_all() -> None:
    """A foreign father has his passport and no personal ID; a mother who is not given leaves no empty field."""
    body = _pushed(
        "birth",
        {
            "child": {
                "full_name": "Trẻ Thử Nghiệm",
                "gender": "male",
                "birth_date": "2026-09-30",
                "birth_place": "Bệnh viện thử nghiệm",
            },
            "father": {"full_name": "Test Father", "identifiers": [{"type": "passport", "value": "X0000001"}]},
        },
    )
    data = body["data"]

    assert body["module"] == "LTKS"
    assert {name: value for name, value in data.items() if name.startswith("nks")} == {
        "nksHoTen": "Trẻ Thử Nghiệm",
        "nksGioiTinh": 1,
        "nksNgaySinh": "30/09/2026",
        "nksNoiSinh": "Bệnh viện thử nghiệm",
    }
    assert {name: value for name, value in data.items() if name.startswith("cha")} == {
        "chaHoTen": "Test Father",
        "chaLoaiGiayToTuyThan": "3",
        "chaSoGiayToTuyThan": "X0000001",
    }
    assert not [name for name in data if name.startswith("me")]
