"""Files in a local folder, for a hub on one machine."""

import asyncio
import os
import secrets
from pathlib import Path

from lienthong.attachments.store import StoredFile, check_digest, described, digest_of
from lienthong.errors import RejectedByTargetError, TargetUnavailableError


class FolderStore:
    """A folder that only the hub can read.

    Args:
        name: Name of the store in references.
        root: The folder; made when it is missing.
        max_bytes: Largest file.

    Delivery:
        A file is written beside its place, synchronised to the disk and then renamed: what has its name is whole,
        also after a loss of power.
    """

    def __init__(self, name: str, root: Path, max_bytes: int) -> None:
        self._name = name
        self._root = root
        self._max_bytes = max_bytes

    async def open(self) -> None:
        """Do nothing; the folder is made with the first file."""

    async def close(self) -> None:
        """Do nothing; no file stays open."""

    async def put(self, content: bytes, *, expected_sha256: str = "") -> StoredFile:
        """Store a file.

        Args:
            content: The file.
            expected_sha256: Digest that its sender told; empty when none was told.

        Raises:
            RecordTooLargeError: It is larger than the store takes.
            ValidationFailedError: It is not what its sender announced.
            TargetUnavailableError: The disk is full or cannot be written.
        """
        stored = described(self._name, content, max_bytes=self._max_bytes, expected_sha256=expected_sha256)
        try:
            await asyncio.to_thread(self._write, self._root / stored.path, content)
        except OSError as error:
            raise TargetUnavailableError(
                f"a file cannot be stored ({error.strerror}); make room in the folder of the object store",
                reason="store_unwritable",
            ) from error
        return stored

    async def get(self, path: str) -> bytes:
        """Return a file.

        Args:
            path: As :meth:`put` returned it.

        Raises:
            RejectedByTargetError: There is no such file, or it is not what was put.
            TargetUnavailableError: The disk cannot be read.
        """
        digest_of(path)
        try:
            content = await asyncio.to_thread((self._root / path).read_bytes)
        except FileNotFoundError:
            raise RejectedByTargetError("the object store has no such file", reason="file_unknown") from None
        except OSError as error:
            raise TargetUnavailableError(
                f"a file cannot be read ({error.strerror}); look after the disk", reason="store_unreadable"
            ) from error
        return check_digest(path, content)

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        if path.exists() and path.stat().st_size == len(content):
            return
        is_first = not path.parent.exists()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_name(f".{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        _synchronise(path.parent)
        if is_first:
            _synchronise(path.parent.parent)


def _synchronise(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
