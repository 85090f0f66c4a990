"""Records of the hub in the portal's form."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from lienthong.errors import ValidationFailedError
from lienthong_connectors.portal import mapping
from lienthong_connectors.portal.mapping import progress_to_wire, snapshot_findings, snapshot_to_wire
from lienthong_connectors.portal.simulator_state import record_problem
from lienthong_connectors.portal.wire import DATE_FIELDS, REQUIRED_FIELDS
from lienthong_schemas.dossier import Attachment, DossierProgressV1, DossierSnapshotV1, Fee, Supplement
from lienthong_schemas.party import PartyIdentifier

FILE = {
    "store": "kho",
    "path": "2026/10/a1b2.pdf",
    "sha256": "0" * 64,
    "size_bytes": 10,
    "media_type": "application/pdf",
}


def strings_only(value: Any) -> bool:
    """Return whether a wire value is text, or a list of objects of such values."""
    if isinstance(value, list):
        return all(isinstance(item, dict) and all(map(strings_only, item.values())) for item in value)
    return isinstance(value, str)


def test_a_snapshot_fills_every_required_field_and_only_with_strings(
    make_snapshot: Callable[..., DossierSnapshotV1],
) -> None:
    """The portal takes strings only and refuses a record without a required field."""
    record = snapshot_to_wire(make_snapshot(), tech_id="", links=("1",))

    assert set(REQUIRED_FIELDS) <= set(record)
    assert all(map(strings_only, record.values()))
    assert record_problem(record) == ""


def test_a_snapshot_in_the_portals_form(make_snapshot: Callable[..., DossierSnapshotV1]) -> None:
    """Codes, names and identifiers stand where the specification wants them."""
    record = snapshot_to_wire(make_snapshot(), tech_id="")
    expected = {
        "MaHoSo": "H57.01.12-261008-0001",
        "MaTTHC": "1.004873",
        "MaLinhVuc": "G15-TP01",
        "KenhThucHien": "1",
        "LoaiDoiTuong": "1",
        "MaDoiTuong": "",
        "SoGiayToChuHoSo": "000190000017",
        "DinhDanhCHS": [
            {"LoaiDinhDanh": "1", "SoDinhDanh": "000190000017"},
            {"LoaiDinhDanh": "2", "SoDinhDanh": "000000017"},
        ],
        "TrangThaiHoSo": "4",
        "HinhThuc": "1",
        "DonViXuLy": "Ủy ban nhân dân phường Thử Nghiệm",
        "NoiNopHoSo": "2",
        "HoSoCoThanhPhanSoHoa": "1",
        "TaiKhoanDuocXacThucVoiVNeID": "0",
        "DuocThanhToanTrucTuyen": "2",
        "DSKetNoiCSDL": [],
    }

    assert {name: record[name] for name in expected} == expected


def test_dates_are_written_in_viet_nams_time(make_snapshot: Callable[..., DossierSnapshotV1]) -> None:
    """A time given in UTC becomes fourteen digits at +07:00, a missing one stays empty."""
    record = snapshot_to_wire(make_snapshot(status="refused", finished_at="2026-10-08T18:30:00Z"), tech_id="")
    expected = {
        "NgayNopHoSo": "20261008073000",
        "NgayTiepNhan": "20261008080000",
        "NgayHenTra": "20261013170000",
        "NgayTra": "",
        "NgayKetThucXuLy": "20261009013000",
        "NgayTuChoi": "20261008101530",
    }

    assert {name: record[name] for name in DATE_FIELDS} == expected


@pytest.mark.parametrize(
    ("model", "field", "table"),
    [
        (DossierSnapshotV1, "channel", mapping.CHANNELS),
        (DossierSnapshotV1, "subject_kind", mapping.SUBJECT_KINDS),
        (DossierSnapshotV1, "return_method", mapping.RETURN_METHODS),
        (DossierSnapshotV1, "origin", mapping.ORIGINS),
        (DossierSnapshotV1, "online_payment", mapping.ONLINE_PAYMENTS),
        (Attachment, "reuse", mapping.REUSES),
        (Fee, "collection", mapping.FEE_COLLECTIONS),
        (Fee, "kind", mapping.FEE_KINDS),
        (Supplement, "status", mapping.SUPPLEMENT_STATES),
    ],
)
def test_every_value_of_a_closed_list_has_a_code(model: Any, field: str, table: Any) -> None:
    """A value that the schema allows is never without a code of the portal, and codes are distinct."""
    assert set(table) == set(get_args(model.model_fields[field].annotation))
    assert len(set(table.values())) == len(table)


def test_papers_are_ordered_for_every_identifier_type() -> None:
    """No identifier type is forgotten when the paper of the owner is chosen."""
    assert set(mapping.PAPER_ORDER) == set(get_args(PartyIdentifier.model_fields["type"].annotation))


def test_an_owner_without_papers_leaves_the_slots_empty(make_snapshot: Callable[..., DossierSnapshotV1]) -> None:
    """A newborn gets no filler number such as 000000001, which could be somebody's."""
    owner = {"full_name": "Trẻ Mới Sinh", "no_identifier_reason": "newborn"}
    record = snapshot_to_wire(make_snapshot(owner=owner), tech_id="")

    assert record["SoGiayToChuHoSo"] == ""
    assert record["DinhDanhCHS"] == []
    assert record_problem(record) == ""


