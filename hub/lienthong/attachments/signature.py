"""Signing of requests to an S3 interface.

Source:
    AWS Signature Version 4 for Amazon S3, "Authenticating Requests: Using the Authorization Header". Object names of
    the hub are plain ASCII, so nothing has to be escaped.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "s3"


class Signer(NamedTuple):
    """Who signs.

    Attributes:
        region: Region of the bucket.
        access_key: Name of the key.
        secret_key: The key itself.
    """

    region: str
    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        """Show where it signs for only."""
        return f"Signer({self.region})"

    def sign(
        self, method: str, path: str, headers: Mapping[str, str], payload_sha256: str, now: datetime
    ) -> dict[str, str]:
        """Return the headers of a request without query, signed.

        Args:
            method: Such as ``PUT``.
            path: Path of the URL, from the first slash on.
            headers: Headers to be signed, with ``host``; names in lower case.
            payload_sha256: Digest of the body, lower-case hex.
            now: The moment of the request, aware.
        """
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {**headers, "x-amz-content-sha256": payload_sha256, "x-amz-date": stamp}
        names = ";".join(sorted(signed))
        lines = [f"{name}:{signed[name].strip()}\n" for name in sorted(signed)]
        request = "\n".join((method, path, "", "".join(lines), names, payload_sha256))
        scope = f"{stamp[:8]}/{self.region}/{_SERVICE}/aws4_request"
        text = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        credential = f"Credential={self.access_key}/{scope}"
        signed["authorization"] = f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
        return signed
