"""Fixtures for all tests: the shared broker, the shared database, and names that no other test uses.

Nothing heavy is imported here: unit tests must start at once.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lienthong.kafka.embedded import EmbeddedKafka


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[EmbeddedKafka]":
    """A real broker that all tests of a run share, so a test makes topics and groups with ``unique_name``.

    Do not stop, kill or suspend it: a test about outages starts an ``EmbeddedKafka`` of its own. Without the broker's
    jars or Java the tests are skipped with the reason; under CI they fail instead.
    """
    from lienthong.errors import ConfigurationError
    from lienthong.kafka.embedded import EmbeddedKafka
    from lienthong.kafka.embedded_jars import fetch_jars, locked_jars
    from lienthong.kafka.embedded_java import find_java

    try:
        fetch_jars(locked_jars())
        find_java()
    except ConfigurationError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no embedded Kafka: {error}")
    broker = EmbeddedKafka(tmp_path_factory.mktemp("kafka") / "node", die_with_parent=True)
    broker.start()
    yield broker
    broker.stop(remove_data=True)


@pytest.fixture
def unique_name() -> Callable[[str], str]:
    """A function that makes a topic, group or client name of this test alone: ``unique_name("records.dossier")``."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:12]}"


class PostgreSqlServer:
    """A real server of this test run alone, reached through a Unix socket; it refuses to run as root."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="lt-pg-"))
        self._user = _unprivileged_user() if os.getuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        self.url = f"postgresql://lienthong@/postgres?host={self._folder}"

    def start(self) -> None:
        """Make a cluster and start it."""
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "lienthong", "-E", "UTF8", "--no-sync")
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Stop the server and remove its files."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def empty(self) -> None:
        """Drop all tables."""
        import psycopg

        with psycopg.connect(
            host=str(self._folder), user="lienthong", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if self._user:
            command = ["runuser", "-u", self._user, "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder)


def _unprivileged_user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSqlServer]:
    """A running PostgreSQL server; without its programs the tests are skipped."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path))
    if not found:
        pytest.skip("no PostgreSQL server programs (initdb, pg_ctl) on this machine")
    if os.getuid() == 0 and not shutil.which("runuser"):
        pytest.skip("PostgreSQL refuses root and runuser is missing")
    server = PostgreSqlServer(found[-1].parent)
    server.start()
    yield server
    server.stop()
