"""Envelopes of VNeID: a content under a fresh AES key, and that key under the province's RSA key.

The scheme is the platform's: RSA with PKCS #1 v1.5, AES in ECB mode with PKCS #7 padding. Neither proves who made an
envelope or that it is whole: TLS does, and every reader demands an exact form. All failures look the same from outside,
so that nobody learns about the padding by trying.

Source:
    github ospgroupvn/vneid-keycloak-extensions, VneidResponseDecryptor.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from lienthong.errors import ConfigurationError, DecodeError

T = TypeVar("T")
MIN_KEY_BITS = 2_048
_AES_KEY_BYTES = frozenset({16, 24, 32})
_BLOCK_BITS = 128


class EnvelopeKeys:
    """The province's private keys: the present one and, while it is replaced, the next.

    Args:
        files: PEM files without password, the present one first; read again when an envelope cannot be opened.

    Raises:
        ConfigurationError: If a file is missing or holds no RSA key of at least 2,048 bits.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)
        self._texts: tuple[bytes, ...] = ()
        self._keys: tuple[RSAPrivateKey, ...] = ()
        self._read()

    def __repr__(self) -> str:
        """Show how many keys there are, and nothing of them."""
        return f"EnvelopeKeys({len(self._keys)})"

    def open(self, content: str, key: str, read: Callable[[bytes], T]) -> T:
        """Return what is in an envelope.

        Args:
            content: Base64 of the encrypted content.
            key: Base64 of the encrypted AES key.
            read: Turns the plain content into what is wanted; raises :class:`ValueError` if it has another form. A
                wrong key gives any bytes, so only the form tells.

        Raises:
            DecodeError: If no key opens it to content of that form; it says nothing about why.
        """
        try:
            sealed, sealed_key = strict_base64(content), strict_base64(key)
        except ValueError:
            raise _unreadable() from None
        tried = self._keys
        found = _first(tried, sealed, sealed_key, read)
        if found is None and self._read():
            found = _first(self._keys, sealed, sealed_key, read)
        if found is None:
            raise _unreadable()
        return found[0]

    def _read(self) -> bool:
        """Read the files; return whether they hold other keys than before."""
        try:
            texts = tuple(path.read_bytes() for path in self._files)
        except OSError as error:
            if self._keys:
                return False
            raise ConfigurationError(
                f"cannot read a file of connectors.vneid.private_key_files: {error.strerror}; write the key there"
            ) from None
        if texts == self._texts:
            return False
        self._keys = tuple(_private_key(text, path) for text, path in zip(texts, self._files, strict=True) if text)
        self._texts = texts
        if not self._keys:
            raise ConfigurationError("the files of connectors.vneid.private_key_files are empty; write the key there")
        return True


def strict_base64(text: str) -> bytes:
    """Return what a text of standard base64 stands for; one content has one text only.

    Args:
        text: With padding, without line breaks.

    Raises:
        ValueError: If it is anything else, such as one whose plus signs became spaces.
    """
    try:
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("no base64") from None
    if not decoded or base64.b64encode(decoded).decode() != text:
        raise ValueError("no base64")
    return decoded


def read_object(plain: bytes) -> dict[str, Any]:
    """Return the JSON object in a plain content.

    Args:
        plain: UTF-8 JSON.

    Raises:
        ValueError: If it is none.
    """
    document = orjson.loads(plain)
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004 - readers of contents raise ValueError only
    return document


def seal(content: bytes, public_key: RSAPublicKey, aes_key: bytes) -> tuple[str, str]:
    """Return an envelope as the platform makes it, for simulators.

    Args:
        content: What to hide.
        public_key: Of who may open it.
        aes_key: 16, 24 or 32 bytes.

    Returns:
        Base64 of the encrypted content and of the encrypted AES key.
    """
    padder = PKCS7(_BLOCK_BITS).padder()
    encryptor = Cipher(AES(aes_key), ECB()).encryptor()  # noqa: S305 - the platform's scheme
    sealed = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    sealed_key = public_key.encrypt(aes_key, PKCS1v15())
    return base64.b64encode(sealed).decode(), base64.b64encode(sealed_key).decode()


def generate_key() -> tuple[bytes, RSAPublicKey]:
    """Return a new private key as PEM without password, and its public key, for simulators and first steps."""
    key = generate_private_key(65_537, MIN_KEY_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), key.public_key()


def _first(
    keys: Sequence[RSAPrivateKey], sealed: bytes, sealed_key: bytes, read: Callable[[bytes], T]
) -> tuple[T] | None:
    for key in keys:
        try:
            return (read(_decrypt(key, sealed, sealed_key)),)
        except ValueError:
            continue
    return None


def _decrypt(key: RSAPrivateKey, sealed: bytes, sealed_key: bytes) -> bytes:
    aes_key = key.decrypt(sealed_key, PKCS1v15())
    # OpenSSL answers a broken padding with random bytes of random length, so that nobody can ask it about padding.
    if len(aes_key) not in _AES_KEY_BYTES:
        raise ValueError("no AES key")
    decryptor = Cipher(AES(aes_key), ECB()).decryptor()  # noqa: S305 - the platform's scheme
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    return unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()


def _private_key(text: bytes, path: Path) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(text, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not chained: the library's error may quote the key.
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        raise ConfigurationError(
            f"{path} of connectors.vneid.private_key_files holds no RSA private key of at least {MIN_KEY_BITS} bits "
            "in PEM form without password; write the key that was registered with the platform"
        )
    return key


def _unreadable() -> DecodeError:
    return DecodeError(
        "an envelope cannot be opened; check that connectors.vneid.private_key_files has the key that is registered "
        "with the platform",
        reason="envelope",
    )
