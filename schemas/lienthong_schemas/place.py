"""Where something is: a point on the map and the commune that it belongs to."""

from typing import Annotated

from lienthong_schemas.base import RecordModel, meta
from lienthong_schemas.party import AdministrativeUnit


class Position(RecordModel):
    """A point, WGS 84 (VN-2000 is converted before)."""

    latitude: Annotated[float, meta("Vĩ độ", "Degrees north; Viet Nam and its seas.", ge=4.0, le=25.0)]
    longitude: Annotated[float, meta("Kinh độ", "Degrees east.", ge=100.0, le=120.0)]


class Spot(RecordModel):
    """A place that belongs to nobody, such as a station: its commune and, if known, the point."""

    unit: Annotated[AdministrativeUnit, meta("Đơn vị hành chính", "Commune or higher unit.")]
    position: Annotated[Position | None, meta("Tọa độ", "Point on the map.")] = None
