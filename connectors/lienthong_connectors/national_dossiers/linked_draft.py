"""A dossier of the linked service for births and deaths in the hub's words.

Source:
    Wire format as read in a provincial client of the service; whose matter a dossier is, and the codes of papers and
    sexes, are ASSUMED.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from lienthong_connectors.national_dossiers.config import LinkedPullSettings
from lienthong_connectors.national_dossiers.feed import Draft, Listed
from lienthong_connectors.national_dossiers.wording import (
    filled,
    instant,
    moment,
    named,
    sequence,
    text,
    working_days_after,
)

MOMENT_FORMS = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y")
GENDERS = MappingProxyType({"1": "male", "2": "female"})  # ASSUMED.
#: ``LoaiGiayToTuyThan`` → kind of identifier: ASSUMED.
PAPERS = MappingProxyType({"1": "personal_id", "2": "cmnd", "3": "passport", "4": "permanent_resident_card"})
#: Module → who the dossier is about, and what it is in words.
BIRTH, DEATH = "KS", "KT"
_SUMMARIES = MappingProxyType({BIRTH: "Đăng ký khai sinh liên thông", DEATH: "Đăng ký khai tử liên thông"})


def linked_draft(line: Listed, detail: Mapping[str, Any], settings: LinkedPullSettings) -> Draft:
    """Return the snapshot of a dossier, its attachments without files.

    Args:
        line: From the list; it tells when the dossier was handed in.
        detail: As the service has it.
        settings: What the service does not tell of procedures and communes.
    """
    module = text(detail.get("module"))
    form = _form(detail.get("data"))
    received = moment(detail.get("ngayTiepNhan"), *MOMENT_FORMS)
    return filled(
        (
            ("dossier_code", text(detail.get("maHoSo"))),
            ("sequence", sequence(line.changed_at)),
            ("occurred_at", received),
            ("procedure", _procedure(detail, settings)),
            ("channel", "online"),
            ("subject_kind", "citizen"),
            ("owner", _newborn(_part(form, "nks")) if module == BIRTH else _person(_part(form, "nkt"))),
            ("submitter", _person(_part(form, "nyc")) or None),
            ("summary", _SUMMARIES.get(module, module)),
            ("submitted_at", received),
            ("received_at", received),
            ("due_at", _due(detail, settings)),
            ("status", "submitted"),
            ("return_method", "counter"),
            ("handling_unit", _unit(detail, settings)),
            ("origin", "national_portal"),
            ("has_digitised_components", True),
            # Nobody gets into the service but with such an account.
            ("account_verified_by_vneid", True),
            ("online_payment", "none"),
            ("tech_id", text(detail.get("techId"))),
            ("attachments", [_attachment(item) for item in files_of(detail)]),
        )
    )


def files_of(detail: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the papers that were handed in.

    Args:
        detail: As the service has it.
    """
    files = detail.get("fileDinhKem")
    return [item for item in files if isinstance(item, dict)] if isinstance(files, list) else []


def _form(value: Any) -> Mapping[str, Any]:
    """Return the form that the citizen filled in, which travels as JSON inside a string."""
    try:
        form = orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        form = None
    return form if isinstance(form, dict) else {}


def _part(form: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = form.get(name)
    return part if isinstance(part, dict) else {}


def _newborn(child: Mapping[str, Any]) -> Draft:
    # The number comes with the result; until then a newborn has none.
    return {**_person(child), "no_identifier_reason": "newborn"}


def _person(person: Mapping[str, Any]) -> Draft:
    return filled(
        (
            ("full_name", text(person.get("HoTen"))),
            ("identifiers", _identifiers(person) or None),
            ("birth_date", _birth(person.get("NgaySinh"))),
            ("gender", named(person.get("GioiTinh"), GENDERS)),
            ("phone", text(person.get("SoDienThoai"))),
            ("email", text(person.get("Email"))),
        )
    )


def _identifiers(person: Mapping[str, Any]) -> list[Draft]:
    number = text(person.get("SoDDCN"))
    paper = text(person.get("SoGiayToTuyThan"))
    kind = named(person.get("LoaiGiayToTuyThan"), PAPERS)
    found = [{"type": "personal_id", "value": number}] if number else []
    return [*found, {"type": kind, "value": paper}] if paper and paper != number else found


def _birth(value: Any) -> str | None:
    day = instant(value, "%d/%m/%Y")
    return day.date().isoformat() if day is not None else text(value) or None


def _procedure(detail: Mapping[str, Any], settings: LinkedPullSettings) -> Draft:
    code = text(detail.get("maTTHC"))
    known = settings.procedures.get(code)
    if known is None:
        return filled((("code", code),))
    return {"code": code, "name": known.name, "field_code": known.field_code, "field_name": known.field_name}


def _due(detail: Mapping[str, Any], settings: LinkedPullSettings) -> str | None:
    received = instant(detail.get("ngayTiepNhan"), *MOMENT_FORMS)
    known = settings.procedures.get(text(detail.get("maTTHC")))
    if received is None or known is None:
        return None
    return working_days_after(received, known.working_days).isoformat()


def _unit(detail: Mapping[str, Any], settings: LinkedPullSettings) -> Draft:
    code = text(detail.get("maDonVi"))
    known = settings.units.get(code)
    return {"code": code} if known is None else {"code": known.code, "name": known.name}


def _attachment(item: Mapping[str, Any]) -> Draft:
    return filled(
        (
            ("attachment_id", text(item.get("id"))),
            ("name", text(item.get("tenGiayTo")) or text(item.get("tenTepDinhKem"))),
            ("component_code", text(item.get("loaiGiayTo"))),
            ("digitised", True),
            ("deleted", text(item.get("huyGiayTo")) == "1"),
        )
    )
