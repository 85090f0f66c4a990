"""National Population Database (Cơ sở dữ liệu quốc gia về dân cư), over transport ``direct``."""

from lienthong.connector import ConnectorKind, ConnectorSpec, Effect
from lienthong_connectors.population.config import PopulationConfig
from lienthong_connectors.population.connector import PopulationLookup
from lienthong_connectors.population.payload import LOOKUP

CONNECTOR = ConnectorSpec(
    name="population",
    kind=ConnectorKind.LOOKUP,
    config=PopulationConfig,
    factory=PopulationLookup,
    title_vi="Cơ sở dữ liệu quốc gia về dân cư",
    effects={LOOKUP: Effect.IDEMPOTENT},
    accepts=frozenset({"person_identity", "account_holder"}),
)

__all__ = ["CONNECTOR"]
