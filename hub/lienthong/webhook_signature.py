"""Signatures of messages as Standard Webhooks has them: HMAC-SHA256 over id, time and body.

Source:
    Standard Webhooks specification 1.0.0 (headers ``webhook-id``, ``webhook-timestamp``, ``webhook-signature``;
    several signatures, separated by spaces, while a secret is replaced).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
#: Bytes of a key: shorter ones can be guessed, longer ones add nothing.
_LEAST_BYTES, _MOST_BYTES = 24, 64


def key_of(secret: str) -> bytes:
    """Return the key in a secret.

    Args:
        secret: ``whsec_`` and base64, or the base64 alone.

    Raises:
        ValueError: If it is no base64 of 24 to 64 bytes; the message never holds it.
    """
    try:
        key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret is whsec_ and base64") from None
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError("a secret has 24 to 64 bytes")
    return key


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``.

    Args:
        secrets: The present secret, and the next one while it is replaced.
        message_id: Value of ``webhook-id``.
        timestamp: Value of ``webhook-timestamp``, seconds since 1970.
        body: The bytes that are sent.

    Raises:
        ValueError: If a secret is none.
    """
    return " ".join(f"v1,{_digest(key_of(secret), message_id, timestamp, body)}" for secret in secrets)


def is_signed(header: str, secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> bool:
    """Return whether one of the signatures fits one of the secrets.

    Args:
        header: Value of ``webhook-signature``.
        secrets: Secrets that the receiver knows.
        message_id: Value of ``webhook-id``.
        timestamp: Value of ``webhook-timestamp``.
        body: The bytes that arrived.
    """
    given = [each.removeprefix("v1,").encode() for each in header.split() if each.startswith("v1,")]
    known = [_digest(key_of(secret), message_id, timestamp, body).encode() for secret in secrets]
    return any(hmac.compare_digest(one, other) for one in given for other in known)


def _digest(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
