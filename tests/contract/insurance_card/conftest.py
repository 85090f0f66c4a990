"""A simulated health-insurance gateway and the real connector in front of it."""

import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import structlog

from lienthong.clock import SystemClock
from lienthong.connector import CallContext, ConnectorContext
from lienthong.rest import ClientFactory
from lienthong.testing.simulator import STATE, running
from lienthong_connectors.insurance_card import CONNECTOR
from lienthong_connectors.insurance_card.simulator import create
from lienthong_schemas.insurance import InsuranceCardQuery

NUMBER = "GD4460000000001"
CARD = {"number": NUMBER, "full_name": "Trần Thị Hòa", "birth": "31/01/1990"}
OFFICERS = {"000000000009": "Lê Văn Chín"}
PERSONAL = (NUMBER, "Hòa", "TRAN THI HOA", "1990-01-31", "31/01/1990", "000000000009", "Chín", "s3cret", "J00")
CONTEXT = CallContext(
    "counter", "e1", 1, "a1", "reception", "ND-118-2025", "officer-1", "one-stop", "H57.01-261005-0001"
)


class Gateway:
    """A connector of one province and the simulated gateway behind it."""

    def __init__(self, connector, application):
        self.connector = connector
        self.application = application

    @property
    def ledger(self):
        """What the gateway saw."""
        return self.application[STATE].ledger

    @property
    def operations(self):
        """Names of the calls in order."""
        return [call.operation for call in self.ledger.calls]

    def behave(self, **changes):
        """Switch faults on or off."""
        state = self.application[STATE]
        state.behaviour = state.behaviour.changed(changes)

    def leaks(self, error):
        """Return what an error, the errors behind it and the connector show of persons and secrets."""
        shown = f"{self.connector!r} {self.connector._client!r} {self.connector.config!r}"
        while error is not None:
            shown += "".join(traceback.format_exception_only(error)) + f" {error!r} {error.args}"
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return [value for value in PERSONAL if value in shown]

    def question(self, **changes):
        """Return the question about the first card, with some fields changed."""
        asked = {"number": NUMBER, "full_name": "TRAN THI HOA", "birth_date": "1990-01-31", **changes}
        return InsuranceCardQuery.model_validate(asked)

    async def ask(self, *, actor="officer-1", **changes):
        """Ask about the first card."""
        return await self.connector.lookup(self.question(**changes), CONTEXT._replace(actor=actor))


@asynccontextmanager
async def _start(options=None, config=None, clock=None) -> AsyncIterator[Gateway]:
    known = {"cards": [CARD], "user_name": "46001", "password": "s3cret", "officers": OFFICERS}
    application = create({**known, **(options or {})})
    async with running(application) as url:
        settings = {
            "base_url": url,
            "user_name": "46001",
            "password": "s3cret",
            "officers": {
                "officer-1": {"full_name": "LE VAN CHIN", "personal_id": "000000000009"},
                "officer-2": {"full_name": "Lê Văn Hai", "personal_id": "000000000009"},
                "officer-3": {"full_name": "Lê Văn Ba", "personal_id": "000000000003"},
            },
            "simulator": True,
            "timeout_seconds": 5.0,
            **(config or {}),
        }
        context = ConnectorContext(http=ClientFactory(), clock=clock or SystemClock(), logger=structlog.get_logger())
        connector = CONNECTOR.factory(CONNECTOR.config.model_validate(settings), context)
        await connector.open()
        try:
            yield Gateway(connector, application)
        finally:
            await connector.close()
            await connector.close()


@pytest.fixture
def context() -> CallContext:
    """Who asks for what."""
    return CONTEXT


@pytest.fixture
def card() -> dict[str, str]:
    """The first card."""
    return dict(CARD)


@pytest.fixture
def start() -> Callable[..., AbstractAsyncContextManager[Gateway]]:
    """Return a function that starts a simulated gateway and the real connector, to be used in ``async with``."""
    return _start
