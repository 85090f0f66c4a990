"""Citizen applications that want warnings: webhooks after Standard Webhooks, one endpoint for each application."""

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong_connectors.citizen_alerts.config import CitizenAlertsConfig
from lienthong_connectors.citizen_alerts.connector import EFFECTS, OPERATIONS, CitizenAlertsSink

CONNECTOR = ConnectorSpec(
    name="citizen-alerts",
    kind=ConnectorKind.SINK,
    config=CitizenAlertsConfig,
    factory=CitizenAlertsSink,
    title_vi="Ứng dụng công dân nhận cảnh báo",
    effects=EFFECTS,
    operations=OPERATIONS,
    accepts=frozenset(OPERATIONS),
    subscribers=lambda config: tuple(config.endpoints),
)

__all__ = ["CONNECTOR"]
