"""Brings feedback that the nation assigns to the province down.

Delivery:
    List → feedback as it was assigned → record in Kafka → mark as arrived. The id of an event follows from all of it,
    so what is read again is the same record. What the province reports up does not change an assignment, so nothing
    echoes.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson

from lienthong.connector import ConnectorContext, PollContext, Source, SourceBatch, SourceEvent
from lienthong.envelope import JSON_TYPE, SPEC_VERSION, Event
from lienthong.schema import dataschema
from lienthong_connectors.enveloped import EnvelopedClient
from lienthong_connectors.enveloped.changes import PolledConfig, changed_since, cursor_of
from lienthong_connectors.feedback.draft import draft_of

ASSIGNMENTS: Final = "assignments"
ACKNOWLEDGED: Final = "acknowledged"
#: CloudEvents ``source`` of what the nation assigns.
EVENT_SOURCE: Final = "/national/feedback"
_TYPE: Final = "feedback.snapshot"
_CODE = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
_DIGITS = re.compile(r"\d{9,}")


class NationalFeedback(Source[PolledConfig]):
    """Polls the national system for feedback.

    Args:
        config: How to reach it.
        context: What the engine provides.
    """

    def __init__(self, config: PolledConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._client = EnvelopedClient(config, context, "national-feedback")

    async def open(self) -> None:
        """Build the HTTP client; the first call gets a token."""
        await self._client.open()

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._client.close()

    async def poll(self, cursor: str, context: PollContext) -> AsyncIterator[SourceBatch]:
        """Yield what the nation assigned since a cursor.

        Args:
            cursor: A time; empty at the first start ever.
            context: Who reads what.

        Raises:
            RetriableError: The nation is away.
            ScopeError: The agreement does not cover the poll.
            TargetConfigurationError: The nation refuses the account.
        """
        self._client.check_agreement(context.purpose, context.now)
        since = self.config.since(cursor, context.now, context.overlap_seconds)
        pages = changed_since(self._client, ASSIGNMENTS, since, time_field="NgayPhanCong", size=self.config.page_size)
        async for lines, newest in pages:
            records = await asyncio.gather(*(self._fetched(line) for line in lines))
            events = [_event(line, record, context) for line, record in zip(lines, records, strict=True)]
            receipt = [{"MaPAKN": line.get("MaPAKN"), "PhienBan": line.get("PhienBan")} for line in lines]
            yield SourceBatch(events, cursor_of(newest, context.now), receipt)

    async def acknowledge(self, batch: SourceBatch, context: PollContext) -> None:
        """Mark the feedback of a batch as arrived.

        Args:
            batch: Every event of it is acknowledged by Kafka.
            context: Who reads what.

        Raises:
            LienthongError: As from :meth:`poll`.
        """
        del context
        await self._client.call("POST", f"{ASSIGNMENTS}/{ACKNOWLEDGED}", {"DanhSach": batch.receipt})

    async def _fetched(self, line: Mapping[str, Any]) -> Mapping[str, Any]:
        code = str(line.get("MaPAKN", ""))
        if not _CODE.fullmatch(code):
            return line
        record = (await self._client.call("GET", f"{ASSIGNMENTS}/{code}", may_be_missing=True)).data
        # Feedback that is listed and not there is left to the schema, which names what is missing.
        return record if isinstance(record, Mapping) else line


def _event(line: Mapping[str, Any], record: Mapping[str, Any], context: PollContext) -> SourceEvent:
    data = orjson.dumps(draft_of(record))
    code = str(line.get("MaPAKN", ""))
    digest = hashlib.sha256(orjson.dumps([code, line.get("PhienBan"), record], option=orjson.OPT_SORT_KEYS)).hexdigest()
    # What stands in the place of a code could be anything, also a person's number.
    is_code = _CODE.fullmatch(code) is not None and not _DIGITS.fullmatch(code)
    attributes = {
        "specversion": SPEC_VERSION,
        "id": f"pakn-{digest[:40]}",
        "source": EVENT_SOURCE,
        "type": _TYPE,
        "dataschema": dataschema(_TYPE, 1),
        "datacontenttype": JSON_TYPE,
        "purpose": context.purpose,
        "legalbasis": context.legal_basis,
        "actor": context.actor,
    }
    return SourceEvent(code if is_code else f"unreadable-{digest[:40]}", Event(attributes, data))
