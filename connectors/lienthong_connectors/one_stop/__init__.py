"""The province's one-stop system (hệ thống thông tin giải quyết thủ tục hành chính)."""

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong_connectors.one_stop.config import OneStopConfig
from lienthong_connectors.one_stop.connector import EFFECTS, OPERATIONS, OneStopSink

CONNECTOR = ConnectorSpec(
    name="one-stop",
    kind=ConnectorKind.SINK,
    config=OneStopConfig,
    factory=OneStopSink,
    title_vi="Hệ thống thông tin giải quyết thủ tục hành chính của tỉnh",
    effects=EFFECTS,
    operations=OPERATIONS,
    accepts=frozenset({"dossier.snapshot"}),
    has_version_check=True,
)

__all__ = ["CONNECTOR"]