def test_a_paper_without_a_kind_of_its_own_stands_in_the_old_slot(
    make_snapshot: Callable[..., DossierSnapshotV1],
) -> None:
    """A passport is sent, yet not as if it were a personal ID."""
    owner = {"full_name": "Người Nước Ngoài", "identifiers": [{"type": "passport", "value": "P0000017"}]}
    record = snapshot_to_wire(make_snapshot(owner=owner), tech_id="")

    assert record["SoGiayToChuHoSo"] == "P0000017"
    assert record["DinhDanhCHS"] == []


def test_a_replaced_file_is_marked_as_deleted(make_snapshot: Callable[..., DossierSnapshotV1]) -> None:
    """After a supplement round the portal shows the new file only."""
    attachments = [
        {"attachment_id": "f1", "name": "Tờ khai", "replaced_by": "f2", "reference": FILE, "reuse": "warehouse"},
        {"attachment_id": "f2", "name": "Tờ khai", "reference": {**FILE, "path": "https://kho.example.vn/f2"}},
    ]
    record = snapshot_to_wire(make_snapshot(attachments=attachments), tech_id="", file_base_url="https://kho.vn/")
    first, second = record["TaiLieuNop"]

    assert (first["IsDeleted"], second["IsDeleted"]) == ("True", "False")
    assert (first["DuocTaiSuDung"], first["DuocLayTuKhoDMQG"], first["MaKetQuaThayThe"]) == ("2", "1", "f2")
    assert first["DuongDanTaiTepTin"] == "https://kho.vn/2026/10/a1b2.pdf"
    assert second["DuongDanTaiTepTin"] == "https://kho.example.vn/f2"


def test_every_round_of_supplement_is_one_entry(make_snapshot: Callable[..., DossierSnapshotV1]) -> None:
    """A second round is a second entry with an id and due times of its own."""
    rounds = [
        {
            "supplement_id": f"round-{number}",
            "requested_by": "Trần Văn Cán Bộ",
            "content": "Bổ sung giấy tờ",
            "requested_at": "2026-10-08T09:00:00+07:00",
            "status": "requested",
            "previous_due_at": "2026-10-13T17:00:00+07:00",
            "new_due_at": f"2026-10-1{number + 4}T17:00:00+07:00",
        }
        for number in (1, 2)
    ]
    entries = snapshot_to_wire(make_snapshot(supplements=rounds), tech_id="")["DanhSachHoSoBoSung"]

    assert [entry["HoSoBoSungId"] for entry in entries] == ["round-1", "round-2"]
    assert [entry["NgayHenTraMoi"] for entry in entries] == ["20261015170000", "20261016170000"]
    assert {entry["NgayHenTraTruoc"] for entry in entries} == {"20261013170000"}


