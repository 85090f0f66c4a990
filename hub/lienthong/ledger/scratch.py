"""A database on disk for one reconciliation, so that memory does not grow with the number of records."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from lienthong.ledger.report import Listing, Located
from lienthong.outcome import OutcomeKind

_FORGETFUL = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16000;
"""
_SCHEMA = """
CREATE TABLE accepted (
    source TEXT, id TEXT, topic TEXT, part INTEGER, place INTEGER, passed INTEGER, copies INTEGER,
    PRIMARY KEY (source, id)
) WITHOUT ROWID;
CREATE TABLE settled (
    source TEXT, id TEXT, kind TEXT, topic TEXT, part INTEGER, place INTEGER, PRIMARY KEY (source, id)
) WITHOUT ROWID;
CREATE TABLE span (topic TEXT, part INTEGER, begins INTEGER, ends INTEGER);
"""
# A passed copy is remembered rather than an open one, because only a passed one can be lost.
_ACCEPT = """
INSERT INTO accepted VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET
    copies = copies + 1,
    topic = CASE WHEN excluded.passed > passed THEN excluded.topic ELSE topic END,
    part = CASE WHEN excluded.passed > passed THEN excluded.part ELSE part END,
    place = CASE WHEN excluded.passed > passed THEN excluded.place ELSE place END,
    passed = max(passed, excluded.passed)
"""
_JOINED = "accepted AS a LEFT JOIN settled AS s USING (source, id)"
_IN_FLIGHT = f"(s.kind IS NULL OR s.kind = '{OutcomeKind.IN_FLIGHT}')"
_UNKNOWN = """
settled AS s LEFT JOIN accepted AS a USING (source, id)
WHERE a.source IS NULL AND EXISTS (
    SELECT 1 FROM span WHERE span.topic = s.topic AND span.part = s.part AND s.place >= begins AND s.place < ends
)
"""


class ScratchDatabase:
    """A database for one comparison, to be used in ``with``.

    Args:
        schema: Statements that make its tables.

    Delivery:
        Nothing is kept: the files vanish at the end, also when the process is killed on a system that cleans its
        temporary folder.
    """

    def __init__(self, schema: str) -> None:
        self._folder = TemporaryDirectory(prefix="lienthong-reconcile-")
        self._database = sqlite3.connect(Path(self._folder.name) / "scratch.sqlite3", isolation_level=None)
        self._database.executescript(_FORGETFUL + schema)
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
        self._folder.cleanup()

    def _one(self, query: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self._database.execute(query, parameters).fetchone()
        return row


class Scratch(ScratchDatabase):
    """Joins accepted records with receipts."""

    def __init__(self) -> None:
        super().__init__(_SCHEMA)

    def accept(self, rows: Iterable[tuple[str, str, str, int, int, int]]) -> None:
        """Add records of the source topics.

        Args:
            rows: Source, id, topic, partition, offset and 1 if the pipeline has passed it, otherwise 0.
        """
        self._database.executemany(_ACCEPT, rows)

    def settle(self, rows: Iterable[tuple[str, str, str, str, int, int]]) -> None:
        """Add receipts.

        Args:
            rows: Source, id, state, topic, partition and offset.
        """
        self._database.executemany("INSERT INTO settled VALUES (?, ?, ?, ?, ?, ?)", rows)

    def choose(self, candidates: Sequence[tuple[str, str]]) -> tuple[str, str]:
        """Return the name under which a receipt knows a record, otherwise the most likely one.

        Args:
            candidates: Source and id, the most likely first; receipts must have been added before.
        """
        if len(candidates) > 1:
            for candidate in candidates:
                if self._database.execute("SELECT 1 FROM settled WHERE source = ? AND id = ?", candidate).fetchone():
                    return candidate
        return candidates[0]

    def spans(self, rows: Iterable[tuple[str, int, int, int]]) -> None:
        """Say which part of the source topics was read.

        Args:
            rows: Topic, partition, first offset and the offset after the last.
        """
        self._database.executemany("INSERT INTO span VALUES (?, ?, ?, ?)", rows)

    def totals(self) -> tuple[int, int]:
        """Return accepted records and their further copies."""
        accepted, copies = self._one("SELECT count(*), coalesce(sum(copies), 0) FROM accepted")
        return accepted, copies - accepted

    def ends(self) -> dict[str, int]:
        """Return end state → accepted records."""
        counted = self._database.execute(f"SELECT s.kind, count(*) FROM {_JOINED} GROUP BY s.kind")  # noqa: S608
        return {kind: number for kind, number in counted if kind and OutcomeKind(kind).is_end}

    def waiting(self, kind: OutcomeKind, limit: int) -> Listing[Located]:
        """Return accepted records whose receipt says that they wait.

        Args:
            kind: ``parked`` or ``review``.
            limit: How many to list.
        """
        return self._listing(f"{_JOINED} WHERE s.kind = ?", "a", limit, (kind.value,))

    def in_flight(self, limit: int) -> Listing[Located]:
        """Return records without an end that the pipeline has not passed.

        Args:
            limit: How many to list.
        """
        return self._listing(f"{_JOINED} WHERE {_IN_FLIGHT} AND NOT a.passed", "a", limit)

    def lost(self, limit: int) -> Listing[Located]:
        """Return records without an end that the pipeline has passed.

        Args:
            limit: How many to list.
        """
        return self._listing(f"{_JOINED} WHERE {_IN_FLIGHT} AND a.passed", "a", limit)

    def unknown(self, limit: int) -> Listing[Located]:
        """Return receipts from the part that was read whose record is not there.

        Args:
            limit: How many to list.
        """
        return self._listing(_UNKNOWN, "s", limit)

    def _listing(self, clause: str, of: str, limit: int, parameters: tuple[Any, ...] = ()) -> Listing[Located]:
        (total,) = self._one(f"SELECT count(*) FROM {clause}", parameters)  # noqa: S608 - only constants above
        columns = f"{of}.source, {of}.id, {of}.topic, {of}.part, {of}.place"
        order = f"{of}.topic, {of}.part, {of}.place"
        query = f"SELECT {columns} FROM {clause} ORDER BY {order} LIMIT ?"  # noqa: S608 - only constants above
        listed = [Located(*row) for row in self._database.execute(query, (*parameters, limit))] if total else []
        return Listing(total, listed)
