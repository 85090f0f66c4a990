"""Brings warnings of the nation down.

Delivery:
    The id of an event follows from the whole message, so what is read again is the same record. Nothing has to be
    acknowledged.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson

from lienthong.connector import ConnectorContext, PollContext, Source, SourceBatch, SourceEvent
from lienthong.envelope import JSON_TYPE, SPEC_VERSION, Event
from lienthong.schema import dataschema
from lienthong_connectors.alert_centre.wire import WARNINGS, warning_from_wire
from lienthong_connectors.enveloped import EnvelopedClient
from lienthong_connectors.enveloped.changes import PolledConfig, changed_since, cursor_of

#: CloudEvents ``source`` of the nation's warnings.
EVENT_SOURCE: Final = "/national/alert-centre"
_TYPE: Final = "alert.warning"


class NationalAlerts(Source[PolledConfig]):
    """Polls the national centre for its warnings.

    Args:
        config: How to reach it.
        context: What the engine provides.
    """

    def __init__(self, config: PolledConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._client = EnvelopedClient(config, context, "national-alerts")

    async def open(self) -> None:
        """Build the HTTP client; the first call gets a token."""
        await self._client.open()

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._client.close()

    async def poll(self, cursor: str, context: PollContext) -> AsyncIterator[SourceBatch]:
        """Yield the nation's warnings since a cursor; what the province announced itself is left out.

        Args:
            cursor: A time; empty at the first start ever.
            context: Who reads what.

        Raises:
            RetriableError: The centre is away.
            ScopeError: The agreement does not cover the poll.
            TargetConfigurationError: The centre refuses the account.
        """
        self._client.check_agreement(context.purpose, context.now)
        since = self.config.since(cursor, context.now, context.overlap_seconds)
        pages = changed_since(self._client, WARNINGS, since, time_field="publishedAt", size=self.config.page_size)
        async for lines, newest in pages:
            events = [_event(line, context) for line in lines if line.get("level") == "national"]
            yield SourceBatch(events, cursor_of(newest, context.now))


def _event(line: Mapping[str, Any], context: PollContext) -> SourceEvent:
    draft = warning_from_wire(line)
    digest = hashlib.sha256(orjson.dumps(draft, option=orjson.OPT_SORT_KEYS)).hexdigest()[:40]
    attributes = {
        "specversion": SPEC_VERSION,
        "id": f"warning-{digest}",
        "source": EVENT_SOURCE,
        "type": _TYPE,
        "dataschema": dataschema(_TYPE, 1),
        "datacontenttype": JSON_TYPE,
        "purpose": context.purpose,
        "legalbasis": context.legal_basis,
        "actor": context.actor,
    }
    return SourceEvent(str(draft.get("warning_id") or digest), Event(attributes, orjson.dumps(draft)))
