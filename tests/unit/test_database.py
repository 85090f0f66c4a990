"""Databases open together, and say so when another holds them."""

import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy.exc import OperationalError

from lienthong.database import open_database

_WORKERS = 6
_FILES = 60

_WORKER = """
import sys
from lienthong.database import open_database

print("ready", flush=True)
for line in sys.stdin:
    engine = open_database(
        line.strip(), name="ledger.url", busy_timeout_seconds=10, pragmas=(), postgresql_options={}, always_writes=True
    )
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS seen (worker)")
            connection.exec_driver_sql("INSERT INTO seen VALUES (1)")
            print(connection.exec_driver_sql("PRAGMA journal_mode").scalar(), flush=True)
    except Exception as error:
        print(error, flush=True)
    engine.dispose()
"""


def test_workers_that_make_one_file_together_all_get_it(tmp_path):
    """SQLite refuses all but one of those who turn on its log at once; none of them sees that."""
    workers = [
        subprocess.Popen([sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(_WORKERS)
    ]
    try:
        assert {worker.stdout.readline() for worker in workers} == {"ready\n"}
        for number in range(_FILES):
            for worker in workers:
                worker.stdin.write(f"sqlite:///{tmp_path / str(number)}.sqlite3\n")
                worker.stdin.flush()
            assert [worker.stdout.readline() for worker in workers] == ["wal\n"] * _WORKERS
    finally:
        for worker in workers:
            worker.communicate()

    with sqlite3.connect(tmp_path / "0.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (_WORKERS,)


def test_a_file_that_stays_locked_is_told(tmp_path):
    """The wait for another program that holds the file ends."""
    path = tmp_path / "held.sqlite3"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE held (n)")
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(OperationalError, match="locked"):
        open_database(
            f"sqlite:///{path}", name="ledger.url", busy_timeout_seconds=0, pragmas=(), postgresql_options={}
        ).connect()

    holder.close()
