"""Life events (sự kiện hộ tịch) for declared recipients: each gets what its agreement names, and nobody else."""

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong_connectors.life_events.config import LifeEventsConfig
from lienthong_connectors.life_events.connector import EFFECTS, OPERATIONS, LifeEventsSink

CONNECTOR = ConnectorSpec(
    name="life-events",
    kind=ConnectorKind.SINK,
    config=LifeEventsConfig,
    factory=LifeEventsSink,
    title_vi="Hệ thống nhận thông tin khai sinh, khai tử",
    effects=EFFECTS,
    operations=OPERATIONS,
    accepts=frozenset(OPERATIONS),
    subscribers=lambda config: tuple(config.recipients),
)

__all__ = ["CONNECTOR"]
