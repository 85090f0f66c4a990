"""Encrypts whole values of records, with one key per person.

The value becomes ``nonce (12 bytes) + AES-256-GCM ciphertext with tag``; the header ``lt-key-id`` names the key. Whole
values, because encrypting field by field would take every record apart and together again.
"""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lienthong.errors import ConfigurationError, DecodeError, RecordError
from lienthong.keys import KeyProvider
from lienthong.record import Headers, Record

KEY_ID_HEADER = "lt-key-id"
#: ``reason`` of the error for a record whose person was erased.
ERASED = "erased"
_NONCE_BYTES = 12
_NONCES_DRAWN = 256
_MAX_CACHED_KEYS = 20_000


class _Nonces:
    """Random nonces: safe for 2**32 records of one person, and a counter would have to survive crashes.

    They are drawn many at a time, because one system call for each costs half as much as the encryption.
    """

    def __init__(self) -> None:
        self._drawn: Iterator[bytes] = iter(())
        self._process = 0

    def next(self) -> bytes:
        process = os.getpid()
        # A forked process must not go on with its parent's nonces.
        nonce = next(self._drawn, None) if process == self._process else None
        if nonce is None:
            self._process = process
            block = os.urandom(_NONCE_BYTES * _NONCES_DRAWN)
            self._drawn = iter([block[at : at + _NONCE_BYTES] for at in range(0, len(block), _NONCE_BYTES)])
            nonce = next(self._drawn)
        return nonce


_nonces = _Nonces()


class _Cipher(NamedTuple):
    key_id: bytes
    aead: AESGCM


class RecordCodec:
    """Encrypts and decrypts values.

    Args:
        provider: Where keys live; None if the hub was given none.
        enabled: Whether :meth:`encrypt` encrypts, as the catalogue's ``encryption: subject`` says; reading decrypts
            either way.

    Raises:
        ConfigurationError: If encryption is on and there are no keys.

    Delivery:
        Call :meth:`begin_batch` once for every batch: it fetches the keys of new persons in one go, and a key destroyed
        by any process is out of use from then on.
    """

    def __init__(self, provider: KeyProvider | None, *, enabled: bool) -> None:
        if enabled and provider is None:
            raise ConfigurationError("the catalogue asks for encryption; set secrets.subject_keys_file")
        self._provider = provider
        self._enabled = enabled
        self._by_subject: dict[str, _Cipher] = {}
        self._by_id: dict[bytes, AESGCM | None] = {}
        self._destructions = -1

    @property
    def is_enabled(self) -> bool:
        """Whether :meth:`encrypt` encrypts."""
        return self._enabled

    def begin_batch(self, subjects: Iterable[str] = ()) -> None:
        """Forget destroyed keys and fetch those of persons not seen yet.

        Args:
            subjects: Opaque ids of the persons whose records will be encrypted.
        """
        if self._provider is None:
            return
        destructions = self._provider.destructions()
        if destructions != self._destructions or len(self._by_id) > _MAX_CACHED_KEYS:
            self._by_subject.clear()
            self._by_id.clear()
            self._destructions = destructions
        missing = {subject for subject in subjects if subject not in self._by_subject} if self._enabled else ()
        if missing:
            self._fetch(self._provider, missing)

    def encrypt(self, subject: str, headers: Headers, value: bytes | None) -> tuple[Headers, bytes | None]:
        """Return headers and value for Kafka.

        Args:
            subject: Opaque id of the person whose data it is.
            headers: Headers with ``ce_type`` and ``ce_id``, which the encrypted value is bound to.
            value: The plain value; a tombstone stays one.

        Returns:
            New headers and the encrypted value; the same objects if encryption is off.
        """
        if not self._enabled or value is None or self._provider is None:
            return headers, value
        cipher = self._by_subject.get(subject)
        if cipher is None:
            self._fetch(self._provider, (subject,))
            cipher = self._by_subject[subject]
        return [*headers, (KEY_ID_HEADER, cipher.key_id)], _seal(cipher.aead, cipher.key_id, headers, value)

    def encrypt_like(self, record: Record, value: bytes) -> bytes:
        """Return a new value for a record, encrypted with the record's own key if the record is encrypted.

        Args:
            record: The record whose value is replaced; its headers stay.
            value: The plain new value.

        Raises:
            RecordError: With reason ``erased``, if the key was destroyed.
        """
        key_id = record.header(KEY_ID_HEADER)
        return value if key_id is None else _seal(self._cipher(key_id), key_id, record.headers, value)

    def decrypt(self, record: Record) -> bytes | None:
        """Return the plain value of a record, which may never have been encrypted.

        Args:
            record: Any record.

        Raises:
            RecordError: With reason ``erased``, if the person was erased.
            DecodeError: If the value was changed, or belongs to another record.
            ConfigurationError: If the hub was not given the keys that encrypted it.
        """
        key_id = record.header(KEY_ID_HEADER)
        value = record.value
        if key_id is None or value is None:
            return value
        aead = self._by_id.get(key_id) or self._cipher(key_id)
        try:
            return aead.decrypt(value[:_NONCE_BYTES], value[_NONCE_BYTES:], _bound_to(key_id, record.headers))
        except (InvalidTag, ValueError) as error:
            raise DecodeError(
                "the encrypted value was changed or belongs to another record; find out who wrote it",
                reason="encryption",
            ) from error

    def _cipher(self, key_id: bytes) -> AESGCM:
        if self._provider is None:
            raise ConfigurationError("a record is encrypted and the hub has no keys; set secrets.subject_keys_file")
        if key_id not in self._by_id:
            key = self._provider.by_id(key_id.decode("ascii", "replace"))
            self._by_id[key_id] = AESGCM(key) if key is not None else None
        aead = self._by_id[key_id]
        if aead is None:
            raise RecordError("the person was erased and the record can never be read again", reason=ERASED)
        return aead

    def _fetch(self, provider: KeyProvider, subjects: Iterable[str]) -> None:
        for subject, found in provider.keys_for(subjects).items():
            cipher = _Cipher(found.key_id.encode(), AESGCM(found.key))
            self._by_subject[subject] = cipher
            self._by_id[cipher.key_id] = cipher.aead


def _seal(aead: AESGCM, key_id: bytes, headers: Headers, value: bytes) -> bytes:
    nonce = _nonces.next()
    return nonce + aead.encrypt(nonce, value, _bound_to(key_id, headers))


def _bound_to(key_id: bytes, headers: Headers) -> bytes:
    event_type = event_id = b""
    for name, raw in headers:
        if name == "ce_type":
            event_type = raw
            if event_id:
                break
        elif name == "ce_id":
            event_id = raw
            if event_type:
                break
    return b"\x00".join((b"lienthong.v1", key_id, event_type, event_id))
