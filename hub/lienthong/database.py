"""Opens the databases of the hub: an SQLite file, or PostgreSQL."""

import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from lienthong.errors import ConfigurationError

#: Execution option of a connection whose next transaction writes.
WRITES = "lienthong_writes"

_AGAIN_SECONDS = 0.02


def open_database(
    url: str,
    *,
    name: str,
    busy_timeout_seconds: int,
    pragmas: Sequence[str],
    postgresql_options: Mapping[str, Any],
    always_writes: bool = False,
) -> Engine:
    """Return an engine; nothing is connected yet.

    Args:
        url: SQLAlchemy URL; the folder of an SQLite file is made when it is missing.
        name: What the URL is of, for messages, such as ``ledger.url``.
        busy_timeout_seconds: How long SQLite waits for another writer.
        pragmas: Said to SQLite on each connection, besides that its log is written ahead.
        postgresql_options: Given to SQLAlchemy for PostgreSQL.
        always_writes: Whether every transaction begins as a writer; else those of connections with :data:`WRITES`.

    Raises:
        ConfigurationError: If the URL names another database or a driver that is not installed.
    """
    parsed = _checked(url, name)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    waiting = {"connect_args": {"timeout": busy_timeout_seconds, "check_same_thread": False}}
    options = waiting if is_sqlite else dict(postgresql_options)
    try:
        engine = sqlalchemy.create_engine(parsed, hide_parameters=True, **options)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError("the PostgreSQL driver is missing; install lienthong[postgresql]") from error

    def prepare(connection: Any, _record: Any) -> None:
        # Python's own transaction handling begins late; the hub says itself when a transaction begins.
        connection.isolation_level = None
        _write_ahead(connection, busy_timeout_seconds)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    def begin(connection: Connection) -> None:
        # A writer that starts as a reader can fail half-way when another one was faster.
        is_writing = always_writes or connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN DEFERRED")

    if is_sqlite:
        event.listen(engine, "connect", prepare)
        event.listen(engine, "begin", begin)
    return engine


def _write_ahead(connection: sqlite3.Connection, timeout_seconds: int) -> None:
    """Let SQLite write its log ahead; two that do so at once are told "locked" without the wait for writers.

    Source: https://www.sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode
    """
    pause, latest = threading.Event(), time.monotonic() + timeout_seconds
    while not _is_ahead(connection, is_last=time.monotonic() >= latest):
        pause.wait(_AGAIN_SECONDS)


def _is_ahead(connection: sqlite3.Connection, *, is_last: bool) -> bool:
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if is_last or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _checked(url: str, name: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(f"{name} must be a database URL such as sqlite:///ledger.sqlite3") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise ConfigurationError(f"{name} must name an SQLite file or a PostgreSQL database; memory would be lost")
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    return parsed
