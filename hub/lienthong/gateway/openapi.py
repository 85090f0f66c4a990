"""The OpenAPI document that is committed and served."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from joserfc.jwk import KeySet

from lienthong.clock import SystemClock
from lienthong.config.models import HubSettings
from lienthong.errors import LienthongError
from lienthong.gateway.app import create_gateway
from lienthong.observability.metrics import Metrics
from lienthong.record import OutgoingRecord
from lienthong.registry.schemas import SchemaRegistry


class _Nothing:
    """Stands for Kafka, ledger and issuer, because describing the gateway needs none."""

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self, timeout_seconds: float = 10.0) -> None:
        """Do nothing."""

    async def send_each(self, records: Sequence[OutgoingRecord]) -> list[LienthongError | None]:
        """Acknowledge."""
        return [None] * len(records)

    def find(self, record_id: str, source: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Find nothing."""
        del record_id, source
        return ()

    async def keys(self, *, renew: bool = False) -> KeySet:
        """Return no key."""
        del renew
        return KeySet([])


def rendered() -> str:
    """Return the document of a gateway with default settings, as JSON text."""
    nothing = _Nothing()
    metrics = Metrics(with_process=False)
    app = create_gateway(HubSettings(), nothing, SchemaRegistry(()), nothing, SystemClock(), metrics, keys=nothing)
    return orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"
