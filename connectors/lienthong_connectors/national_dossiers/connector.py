"""Brings dossiers that citizens submit on national platforms down to the province.

Delivery:
    List → dossier → files into the object store → record in Kafka → mark as arrived. A dossier is marked only when its
    record is durable and keeps its schema; what is not marked comes again, as the same record. A dossier that cannot be
    read now holds up no other one, and the cursor does not pass it.
"""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from lienthong.attachments import make_store
from lienthong.connector import ConnectorContext, PollContext, Source, SourceBatch, SourceEvent
from lienthong.envelope import JSON_TYPE, SPEC_VERSION, Event
from lienthong.errors import (
    LienthongError,
    RecordError,
    RecordTooLargeError,
    RejectedByTargetError,
    RetriableError,
    TargetConfigurationError,
    TargetUnavailableError,
)
from lienthong.schema import dataschema
from lienthong.text import normalise
from lienthong_connectors.national_dossiers.config import NationalDossiersConfig
from lienthong_connectors.national_dossiers.feed import Draft, Feed, Found, Listed, Upload, check_agreement
from lienthong_connectors.national_dossiers.linked_feed import LinkedFeed
from lienthong_connectors.national_dossiers.portal_feed import PortalFeed
from lienthong_connectors.national_dossiers.position import Position
from lienthong_schemas.dossier import DossierSnapshotV1
from lienthong_schemas.identifiers import DOSSIER_PATTERN

_CODE = re.compile(DOSSIER_PATTERN)
TYPE, VERSION = "dossier.snapshot", 1
#: Within this time a state may change again in the second that it shows.
_SETTLED = timedelta(seconds=2)


class Arrived(NamedTuple):
    """A dossier that became an event.

    Attributes:
        feed: Where it came from.
        line: Its line of the list.
        event: The event.
        is_valid: Whether it keeps its schema, so that the platform may be told that it has arrived.
    """

    feed: Feed
    line: Listed
    event: SourceEvent
    is_valid: bool

    def __repr__(self) -> str:
        """Show the platform only."""
        return f"Arrived({self.feed.name})"


