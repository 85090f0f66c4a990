"""National Public Service Portal (Cổng Dịch vụ công quốc gia), profile ``adapter``."""

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong_connectors.portal.config import PortalConfig
from lienthong_connectors.portal.connector import EFFECTS, OPERATIONS, PortalSink

CONNECTOR = ConnectorSpec(
    name="portal",
    kind=ConnectorKind.SINK,
    config=PortalConfig,
    factory=PortalSink,
    title_vi="Cổng Dịch vụ công quốc gia",
    effects=EFFECTS,
    operations=OPERATIONS,
    accepts=frozenset({"dossier.snapshot", "dossier.progress", "dossier.verified"}),
)

__all__ = ["CONNECTOR"]
