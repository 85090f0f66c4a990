"""The simulated portal's memory, without HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from lienthong_connectors.portal.mapping import progress_to_wire, snapshot_to_wire
from lienthong_connectors.portal.simulator_state import PortalState, fingerprint, record_problem
from lienthong_connectors.portal.wire import MAY_BE_EMPTY, REQUIRED_FIELDS
from lienthong_schemas.dossier import DossierProgressV1, DossierSnapshotV1


@pytest.fixture
def record(make_snapshot: Callable[..., DossierSnapshotV1]) -> dict[str, Any]:
    """Build a record in the portal's form."""
    return snapshot_to_wire(make_snapshot(), tech_id="")


def sync(state: PortalState, record: dict[str, Any], updating: str = "False") -> tuple[str, list[str]]:
    """Send one record and return the text and the kinds of effects."""
    answer, effects = state.handle({"service": "DongBoHoSoMC", "isUpdating": updating, "data": [record]})
    return answer["message"], [effect.kind for effect in effects]


@pytest.mark.parametrize("name", REQUIRED_FIELDS)
def test_a_record_without_a_required_field_is_refused(record: dict[str, Any], name: str) -> None:
    """Every field that the specification requires is required here."""
    without = {key: value for key, value in record.items() if key != name}

    assert name in record_problem(without)


@pytest.mark.parametrize("name", sorted(set(REQUIRED_FIELDS) - MAY_BE_EMPTY))
def test_an_empty_required_field_is_refused(record: dict[str, Any], name: str) -> None:
    """Only the slots of the owner's papers may be empty."""
    assert name in record_problem({**record, name: ""})


@pytest.mark.parametrize(
    "change",
    [
        {"NgayTiepNhan": "08/10/2026"},
        {"NgayHenTra": "2026100817000"},
        {"TrangThaiHoSo": "11"},
        {"TrichYeuHoSo": "x" * 1001},
        {"KenhThucHien": "2"},
        {"KenhThucHien": 1},
        {"GhiChu": None},
    ],
)
def test_a_record_of_the_wrong_form_is_refused(record: dict[str, Any], change: dict[str, Any]) -> None:
    """Dates have fourteen digits, values are text, online dossiers name an account."""
    assert record_problem({**record, **change}) != ""


def test_create_update_and_link_are_told_apart(record: dict[str, Any]) -> None:
    """An update that adds a database is a link, one that drops it is shown as a loss."""
    state = PortalState()
    linked = {**record, "DSKetNoiCSDL": [{"MaCSDL": "1"}]}

    assert sync(state, record, "True") == ("Hồ sơ không tồn tại", [])
    assert sync(state, record) == ("Đồng bộ hồ sơ thành công", ["create"])
    assert sync(state, record) == ("Hồ sơ đã tồn tại", [])
    assert sync(state, linked, "True") == ("Đồng bộ hồ sơ thành công", ["link"])
    assert sync(state, linked, "True") == ("Đồng bộ hồ sơ thành công", ["update"])
    assert state.dossiers[record["MaHoSo"]].summary()["lost_links"] == []
    sync(state, record, "True")

    assert state.dossiers[record["MaHoSo"]].summary()["lost_links"] == ["1"]


def test_steps_are_taken_in_chunks_of_ten(record: dict[str, Any], progress: DossierProgressV1) -> None:
    """Ten steps pass, eleven are refused as a whole, and repeats are not merged."""
    state = PortalState()
    sync(state, record)
    step = progress_to_wire(progress)
    refused, none = state.handle({"service": "CapNhatTienDoHoSoMC", "data": [step] * 11})
    _, ten = state.handle({"service": "CapNhatTienDoHoSoMC", "data": [step] * 10})

    assert (refused["error_code"], none, len(ten)) == (-1, [], 10)
    assert state.dossiers[record["MaHoSo"]].counts == {"create": 1, "progress": 10}


def test_quirks_mode_says_everything_with_code_0(record: dict[str, Any]) -> None:
    """Only the text tells a refusal from a success."""
    state = PortalState(is_strict=False)
    state.handle({"service": "DongBoHoSoMC", "isUpdating": "False", "data": [record]})
    answer, effects = state.handle({"service": "DongBoHoSoMC", "isUpdating": "False", "data": [record]})

    assert (answer, effects) == ({"error_code": 0, "message": "Hồ sơ đã tồn tại"}, [])


@pytest.mark.parametrize(
    "body",
    [
        {"service": "KhongCo"},
        {},
        {"service": "DongBoHoSoMC"},
        {"service": "DongBoHoSoMC", "isUpdating": True, "data": []},
        {"service": "DongBoHoSoMC", "isUpdating": "False", "data": ["x"]},
        {"service": "CapNhatTienDoHoSoMC", "data": [{}]},
    ],
)
def test_a_request_of_the_wrong_form_is_refused(body: dict[str, Any]) -> None:
    """A mistake of a client is an answer, not a crash."""
    answer, effects = PortalState().handle(body)

    assert (answer["error_code"], effects) == (-1, [])


def test_a_fingerprint_depends_on_content_not_on_order(record: dict[str, Any]) -> None:
    """Equal records have equal fingerprints however their fields are ordered."""
    turned = dict(reversed(record.items()))

    assert fingerprint(turned) == fingerprint(record)
    assert fingerprint({**record, "GhiChu": "khác"}) != fingerprint(record)


def test_a_summary_holds_no_personal_value(
    record: dict[str, Any], make_snapshot: Callable[..., DossierSnapshotV1]
) -> None:
    """What the control route shows has neither names nor identifiers."""
    state = PortalState()
    sync(state, record)
    shown = repr(state.dossiers[record["MaHoSo"]].summary())
    owner = make_snapshot().owner

    assert [v for v in (owner.full_name, owner.phone, owner.identifiers[0].value) if v in shown] == []