class NationalDossiers(Source[NationalDossiersConfig]):
    """Polls the National Public Service Portal and the linked service.

    Args:
        config: Which platforms, and where files go.
        context: What the engine provides.
    """

    def __init__(self, config: NationalDossiersConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._store = make_store(config.store, context.clock)
        self._feeds: list[Feed] = []
        if config.portal is not None:
            self._feeds.append(PortalFeed(config.portal, context.http, context.clock))
        if config.linked is not None:
            self._feeds.append(LinkedFeed(config.linked, context.http, context.clock))
        # States that arrived. It spares a call in the overlap and decides nothing: what the platform does not show as
        # arrived too is fetched again.
        self._arrived: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    async def open(self) -> None:
        """Build the HTTP clients; the first call logs in."""
        await self._store.open()
        for feed in self._feeds:
            await feed.open()

    async def close(self) -> None:
        """Close the HTTP clients."""
        for feed in self._feeds:
            await feed.close()
        await self._store.close()

    async def poll(self, cursor: str, context: PollContext) -> AsyncIterator[SourceBatch]:
        """Yield what changed on each platform.

        Args:
            cursor: That of the last durable batch; empty at the first start ever.
            context: Who reads what.

        Raises:
            RetriableError: A platform is away, or some of its dossiers could not be read.
            TargetConfigurationError: A platform refuses us, or the agreement does not cover the poll.

        Delivery:
            A platform that fails does not keep the other one from being read.
        """
        position = Position(cursor)
        failures: list[LienthongError] = []
        for feed in self._feeds:
            try:
                check_agreement(feed.settings, context.purpose, context.now)
                async for batch in self._read(feed, position, context):
                    yield batch
            except (RetriableError, TargetConfigurationError, RejectedByTargetError) as error:
                failures.append(error)
        if failures:
            raise _gravest(failures)

    async def acknowledge(self, batch: SourceBatch, context: PollContext) -> None:
        """Mark the valid dossiers of a batch as arrived.

        Args:
            batch: Every event of it is acknowledged by Kafka.
            context: Who reads what.

        Raises:
            RetriableError: A platform is away; the dossiers are listed again.
            TargetConfigurationError: A platform refuses us.
        """
        valid: Sequence[Arrived] = [each for each in batch.receipt or () if each.is_valid]
        results = await asyncio.gather(*(_told(each) for each in valid))
        for arrived, failure in zip(valid, results, strict=True):
            if failure is None:
                self._remember(arrived, context.now)
        failures = [failure for failure in results if failure is not None]
        if failures:
            raise _gravest(failures)

    async def _read(self, feed: Feed, position: Position, context: PollContext) -> AsyncIterator[SourceBatch]:
        # A poll that is begun again and again must still see what has come since it began.
        now = max(context.now, self.context.clock.now())
        since = position.since(feed.name, feed.begins_at(now), context.overlap_seconds)
        listing = await feed.listing(since, now)
        lines = [line for line in listing.lines if not line.is_own and not self._is_known(feed, line)]
        failures: list[LienthongError] = []
        size = self.config.batch_size
        for chunk in (lines[start : start + size] for start in range(0, len(lines), size)):
            results = await asyncio.gather(*(self._fetched(feed, line, context) for line in chunk))
            arrived = [each for each in results if isinstance(each, Arrived)]
            failures += [each for each in results if isinstance(each, LienthongError)]
            if not arrived:
                raise _gravest(failures)
            yield SourceBatch([each.event for each in arrived], str(position), tuple(arrived))
        if failures:
            raise _gravest(failures)
        # A change that lies in the future must not carry the cursor past what is still to come.
        newest = None if listing.newest is None else min(listing.newest, now)
        if position.advance(feed.name, newest):
            yield SourceBatch((), str(position), ())

    async def _fetched(self, feed: Feed, line: Listed, context: PollContext) -> Arrived | LienthongError:
        try:
            found = await feed.fetch(line)
            await self._keep_files(found)
        except LienthongError as error:
            return error
        event, is_valid = _event(feed, line, found.draft, context)
        return Arrived(feed, line, event, is_valid)

    async def _keep_files(self, found: Found) -> None:
        for paper, upload in zip(found.draft.get("attachments", ()), found.uploads, strict=True):
            if upload is not None:
                paper.update(await self._kept(upload, found.draft.get("submitted_at")))

    async def _kept(self, upload: Upload, submitted_at: Any) -> Draft:
        try:
            content = await self._store.get(upload.stored_path) if upload.stored_path else upload.content
        except RejectedByTargetError:
            return {"file_problem": "not_found"}
        if content is None:
            return {"file_problem": upload.problem}
        try:
            stored = await self._store.put(content)
        except RecordTooLargeError:
            # The legal term runs: an officer can ask for a smaller file, and cannot ask about a dossier never seen.
            return {"file_problem": "too_large"}
        reference = {**stored._asdict(), "signature_status": "unchecked"}
        return {"reference": {**reference, **self._expiry(submitted_at)}}

    def _expiry(self, submitted_at: Any) -> Draft:
        if self.config.keep_files_days is None:
            return {}
        try:
            begins = datetime.fromisoformat(submitted_at)
        except (TypeError, ValueError):
            return {}
        return {"expires_at": (begins + timedelta(days=self.config.keep_files_days)).isoformat()}

    def _is_known(self, feed: Feed, line: Listed) -> bool:
        return line.is_received and (feed.name, line.code, line.changed) in self._arrived

    def _remember(self, arrived: Arrived, now: datetime) -> None:
        line = arrived.line
        if line.changed_at is None or line.changed_at > now - _SETTLED:
            return
        self._arrived[arrived.feed.name, line.code, line.changed] = None
        while len(self._arrived) > self.config.remembered_dossiers:
            self._arrived.popitem(last=False)


async def _told(arrived: Arrived) -> LienthongError | None:
    try:
        await arrived.feed.acknowledge(arrived.line)
    except LienthongError as error:
        return error
    return None


def _event(feed: Feed, line: Listed, draft: Draft, context: PollContext) -> tuple[SourceEvent, bool]:
    data = _composed(orjson.dumps(draft))
    digest = hashlib.sha256(orjson.dumps([feed.name, line.code, line.changed, draft], option=orjson.OPT_SORT_KEYS))
    name = f"{feed.name}-{digest.hexdigest()[:40]}"
    # What stands in the place of a dossier code could be anything, also a person's number.
    is_code = _CODE.fullmatch(line.code) is not None
    attributes = {
        "specversion": SPEC_VERSION,
        "id": name,
        "source": feed.source,
        "type": TYPE,
        "dataschema": dataschema(TYPE, VERSION),
        "datacontenttype": JSON_TYPE,
        "purpose": context.purpose,
        "legalbasis": context.legal_basis,
        "actor": context.actor,
    }
    if is_code:
        attributes["dossiercode"] = line.code
    if line.changed_at is not None:
        attributes["time"] = line.changed_at.isoformat()
    key = line.code if is_code else f"unreadable-{name}"
    return SourceEvent(key, Event(attributes, data)), _is_valid(data)


def _composed(data: bytes) -> bytes:
    try:
        return normalise(data)[0]
    except RecordError:
        # The engine looks again and names the field.
        return data


def _is_valid(data: bytes) -> bool:
    try:
        normalise(data)
        DossierSnapshotV1.model_validate_json(data)
    except (ValidationError, RecordError):
        return False
    return True


def _gravest(failures: Sequence[LienthongError]) -> LienthongError:
    for failure in failures:
        if not isinstance(failure, RetriableError | RejectedByTargetError):
            return failure
    first = failures[0]
    if isinstance(first, RetriableError):
        return first
    return TargetUnavailableError(
        f"{len(failures)} dossiers are listed and not handed out; all others were read, these are asked for again",
        reason=first.reason,
    )
