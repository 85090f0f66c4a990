"""What a campaign has done, durable in one SQLite file: no personal value is in it.

A row goes from *open* over *decided* to *published*. What is decided survives a SIGKILL and is never asked again; what
is published was acknowledged by Kafka and is never published again.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from lienthong.errors import ConfigurationError
from lienthong_connectors.campaign.decisions import Counts, Decision, Stage
from lienthong_connectors.campaign.table import Finding

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    line INTEGER PRIMARY KEY, account TEXT NOT NULL, subject TEXT NOT NULL, stage INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT '', findings TEXT NOT NULL DEFAULT '', decided_at TEXT NOT NULL DEFAULT '',
    asked INTEGER NOT NULL DEFAULT 0, is_converted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS findings (line INTEGER NOT NULL, field TEXT NOT NULL, rule TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS accounts_account ON accounts (account);
CREATE INDEX IF NOT EXISTS accounts_subject ON accounts (subject) WHERE subject <> '';
CREATE INDEX IF NOT EXISTS accounts_unfinished ON accounts (stage, line) WHERE stage < 2;
"""
_CHUNK = 2_000


class Journal:
    """The journal of one campaign.

    Args:
        path: The file; it and its folder are made when they are missing.

    Raises:
        ConfigurationError: If the file is no journal.

    Delivery:
        Every method that writes has written durably when it returns. One process writes at a time.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Calls come from worker threads, one at a time.
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        try:
            self._database.execute("PRAGMA journal_mode=WAL")
            # Survives a kill; what a power failure takes is found again in Kafka.
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise ConfigurationError(f"{path} is no journal of a campaign; move it away") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def fact(self, name: str) -> str:
        """Return what was noted under a name; empty for nothing.

        Args:
            name: Such as ``digest``.
        """
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row is not None else ""

    def note(self, **facts: str) -> None:
        """Write facts down.

        Args:
            **facts: Name → value.
        """
        with self._transaction():
            self._note(facts)

    def _note(self, facts: Mapping[str, str]) -> None:
        self._database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._database)

    def take_in(
        self, rows: Iterable[tuple[int, str, str, bool] | Finding], check: Callable[[], None], **facts: str
    ) -> None:
        """Take in a whole file, or nothing of it.

        Args:
            rows: Line, account, person (empty for none) and whether it was linked before; or what is wrong with a row.
            check: Called when all are in; what it raises takes all of them out again.
            **facts: Written down together with the rows, once they are all in.

        Raises:
            Exception: What *rows* or *check* raises; then nothing was taken in.
        """
        with self._transaction():
            waiting: list[tuple[object, ...]] = []
            for row in rows:
                if isinstance(row, Finding):
                    self._database.execute("INSERT INTO findings VALUES (?, ?, ?)", row)
                    continue
                line, account, subject, is_converted = row
                stage = Stage.PUBLISHED if is_converted else Stage.OPEN
                waiting.append((line, account, subject, stage, "linked" if is_converted else "", is_converted))
                if len(waiting) == _CHUNK:
                    self._insert(waiting)
            self._insert(waiting)
            self._set_doubles_aside()
            check()
            self._note(facts)

    def _insert(self, waiting: list[tuple[object, ...]]) -> None:
        self._database.executemany(
            "INSERT INTO accounts (line, account, subject, stage, state, is_converted) VALUES (?, ?, ?, ?, ?, ?)",
            waiting,
        )
        waiting.clear()

    def _set_doubles_aside(self) -> None:
        run = self._database.execute
        # The first of equal rows stays; one that was linked before stays in any case.
        doubles = """
            SELECT line FROM (
                SELECT line, row_number() OVER (PARTITION BY account, subject ORDER BY is_converted DESC, line) AS place
                FROM accounts) WHERE place > 1"""
        run(f"INSERT INTO findings SELECT line, 'account', 'duplicate_row' FROM ({doubles})")  # noqa: S608 - a constant
        run("DELETE FROM accounts WHERE line IN (SELECT line FROM findings WHERE rule = 'duplicate_row')")

    def decide_at_sight(self, decided_at: str) -> None:
        """Decide what needs no question: accounts without a number, and conflicts inside the file.

        Args:
            decided_at: ISO 8601.
        """
        with self._transaction():
            self._decide_where("subject = ''", "no_id", decided_at)
            twice = "SELECT {0} FROM accounts WHERE {0} <> '' GROUP BY {0} HAVING count(DISTINCT {1}) > 1"
            for one, other in (("subject", "account"), ("account", "subject")):
                self._decide_where(f"{one} IN ({twice.format(one, other)})", "conflict", decided_at)

    def _decide_where(self, condition: str, state: str, decided_at: str) -> None:
        # Conditions are constants of this module.
        self._database.execute(
            f"UPDATE accounts SET stage = 1, state = ?, decided_at = ? WHERE stage = 0 AND {condition}",  # noqa: S608
            (state, decided_at),
        )

    def open_lines(self) -> Iterator[int]:
        """Yield the lines that are open now, in their order; rows may be decided meanwhile."""
        last = 0
        while True:
            rows = self._database.execute(
                "SELECT line FROM accounts WHERE stage = 0 AND line > ? ORDER BY line LIMIT ?", (last, _CHUNK)
            ).fetchall()
            if not rows:
                return
            yield from (row[0] for row in rows)
            last = rows[-1][0]

    def begin(self, lines: Sequence[int]) -> None:
        """Write down that questions about these rows may be asked from now on.

        Args:
            lines: Of open rows.
        """
        with self._transaction():
            self._database.executemany(
                "UPDATE accounts SET asked = asked + 1 WHERE line = ?", [(line,) for line in lines]
            )

    def decide(self, decisions: Sequence[Decision], refused: Sequence[Finding] = ()) -> None:
        """Make decisions durable.

        Args:
            decisions: Of open rows.
            refused: Rows that the target refuses to be asked about; they are set aside.
        """
        rows = [(each.state, " ".join(each.findings), each.decided_at, each.line) for each in decisions]
        with self._transaction():
            self._database.executemany(
                "UPDATE accounts SET stage = 1, state = ?, findings = ?, decided_at = ? WHERE line = ? AND stage = 0",
                rows,
            )
            self._database.executemany("INSERT INTO findings VALUES (?, ?, ?)", refused)
            self._database.executemany(
                "UPDATE accounts SET stage = 2, state = 'set_aside' WHERE line = ?", [(each.line,) for each in refused]
            )

    def restore(self, decisions: Iterable[Decision]) -> None:
        """Take over what Kafka holds: those rows are done, whatever the journal knows of them.

        Args:
            decisions: As they were published.
        """
        rows = ((each.state, " ".join(each.findings), each.decided_at, each.line) for each in decisions)
        with self._transaction():
            self._database.executemany(
                "UPDATE accounts SET stage = 2, state = ?, findings = ?, decided_at = ? WHERE line = ? AND stage < 2",
                rows,
            )

    def published(self, lines: Iterable[int]) -> None:
        """Write down that Kafka has acknowledged what became of these rows.

        Args:
            lines: Of decided rows.
        """
        with self._transaction():
            self._database.executemany(
                "UPDATE accounts SET stage = 2 WHERE line = ? AND stage = 1", [(line,) for line in lines]
            )

    def decided(self, limit: int) -> list[Decision]:
        """Return decisions that Kafka has not acknowledged, the oldest rows first.

        Args:
            limit: How many at most.
        """
        rows = self._database.execute(
            "SELECT line, account, subject, state, findings, decided_at FROM accounts WHERE stage = 1 ORDER BY line"
            " LIMIT ?",
            (limit,),
        ).fetchall()
        return [
            Decision(line, account, subject, state, tuple(findings.split()), at)
            for line, account, subject, state, findings, at in rows
        ]

    def belongs_to_another(self, subject: str, account: str) -> bool:
        """Return whether the file has another account of a person.

        Args:
            subject: The person.
            account: The account that is known.
        """
        found = self._database.execute(
            "SELECT 1 FROM accounts WHERE subject = ? AND account <> ? LIMIT 1", (subject, account)
        )
        return found.fetchone() is not None

    def counts(self) -> Counts:
        """Return how far the campaign is."""
        run = self._database.execute
        stages = dict(run("SELECT stage, count(*) FROM accounts WHERE is_converted = 0 GROUP BY stage").fetchall())
        states = dict(
            run("SELECT state, count(*) FROM accounts WHERE is_converted = 0 AND stage > 0 GROUP BY state").fetchall()
        )
        findings = dict(run("SELECT rule, count(*) FROM findings GROUP BY rule").fetchall())
        asked, repeated = run(
            "SELECT coalesce(sum(asked), 0), coalesce(sum(max(asked - 1, 0)), 0) FROM accounts"
        ).fetchone()
        before = run("SELECT count(*) FROM accounts WHERE is_converted = 1").fetchone()[0]
        return Counts(
            before, stages.get(0, 0), stages.get(1, 0), stages.get(2, 0), states, findings, int(asked), int(repeated)
        )

    def findings(self, limit: int = -1) -> list[Finding]:
        """Return what is wrong with the file, in its order.

        Args:
            limit: How many at most; -1 for all.
        """
        rows = self._database.execute("SELECT line, field, rule FROM findings ORDER BY line LIMIT ?", (limit,))
        return [Finding(*row) for row in rows]

    def results(self) -> Iterator[tuple[int, str, str, str]]:
        """Yield line, account, state and findings of every row that was decided, in the order of the file."""
        yield from self._database.execute(
            "SELECT line, account, state, findings FROM accounts WHERE stage > 0 ORDER BY line"
        )

    def published_from(self) -> dict[int, int]:
        """Return where in the topic of results this campaign can have begun to write, by partition."""
        return {int(number): offset for number, offset in json.loads(self.fact("published_from") or "{}").items()}


class _Transaction:
    """One transaction; a context manager of its own because the connection's would begin late."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.execute("COMMIT" if kind is None else "ROLLBACK")
