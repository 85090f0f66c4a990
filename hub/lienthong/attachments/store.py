"""The port to an object store: files are named by what is in them."""

import hashlib
import re
from typing import NamedTuple, Protocol

from lienthong.errors import RecordTooLargeError, RejectedByTargetError, ValidationFailedError, Violation

#: First bytes → media type; what is none of these is told by nobody and stays opaque.
_STARTS = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"PK\x03\x04", "application/zip"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_PATH = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})")


class StoredFile(NamedTuple):
    """A file that is durable in a store.

    Attributes:
        store: Name of the store.
        path: Its name there; made of its content, so it tells nothing of a person.
        sha256: Digest, lower-case hex.
        size_bytes: Size in bytes.
        media_type: What its first bytes say.
    """

    store: str
    path: str
    sha256: str
    size_bytes: int
    media_type: str


class AttachmentStore(Protocol):
    """An object store."""

    async def open(self) -> None:
        """Prepare it, without a call."""
        ...

    async def close(self) -> None:
        """Release everything; called twice it does nothing the second time."""
        ...

    async def put(self, content: bytes, *, expected_sha256: str = "") -> StoredFile:
        """Store a file.

        Args:
            content: The file.
            expected_sha256: Digest that its sender told, lower-case hex; empty when none was told.

        Raises:
            RecordTooLargeError: It is larger than the store takes.
            ValidationFailedError: It is not what its sender announced.
            RetriableError: The store is away or full.
            TargetConfigurationError: The store refuses us.

        Delivery:
            Returning means durable. The same content again is the same object.
        """
        ...

    async def get(self, path: str) -> bytes:
        """Return a file.

        Args:
            path: As :meth:`put` returned it.

        Raises:
            RejectedByTargetError: There is no such file, or it is not what was put.
            RetriableError: The store is away.
            TargetConfigurationError: The store refuses us.
        """
        ...


def described(store: str, content: bytes, *, max_bytes: int, expected_sha256: str = "") -> StoredFile:
    """Return what a file will be in a store, after looking at its size and digest.

    Args:
        store: Name of the store.
        content: The file.
        max_bytes: Largest file.
        expected_sha256: Digest that its sender told; empty when none was told.

    Raises:
        RecordTooLargeError: It is larger.
        ValidationFailedError: It is not what its sender announced.
    """
    if len(content) > max_bytes:
        raise RecordTooLargeError(
            f"a file is larger than the {max_bytes} bytes that the object store takes; ask for a smaller one",
            reason="file_too_large",
        )
    digest = hashlib.sha256(content).hexdigest()
    if expected_sha256 and digest != expected_sha256.lower():
        raise ValidationFailedError(
            "a file is not what its sender announced; it has to be sent again",
            violations=[Violation("sha256", "hash_mismatch", "send the file again")],
            reason="hash_mismatch",
        )
    return StoredFile(store, object_path(digest), digest, len(content), media_type_of(content))


def object_path(digest: str) -> str:
    """Return where a file lies in its store.

    Args:
        digest: SHA-256 of its content, lower-case hex.
    """
    return f"{digest[:2]}/{digest}"


def digest_of(path: str) -> str:
    """Return the digest that a path stands for.

    Args:
        path: As a store returned it.

    Raises:
        RejectedByTargetError: If no store can have returned it, such as one that leads out of the store.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise RejectedByTargetError("the path is none of this object store", reason="foreign_path")
    return found[2]


def check_digest(path: str, content: bytes) -> bytes:
    """Return the content, if it is what the path stands for.

    Args:
        path: As a store returned it.
        content: What lies there.

    Raises:
        RejectedByTargetError: If it is something else.
    """
    if hashlib.sha256(content).hexdigest() != digest_of(path):
        raise RejectedByTargetError(
            "the object store holds something else than was put; restore the file from a backup",
            reason="hash_mismatch",
        )
    return content


def media_type_of(content: bytes) -> str:
    """Return the media type that the first bytes of a file tell.

    Args:
        content: The file.
    """
    return next((name for start, name in _STARTS if content.startswith(start)), "application/octet-stream")
