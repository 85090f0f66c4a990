"""How far each platform was read."""

from datetime import datetime, timedelta

import orjson

from lienthong.errors import ConfigurationError


class Position:
    """The cursor of a poll: platform → the newest change that is durable.

    Args:
        cursor: As it was saved; empty for nothing read yet.

    Raises:
        ConfigurationError: If the cursor is none of this connector.
    """

    def __init__(self, cursor: str) -> None:
        try:
            saved = orjson.loads(cursor) if cursor else {}
            self._read = {str(name): datetime.fromisoformat(moment) for name, moment in saved.items()}
        except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError):
            raise ConfigurationError(
                "the saved cursor is none of national-dossiers; has the pipeline been given another connector?"
            ) from None

    def __str__(self) -> str:
        """Return the cursor."""
        saved = {name: moment.isoformat() for name, moment in sorted(self._read.items())}
        return orjson.dumps(saved).decode()

    def since(self, name: str, first: datetime, overlap_seconds: float) -> datetime:
        """Return where to read on.

        Args:
            name: Platform.
            first: Where the very first poll begins.
            overlap_seconds: How far before the newest change to read again.
        """
        read = self._read.get(name)
        return first if read is None else read - timedelta(seconds=overlap_seconds)

    def advance(self, name: str, newest: datetime | None) -> bool:
        """Note that everything up to a moment is durable, and return whether that is further than before.

        Args:
            name: Platform.
            newest: The newest change; None when there was none.
        """
        read = self._read.get(name)
        if newest is None or (read is not None and newest <= read):
            return False
        self._read[name] = newest
        return True
