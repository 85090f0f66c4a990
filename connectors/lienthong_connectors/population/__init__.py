"""National Population Database (Cơ sở dữ liệu quốc gia về dân cư), over transport ``direct``."""

from lienthong.connector import ConnectorKind, ConnectorSpec, Effect
from lienthong.schema import CounterQuestion
from lienthong_connectors.population.config import PopulationConfig
from lienthong_connectors.population.connector import PopulationLookup, disclosed
from lienthong_connectors.population.payload import LOOKUP
from lienthong_schemas.identity import PersonIdentityQuery
from lienthong_schemas.verification import fingerprint

CONNECTOR = ConnectorSpec(
    name="population",
    kind=ConnectorKind.LOOKUP,
    config=PopulationConfig,
    factory=PopulationLookup,
    title_vi="Cơ sở dữ liệu quốc gia về dân cư",
    effects={LOOKUP: Effect.IDEMPOTENT},
    accepts=frozenset({"person_identity", "account_holder"}),
    question=CounterQuestion("person_identity", PersonIdentityQuery, fingerprint, disclosed),
)

__all__ = ["CONNECTOR"]
