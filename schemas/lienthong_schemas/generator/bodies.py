"""Writes the events of a dossier as CloudEvents."""

import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, Final

from lienthong.schema import dataschema
from lienthong_schemas.generator import defects
from lienthong_schemas.generator.dossiers import Dossier, PlannedEvent
from lienthong_schemas.generator.plan import stream

#: CloudEvents ``source`` of each system that publishes.
SOURCES: Final = {"one-stop": "/hue/one-stop", "citizen-portal": "/hue/citizen-portal"}
PURPOSE: Final = "dossier-processing"
LEGAL_BASIS: Final = "nd-118-2025"
_ENDED: Final = frozenset({"finished", "returned"})
_REASONED: Final = {
    "refused": "Không thuộc thẩm quyền giải quyết",
    "stopped": "Dừng xử lý theo quy định",
    "withdrawn": "Công dân đề nghị rút hồ sơ",
}
_OFFICERS: Final = ("Cán bộ tiếp nhận", "Cán bộ thụ lý", "Lãnh đạo phòng", "Văn thư")
_STEPS: Final = ("Tiếp nhận và chuyển hồ sơ", "Thẩm định hồ sơ", "Trình ký kết quả", "Trả kết quả")


@dataclass(frozen=True, slots=True)
class GeneratedEvent:
    """One event as a system publishes it.

    Attributes:
        route: ``gateway`` or ``kafka``.
        system: Who publishes it, such as ``one-stop``.
        key: What order holds for: the dossier code.
        attributes: CloudEvents attributes, including ``datacontenttype``.
        data: Body; None for an event without any.
        defect: Empty for a good event, otherwise what is special about it.
        arrival: 1, or 2 when the same event is sent again.
    """

    route: str
    system: str
    key: str
    attributes: dict[str, str]
    data: bytes | None
    defect: str
    arrival: int

    def __repr__(self) -> str:
        """Show what a log may show."""
        return f"GeneratedEvent({self.attributes.get('type')!r}, defect={self.defect!r})"


def render(dossier: Dossier, event: PlannedEvent, seed: int) -> GeneratedEvent:
    """Return the event with its body.

    Args:
        dossier: The dossier.
        event: Which of its events.
        seed: Seed of the scenario.

    Returns:
        The same bytes on every call.
    """
    document = _snapshot(dossier, event) if event.kind == "snapshot" else _progress(dossier, event)
    attributes = _attributes(dossier, event)
    data: bytes | None
    if event.is_invalid:
        draw: Random = stream(seed, "defect", event.event_id)
        attributes, data = defects.spoil(event.defect.removeprefix(defects.INVALID), attributes, document, draw)
    else:
        data = defects.encode(document)
        if _is_decomposed(dossier, event):
            data = unicodedata.normalize("NFD", data.decode()).encode()
    return GeneratedEvent(dossier.route, dossier.system, dossier.code, attributes, data, event.defect, event.arrival)


def _is_decomposed(dossier: Dossier, event: PlannedEvent) -> bool:
    # A repeat has the same body as what it repeats.
    return event.defect == "nfd" or (
        event.arrival == 2 and any(each.event_id == event.event_id and each.defect == "nfd" for each in dossier.events)
    )


def _attributes(dossier: Dossier, event: PlannedEvent) -> dict[str, str]:
    type_name = f"dossier.{event.kind}"
    return {
        "specversion": "1.0",
        "id": event.event_id,
        "source": SOURCES[dossier.system],
        "type": type_name,
        "time": event.moment.isoformat(),
        "dataschema": dataschema(type_name, 1),
        "datacontenttype": "application/json",
        "dossiercode": dossier.code,
        "purpose": PURPOSE,
        "legalbasis": LEGAL_BASIS,
        "actor": dossier.officer or f"officer-{dossier.commune.organisation[4:]}",
    }


def _progress(dossier: Dossier, event: PlannedEvent) -> dict[str, Any]:
    step = (event.number - 1) % len(_STEPS)
    return {
        "dossier_code": dossier.code,
        "step_id": f"{event.event_id[:8]}-{event.number}",
        "sequence": event.number,
        "occurred_at": event.moment.isoformat(),
        "handler_name": f"{_OFFICERS[step]} {dossier.commune.organisation[4:]}",
        "handler_title": _OFFICERS[step],
        "department": f"Trung tâm Phục vụ hành chính công {dossier.commune.name}",
        "content": _STEPS[step],
        "status": event.status,
        "started_at": event.moment.isoformat(),
    }


def _snapshot(dossier: Dossier, event: PlannedEvent) -> dict[str, Any]:
    received = dossier.received.isoformat()
    moment = event.moment.isoformat()
    procedure = dossier.procedure
    document: dict[str, Any] = {
        "dossier_code": dossier.code,
        "sequence": event.number,
        "occurred_at": moment,
        "procedure": {
            "code": procedure.code,
            "name": procedure.name,
            "field_code": procedure.field_code,
            "field_name": procedure.field_name,
        },
        "channel": dossier.channel,
        "subject_kind": dossier.subject_kind,
        "owner": dossier.owner,
        "summary": f"Đề nghị giải quyết: {procedure.name}",
        "submitted_at": (dossier.received - timedelta(minutes=10)).isoformat(),
        "received_at": received,
        "due_at": (dossier.received + timedelta(days=procedure.days)).isoformat(),
        "status": event.status,
        "return_method": "postal" if dossier.channel == "postal" else "counter",
        "handling_unit": {"code": dossier.commune.organisation, "name": f"Ủy ban nhân dân {dossier.commune.name}"},
        "origin": "local",
        "has_digitised_components": dossier.index % 3 == 0,
        "account_verified_by_vneid": dossier.channel == "online",
        "online_payment": "provincial_gateway" if dossier.channel == "online" else "none",
    }
    if dossier.channel == "online":
        document["tech_id"] = f"tech-{dossier.index:08}"
    if dossier.index % 3 == 0:
        document["attachments"] = [_attachment(dossier)]
    if event.status == "supplement":
        document["supplements"] = [_supplement(dossier, event)]
    if event.status in _ENDED:
        document["finished_at"] = moment
        document["results"] = [{"name": f"Kết quả: {procedure.name}", "document_id": f"kq-{dossier.index}"}]
    if event.status == "returned":
        document["returned_at"] = moment
    if event.status in _REASONED:
        document["status_reason"] = _REASONED[event.status]
    return document


def _attachment(dossier: Dossier) -> dict[str, Any]:
    return {
        "attachment_id": f"tep-{dossier.index}",
        "name": "Tờ khai theo mẫu",
        "component_code": "TP01",
        "reference": {
            "store": "kho-so-hoa",
            "path": f"2026/10/{dossier.index:08}.pdf",
            "sha256": f"{dossier.index:064x}",
            "size_bytes": 40_960 + dossier.index,
            "media_type": "application/pdf",
        },
        "digitised": True,
    }


def _supplement(dossier: Dossier, event: PlannedEvent) -> dict[str, Any]:
    return {
        "supplement_id": f"bs-{dossier.index}-{event.number}",
        "requested_by": f"Cán bộ thụ lý {dossier.commune.organisation[4:]}",
        "content": "Bổ sung bản sao giấy tờ còn thiếu",
        "requested_at": event.moment.isoformat(),
        "status": "requested",
        "previous_due_at": (dossier.received + timedelta(days=dossier.procedure.days)).isoformat(),
        "new_due_at": (dossier.received + timedelta(days=dossier.procedure.days + 5)).isoformat(),
    }
