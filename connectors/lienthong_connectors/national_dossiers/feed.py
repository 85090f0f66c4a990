"""What both platforms have in common: a list of dossiers, an answer for each, and a mark that it has arrived."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

import httpx

from lienthong.clock import Clock, to_vietnam
from lienthong.errors import TargetConfigurationError
from lienthong.http_clients import HttpClientFactory
from lienthong.rest import OnStatus, StatusAction, StatusRule, call, table
from lienthong_connectors.national_dossiers.answers import read_object
from lienthong_connectors.national_dossiers.config import PlatformSettings

#: A document in the hub's words; a value that could not be read stands as it came, so that its schema names it.
Draft = dict[str, Any]

_ON_STATUS: OnStatus = (StatusRule(codes=("401",), action=StatusAction.REFRESH_TOKEN_THEN_RETRY),)
_STATUSES = table(_ON_STATUS, _ON_STATUS)


class Listed(NamedTuple):
    """One line of a list.

    Attributes:
        code: Dossier code as the platform wrote it.
        reference: What the platform wants to hear when it is asked for the dossier; empty when the line cannot be read.
        changed: When the dossier changed, as the platform wrote it.
        changed_at: The same as an instant; None when it cannot be read.
        is_received: Whether the platform shows that this state has arrived.
        is_own: Whether the province itself put the dossier there.
    """

    code: str
    reference: str
    changed: str
    changed_at: datetime | None
    is_received: bool = False
    is_own: bool = False

    def __repr__(self) -> str:
        """Show nothing: a code that is none could be anything."""
        return "Listed(…)"


class Listing(NamedTuple):
    """All lines of a list.

    Attributes:
        lines: Each once.
        newest: The newest change, when nothing up to it is missing; None when lines moved while pages were read, or
            when the platform needs no cursor.
    """

    lines: tuple[Listed, ...]
    newest: datetime | None = None


class Upload(NamedTuple):
    """A file of a dossier.

    Attributes:
        content: The file; None when the platform does not have it, sent something unreadable, or has it from us.
        problem: Why there is no content.
        stored_path: Where it lies in our own store, when the platform has it from us.
    """

    content: bytes | None
    problem: str = ""
    stored_path: str = ""

    def __repr__(self) -> str:
        """Show the size only."""
        return f"Upload(bytes={len(self.content or b'')})"


class Found(NamedTuple):
    """One dossier as a platform has it.

    Attributes:
        draft: The snapshot; attachments without files.
        uploads: One for each attachment; None for a paper without a file.
    """

    draft: Draft
    uploads: tuple[Upload | None, ...]

    def __repr__(self) -> str:
        """Show nothing: it is personal."""
        return "Found(…)"


class Feed(Protocol):
    """One platform.

    Attributes:
        name: Part of the cursor and of event ids.
        source: CloudEvents source.
    """

    name: str
    source: str

    @property
    def settings(self) -> PlatformSettings:
        """Where and as whom."""
        ...

    async def open(self) -> None:
        """Build the HTTP client, without a call."""
        ...

    async def close(self) -> None:
        """Close it."""
        ...

    def begins_at(self, now: datetime) -> datetime:
        """Return where the very first poll begins.

        Args:
            now: When it runs.
        """
        ...

    async def listing(self, since: datetime, until: datetime) -> Listing:
        """Return what changed.

        Args:
            since: First instant.
            until: Last instant.
        """
        ...

    async def fetch(self, line: Listed) -> Found:
        """Return one dossier with its files.

        Args:
            line: From the list.
        """
        ...

    async def acknowledge(self, line: Listed) -> None:
        """Mark a dossier as arrived.

        Args:
            line: From the list.
        """
        ...


class Platform:
    """Calls of one platform, all of which may be repeated.

    Args:
        settings: Where and as whom.
        http: Builds the HTTP client.
        clock: Where to read the time.
        headers: Sent with every call.
    """

    def __init__(
        self, settings: PlatformSettings, http: HttpClientFactory, clock: Clock, headers: Mapping[str, str]
    ) -> None:
        self._settings = settings
        self._factory = http
        self._clock = clock
        self._headers = {"Accept": "application/json", **headers}
        self._http: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Build the HTTP client, without a call."""
        settings = self._settings
        self._http = self._factory.create(
            base_url=settings.base_url,
            timeout_seconds=settings.timeout_seconds,
            max_connections=settings.max_connections,
            headers=self._headers,
            ca_file=settings.ca_file,
            client_certificate_file=settings.client_certificate_file,
            client_key_file=settings.client_key_file,
        )

    async def close(self) -> None:
        """Close the HTTP client."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Call once and return the JSON object of the answer.

        Args:
            method: Such as ``POST``.
            path: Path of the operation.
            **request: ``content``, ``headers``, ``params`` and so on.

        Raises:
            RetriableError: The platform is away, under maintenance, or its answer cannot be read.
            TargetConfigurationError: It refuses us.
            RejectedByTargetError: It refuses this question.
        """
        if self._http is None:
            raise TargetConfigurationError("the source of national dossiers is not open", reason="not_open")
        response = await call(
            self._http, method, path, clock=self._clock, expected="json", statuses=_STATUSES, **request
        )
        return read_object(response)


def check_agreement(settings: PlatformSettings, purpose: str, now: datetime) -> None:
    """Refuse what was not agreed on with a platform's operator.

    Args:
        settings: Of the platform.
        purpose: Why the data is asked for.
        now: When.

    Raises:
        TargetConfigurationError: If there is an agreement and it covers this not, or no longer.
    """
    agreement = settings.agreement
    if agreement is None:
        return
    today: date = to_vietnam(now).date()
    if today > agreement.valid_until:
        raise TargetConfigurationError(
            "the agreement with the platform has expired; renew it and its valid_until", reason="agreement_expired"
        )
    if agreement.purpose and agreement.purpose != purpose:
        raise TargetConfigurationError(
            "the agreement with the platform names another purpose than the pipeline", reason="agreement_purpose"
        )
