"""Finds what the Ministry of Justice has decided on linked civil-status dossiers.

Delivery:
    Pages are asked for by the time of the last change seen, inclusive, so neither equal times nor a dossier that moves
    to the end meanwhile makes a gap; only within one second that fills a whole page are page numbers used. The cursor
    never runs ahead of the poll's own time, so a wrong clock at the ministry hides nothing.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
import orjson

from lienthong.connector import ConnectorContext, PollContext, Source, SourceBatch, SourceEvent
from lienthong.envelope import JSON_TYPE, SPEC_VERSION, Event
from lienthong.errors import TargetConfigurationError
from lienthong.rest import call, table
from lienthong.schema import dataschema
from lienthong_connectors.civil_status.config import CivilStatusConfig
from lienthong_connectors.civil_status.mapping import code_of, result_of, update_of
from lienthong_connectors.civil_status.ministry import check_agreement, open_client, read_rows
from lienthong_connectors.civil_status.position import read_position, start_of, write_position
from lienthong_connectors.civil_status.wire import MODULES, read_moment, wire_moment

UPDATED = "civil-status.updated"
TYPES = frozenset({UPDATED, "person.created", "person.deceased"})
_VERSION = 1


class CivilStatusSource(Source[CivilStatusConfig]):
    """The ministry's scan of linked dossiers.

    Args:
        config: How to reach it.
        context: What the engine provides.
    """

    def __init__(self, config: CivilStatusConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._statuses = table(config.on_status, ())
        self._http: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Build the HTTP client; the first call gets a token."""
        self._http = open_client(self.config, self.context)

    async def close(self) -> None:
        """Close the HTTP client."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def poll(self, cursor: str, context: PollContext) -> AsyncIterator[SourceBatch]:
        """Yield changed dossiers, one kind after the other, oldest change first.

        Args:
            cursor: That of the last durable batch.
            context: Who reads what.

        Raises:
            RetriableError: The ministry does not answer, or with something that is no scan.
            RejectedByTargetError: The ministry refuses the scan.
            ScopeError: The agreement does not cover the poll.
            TargetConfigurationError: The ministry refuses our key, or the cursor is none of ours.
        """
        check_agreement(self.config, context.purpose, self.context.clock)
        position = read_position(cursor)
        for kind in self.config.kinds:
            start = start_of(
                position.get(kind),
                context.now,
                overlap_seconds=context.overlap_seconds,
                first_days=self.config.first_days,
            )
            page = 1
            while True:
                rows = await self._scan(kind, start, page)
                times = [moment for row in rows if (moment := read_moment(row.get("thoiGianThucHien"))) is not None]
                if times:
                    newest = min(max(times), context.now)
                    position[kind] = max(newest, position.get(kind, newest))
                if rows:
                    events = [event for row in rows for event in self._events(row, kind, context)]
                    yield SourceBatch(events, write_position(position))
                if len(rows) < self.config.page_size:
                    break
                if times and max(times) > start:
                    start, page = max(times), 1
                else:
                    page += 1

    def _events(self, row: Mapping[str, Any], kind: str, context: PollContext) -> list[SourceEvent]:
        result = result_of(row, kind)
        found = [(UPDATED, update_of(row, kind)), *((result,) if result is not None else ())]
        return [self._event(name, document, row, context) for name, document in found]

    def _event(self, name: str, document: dict[str, Any], row: Mapping[str, Any], context: PollContext) -> SourceEvent:
        data = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
        version = hashlib.sha256(name.encode() + b"\n" + data).hexdigest()[:40]
        attributes = {
            "specversion": SPEC_VERSION,
            "id": f"civil-status-{version}",
            "source": self.config.event_source,
            "type": name,
            "dataschema": dataschema(name, _VERSION),
            "datacontenttype": JSON_TYPE,
            "purpose": context.purpose,
            "legalbasis": context.legal_basis,
            "actor": context.actor,
        }
        changed = read_moment(row.get("thoiGianThucHien"))
        if changed is not None:
            attributes["time"] = changed.isoformat()
        code = code_of(row)
        # What stands in the place of a code could be anything, also a person's number.
        is_code = "-" in code and not code.isdecimal()
        if is_code:
            attributes["dossiercode"] = code
        return SourceEvent(code if is_code else f"unreadable-{version}", Event(attributes, data))

    async def _scan(self, kind: str, start: datetime, page: int) -> Sequence[Mapping[str, Any]]:
        if self._http is None:
            raise TargetConfigurationError("the civil-status connector is not open", reason="not_open")
        question = {
            "maDinhDanhHoSo": [],
            "maTinh": self.config.province_code,
            "module": MODULES[kind],
            "tuThoiDiem": wire_moment(start),
            "soLuongHoSoTraVe": self.config.page_size,
            "trang": page,
        }
        response = await call(
            self._http,
            "POST",
            self.config.scan_endpoint,
            clock=self.context.clock,
            expected="json",
            statuses=self._statuses,
            content=orjson.dumps(question),
        )
        return read_rows(response.content)
