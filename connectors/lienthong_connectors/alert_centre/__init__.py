"""National centre for observations and early warnings: the province's go up, the nation's warnings come down."""

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong_connectors.alert_centre.connector import EFFECTS, OPERATIONS, AlertCentreSink
from lienthong_connectors.alert_centre.source import NationalAlerts
from lienthong_connectors.enveloped import EnvelopedConfig
from lienthong_connectors.enveloped.changes import PolledConfig

CONNECTOR = ConnectorSpec(
    name="alert-centre",
    kind=ConnectorKind.SINK,
    config=EnvelopedConfig,
    factory=AlertCentreSink,
    title_vi="Trung tâm cảnh báo sớm quốc gia",
    effects=EFFECTS,
    operations=OPERATIONS,
    accepts=frozenset(OPERATIONS),
)
SOURCE = ConnectorSpec(
    name="national-alerts",
    kind=ConnectorKind.SOURCE,
    config=PolledConfig,
    factory=NationalAlerts,
    title_vi="Bản tin cảnh báo của Trung tâm cảnh báo sớm quốc gia",
    accepts=frozenset({"alert.warning"}),
)

__all__ = ["CONNECTOR", "SOURCE"]
