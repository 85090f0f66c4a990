"""A simulated population database and the real connector in front of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count

import pytest
import structlog

from lienthong.clock import SystemClock
from lienthong.connector import CallContext, ConnectorContext
from lienthong.rest import ClientFactory
from lienthong.testing.simulator import STATE, running
from lienthong_connectors.population import CONNECTOR
from lienthong_connectors.population.simulator import create
from lienthong_schemas.identity import PersonIdentityQuery

PEOPLE = [
    {
        "personal_id": "000190000001",
        "full_name": "TRẦN THỊ HÒA",
        "birth": "19900131",
        "gender": "female",
        "address": {"province": "46", "district": "474", "commune": "19768", "detail": "Số 1 <Lê Lợi>"},
    },
    {"personal_id": "000050000002", "full_name": "ĐẶNG VĂN LÝ", "birth": "1950", "gender": "male"},
    {"old_id": "000000003", "full_name": "NGUYỄN THỊ BA", "birth": "1948", "gender": "female"},
    {
        "personal_id": "000191000005",
        "superseded_ids": ["000190000004"],
        "full_name": "LÊ THỊ TƯ",
        "birth": "19910505",
        "gender": "female",
    },
]
ATTEMPTS = count(1)
CONTEXT = CallContext(
    pipeline="verify-dossier",
    effect_key="e1",
    attempt=1,
    attempt_id="",
    purpose="dossier-verification",
    legal_basis="ND-118-2025",
    actor="automatic",
    on_behalf_of="",
    key="H57.01-261005-0001",
)


class Database:
    """A connector of one province and the simulated database behind it."""

    def __init__(self, connector, application):
        self.connector = connector
        self.application = application

    @property
    def ledger(self):
        """What the database saw."""
        return self.application[STATE].ledger

    def behave(self, **changes):
        """Switch faults on or off."""
        state = self.application[STATE]
        state.behaviour = state.behaviour.changed(changes)

    async def ask(self, *, context=None, **changes):
        """Ask about the first person, with some fields changed; every call is a new attempt."""
        asked = {
            "identifiers": [{"type": "personal_id", "value": "000190000001"}],
            "full_name": "Trần Thị Hòa",
            "birth_date": "1990-01-31",
            "gender": None,
            "procedure_code": "2.000488",
            "unit_code": "H57.01",
        }
        query = PersonIdentityQuery.model_validate({**asked, **changes}, strict=False)
        attempt = CONTEXT._replace(**{"attempt_id": f"{next(ATTEMPTS):032x}", **(context or {})})
        return await self.connector.lookup(query, attempt)


@asynccontextmanager
async def _start(options=None, config=None, clock=None) -> AsyncIterator[Database]:
    application = create({"people": PEOPLE, **(options or {})}, clock=clock)
    async with running(application) as url:
        settings = {
            "base_url": f"{url}/dc/tracuu",
            "authentication_path": "/dc/tracuu",
            "user_name": "hub",
            "secret": "s3cret",
            "api_key": "k3y",
            "client_id": "VN/GOV/H57/HUB",
            "officers": {
                "automatic": {"officer_code": "000000000009", "account": "hub.auto"},
                "officer-1": {"officer_code": "000000000008"},
            },
            "simulator": True,
            "timeout_seconds": 5.0,
        }
        context = ConnectorContext(http=ClientFactory(), clock=clock or SystemClock(), logger=structlog.get_logger())
        connector = CONNECTOR.factory(CONNECTOR.config.model_validate({**settings, **(config or {})}), context)
        await connector.open()
        try:
            yield Database(connector, application)
        finally:
            await connector.close()
            await connector.close()


@pytest.fixture
def start() -> Callable[..., AbstractAsyncContextManager[Database]]:
    """Return a function that starts a simulated database and the real connector, to be used in ``async with``."""
    return _start
