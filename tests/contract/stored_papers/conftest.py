"""A simulated warehouse of stored papers and the real connector in front of it."""

import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import structlog

from lienthong.clock import SystemClock
from lienthong.connector import CallContext, ConnectorContext
from lienthong.rest import ClientFactory
from lienthong.testing.simulator import STATE, running
from lienthong_connectors.stored_papers import CONNECTOR
from lienthong_connectors.stored_papers.simulator import create
from lienthong_schemas.stored_papers import StoredPapersQuery

OWNER = "000190000001"
PAPERS = [
    {
        "owner": OWNER,
        "result_code": "KQ.G15.000001",
        "name": "Giấy khai sinh",
        "number": "01/2026",
        "files": ["giay-khai-sinh.pdf"],
    },
    {"owner": OWNER, "result_code": "KQ.G15.000009", "name": "Giấy khác", "number": "09/2026"},
]
PERSONAL = (OWNER, "000000000009", "Chín", "01/2026", "giay-khai-sinh", "s3cret")
CONTEXT = CallContext("counter", "e1", 1, "a1", "reception", "ND-118-2025", "officer-1", "one-stop", "H57.01-1")


class Warehouse:
    """A connector of one province and the simulated warehouse behind it."""

    def __init__(self, connector, application):
        self.connector = connector
        self.application = application

    @property
    def ledger(self):
        """What the warehouse saw."""
        return self.application[STATE].ledger

    def behave(self, **changes):
        """Switch faults on or off."""
        state = self.application[STATE]
        state.behaviour = state.behaviour.changed(changes)

    def leaks(self, error):
        """Return what an error, the errors behind it and the connector show of persons and secrets."""
        shown = f"{self.connector!r} {self.connector.config!r}"
        while error is not None:
            shown += "".join(traceback.format_exception_only(error)) + f" {error!r} {error.args}"
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return [value for value in PERSONAL if value in shown]

    def question(self, **changes):
        """Return the question about a birth certificate, with some fields changed."""
        asked = {
            "owner": OWNER,
            "procedure_code": "2.000488",
            "papers": [{"result_code": "KQ.G15.000001"}],
            **changes,
        }
        return StoredPapersQuery.model_validate(asked, strict=False)

    async def ask(self, *, actor="officer-1", **changes):
        """Ask about the birth certificate."""
        return await self.connector.lookup(self.question(**changes), CONTEXT._replace(actor=actor))


@asynccontextmanager
async def _start(options=None, config=None) -> AsyncIterator[Warehouse]:
    application = create({"papers": PAPERS, "needs_token": True, **(options or {})})
    async with running(application) as url:
        settings = {
            "base_url": url,
            "token": {"url": f"{url}/token", "client_id": "hub", "client_secret": "s3cret"},
            "officers": {
                "officer-1": {"full_name": "Lê Văn Chín", "personal_id": "000000000009"},
                "officer-2": {"full_name": "Lê Văn Ba", "personal_id": "000000000003"},
            },
            "simulator": True,
            "timeout_seconds": 5.0,
            **(config or {}),
        }
        context = ConnectorContext(http=ClientFactory(), clock=SystemClock(), logger=structlog.get_logger())
        connector = CONNECTOR.factory(CONNECTOR.config.model_validate(settings), context)
        await connector.open()
        try:
            yield Warehouse(connector, application)
        finally:
            await connector.close()
            await connector.close()


@pytest.fixture
def context() -> CallContext:
    """Who asks for what."""
    return CONTEXT


@pytest.fixture
def owner() -> str:
    """Whose papers there are."""
    return OWNER


@pytest.fixture
def start() -> Callable[..., AbstractAsyncContextManager[Warehouse]]:
    """Return a function that starts a simulated warehouse and the real connector, to be used in ``async with``."""
    return _start
