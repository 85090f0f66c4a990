"""Reads what has changed on a platform since a moment, page by page, missing nothing at equal times."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from lienthong.clock import to_vietnam
from lienthong.errors import TargetUnavailableError
from lienthong_connectors.enveloped.client import EnvelopedClient
from lienthong_connectors.enveloped.config import EnvelopedConfig

#: Of one instant; a platform that does not turn its pages must not be asked for ever.
_MOST_PAGES = 1_000


class PolledConfig(EnvelopedConfig):
    """How to poll a platform with the envelope; all else as of :class:`EnvelopedConfig`.

    Attributes:
        page_size: Lines that are asked for at once.
        begin_days: How far back the first poll ever reads.
    """

    page_size: int = Field(default=50, ge=1, le=500)
    begin_days: int = Field(default=30, ge=0)

    def since(self, cursor: str, now: datetime, overlap_seconds: float) -> datetime:
        """Return from when on a poll reads.

        Args:
            cursor: A time as :func:`cursor_of` made it; empty at the first start ever.
            now: When the poll began.
            overlap_seconds: How far before its cursor it reads again.
        """
        if not cursor:
            return now - timedelta(days=self.begin_days)
        return datetime.fromisoformat(cursor) - timedelta(seconds=overlap_seconds)


async def changed_since(
    client: EnvelopedClient, path: str, since: datetime, *, time_field: str, size: int
) -> AsyncIterator[tuple[list[Mapping[str, Any]], datetime]]:
    """Yield pages of lines, the oldest change first, and when the last line of each changed.

    Pages are numbered only among lines of one instant: whatever is added meanwhile, the next request begins at the time
    of the last line that was seen, that time included.

    Args:
        client: Open.
        path: Operation that lists changes, with ``from``, ``page`` and ``size``.
        since: From when on, that moment included.
        time_field: Name of the field with the time of the change, ISO 8601 with offset.
        size: Lines a page.

    Raises:
        RetriableError: The platform is away, or answers with something that is no list of changes.
    """
    page = 1
    while page <= _MOST_PAGES:
        params = {"from": to_vietnam(since).isoformat(), "page": str(page), "size": str(size)}
        lines = (await client.call("GET", path, params=params)).data
        if not lines and isinstance(lines, list):
            return
        try:
            newest = datetime.fromisoformat(lines[-1][time_field])
            is_later = newest > since
        except (TypeError, KeyError, ValueError, IndexError):
            # Without the cause, which may hold the line.
            raise TargetUnavailableError("the platform lists changes without their time", reason="no_list") from None
        yield lines, newest
        if len(lines) < size:
            return
        since, page = (newest, 1) if is_later else (since, page + 1)
    raise TargetUnavailableError("the platform lists the same instant without end; ask its operator", reason="endless")


def cursor_of(newest: datetime, now: datetime) -> str:
    """Return where the next poll goes on: never later than this poll began, so that late lines are not passed over.

    Args:
        newest: When the last line changed.
        now: When the poll began.
    """
    return to_vietnam(min(newest, now)).isoformat()
