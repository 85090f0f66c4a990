"""Data warehouse of citizens and organisations (Kho quản lý dữ liệu điện tử của tổ chức, cá nhân): stored papers."""

from lienthong.connector import ConnectorKind, ConnectorSpec, Effect
from lienthong.schema import CounterQuestion
from lienthong_connectors.stored_papers.config import StoredPapersConfig
from lienthong_connectors.stored_papers.connector import StoredPapersLookup, disclosed
from lienthong_connectors.stored_papers.wire import OPERATION
from lienthong_schemas.stored_papers import StoredPapersQuery, fingerprint

CONNECTOR = ConnectorSpec(
    name="stored-papers",
    kind=ConnectorKind.LOOKUP,
    config=StoredPapersConfig,
    factory=StoredPapersLookup,
    title_vi="Kho quản lý dữ liệu điện tử của tổ chức, cá nhân",
    effects={OPERATION: Effect.IDEMPOTENT},
    accepts=frozenset({"stored_papers"}),
    question=CounterQuestion("stored_papers", StoredPapersQuery, fingerprint, disclosed),
)

__all__ = ["CONNECTOR"]
