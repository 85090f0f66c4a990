"""A simulated population database and the real connector in front of it."""

import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import count

import pytest
import structlog

from lienthong.clock import SystemClock
from lienthong.connector import CallContext, ConnectorContext
from lienthong.rest import ClientFactory
from lienthong.testing.simulator import STATE, running
from lienthong_connectors.population import CONNECTOR
from lienthong_connectors.population.simulated_platforms import (
    CLIENT_ID,
    CLIENT_SECRET,
    OFFICER_KEY,
    PARTNER,
    X_ROAD_CLIENT,
    X_ROAD_SERVICE,
)
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
PERSONAL = ("000190000001", "Hòa", "HÒA", "TRANTHIHOA", "19900131", "1990-01-31", "000000000009", "s3cret", "k3y")
KEYS = ("t0ken", "p4rtner", "acc3ss", "p4ss")
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

    def leaks(self, error):
        """Return what an error, the errors behind it and the connector show of persons and secrets."""
        shown = f"{self.connector!r} {self.connector._transport!r} {self.connector.config!r}"
        shown += "".join(traceback.format_exception_only(error))
        while error is not None:
            shown += f" {error!r} {error} {error.args}"
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return [value for value in (*PERSONAL, *KEYS) if value in shown]

    def behave(self, **changes):
        """Switch faults on or off."""
        state = self.application[STATE]
        state.behaviour = state.behaviour.changed(changes)

    def question(self, **changes):
        """Return the question about the first person, with some fields changed."""
        asked = {
            "identifiers": [{"type": "personal_id", "value": "000190000001"}],
            "full_name": "Trần Thị Hòa",
            "birth_date": "1990-01-31",
            "gender": None,
            "procedure_code": "2.000488",
            "unit_code": "H57.01",
        }
        return PersonIdentityQuery.model_validate({**asked, **changes}, strict=False)

    async def ask(self, *, context=None, **changes):
        """Ask about the first person, with some fields changed; every call is a new attempt."""
        query = self.question(**changes)
        attempt = CONTEXT._replace(**{"attempt_id": f"{next(ATTEMPTS):032x}", **(context or {})})
        return await self.connector.lookup(query, attempt)


_DIGEST = {"authentication_path": "/dc/tracuu", "user_name": "hub", "secret": "s3cret"}
#: What each way needs besides; ``{url}`` is the simulator's.
_WAYS = {
    "direct": {"base_url": "{url}/dc/tracuu", "client_id": "VN/GOV/H57/HUB", **_DIGEST},
    "x-road": {"base_url": "{url}", "x_road": {"client": X_ROAD_CLIENT, "service": X_ROAD_SERVICE}, **_DIGEST},
    "lgsp-json-wrapper": {"base_url": "{url}/api/congdan"},
    "lgspaccesstoken": {
        "base_url": "{url}/dancu",
        "token": {"url": "{url}/token", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
        "partner": {
            "access_key": PARTNER["AccessKey"],
            "secret_key": PARTNER["SecretKey"],
            "application": PARTNER["AppName"],
            "partner_code": PARTNER["PartnerCode"],
            "customer_code": PARTNER["PartnerCodeCus"],
        },
    },
    "ndop": {
        "base_url": "{url}",
        "token": {"url": "{url}/token", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
    },
}
_KEY = dict(zip(("key_name", "key_pass"), OFFICER_KEY.split(":"), strict=True))


def _placed(settings, url):
    """Return settings with the simulator's URL in its places."""
    if isinstance(settings, dict):
        return {name: _placed(value, url) for name, value in settings.items()}
    return settings.replace("{url}", url) if isinstance(settings, str) else settings


@asynccontextmanager
async def _start(way, options=None, config=None, clock=None) -> AsyncIterator[Database]:
    application = create({"people": PEOPLE, "transport": way, **(options or {})}, clock=clock)
    async with running(application) as url:
        settings = {
            "transport": way,
            **_WAYS[way],
            "api_key": "k3y",
            "officers": {
                "automatic": {"officer_code": "000000000009", "account": "hub.auto", **_KEY},
                "officer-1": {"officer_code": "000000000008", **_KEY},
            },
            "simulator": True,
            "timeout_seconds": 5.0,
            **(config or {}),
        }
        context = ConnectorContext(http=ClientFactory(), clock=clock or SystemClock(), logger=structlog.get_logger())
        connector = CONNECTOR.factory(CONNECTOR.config.model_validate(_placed(settings, url)), context)
        await connector.open()
        try:
            yield Database(connector, application)
        finally:
            await connector.close()
            await connector.close()


@pytest.fixture
def context() -> CallContext:
    """Who asks for what."""
    return CONTEXT


@pytest.fixture(params=list(_WAYS))
def start(request) -> Callable[..., AbstractAsyncContextManager[Database]]:
    """Return a function that starts a simulated database and the real connector, to be used in ``async with``."""
    made = partial(_start, request.param)
    made.way = request.param
    return made
