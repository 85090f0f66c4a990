"""One encryption key per person, so that erasing a person is destroying a key."""

import os
import secrets
import sqlite3
import stat
import threading
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Protocol

from lienthong.clock import Clock
from lienthong.errors import ConfigurationError

KEY_BYTES = 32
_SCHEMA = """
CREATE TABLE IF NOT EXISTS subject_keys (
    key_id TEXT PRIMARY KEY,
    subject TEXT UNIQUE,
    key BLOB,
    created_at TEXT NOT NULL,
    destroyed_at TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS destructions (count INTEGER NOT NULL);
INSERT INTO destructions SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM destructions);
"""


class SubjectKey(NamedTuple):
    """One person's current key.

    Attributes:
        key_id: Opaque name of the key, which may be in a header.
        key: 32 bytes of key material.
    """

    key_id: str
    key: bytes

    def __repr__(self) -> str:
        """Show the name only."""
        return f"SubjectKey({self.key_id})"


class KeyProvider(Protocol):
    """Where keys live: a file, or a key management service behind the same four calls."""

    def keys_for(self, subjects: Iterable[str]) -> dict[str, SubjectKey]:
        """Return the current key of each person; new ones are stored durably before this returns.

        Args:
            subjects: Opaque ids of persons, never personal identifiers.
        """
        ...

    def by_id(self, key_id: str) -> bytes | None:
        """Return a key, or None if it was destroyed.

        Args:
            key_id: Name of the key.

        Raises:
            ConfigurationError: If there never was such a key.
        """
        ...

    def destroy(self, subject: str) -> bool:
        """Destroy a person's key; whatever it encrypted can never be read again.

        Args:
            subject: Opaque id of the person.

        Returns:
            Whether there was a key.
        """
        ...

    def destructions(self) -> int:
        """Return how many keys were destroyed so far; caches are void when it grows."""
        ...


class FileKeyProvider:
    """Keys in one SQLite file that only its owner can read; several processes may share it.

    Args:
        path: The file; it is created with mode 0600.
        clock: Where to read the time.

    Raises:
        ConfigurationError: If others can read the file, or it is no key file.

    Delivery:
        A key is on disk before it is returned, because a record whose key is lost is lost. A destroyed key is
        overwritten in the file; copies of the file, such as backups, must expire by themselves.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise ConfigurationError(f"others can read the key file {path}; run `chmod 600 {path}`")
            self._database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            # Full synchronisation and secure deletion are what the promises above rest on.
            self._database.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;" + _SCHEMA
            )
        except OSError as error:
            raise ConfigurationError(f"cannot use the key file {path}: {error.strerror}") from error
        except sqlite3.DatabaseError as error:
            raise ConfigurationError(f"{path} is no key file of the hub") from error

    def __repr__(self) -> str:
        """Show nothing of the keys."""
        return "FileKeyProvider()"

    def key_for(self, subject: str) -> SubjectKey:
        """Return a person's current key, a new one if there is none.

        Args:
            subject: Opaque id of the person.
        """
        return self.keys_for((subject,))[subject]

    def keys_for(self, subjects: Iterable[str]) -> dict[str, SubjectKey]:
        """Return the current key of each person; all new ones are stored in one transaction.

        Args:
            subjects: Opaque ids of persons.
        """
        wanted = set(subjects)
        with self._lock:
            found = self._find(wanted)
            missing = wanted - found.keys()
            if missing:
                now = self._clock.now().isoformat()
                rows = [(secrets.token_hex(12), subject, secrets.token_bytes(KEY_BYTES), now) for subject in missing]
                with closing(self._database.cursor()) as cursor:
                    cursor.execute("BEGIN IMMEDIATE")
                    try:
                        # Another process may have been faster; then its key is the one.
                        cursor.executemany(
                            "INSERT INTO subject_keys (key_id, subject, key, created_at) VALUES (?, ?, ?, ?) "
                            "ON CONFLICT (subject) DO NOTHING",
                            rows,
                        )
                    except BaseException:
                        cursor.execute("ROLLBACK")
                        raise
                    cursor.execute("COMMIT")
                found |= self._find(missing)
        return found

    def by_id(self, key_id: str) -> bytes | None:
        """Return a key, or None if it was destroyed.

        Args:
            key_id: Name of the key.

        Raises:
            ConfigurationError: If this file never had such a key.
        """
        with self._lock:
            row = self._database.execute("SELECT key FROM subject_keys WHERE key_id = ?", (key_id,)).fetchone()
        if row is None:
            raise ConfigurationError(
                "a record is encrypted with a key that is not in the key file; give the hub the file that encrypted it"
            )
        key: bytes | None = row[0]
        return key

    def destroy(self, subject: str) -> bool:
        """Destroy a person's key and forget whose it was.

        Args:
            subject: Opaque id of the person.

        Returns:
            Whether there was a key.
        """
        with self._lock, closing(self._database.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                cursor.execute(
                    "UPDATE subject_keys SET key = NULL, subject = NULL, destroyed_at = ? WHERE subject = ?",
                    (self._clock.now().isoformat(), subject),
                )
                was_there = cursor.rowcount > 0
                if was_there:
                    cursor.execute("UPDATE destructions SET count = count + 1")
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")
            # The log beside the file still holds the page with the key until it is emptied.
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return was_there

    def destructions(self) -> int:
        """Return how many keys were destroyed so far, by any process."""
        with self._lock:
            count: int = self._database.execute("SELECT count FROM destructions").fetchone()[0]
        return count

    def close(self) -> None:
        """Release the file; called twice it does nothing the second time."""
        self._database.close()

    def _find(self, subjects: Iterable[str]) -> dict[str, SubjectKey]:
        found: dict[str, SubjectKey] = {}
        for subject in subjects:
            row = self._database.execute(
                "SELECT key_id, key FROM subject_keys WHERE subject = ?", (subject,)
            ).fetchone()
            if row is not None:
                found[subject] = SubjectKey(*row)
        return found
