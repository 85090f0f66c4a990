"""What an operations centre (IOC) observes and warns of. Neither has a field for a person or a picture.

Source:
    No national interface is published: ASSUMED. Words of a warning follow the Common Alerting Protocol 1.2 (OASIS):
    ``message``, ``severity``, ``urgency``, ``certainty``.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from lienthong.personal import holds_personal_id
from lienthong_schemas.base import Line200, RecordModel, Text2000, Text4000, Timestamp, Token, meta
from lienthong_schemas.party import AdministrativeUnit, Unit
from lienthong_schemas.place import Spot

ObservationKind = Literal[
    "rain", "water_level", "reservoir_level", "reservoir_inflow", "reservoir_outflow", "wind", "air_quality", "tide"
]
WarningKind = Literal[
    "heavy_rain",
    "flood",
    "flash_flood",
    "landslide",
    "storm",
    "dam_release",
    "heat",
    "air_pollution",
    "fire",
    "forest_fire",
    "cyber_incident",
    "epidemic",
    "other",
]
Severity = Literal["minor", "moderate", "severe", "extreme"]
#: Kind of observation → its one unit, so that nobody mistakes centimetres for metres.
UNITS: Final = {
    "rain": "mm",
    "water_level": "m",
    "reservoir_level": "m",
    "reservoir_inflow": "m3/s",
    "reservoir_outflow": "m3/s",
    "wind": "m/s",
    "air_quality": "VN_AQI",
    "tide": "m",
}


class Station(RecordModel):
    """A measuring station."""

    code: Annotated[Token, meta("Mã trạm", "Stable code of the station.")]
    name: Annotated[Line200, meta("Tên trạm", "Name of the station.")]
    spot: Annotated[Spot, meta("Vị trí", "Where it stands.")]


class ObservationRecordedV1(RecordModel):
    """One reading of one station."""

    observation_id: Annotated[Token, meta("Mã quan trắc", "The same for every copy of one reading.")]
    station: Annotated[Station, meta("Trạm", "Who measured.")]
    kind: Annotated[ObservationKind, meta("Loại quan trắc", "What was measured.")]
    observed_at: Annotated[Timestamp, meta("Thời điểm quan trắc", "When it was measured.")]
    value: Annotated[
        float | None,
        meta("Giá trị", "Reading; null when the station gave none, which is not 0.", ge=-1000, le=1_000_000),
    ]
    unit: Annotated[Literal["mm", "m", "m3/s", "m/s", "VN_AQI"], meta("Đơn vị đo", "Unit; each kind has exactly one.")]
    period_minutes: Annotated[
        int | None, meta("Khoảng thời gian", "Minutes that a sum, such as rain, covers.", ge=1, le=44_640)
    ] = None
    level: Annotated[int, meta("Cấp báo động", "Alarm level that the reading reaches; 0 for none.", ge=0, le=5)] = 0

    @model_validator(mode="after")
    def _unit_of_kind(self) -> Self:
        if UNITS[self.kind] != self.unit:
            raise PydanticCustomError("unit_of_kind", "this kind of observation has another unit")
        return self


class AlertWarningV1(RecordModel):
    """A warning to the public, all of it; a later message of the same warning replaces it or takes it back."""

    warning_id: Annotated[Token, meta("Mã cảnh báo", "The same for all messages of one warning.")]
    message_id: Annotated[Token, meta("Mã bản tin", "Id of this message.")]
    message: Annotated[
        Literal["alert", "update", "cancel"], meta("Loại bản tin", "First message, a newer one, or the all-clear.")
    ]
    level: Annotated[Literal["national", "province"], meta("Cấp ban hành", "Who warns.")]
    kind: Annotated[WarningKind, meta("Loại cảnh báo", "What is warned of.")]
    severity: Annotated[Severity, meta("Mức độ", "How grave it is.")]
    urgency: Annotated[Literal["immediate", "expected", "future", "past"], meta("Tính khẩn cấp", "When to act.")] = (
        "expected"
    )
    certainty: Annotated[
        Literal["observed", "likely", "possible", "unlikely"], meta("Độ tin cậy", "How sure it is.")
    ] = "likely"
    risk_level: Annotated[
        int | None, meta("Cấp độ rủi ro thiên tai", "Level 1 to 5; null for what is no natural disaster.", ge=1, le=5)
    ] = None
    headline: Annotated[Line200, meta("Tiêu đề", "One line that can stand alone.")]
    description: Annotated[Text4000, meta("Nội dung", "What is known; names no person.")]
    instruction: Annotated[Text2000 | None, meta("Khuyến cáo", "What people should do.")] = None
    areas: Annotated[tuple[AdministrativeUnit, ...], meta("Khu vực", "Where it holds.", min_length=1, max_length=500)]
    issued_by: Annotated[Unit, meta("Cơ quan ban hành", "Who answers for the warning.")]
    issued_at: Annotated[Timestamp, meta("Thời điểm ban hành", "When this message was issued.")]
    effective_at: Annotated[Timestamp | None, meta("Bắt đầu hiệu lực", "When it begins; null for at once.")] = None
    expires_at: Annotated[Timestamp, meta("Hết hiệu lực", "When it no longer holds; it is not delivered after that.")]
    hotline: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[0-9]{3,11}$")] | None,
        meta("Đường dây nóng", "Number of an office, such as 112; never a person's."),
    ] = None

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        texts = ("headline", "description", "instruction")
        if any(holds_personal_id(name, getattr(self, name) or "") for name in texts):
            raise PydanticCustomError("personal_id_in_text", "a warning goes to everybody and holds no personal ID")
        if self.expires_at <= self.issued_at:
            raise PydanticCustomError("expires_before_issued", "a warning expires after it was issued")
        return self
