"""Health-insurance gateway (Cổng tiếp nhận dữ liệu Hệ thống thông tin giám định BHYT): lookup of cards."""

from lienthong.connector import ConnectorKind, ConnectorSpec, Effect
from lienthong.schema import CounterQuestion
from lienthong_connectors.insurance_card.config import InsuranceCardConfig
from lienthong_connectors.insurance_card.connector import InsuranceCardLookup, disclosed
from lienthong_connectors.insurance_card.wire import OPERATION
from lienthong_schemas.insurance import InsuranceCardQuery, fingerprint

CONNECTOR = ConnectorSpec(
    name="insurance-card",
    kind=ConnectorKind.LOOKUP,
    config=InsuranceCardConfig,
    factory=InsuranceCardLookup,
    title_vi="Cổng tiếp nhận dữ liệu Hệ thống thông tin giám định bảo hiểm y tế",
    effects={OPERATION: Effect.IDEMPOTENT},
    accepts=frozenset({"insurance_card"}),
    question=CounterQuestion("insurance_card", InsuranceCardQuery, fingerprint, disclosed),
)

__all__ = ["CONNECTOR"]
