"""Civil status (hộ tịch) at the Ministry of Justice: dossiers go up, their results come down."""

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong_connectors.civil_status.config import CivilStatusConfig, RegistryConfig
from lienthong_connectors.civil_status.connector import TYPES, CivilStatusSource
from lienthong_connectors.civil_status.registry import EFFECTS, OPERATIONS, CivilStatusRegistry

CONNECTOR = ConnectorSpec(
    name="civil-status",
    kind=ConnectorKind.SOURCE,
    config=CivilStatusConfig,
    factory=CivilStatusSource,
    title_vi="Hệ thống đăng ký hộ tịch điện tử của Bộ Tư pháp",
    accepts=TYPES,
)
REGISTRY = ConnectorSpec(
    name="civil-status-registry",
    kind=ConnectorKind.SINK,
    config=RegistryConfig,
    factory=CivilStatusRegistry,
    title_vi="Hệ thống đăng ký hộ tịch điện tử của Bộ Tư pháp (tiếp nhận hồ sơ)",
    effects=EFFECTS,
    operations=OPERATIONS,
    accepts=frozenset(OPERATIONS),
)

__all__ = ["CONNECTOR", "REGISTRY"]
