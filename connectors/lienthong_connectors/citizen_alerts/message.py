"""What an application receives: every field named here, so that nothing else can ever get out."""

from datetime import datetime
from typing import Any

import orjson

from lienthong.clock import to_vietnam
from lienthong_connectors.citizen_alerts.config import Endpoint
from lienthong_schemas.alert import AlertWarningV1

TYPE = "alert.warning"
_SEVERITIES = ("minor", "moderate", "severe", "extreme")


def refusal(endpoint: Endpoint, warning: AlertWarningV1, now: datetime) -> str:
    """Return why an application does not get a warning, or empty text.

    Args:
        endpoint: The application.
        warning: The warning.
        now: The present moment.
    """
    if warning.expires_at <= now:
        return "expired"
    if endpoint.kinds and warning.kind not in endpoint.kinds:
        return "kind_not_wanted"
    if warning.level not in endpoint.levels:
        return "level_not_wanted"
    # An all-clear is as important as what it takes back was.
    is_mild = _SEVERITIES.index(warning.severity) < _SEVERITIES.index(endpoint.minimum_severity)
    return "severity_not_wanted" if is_mild and warning.message != "cancel" else ""


def body_of(warning: AlertWarningV1) -> bytes:
    """Return the body of the message about a warning, the same on every attempt.

    Args:
        warning: The warning.
    """
    data: dict[str, Any] = {
        "warning_id": warning.warning_id,
        "message_id": warning.message_id,
        "message": warning.message,
        "level": warning.level,
        "kind": warning.kind,
        "severity": warning.severity,
        "urgency": warning.urgency,
        "certainty": warning.certainty,
        "risk_level": warning.risk_level,
        "headline": warning.headline,
        "description": warning.description,
        "instruction": warning.instruction,
        "areas": [
            {"code_system": each.code_system, "code": each.code, "as_of": each.as_of.isoformat()}
            for each in warning.areas
        ],
        "issued_by": {"code": warning.issued_by.code, "name": warning.issued_by.name},
        "issued_at": _text(warning.issued_at),
        "effective_at": _text(warning.effective_at or warning.issued_at),
        "expires_at": _text(warning.expires_at),
        "hotline": warning.hotline,
    }
    return orjson.dumps({"type": TYPE, "timestamp": _text(warning.issued_at), "data": data})


def _text(moment: datetime) -> str:
    return to_vietnam(moment).isoformat()
