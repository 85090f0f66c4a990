"""A good dossier snapshot of a generated person, as a document to change."""

import copy
import json

import pytest

from lienthong_schemas import SCHEMAS

_SNAPSHOT = {
    "dossier_code": "H57.21-261008-0001",
    "sequence": 3,
    "occurred_at": "2026-10-08T08:30:00+07:00",
    "procedure": {
        "code": "1.004194",
        "name": "Đăng ký tạm trú",
        "field_code": "G01-CT01",
        "field_name": "Đăng ký, quản lý cư trú",
    },
    "channel": "counter",
    "subject_kind": "citizen",
    "owner": {
        "full_name": "Nguyễn Thị Thuận",
        "identifiers": [{"type": "personal_id", "value": "000190123456"}],
        "birth_date": "1990-02-03",
        "gender": "female",
        "address": {
            "unit": {"code_system": "GSO-34", "code": "19753", "as_of": "2025-07-01"},
            "detail": "12 Lê Lợi",
        },
    },
    "summary": "Đăng ký tạm trú cho hộ gia đình",
    "submitted_at": "2026-10-08T08:00:00+07:00",
    "received_at": "2026-10-08T08:30:00+07:00",
    "due_at": "2026-10-11T17:00:00+07:00",
    "status": "accepted",
    "return_method": "counter",
    "handling_unit": {"code": "H57.21", "name": "Ủy ban nhân dân Phường Phú Xuân"},
    "origin": "local",
    "has_digitised_components": True,
    "account_verified_by_vneid": False,
    "online_payment": "none",
}


@pytest.fixture
def document():
    """Give each test its own good snapshot as a document."""
    return copy.deepcopy(_SNAPSHOT)


@pytest.fixture
def spec():
    """Give the record type of dossier snapshots."""
    return next(each for each in SCHEMAS if each.type == "dossier.snapshot")


@pytest.fixture
def read(spec):
    """Give a function that reads a document as a publisher's snapshot."""
    return lambda changed: spec.producer_model.model_validate_json(json.dumps(changed))