def test_a_result_is_released_only_with_a_valid_signature(make_snapshot: Callable[..., DossierSnapshotV1]) -> None:
    """The link of an unchecked file is held back and an official is told; a checked one is sent."""
    results = [
        {
            "name": "Giấy xác nhận",
            "document_id": "d1",
            "result_code": "KQ.1",
            "reference": {**FILE, "signature_status": "valid"},
        },
        {
            "name": "Giấy xác nhận",
            "document_id": "d2",
            "result_code": "KQ.1",
            "reference": {**FILE, "signature_status": "unchecked"},
        },
        {"name": "Giấy xác nhận", "document_id": "d3", "result_code": "KQ.1"},
    ]
    snapshot = make_snapshot(results=results)
    links = [item["DuongDanTepTinKetQua"] for item in snapshot_to_wire(snapshot, tech_id="")["DanhSachGiayToKetQua"]]

    assert links == ["2026/10/a1b2.pdf", "", ""]
    assert [(finding.field, finding.rule) for finding in snapshot_findings(snapshot)] == [
        ("results.1.reference", "signature_not_valid"),
        ("results.2", "result_not_counted_online"),
    ]


def test_fees_are_sent_as_text(make_snapshot: Callable[..., DossierSnapshotV1]) -> None:
    """An amount is text like everything else."""
    fees = [{"name": "Lệ phí", "code": "LP1", "collection": "online", "amount_vnd": 30000, "kind": "charge"}]
    record = snapshot_to_wire(make_snapshot(fees=fees), tech_id="")

    assert record["DanhSachLePhi"] == [
        {"TenPhiLePhi": "Lệ phí", "MaPhiLePhi": "LP1", "HinhThucThu": "2", "Gia": "30000", "LoaiPhiLePhi": "2"}
    ]


def test_a_step_in_the_portals_form(progress: DossierProgressV1) -> None:
    """A step names who did what and when, in Viet Nam's time."""
    assert progress_to_wire(progress) == {
        "MaHoSo": "H57.01.12-261008-0001",
        "NguoiXuLy": "Trần Văn Cán Bộ",
        "ChucDanh": "Công chức tư pháp",
        "ThoiDiemXuLy": "20261008100000",
        "PhongBanXuLy": "Bộ phận một cửa",
        "NoiDungXuLy": "Thẩm định hồ sơ",
        "TrangThai": "4",
        "NgayBatDau": "20261008090000",
        "NgayKetThucTheoQuyDinh": "",
    }


@pytest.mark.parametrize(("length", "is_refused"), [(1000, False), (1001, True)])
def test_a_text_that_is_too_long_is_refused_not_cut(
    make_snapshot: Callable[..., DossierSnapshotV1], length: int, is_refused: bool
) -> None:
    """A summary over the portal's limit names the field and never its text."""
    snapshot = make_snapshot().model_copy(update={"summary": "Đ" * length})
    if not is_refused:
        assert len(snapshot_to_wire(snapshot, tech_id="")["TrichYeuHoSo"]) == length
        return
    with pytest.raises(ValidationFailedError) as caught:
        snapshot_to_wire(snapshot, tech_id="")

    assert [(violation.field, violation.rule) for violation in caught.value.violations] == [
        ("summary", "portal_max_length")
    ]
    assert "Đ" not in str(caught.value)


def test_a_step_by_too_long_a_name_is_refused(progress: DossierProgressV1) -> None:
    """The portal takes fifty characters of the officer's name."""
    with pytest.raises(ValidationFailedError) as caught:
        progress_to_wire(progress.model_copy(update={"handler_name": "C" * 51}))

    assert caught.value.violations[0].field == "handler_name"


@pytest.mark.parametrize(("field", "limit"), [("attachments", 4000), ("results", 2000)])
def test_a_title_that_is_too_long_is_refused(
    make_snapshot: Callable[..., DossierSnapshotV1], field: str, limit: int
) -> None:
    """Titles of papers and results have limits of their own."""
    item = {"name": "x", "attachment_id": "f1"} if field == "attachments" else {"name": "x", "document_id": "d1"}
    snapshot = make_snapshot(**{field: [item]})
    entry = getattr(snapshot, field)[0].model_copy(update={"name": "x" * (limit + 1)})
    with pytest.raises(ValidationFailedError) as caught:
        snapshot_to_wire(snapshot.model_copy(update={field: (entry,)}), tech_id="")

    assert caught.value.violations[0].field == f"{field}.0.name"
