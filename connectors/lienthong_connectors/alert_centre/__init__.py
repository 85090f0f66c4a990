"""National centre for observations and early warnings: the province's go up."""

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong_connectors.alert_centre.connector import EFFECTS, OPERATIONS, AlertCentreSink
from lienthong_connectors.enveloped import EnvelopedConfig

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

__all__ = ["CONNECTOR"]
