"""Compares what a provincial system holds with what has come in: what was never sent, and what differs."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from lienthong.codec import RecordCodec
from lienthong.errors import LienthongError
from lienthong.ledger.reconcile import KafkaView
from lienthong.ledger.source_list import ListedDossier
from lienthong.record import Record

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE listed (
    code TEXT PRIMARY KEY, line INTEGER, wanted TEXT, seen INTEGER DEFAULT 0, at REAL DEFAULT 0, state TEXT DEFAULT ''
) WITHOUT ROWID;
"""
_LIST = """
INSERT INTO listed (code, line, wanted) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET line = excluded.line, wanted = excluded.wanted
"""
# A late record says less than one that happened after it, in whichever order they came.
_SEE = """
UPDATE listed SET seen = 1, at = max(at, ?1), state = CASE WHEN ?1 >= at AND ?2 != '' THEN ?2 ELSE state END
WHERE code = ?3
"""
_DIFFERS = "seen AND wanted != '' AND state != '' AND wanted != state"


@dataclass(frozen=True, slots=True)
class Difference:
    """One dossier that the system and the hub know differently.

    Attributes:
        line: Where it stands in the file.
        code: The dossier code.
        theirs: State in the file; empty if it does not say.
        ours: State in the last record that came in; empty for none.
    """

    line: int
    code: str
    theirs: str
    ours: str


@dataclass(slots=True)
class SourceReport:
    """What the comparison found; all are counted, the first are listed.

    Attributes:
        listed: Dossiers in the file; a code that is there twice counts once, as its last row says.
        agreeing: Those whose last record says the same, or that the file says nothing more about.
        never_sent: Nothing of them ever came in.
        differing: Their last record says another state.
        forgotten: The ledger knows them, but Kafka no longer holds a record to compare with.
        first_never_sent: Some of them.
        first_differing: Some of them.
    """

    listed: int = 0
    agreeing: int = 0
    never_sent: int = 0
    differing: int = 0
    forgotten: int = 0
    first_never_sent: list[Difference] = field(default_factory=list)
    first_differing: list[Difference] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether everything that the system holds came in as it is now."""
        return not self.never_sent and not self.differing

    def as_document(self) -> dict[str, Any]:
        """Return the report as a JSON document."""
        names = ("listed", "agreeing", "never_sent", "differing", "forgotten")
        return {
            "complete": self.is_complete,
            **{name: getattr(self, name) for name in names},
            "first_never_sent": [_document(each) for each in self.first_never_sent],
            "first_differing": [_document(each) for each in self.first_differing],
        }


def _document(each: Difference) -> dict[str, Any]:
    return {"line": each.line, "dossier_code": each.code, "theirs": each.theirs, "ours": each.ours}


def check_source(
    rows: Iterable[ListedDossier],
    view: KafkaView,
    topic: str,
    is_known: Callable[[str], bool],
    codec: RecordCodec | None = None,
    *,
    limit: int = 20,
) -> SourceReport:
    """Compare a system's list with the records that came in.

    Args:
        rows: From the system.
        view: Kafka.
        topic: Full name of ``records.<domain>``.
        is_known: Tells whether the ledger knows a code; asked only for what Kafka does not hold.
        codec: Decrypts values; None if nothing is encrypted.
        limit: How many dossiers to list of each kind.

    Raises:
        SourceListError: If the list cannot be used; then nothing was compared.
        BrokerUnavailableError: If Kafka cannot be reached.
        TargetUnavailableError: If the ledger's database is away.

    Delivery:
        Reads only. What comes in while it reads may still be missing from the report.
    """
    with TemporaryDirectory(prefix="lienthong-reconcile-") as folder:
        database = sqlite3.connect(Path(folder) / "source.sqlite3", isolation_level=None)
        try:
            database.executescript(_SCHEMA)
            database.execute("BEGIN")
            database.executemany(_LIST, ((row.code, row.line, row.state) for row in rows))
            begins, ends = view.beginning_offsets([topic]), view.end_offsets([topic])
            with view.reader(begins, ends=ends, is_expiry_fatal=False) as reader:
                for records in reader.batches():
                    _see(database, records, codec)
            return _report(database, is_known, limit)
        finally:
            database.close()


def _see(database: sqlite3.Connection, records: Sequence[Record], codec: RecordCodec | None) -> None:
    if codec is not None:
        codec.begin_batch()
    database.executemany(_SEE, (found for record in records if (found := _state_of(record, codec)) is not None))


def _state_of(record: Record, codec: RecordCodec | None) -> tuple[float, str, str] | None:
    if record.key is None:
        return None
    key = record.key.decode(errors="replace")
    try:
        document = orjson.loads((record.value if codec is None else codec.decrypt(record)) or b"{}")
        at = datetime.fromisoformat(document["occurred_at"]).timestamp()
        state = document["status"]
    except (LienthongError, ValueError, LookupError, TypeError):
        # It came in, whatever can still be read of it.
        return 0.0, "", key
    return at, state if isinstance(state, str) else "", key


def _report(database: sqlite3.Connection, is_known: Callable[[str], bool], limit: int) -> SourceReport:
    report = SourceReport(listed=database.execute("SELECT count(*) FROM listed").fetchone()[0])
    (report.differing,) = database.execute(f"SELECT count(*) FROM listed WHERE {_DIFFERS}").fetchone()  # noqa: S608
    columns = "SELECT line, code, wanted, state FROM listed WHERE"
    differing = database.execute(f"{columns} {_DIFFERS} ORDER BY line LIMIT ?", (limit,))
    report.first_differing = [Difference(*row) for row in differing]
    for row in database.execute(f"{columns} NOT seen ORDER BY line"):
        if is_known(row[1]):
            report.forgotten += 1
            continue
        report.never_sent += 1
        if len(report.first_never_sent) < limit:
            report.first_never_sent.append(Difference(*row))
    report.agreeing = report.listed - report.differing - report.never_sent - report.forgotten
    return report
