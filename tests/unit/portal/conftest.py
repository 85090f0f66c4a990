"""Generated dossiers; all personal IDs have the province part 000 or 999, which belongs to nobody."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from lienthong_schemas.dossier import DossierProgressV1, DossierSnapshotV1

MakeSnapshot = Callable[..., DossierSnapshotV1]


def snapshot_document() -> dict[str, Any]:
    """Return a complete snapshot as its publisher would write it."""
    return {
        "dossier_code": "H57.01.12-261008-0001",
        "sequence": 3,
        "occurred_at": "2026-10-08T10:15:30+07:00",
        "procedure": {
            "code": "1.004873",
            "name": "Thủ tục cấp Giấy xác nhận tình trạng hôn nhân",
            "field_code": "G15-TP01",
            "field_name": "Hộ tịch",
        },
        "channel": "counter",
        "subject_kind": "citizen",
        "owner": {
            "full_name": "Nguyễn Thị Thử Nghiệm",
            "identifiers": [{"type": "personal_id", "value": "000190000017"}, {"type": "cmnd", "value": "000000017"}],
            "phone": "0900000017",
            "email": "thu.nghiem@example.vn",
        },
        "summary": "Xác nhận tình trạng hôn nhân",
        "submitted_at": "2026-10-08T00:30:00Z",
        "received_at": "2026-10-08T08:00:00+07:00",
        "due_at": "2026-10-13T17:00:00+07:00",
        "status": "processing",
        "return_method": "postal",
        "handling_unit": {"code": "H57.01.12", "name": "Ủy ban nhân dân phường Thử Nghiệm"},
        "origin": "local",
        "has_digitised_components": True,
        "account_verified_by_vneid": False,
        "online_payment": "provincial_gateway",
    }


@pytest.fixture
def make_snapshot() -> MakeSnapshot:
    """Build a valid snapshot with some fields replaced."""

    def make(**changes: Any) -> DossierSnapshotV1:
        return DossierSnapshotV1.model_validate_json(orjson.dumps({**snapshot_document(), **changes}))

    return make


@pytest.fixture
def progress() -> DossierProgressV1:
    """Build one step of an officer."""
    document = {
        "dossier_code": "H57.01.12-261008-0001",
        "step_id": "step-1",
        "sequence": 1,
        "occurred_at": "2026-10-08T03:00:00Z",
        "handler_name": "Trần Văn Cán Bộ",
        "handler_title": "Công chức tư pháp",
        "department": "Bộ phận một cửa",
        "content": "Thẩm định hồ sơ",
        "status": "processing",
        "started_at": "2026-10-08T09:00:00+07:00",
    }
    return DossierProgressV1.model_validate_json(orjson.dumps(document))
