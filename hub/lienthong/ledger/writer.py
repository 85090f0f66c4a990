"""Writes batches of Kafka records into the ledger, each together with how far it has read."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, case, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from lienthong.errors import FatalError
from lienthong.ledger import chain
from lienthong.ledger.models import access_log, arrivals, chain_heads, progress, receipts, unreadable
from lienthong.ledger.projection import Change, project
from lienthong.ledger.store import LedgerStore, heads_in, offsets_in
from lienthong.record import Place, Record
from lienthong.topic_names import TopicNames

_INSERT: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_IDENTITY = ("digest", "pipeline", "source", "id", "id_hash")
_MERGED = ("first_seen_us", "first_kind", "last_at_us", "repeat_possible")


class LedgerWriter:
    """The only writer of a ledger.

    Args:
        store: The database.
        names: Names of the topics.
    """

    def __init__(self, store: LedgerStore, names: TopicNames) -> None:
        self._store = store
        self._names = names
        self._known: set[Place] = set()
        insert = _INSERT[store.dialect]
        self._merge_receipts = _rendered(_merge_statement(insert), store.dialect)
        self._add_arrivals = insert(arrivals).on_conflict_do_nothing()
        self._add_unreadable = insert(unreadable).on_conflict_do_nothing()
        self._save_progress = _replace_statement(insert(progress))
        self._save_heads = _replace_statement(insert(chain_heads))

    def apply(
        self, records: Sequence[Record], before: Mapping[Place, int], after: Mapping[Place, int]
    ) -> Counter[tuple[str, str]]:
        """Merge records and store how far reading has come, in one transaction.

        Args:
            records: As read, in order within each partition.
            before: Where reading of each partition stood before these records.
            after: Where it stands behind them.

        Returns:
            (pipeline, outcome) → receipts that were merged.

        Raises:
            TargetUnavailableError: If the database is away; the same call may be repeated.
            FatalError: If another process has emptied the ledger meanwhile.

        Delivery:
            Exactly once into the database: what an earlier call has stored is skipped.
        """
        with self._store.writing() as connection:
            stored = offsets_in(connection)
            for place, offset in before.items():
                # A partition that this ledger never read has no stored offset yet.
                if stored.get(place, -1 if place in self._known else offset) < offset:
                    raise FatalError("another process has reset the ledger; restart this one")
            fresh = [row for row in records if row.offset >= stored.get(Place(row.topic, row.partition), 0)]
            change = project(fresh, self._names)
            self._write(connection, change)
            moved = [
                {"topic": place.topic, "partition_number": place.partition, "next_offset": offset}
                for place, offset in after.items()
                if offset > stored.get(place, -1)
            ]
            _execute(connection, self._save_progress, moved)
        self._known |= after.keys()
        return change.counts

    def _write(self, connection: Connection, change: Change) -> None:
        if change.receipts:
            # The result does not depend on the order, and neighbours in the index are cheaper to write.
            change.receipts.sort(key=itemgetter("digest"))
            connection.exec_driver_sql(self._merge_receipts, change.receipts)
        _execute(connection, self._add_arrivals, change.arrivals)
        _execute(connection, self._add_unreadable, change.unreadable)
        if change.entries:
            heads = heads_in(connection)
            _execute(connection, access_log.insert(), chain.seal(change.entries, heads))
            rows = [
                {
                    "topic": place.topic,
                    "partition_number": place.partition,
                    "record_offset": head.record_offset,
                    "entries": head.entries,
                    "hash": head.hash,
                }
                for place, head in heads.items()
            ]
            _execute(connection, self._save_heads, rows)


def _execute(connection: Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)


def _rendered(statement: Any, dialect: str) -> str:
    # The driver takes the rows as they are; SQLAlchemy's own preparation would cost a third of the time.
    make: Any = sqlite.dialect if dialect == "sqlite" else postgresql.psycopg.dialect
    rendered = make(paramstyle="named") if dialect == "sqlite" else make()
    return str(statement.compile(dialect=rendered))


def _merge_statement(insert: Callable[[Table], Any]) -> Any:
    """Build the upsert whose result depends neither on the order nor on the number of repetitions."""
    statement = insert(receipts)
    new, old = statement.excluded, receipts.c
    order = ("weight", "record_topic", "record_partition", "record_offset")
    is_newer = tuple_(*(new[name] for name in order)) > tuple_(*(old[name] for name in order))
    is_earlier = tuple_(new.first_seen_us, new.first_kind) < tuple_(old.first_seen_us, old.first_kind)
    changes: dict[str, Any] = {
        column.name: case((is_newer, new[column.name]), else_=column)
        for column in receipts.columns
        if column.name not in (*_IDENTITY, *_MERGED)
    }
    changes |= {name: case((is_earlier, new[name]), else_=old[name]) for name in ("first_seen_us", "first_kind")}
    changes["last_at_us"] = case((new.last_at_us > old.last_at_us, new.last_at_us), else_=old.last_at_us)
    # Once a second effect was possible, no later receipt can rule it out.
    changes["repeat_possible"] = old.repeat_possible | new.repeat_possible
    return statement.on_conflict_do_update(index_elements=["digest"], set_=changes)


def _replace_statement(statement: Any) -> Any:
    table = statement.table
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={
            column.name: statement.excluded[column.name]
            for column in table.columns
            if column.name not in table.primary_key
        },
    )
