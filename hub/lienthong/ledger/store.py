"""The ledger's database: connection, schema and questions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, func, select
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from lienthong.database import WRITES, open_database
from lienthong.errors import ConfigurationError, FatalError, TargetUnavailableError
from lienthong.ledger import chain
from lienthong.ledger.models import (
    SCHEMA_VERSION,
    access_log,
    arrivals,
    chain_heads,
    hash_of,
    ledger_version,
    metadata,
    progress,
    receipts,
    unreadable,
)
from lienthong.outcome import OutcomeKind
from lienthong.record import Place

_BUSY_TIMEOUT_SECONDS = 15
_CONNECT_TIMEOUT_SECONDS = 10
_FETCH_ROWS = 2_000
_CACHE_KIB = 65_536
_CHECKPOINT_PAGES = 8_000
#: Any number that nothing else in the database locks: "ltledger" in ASCII.
_WRITER_LOCK = 0x6C746C6564676572

Row = RowMapping


class LedgerStore:
    """One ledger in SQLite or PostgreSQL.

    Args:
        url: SQLAlchemy URL; the folder of an SQLite file is made when it is missing.

    Raises:
        ConfigurationError: If the URL names another database or a driver that is not installed.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(
            url,
            name="ledger.url",
            busy_timeout_seconds=_BUSY_TIMEOUT_SECONDS,
            pragmas=("synchronous=NORMAL", f"cache_size=-{_CACHE_KIB}", f"wal_autocheckpoint={_CHECKPOINT_PAGES}"),
            postgresql_options={
                "pool_pre_ping": True,
                "connect_args": {"connect_timeout": _CONNECT_TIMEOUT_SECONDS},
            },
        )
        #: ``sqlite`` or ``postgresql``.
        self.dialect = self._engine.dialect.name

    def prepare(self) -> None:
        """Create what is missing.

        Raises:
            ConfigurationError: If the ledger was written by another version.
            TargetUnavailableError: If the database is away.
        """
        with self.writing() as connection:
            metadata.create_all(connection)
            found = connection.execute(select(ledger_version.c.version)).scalars().all()
            if not found:
                connection.execute(ledger_version.insert().values(version=SCHEMA_VERSION))
            elif found != [SCHEMA_VERSION]:
                raise ConfigurationError(
                    f"the ledger has version {found[0]}, this program needs {SCHEMA_VERSION}; "
                    "point ledger.url to an empty database and run `lienthong ledger rebuild`"
                )

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a transaction that is the only writer until it ends; all of it is kept, or nothing.

        Raises:
            TargetUnavailableError: If the database is away; nothing, or on a lost commit all of it, was kept.
            FatalError: If the database refuses a statement.
        """
        with translated():
            connection = self._engine.connect().execution_options(**{WRITES: True})
            with connection, connection.begin():
                if self.dialect == "postgresql":
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a transaction that sees one state of the ledger.

        Raises:
            TargetUnavailableError: If the database is away.
        """
        with translated(), self._engine.connect() as connection:
            if self.dialect == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    def offsets(self) -> dict[Place, int]:
        """Return the next offset of each partition that the ledger has read."""
        with self.reading() as connection:
            return offsets_in(connection)

    def find(self, record_id: str, source: str | None = None) -> list[Row]:
        """Return what became of a record in every pipeline, oldest first.

        Args:
            record_id: CloudEvents id.
            source: CloudEvents source; None for all that used this id.
        """
        condition = (receipts.c.id_hash == hash_of(record_id)) & (receipts.c.id == record_id)
        if source is not None:
            condition &= receipts.c.source == source
        return self._receipts_where(condition)

    def by_key(self, key: str) -> list[Row]:
        """Return what became of every record of a dossier, oldest first.

        Args:
            key: The dossier code.
        """
        return self._receipts_where((receipts.c.key_hash == hash_of(key)) & (receipts.c.key == key))

    def accesses_of(self, key: str) -> list[Row]:
        """Return the access-log entries of a dossier, oldest first.

        Args:
            key: The dossier code.
        """
        condition = (access_log.c.key_hash == hash_of(key)) & (access_log.c.key == key)
        order = (access_log.c.at_us, access_log.c.partition_number, access_log.c.record_offset)
        with self.reading() as connection:
            return list(connection.execute(select(access_log).where(condition).order_by(*order)).mappings())

    def counts(self) -> dict[str, dict[str, int]]:
        """Return pipeline → outcome → records."""
        query = select(receipts.c.pipeline, receipts.c.kind, func.count()).group_by(
            receipts.c.pipeline, receipts.c.kind
        )
        counted: dict[str, dict[str, int]] = {}
        with self.reading() as connection:
            for pipeline, kind, number in connection.execute(query.order_by(receipts.c.pipeline, receipts.c.kind)):
                counted.setdefault(pipeline, {})[kind] = number
        return counted

    def of_pipeline(self, pipeline: str) -> Iterator[tuple[str, str, str, str, int, int]]:
        """Yield source, id, state, topic, partition and offset of every record of a pipeline; constant memory.

        Args:
            pipeline: Name of the pipeline.
        """
        columns = (receipts.c.source, receipts.c.id, receipts.c.kind)
        places = (receipts.c.record_topic, receipts.c.record_partition, receipts.c.record_offset)
        query = select(*columns, *places).where(receipts.c.pipeline == pipeline)
        with self.reading() as connection:
            for row in connection.execution_options(yield_per=_FETCH_ROWS).execute(query):
                yield tuple(row)

    def keys_delivered(self, pipeline: str) -> Iterator[str]:
        """Yield every key of which a pipeline delivered something, each once; constant memory.

        Args:
            pipeline: Name of the pipeline.
        """
        delivered = (receipts.c.pipeline == pipeline) & (receipts.c.kind == OutcomeKind.DELIVERED.value)
        query = select(receipts.c.key).where(delivered & (receipts.c.key != "")).distinct()
        with self.reading() as connection:
            for (key,) in connection.execution_options(yield_per=_FETCH_ROWS).execute(query):
                yield key

    def states_of(self, pipeline: str, key: str) -> dict[tuple[str, str], str]:
        """Return source and id → state of every record of a key in one pipeline.

        Args:
            pipeline: Name of the pipeline.
            key: The dossier code.
        """
        mine = (receipts.c.pipeline == pipeline) & (receipts.c.key_hash == hash_of(key)) & (receipts.c.key == key)
        with self.reading() as connection:
            rows = connection.execute(select(receipts.c.source, receipts.c.id, receipts.c.kind).where(mine))
            return {(source, record_id): kind for source, record_id, kind in rows}

    def unreadable(self) -> list[Row]:
        """Return the Kafka records that were neither receipts nor access-log entries."""
        with self.reading() as connection:
            return list(connection.execute(select(unreadable).order_by(*unreadable.primary_key)).mappings())

    def verify_chain(self) -> list[chain.ChainBreak]:
        """Return where the hash chain of the access log does not hold; empty when it does."""
        order = (access_log.c.topic, access_log.c.partition_number, access_log.c.record_offset)
        with self.reading() as connection:
            heads = heads_in(connection)
            rows = connection.execution_options(yield_per=_FETCH_ROWS).execute(select(access_log).order_by(*order))
            return list(chain.verify(rows.mappings(), heads))

    def chain_heads(self) -> dict[Place, chain.Head]:
        """Return the newest sealed entry of each partition of the access log."""
        with self.reading() as connection:
            return heads_in(connection)

    def clear(self, tables: Sequence[Table], topics: Sequence[str]) -> None:
        """Empty tables and forget how far topics were read, in one transaction.

        Args:
            tables: What is emptied.
            topics: Read from their beginning again.
        """
        with self.writing() as connection:
            for table in tables:
                connection.execute(table.delete())
            connection.execute(unreadable.delete().where(unreadable.c.topic.in_(topics)))
            connection.execute(progress.delete().where(progress.c.topic.in_(topics)))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _receipts_where(self, condition: Any) -> list[Row]:
        # A duplicate that the ledger only knows as one is itself an arrival, and is not counted twice.
        elsewhere = (
            (arrivals.c.record_topic != receipts.c.record_topic)
            | (arrivals.c.record_partition != receipts.c.record_partition)
            | (arrivals.c.record_offset != receipts.c.record_offset)
        )
        copies = (
            select(func.count())
            .where((arrivals.c.digest == receipts.c.digest) & elsewhere)
            .correlate(receipts)
            .scalar_subquery()
        )
        query = select(receipts, (copies + 1).label("arrivals")).where(condition)
        with self.reading() as connection:
            return list(connection.execute(query.order_by(receipts.c.first_seen_us, receipts.c.digest)).mappings())


def offsets_in(connection: Connection) -> dict[Place, int]:
    """Return the next offset of each partition, inside a transaction.

    Args:
        connection: The transaction.
    """
    rows = connection.execute(select(progress.c.topic, progress.c.partition_number, progress.c.next_offset))
    return {Place(topic, partition): offset for topic, partition, offset in rows}


def heads_in(connection: Connection) -> dict[Place, chain.Head]:
    """Return the newest sealed entry of each partition, inside a transaction.

    Args:
        connection: The transaction.
    """
    return {
        Place(row["topic"], row["partition_number"]): chain.Head(row["record_offset"], row["entries"], row["hash"])
        for row in connection.execute(select(chain_heads)).mappings()
    }


@contextmanager
def translated() -> Iterator[None]:
    """Turn SQLAlchemy's errors into the hub's, without statements or values.

    Raises:
        TargetUnavailableError: If the database is away or busy.
        FatalError: If it refuses a statement.
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise TargetUnavailableError(
            "the ledger's database does not answer; check ledger.url and the server"
        ) from error
    except SQLAlchemyError as error:
        raise FatalError(f"the ledger's database refused a statement ({type(error).__name__}); see its log") from error
