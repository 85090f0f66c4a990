"""Files in an object store with an S3 interface, such as one that the province runs itself."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
from pydantic import SecretStr

from lienthong.attachments.signature import Signer
from lienthong.attachments.store import StoredFile, check_digest, described, digest_of
from lienthong.clock import Clock
from lienthong.errors import RejectedByTargetError, TargetConfigurationError
from lienthong.rest import ClientFactory, RotatingSecret, call

_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_NOT_FOUND = 404


class Bucket(NamedTuple):
    """Where the files are and as whom.

    Attributes:
        endpoint: Address of the interface; buckets are named in the path.
        region: Region that requests are signed for.
        bucket: Name of the bucket.
        access_key: Name of the key.
        secret_key: The key, when it is not in a file.
        secret_key_files: One file with it, or two while it is replaced.
        timeout_seconds: Limit for one call.
        ca_file: PEM file of trusted authorities; None for the system's.
    """

    endpoint: str
    region: str
    bucket: str
    access_key: str
    secret_key: SecretStr | None = None
    secret_key_files: tuple[Path, ...] = ()
    timeout_seconds: float = 60.0
    ca_file: str | None = None


class S3Store:
    """A bucket.

    Args:
        name: Name of the store in references.
        bucket: Where the files are.
        max_bytes: Largest file.
        clock: Tells the moment that is signed.

    Delivery:
        The digest of a file is part of the signature and of the checksum header, so that the store refuses what was
        changed on the way. What is there already is not sent again.
    """

    def __init__(self, name: str, bucket: Bucket, max_bytes: int, clock: Clock) -> None:
        self._name = name
        self._bucket = bucket
        self._max_bytes = max_bytes
        self._clock = clock
        fixed = [bucket.secret_key] if bucket.secret_key is not None else []
        self._secret = RotatingSecret(fixed, bucket.secret_key_files, name="object store secret key")
        self._http: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Build the HTTP client; a store is no target, so the limits of a target don't count its calls."""
        bucket = self._bucket
        self._http = ClientFactory().create(
            base_url=bucket.endpoint, timeout_seconds=bucket.timeout_seconds, ca_file=bucket.ca_file
        )

    async def close(self) -> None:
        """Close the HTTP client."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def put(self, content: bytes, *, expected_sha256: str = "") -> StoredFile:
        """Store a file, unless it is there.

        Args:
            content: The file.
            expected_sha256: Digest that its sender told; empty when none was told.

        Raises:
            RecordTooLargeError: It is larger than the store takes.
            ValidationFailedError: It is not what its sender announced.
            RetriableError: The store is away.
            TargetConfigurationError: The store refuses the key or the bucket.
        """
        stored = described(self._name, content, max_bytes=self._max_bytes, expected_sha256=expected_sha256)
        held = await self._send("HEAD", stored.path)
        if held.status_code == _NOT_FOUND or held.headers.get("content-length") != str(len(content)):
            checksum = base64.b64encode(bytes.fromhex(stored.sha256)).decode()
            answer = await self._send("PUT", stored.path, content, {"x-amz-checksum-sha256": checksum})
            if answer.status_code == _NOT_FOUND:
                raise TargetConfigurationError(
                    "the object store has no such bucket; make it, or mend its name", reason="bucket_unknown"
                )
        return stored

    async def get(self, path: str) -> bytes:
        """Return a file.

        Args:
            path: As :meth:`put` returned it.

        Raises:
            RejectedByTargetError: There is no such file, or it is not what was put.
            RetriableError: The store is away.
            TargetConfigurationError: The store refuses the key or the bucket.
        """
        digest_of(path)
        answer = await self._send("GET", path)
        if answer.status_code == _NOT_FOUND:
            raise RejectedByTargetError("the object store has no such file", reason="file_unknown")
        return check_digest(path, answer.content)

    async def _send(
        self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        async def send(secret: str) -> httpx.Response:
            return await self._signed(secret, method, path, content, headers or {})

        return await self._secret.use(send, lambda error: error.reason == "http_403")

    async def _signed(
        self, secret: str, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        if self._http is None:
            raise TargetConfigurationError("the object store is not open", reason="not_open")
        bucket = self._bucket
        url = self._http.base_url.join(f"/{bucket.bucket}/{path}")
        signer = Signer(bucket.region, bucket.access_key, secret)
        digest = hashlib.sha256(content).hexdigest() if content else _EMPTY_SHA256
        host = url.netloc.decode("ascii")
        signed = signer.sign(method, url.path, {"host": host, **headers}, digest, self._clock.now())
        return await call(
            self._http,
            method,
            url,
            clock=self._clock,
            is_answer=lambda response: response.status_code == _NOT_FOUND,
            headers=signed,
            content=content,
        )
