"""Sign-ins on their way, in a database that all gateways share: each step can be taken once."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, String, Table, delete, insert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.schema import CreateTable

from lienthong.clock import Clock
from lienthong.config.models import HubSettings
from lienthong.database import open_database
from lienthong.errors import FatalError, TargetUnavailableError

_TIMEOUT_SECONDS = 5
#: Any number that nothing else in the database locks: "ltsignin" in ASCII.
_SCHEMA_LOCK = 0x6C747369676E696E
_metadata = MetaData()
_steps = Table(
    "sign_in_steps",
    _metadata,
    Column("secret_hash", String(64), primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("ends_at_ms", BigInteger, nullable=False, index=True),
)


class SignInStore:
    """Steps of sign-ins, found by a secret that is not in the database.

    Args:
        url: SQLAlchemy URL of an SQLite file or PostgreSQL.
        clock: Tells which steps are over.

    Raises:
        ConfigurationError: If the URL names another database or a driver that is not installed.

    Delivery:
        Whoever takes a step first has it; no second gateway and no second request gets it.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._engine = open_database(
            url,
            name="the URL of the store of sign-ins",
            busy_timeout_seconds=_TIMEOUT_SECONDS,
            pragmas=("synchronous=NORMAL",),
            postgresql_options={"pool_pre_ping": True, "connect_args": {"connect_timeout": _TIMEOUT_SECONDS}},
            always_writes=True,
        )
        self._clock = clock
        self._is_prepared = False

    @classmethod
    def of(cls, settings: HubSettings, clock: Clock) -> "SignInStore":
        """Return the store of a hub: a file on one machine, the ledger's PostgreSQL for more.

        Args:
            settings: The hub's configuration.
            clock: Tells which steps are over.
        """
        ledger = settings.ledger.url.get_secret_value()
        is_file = ledger.startswith("sqlite")
        return cls(f"sqlite:///{settings.state_directory / 'sign-ins.sqlite3'}" if is_file else ledger, clock)

    def put(self, step: str, secret: str, document: bytes, seconds: float) -> None:
        """Keep a step until it is taken or over; blocking.

        Args:
            step: Which step it is; the secret of one step takes no other.
            secret: What takes it.
            document: What is known so far; no claim of a platform.
            seconds: How long it may be taken.

        Raises:
            TargetUnavailableError: If the database is away.
        """
        now = self._now_ms()
        row = {"secret_hash": _hash(step, secret), "document": document, "ends_at_ms": now + round(seconds * 1_000)}
        with self._transaction() as connection:
            connection.execute(delete(_steps).where(_steps.c.ends_at_ms <= now))
            connection.execute(insert(_steps).values(row))

    def take(self, step: str, secret: str) -> bytes | None:
        """Return what is known of a step and forget it; None if there is none, it was taken, or it is over; blocking.

        Args:
            step: Which step.
            secret: What takes it.

        Raises:
            TargetUnavailableError: If the database is away.
        """
        found = delete(_steps).where(_steps.c.secret_hash == _hash(step, secret))
        with self._transaction() as connection:
            row = connection.execute(found.returning(_steps.c.document, _steps.c.ends_at_ms)).first()
        return bytes(row.document) if row is not None and row.ends_at_ms > self._now_ms() else None

    def close(self) -> None:
        """Release connections."""
        self._engine.dispose()

    def _now_ms(self) -> int:
        return round(self._clock.now().timestamp() * 1_000)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection, connection.begin():
                if not self._is_prepared:
                    self._prepare(connection)
                yield connection
            self._is_prepared = True
        except DBAPIError as error:
            raise TargetUnavailableError(
                "the store of sign-ins is away; check the database of ledger.url", reason=type(error).__name__
            ) from None
        except SQLAlchemyError as error:
            raise FatalError(f"the store of sign-ins failed: {type(error).__name__}") from None

    def _prepare(self, connection: Connection) -> None:
        if self._engine.dialect.name == "postgresql":
            # Gateways start together, and two that create one table at once collide in spite of IF NOT EXISTS.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")
        connection.execute(CreateTable(_steps, if_not_exists=True))
        for index in _steps.indexes:
            index.create(connection, checkfirst=True)


def _hash(step: str, secret: str) -> str:
    return sha256(f"{step}\x00{secret}".encode()).hexdigest()
