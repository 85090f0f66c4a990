"""A real PostgreSQL server of one test run alone, reached through a Unix socket."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path


class PostgreSqlServer:
    """A server with an empty database; it refuses to run as root, so that it then runs as somebody without rights.

    Attributes:
        url: SQLAlchemy's URL of its database.

    Args:
        programs: Folder with ``initdb`` and ``pg_ctl``.
    """

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="lt-pg-"))
        self._user = _unprivileged_user() if os.getuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        self.url = f"postgresql://lienthong@/postgres?host={self._folder}"

    def start(self) -> None:
        """Make a cluster, unless there is one, and start it."""
        if not self._data.exists():
            self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "lienthong", "-E", "UTF8", "--no-sync")
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def halt(self) -> None:
        """Stop the server at once; its data stays."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")

    def stop(self) -> None:
        """Stop the server and remove its files."""
        if (self._data / "postmaster.pid").exists():
            self.halt()
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


def find_programs() -> Path | str:
    """Return the folder with the server's programs, or why there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path))
    if not found:
        return "no PostgreSQL server programs (initdb, pg_ctl) on this machine"
    if os.getuid() == 0 and not shutil.which("runuser"):
        return "PostgreSQL refuses root and runuser is missing"
    return found[-1].parent


def _unprivileged_user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
