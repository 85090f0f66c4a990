"""How far the scan has been read: one time for each kind of dossier, as text without personal data."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import orjson

from lienthong.errors import TargetConfigurationError


def read_position(cursor: str) -> dict[str, datetime]:
    """Return kind → newest change that is durable.

    Args:
        cursor: As :func:`write_position` wrote it; empty at the first start.

    Raises:
        TargetConfigurationError: If it is none of ours.
    """
    if not cursor:
        return {}
    try:
        return {kind: datetime.fromisoformat(text) for kind, text in orjson.loads(cursor).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise TargetConfigurationError(
            "the saved cursor is none of the connector civil-status; set the pipeline's cursor back to empty",
            reason="cursor",
        ) from error


def write_position(position: Mapping[str, datetime]) -> str:
    """Return the position as text.

    Args:
        position: Kind → newest change.
    """
    return orjson.dumps({kind: moment.isoformat() for kind, moment in sorted(position.items())}).decode()


def start_of(newest: datetime | None, now: datetime, *, overlap_seconds: float, first_days: int) -> datetime:
    """Return from when on a kind is read.

    Args:
        newest: Newest change that is durable; None at the first start.
        now: When the poll began.
        overlap_seconds: How far before it is read again.
        first_days: How far back the first poll reads.
    """
    if newest is None:
        return now - timedelta(days=first_days)
    return newest - timedelta(seconds=overlap_seconds)
