"""Signatures against published examples."""

import hashlib
from datetime import UTC, datetime

from lienthong.attachments.signature import Signer

#: The keys of Amazon's own documentation, which open nothing.
SIGNER = Signer("us-east-1", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
NOW = datetime(2013, 5, 24, tzinfo=UTC)


def test_the_published_example_of_a_read() -> None:
    """Signature of "GET Object" in the documentation of Signature Version 4."""
    headers = {"host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9"}
    signed = SIGNER.sign("GET", "/test.txt", headers, hashlib.sha256(b"").hexdigest(), NOW)

    assert signed["authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_the_published_example_of_a_write() -> None:
    """Signature of "PUT Object" in the documentation of Signature Version 4."""
    headers = {
        "date": "Fri, 24 May 2013 00:00:00 GMT",
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
    }
    digest = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()
    signed = SIGNER.sign("PUT", "/test%24file.text", headers, digest, NOW)

    assert signed["authorization"].endswith(
        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )


def test_the_key_is_shown_nowhere() -> None:
    """Neither the representation nor a header holds the secret."""
    signed = SIGNER.sign("GET", "/", {"host": "x"}, "", NOW)

    assert SIGNER.secret_key not in repr(SIGNER) + repr(signed)
