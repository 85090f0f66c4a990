"""The store that workers share: PostgreSQL, or an SQLite file for the workers of one machine."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, Column, Connection, Date, MetaData, String, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from lienthong.clock import Clock
from lienthong.database import open_database
from lienthong.errors import FatalError, TargetUnavailableError
from lienthong.limits.leases import Counts, LeaseRequest, Moment, TargetState, Terms, day_of, decide
from lienthong.limits.store import Answer, ClockSample, monotonic_us

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: A store that is slower than this is away: a lease that comes late is no longer good.
_TIMEOUT_SECONDS = 2
_KEPT_DAYS = timedelta(days=400)
_NAME = 120
#: Any number that nothing else in the database locks: "ltlimits" in ASCII.
_SCHEMA_LOCK = 0x6C746C696D697473
_MILLISECONDS = _TIMEOUT_SECONDS * 1_000
_POSTGRESQL: Mapping[str, Any] = {
    "pool_recycle": 600,
    "connect_args": {
        "connect_timeout": _TIMEOUT_SECONDS,
        "tcp_user_timeout": _MILLISECONDS,
        "keepalives_idle": _TIMEOUT_SECONDS,
        "options": f"-c statement_timeout={_MILLISECONDS} -c idle_in_transaction_session_timeout={_MILLISECONDS}",
    },
}
_metadata = MetaData()

_targets = Table(
    "limit_targets",
    _metadata,
    Column("target", String(_NAME), primary_key=True),
    Column("origin", String(64), nullable=False),
    Column("next_slot_us", BigInteger, nullable=False),
    Column("bulk_waits_until_us", BigInteger, nullable=False),
)

_days = Table(
    "limit_days",
    _metadata,
    Column("target", String(_NAME), primary_key=True),
    Column("day", Date, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in Counts._fields),
)

_workers = Table(
    "limit_workers",
    _metadata,
    Column("target", String(_NAME), primary_key=True),
    Column("worker", String(_NAME), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in Counts._fields),
)


class SqlStore:
    """Leases in SQLite or PostgreSQL.

    Args:
        url: SQLAlchemy URL; the folder of an SQLite file is made when it is missing.
        clock: The worker's clock; on SQLite also the clock of the store.
        moment: Replaces the clocks of the store in tests; None for none.

    Raises:
        ConfigurationError: If the URL names another database or a driver that is not installed.

    Delivery:
        A lease is in the database before the worker sees it, so a crash of either may only waste calls. Slots are
        counted by the database's clock (PostgreSQL) or by the machine's monotonic clock (SQLite), never by the wall
        clock of a worker.
    """

    def __init__(self, url: str, clock: Clock, moment: Callable[[], Moment] | None = None) -> None:
        self._engine = open_database(
            url,
            name="the URL of the store of limits",
            busy_timeout_seconds=_TIMEOUT_SECONDS,
            # A lease that a power failure forgets would be given twice.
            pragmas=("synchronous=FULL",),
            postgresql_options=_POSTGRESQL,
            always_writes=True,
        )
        self._clock = clock
        self._moment = moment
        self._is_postgresql = self._engine.dialect.name == "postgresql"
        self._origin = "database" if self._is_postgresql else _boot_id()
        self._insert: Any = postgresql.insert if self._is_postgresql else sqlite.insert
        self._is_prepared = False

    def prepare(self) -> None:
        """Create the tables that are missing; the first exchange does it, too.

        Raises:
            TargetUnavailableError: If the database is away.
        """
        with self._transaction() as connection:
            if self._is_postgresql:
                # Workers start together, and two that create one table at once collide in spite of IF NOT EXISTS.
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")
            for table in _metadata.sorted_tables:
                connection.execute(sqlalchemy.schema.CreateTable(table, if_not_exists=True))
        self._is_prepared = True

    def exchange(self, request: LeaseRequest, terms: Terms) -> Answer:
        """Settle what a worker has and lease it more; blocking, two seconds at most on each lock.

        Args:
            request: What is asked for.
            terms: Limits of the target.

        Raises:
            TargetUnavailableError: If the database is away.
            FatalError: If the database refuses a statement.
        """
        if not self._is_prepared:
            self.prepare()
        with self._transaction() as connection:
            row = self._locked(connection, request.target)
            before = monotonic_us(self._clock)
            moment = self._read_clock(connection)
            sample = ClockSample(before, moment.slot_us, monotonic_us(self._clock))
            day = day_of(moment)
            state = self._load(connection, request, day, row)
            after, grant = decide(terms, request, moment, state)
            if after is not state:
                self._keep(connection, request, day, after)
        return Answer(grant, sample, after.worker_claimed)

    def used_on(self, target: str, day: date) -> Counts:
        """Return the calls that were claimed on a day.

        Args:
            target: Name of the target.
            day: The target's day; about a year is kept.

        Raises:
            TargetUnavailableError: If the database is away.
        """
        with self._transaction() as connection:
            return _counts(connection, _days, target=target, day=day)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _locked(self, connection: Connection, target: str) -> Any:
        """Return the row of the target, which from here on is ours until the transaction ends."""
        new = self._insert(_targets).values(target=target, origin="", next_slot_us=0, bulk_waits_until_us=0)
        mine = new.on_conflict_do_update(index_elements=[_targets.c.target], set_={"target": target})
        return connection.execute(mine.returning(_targets)).one()

    def _read_clock(self, connection: Connection) -> Moment:
        if self._moment is not None:
            return self._moment()
        if not self._is_postgresql:
            return Moment(monotonic_us(self._clock), self._clock.now(), self._origin)
        wall = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return Moment((wall - _EPOCH) // timedelta(microseconds=1), wall, self._origin)

    def _load(self, connection: Connection, request: LeaseRequest, day: date, row: Any) -> TargetState:
        mine = (_workers.c.target == request.target) & (_workers.c.worker == request.worker)
        worker = connection.execute(select(_workers).where(mine)).one_or_none()
        return TargetState(
            origin=row.origin,
            next_slot_us=row.next_slot_us,
            bulk_waits_until_us=row.bulk_waits_until_us,
            claimed=_counts(connection, _days, target=request.target, day=day),
            sequence=worker.sequence if worker else 0,
            worker_day=worker.day if worker else None,
            worker_claimed=Counts(worker.interactive, worker.live, worker.bulk) if worker else Counts(),
        )

    def _keep(self, connection: Connection, request: LeaseRequest, day: date, after: TargetState) -> None:
        target = {"target": request.target}
        slots = {
            "origin": after.origin,
            "next_slot_us": after.next_slot_us,
            "bulk_waits_until_us": after.bulk_waits_until_us,
        }
        self._put(connection, _targets, target, slots)
        self._put(connection, _days, {**target, "day": day}, after.claimed._asdict())
        values = {"sequence": after.sequence, "day": day, **after.worker_claimed._asdict()}
        self._put(connection, _workers, {**target, "worker": request.worker}, values)
        if after.sequence == 1:
            # Claims of earlier days count no more; a worker starts rarely enough to tidy up after all others.
            stale = day - timedelta(days=1)
            connection.execute(_workers.delete().where(_workers.c.target == request.target, _workers.c.day < stale))
            old = day - _KEPT_DAYS
            connection.execute(_days.delete().where(_days.c.target == request.target, _days.c.day < old))

    def _put(self, connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
        new = self._insert(table).values(**key, **values)
        connection.execute(new.on_conflict_do_update(index_elements=list(key), set_=values))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            if not isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError):
                raise FatalError(f"the store of limits refused a statement ({type(error).__name__})") from error
            raise TargetUnavailableError("the store of limits does not answer; check its URL and the server") from error
        except SQLAlchemyError as error:
            raise TargetUnavailableError("the store of limits has no free connection") from error


def _counts(connection: Connection, table: Table, **key: Any) -> Counts:
    columns = [table.c[name] for name in Counts._fields]
    found = connection.execute(select(*columns).filter_by(**key)).one_or_none()
    return Counts(*found) if found else Counts()


def _boot_id() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()
