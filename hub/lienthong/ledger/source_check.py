"""Compares what a provincial system holds with what has come in: what was never sent, and what differs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from lienthong.codec import RecordCodec
from lienthong.errors import LienthongError
from lienthong.ledger.reconcile import KafkaView
from lienthong.ledger.report import Listing
from lienthong.ledger.scratch import ScratchDatabase
from lienthong.ledger.source_list import ListedDossier
from lienthong.record import Record

_SCHEMA = """
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


class Difference(NamedTuple):
    """One dossier that the system and the hub know differently.

    Attributes:
        line: Where it stands in the file.
        dossier_code: Its code.
        theirs: State in the file; empty if it does not say.
        ours: State in the last record that came in; empty for none.
    """

    line: int
    dossier_code: str
    theirs: str
    ours: str


@dataclass(slots=True)
class SourceReport:
    """What the comparison found.

    Attributes:
        listed: Dossiers in the file; a code that is there twice counts once, as its last row says.
        never_sent: Nothing of them ever came in.
        differing: Their last record says another state.
        forgotten: The ledger knows them, but Kafka no longer holds a record to compare with.
    """

    listed: int = 0
    never_sent: Listing[Difference] = field(default_factory=Listing)
    differing: Listing[Difference] = field(default_factory=Listing)
    forgotten: int = 0

    @property
    def agreeing(self) -> int:
        """Those whose last record says the same, or that the file says nothing more about."""
        return self.listed - self.never_sent.total - self.differing.total - self.forgotten

    @property
    def is_complete(self) -> bool:
        """Whether everything that the system holds came in as it is now."""
        return not self.never_sent.total and not self.differing.total

    def as_document(self) -> dict[str, Any]:
        """Return the report as a JSON document."""
        return {
            "complete": self.is_complete,
            "listed": self.listed,
            "agreeing": self.agreeing,
            "never_sent": self.never_sent.total,
            "differing": self.differing.total,
            "forgotten": self.forgotten,
            "first_never_sent": [each._asdict() for each in self.never_sent.listed],
            "first_differing": [each._asdict() for each in self.differing.listed],
        }


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
    with _Comparison(_SCHEMA) as comparison:
        comparison.take(rows)
        begins, ends = view.beginning_offsets([topic]), view.end_offsets([topic])
        with view.reader(begins, ends=ends, is_expiry_fatal=False) as reader:
            for records in reader.batches():
                if codec is not None:
                    codec.begin_batch()
                comparison.see(found for record in records if (found := _state_of(record, codec)) is not None)
        return comparison.report(is_known, limit)


class _Comparison(ScratchDatabase):
    """Joins what is listed with what came in."""

    def take(self, rows: Iterable[ListedDossier]) -> None:
        self._database.executemany(_LIST, ((row.code, row.line, row.state) for row in rows))

    def see(self, states: Iterable[tuple[float, str, str]]) -> None:
        self._database.executemany(_SEE, states)

    def report(self, is_known: Callable[[str], bool], limit: int) -> SourceReport:
        (listed,) = self._one("SELECT count(*) FROM listed")
        report = SourceReport(listed)
        (report.differing.total,) = self._one(f"SELECT count(*) FROM listed WHERE {_DIFFERS}")  # noqa: S608
        columns = "SELECT line, code, wanted, state FROM listed WHERE"
        differing = self._database.execute(f"{columns} {_DIFFERS} ORDER BY line LIMIT ?", (limit,))
        report.differing.listed = [Difference(*row) for row in differing]
        for row in self._database.execute(f"{columns} NOT seen ORDER BY line"):
            unseen = Difference(*row)
            if is_known(unseen.dossier_code):
                report.forgotten += 1
                continue
            report.never_sent.total += 1
            if len(report.never_sent.listed) < limit:
                report.never_sent.listed.append(unseen)
        return report


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
