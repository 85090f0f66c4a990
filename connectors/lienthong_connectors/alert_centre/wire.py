"""Observations and warnings in the wire format of the national centre, without any decision. All of it is ASSUMED."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from lienthong.clock import to_vietnam
from lienthong_schemas.alert import AlertWarningV1, ObservationRecordedV1
from lienthong_schemas.party import AdministrativeUnit

OBSERVATIONS: Final = "observations"
WARNINGS: Final = "warnings"
_FROM_WIRE: Final = {
    "warning_id": "warningId",
    "message_id": "messageId",
    "message": "msgType",
    "level": "level",
    "kind": "type",
    "severity": "severity",
    "urgency": "urgency",
    "certainty": "certainty",
    "risk_level": "riskLevel",
    "headline": "headline",
    "description": "description",
    "instruction": "instruction",
    "issued_by": "issuedBy",
    "issued_at": "issuedAt",
    "effective_at": "effectiveAt",
    "expires_at": "expiresAt",
    "hotline": "hotline",
}


def observation_to_wire(observation: ObservationRecordedV1) -> dict[str, Any]:
    """Return an observation as the centre takes it.

    Args:
        observation: The reading; a missing value stays null, which is not 0.
    """
    spot = observation.station.spot
    return {
        "observationId": observation.observation_id,
        "stationCode": observation.station.code,
        "stationName": observation.station.name,
        "area": _area(spot.unit),
        "lat": spot.position.latitude if spot.position is not None else None,
        "lon": spot.position.longitude if spot.position is not None else None,
        "type": observation.kind,
        "observedAt": _moment(observation.observed_at),
        "value": observation.value,
        "unit": observation.unit,
        "periodMinutes": observation.period_minutes,
        "alarmLevel": observation.level,
    }


def warning_to_wire(warning: AlertWarningV1) -> dict[str, Any]:
    """Return a warning as the centre takes it.

    Args:
        warning: One message of a warning.
    """
    return {
        "warningId": warning.warning_id,
        "messageId": warning.message_id,
        "msgType": warning.message,
        "level": warning.level,
        "type": warning.kind,
        "severity": warning.severity,
        "urgency": warning.urgency,
        "certainty": warning.certainty,
        "riskLevel": warning.risk_level,
        "headline": warning.headline,
        "description": warning.description,
        "instruction": warning.instruction,
        "areas": [_area(each) for each in warning.areas],
        "issuedBy": {"code": warning.issued_by.code, "name": warning.issued_by.name},
        "issuedAt": _moment(warning.issued_at),
        "effectiveAt": _moment(warning.effective_at or warning.issued_at),
        "expiresAt": _moment(warning.expires_at),
        "hotline": warning.hotline,
    }


def warning_from_wire(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a warning of the centre as the hub's record; what it lacks is left out, and the schema names it.

    Args:
        document: As the centre sent it.
    """
    found = {name: document.get(wire) for name, wire in _FROM_WIRE.items()}
    areas = document.get("areas")
    if isinstance(areas, list):
        names = {"code_system": "codeSystem", "code": "code", "as_of": "asOf"}
        found["areas"] = [
            {name: area.get(wire) for name, wire in names.items()} if isinstance(area, Mapping) else area
            for area in areas
        ]
    return {name: value for name, value in found.items() if value is not None}


def _area(unit: AdministrativeUnit) -> dict[str, str]:
    return {"codeSystem": unit.code_system, "code": unit.code, "asOf": unit.as_of.isoformat()}


def _moment(moment: datetime) -> str:
    return to_vietnam(moment).isoformat()
