"""Civil-status results (kết quả hộ tịch) of the Ministry of Justice, as a source."""

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong_connectors.civil_status.config import CivilStatusConfig
from lienthong_connectors.civil_status.connector import TYPES, CivilStatusSource

CONNECTOR = ConnectorSpec(
    name="civil-status",
    kind=ConnectorKind.SOURCE,
    config=CivilStatusConfig,
    factory=CivilStatusSource,
    title_vi="Hệ thống đăng ký hộ tịch điện tử của Bộ Tư pháp",
    accepts=TYPES,
)

__all__ = ["CONNECTOR"]
