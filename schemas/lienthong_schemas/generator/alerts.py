"""Made-up observations and the warnings that follow from them, with the truth about both."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final

from lienthong.clock import VIETNAM
from lienthong.schema import dataschema
from lienthong_schemas.alert import UNITS
from lienthong_schemas.generator.bodies import GeneratedEvent
from lienthong_schemas.generator.defects import encode
from lienthong_schemas.generator.dossiers import FIRST_DAY
from lienthong_schemas.generator.places import COMMUNES, Commune
from lienthong_schemas.generator.plan import stream

#: CloudEvents ``source`` of the operations centre (IOC).
SOURCE: Final = "/hue/operations-centre"
SYSTEM: Final = "operations-centre"
#: Kind → reading at which the lowest alarm level begins, and what is then warned of. ASSUMED.
THRESHOLDS: Final = {
    "rain": (100.0, "heavy_rain"),
    "water_level": (2.0, "flood"),
    "reservoir_outflow": (800.0, "dam_release"),
    "air_quality": (200.0, "air_pollution"),
}
_STEP: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Reading:
    """One made-up observation and the warning that it leads to.

    Attributes:
        observation: As the operations centre publishes it.
        warning: Published after it; None below the threshold.
    """

    observation: GeneratedEvent
    warning: GeneratedEvent | None


def readings(count: int, seed: int = 1) -> Iterator[Reading]:
    """Yield observations of made-up stations in order of time, always the same for the same seed.

    Args:
        count: How many; about one in eight leads to a warning.
        seed: What everything follows from.
    """
    kinds = tuple(THRESHOLDS)
    begin = datetime.combine(FIRST_DAY, time(0), VIETNAM)
    for index in range(count):
        draw = stream(seed, "reading", index)
        commune = COMMUNES[index % len(COMMUNES)]
        kind = kinds[index % len(kinds)]
        threshold, warned = THRESHOLDS[kind]
        # No reading is not a reading of 0.
        value = None if draw.random() < 0.05 else round(draw.uniform(0, threshold * 8 / 7), 2)
        moment = begin + index * _STEP
        document: dict[str, Any] = {
            "observation_id": f"qt-{seed}-{index:06}",
            "station": {
                "code": f"TRAM-{index % len(COMMUNES):03}",
                "name": f"Trạm {commune.name}",
                "spot": {"unit": _unit_of(commune)},
            },
            "kind": kind,
            "observed_at": moment.isoformat(),
            "value": value,
            "unit": UNITS[kind],
            "level": int(value is not None and value >= threshold),
        }
        key = document["station"]["code"]
        observation = _event("observation.recorded", document["observation_id"], key, moment, document)
        is_high = value is not None and value >= threshold
        yield Reading(observation, _warning(index, seed, warned, commune, moment) if is_high else None)


def _warning(index: int, seed: int, kind: str, commune: Commune, moment: datetime) -> GeneratedEvent:
    code = f"cb-{seed}-{index:06}"
    document = {
        "warning_id": code,
        "message_id": f"{code}-1",
        "message": "alert",
        "level": "province",
        "kind": kind,
        "severity": "severe",
        "headline": f"Cảnh báo tại {commune.name}",
        "description": "Trạm quan trắc vượt ngưỡng báo động; người dân theo dõi thông tin chính thức.",
        "areas": [_unit_of(commune)],
        "issued_by": {"code": "H57", "name": "Trung tâm Giám sát, điều hành đô thị thông minh"},
        "issued_at": moment.isoformat(),
        "expires_at": (moment + timedelta(hours=12)).isoformat(),
    }
    return _event("alert.warning", f"{code}-1", code, moment, document)


def _unit_of(commune: Commune) -> dict[str, str]:
    return {"code_system": "GSO-34", "code": commune.code, "as_of": "2025-07-01"}


def _event(type_name: str, event_id: Any, key: str, moment: datetime, document: dict[str, Any]) -> GeneratedEvent:
    attributes = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": SOURCE,
        "type": type_name,
        "time": moment.isoformat(),
        "dataschema": dataschema(type_name, 1),
        "datacontenttype": "application/json",
        "actor": "operations-centre",
    }
    return GeneratedEvent("gateway", SYSTEM, key, attributes, encode(document), "", 1)
