"""Identifiers of persons → aliases that tell nothing without a key."""

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from lienthong.errors import ConfigurationError

KEY_BYTES = 32
_LINE = re.compile(r"v([1-9]\d{0,3}):(\S+)")
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class SubjectIndex(Protocol):
    """Aliases → the hub's own random id of a person (``subjectref``).

    An alias is how a person is found, never what records are keyed by: re-issue of a card or a new key version adds an
    alias and changes no key. The store comes with accounts.
    """

    def find(self, aliases: tuple[str, ...]) -> str | None:
        """Return the person's id, or None if no alias is known.

        Args:
            aliases: Of one identifier, under every key version.
        """
        ...

    def bind(self, subjectref: str, alias: str) -> None:
        """Remember one more alias of a person.

        Args:
            subjectref: The hub's own id of the person.
            alias: Under the current key version.
        """
        ...


class Pseudonymizer:
    """Keyed hash over identifiers, with versions of the key.

    Args:
        keys: Version → key of at least 32 bytes; the highest version makes new aliases.

    Raises:
        ConfigurationError: If there is no key or one is too short.

    Source:
        HMAC (RFC 2104) with SHA-256. A plain hash would not do: there are few enough personal IDs to try them all.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys or any(len(key) < KEY_BYTES for key in keys.values()):
            raise ConfigurationError(f"a pseudonym key has at least {KEY_BYTES} bytes; create a new one")
        self._keys = dict(sorted(keys.items(), reverse=True))

    def __repr__(self) -> str:
        """Show versions only."""
        return f"Pseudonymizer(versions={sorted(self._keys)})"

    @classmethod
    def from_file(cls, path: Path) -> "Pseudonymizer":
        """Return what a key file defines, one ``v1:<base64>`` a line.

        Args:
            path: A file that only its owner can read; one of another owner, such as a secret that Kubernetes mounted,
                may be readable by one of our groups.

        Raises:
            ConfigurationError: If the file is missing, readable by others or has another form.
        """
        try:
            status = path.stat()
            if stat.S_IMODE(status.st_mode) & (0o077 if status.st_uid == os.geteuid() else 0o037):
                raise ConfigurationError(f"others can read the key file {path}; run `chmod 600 {path}`")
            lines = path.read_text(encoding="ascii").split("\n")
        except OSError as error:
            raise ConfigurationError(f"cannot read the key file {path}: {error.strerror}") from error
        except UnicodeDecodeError:
            raise ConfigurationError(f"{path} is no key file; write one v1:<base64> a line") from None
        keys: dict[int, bytes] = {}
        for line in filter(None, map(str.strip, lines)):
            match = _LINE.fullmatch(line)
            try:
                key = base64.b64decode(match[2], validate=True) if match else b""
            except binascii.Error:
                key = b""
            if match is None or not key or int(match[1]) in keys:
                raise ConfigurationError(f"{path} is no key file; write one v1:<base64> a line, each version once")
            keys[int(match[1])] = key
        return cls(keys)

    @staticmethod
    def create_file(path: Path, version: int = 1) -> None:
        """Write a file with a new random key.

        Args:
            path: A file that does not exist yet.
            version: Number of the key.

        Raises:
            ConfigurationError: If the file exists: overwriting a key would make every alias unknown.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise ConfigurationError(f"cannot create the key file {path}: {error.strerror}") from error
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"v{version}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n")

    def alias(self, identifier_type: str, value: str) -> str:
        """Return the alias of an identifier under the current key.

        Args:
            identifier_type: Such as ``personal_id`` or ``cmnd``.
            value: The identifier, already in its one written form.

        Returns:
            ``v<version>:`` and 32 hexadecimal characters.

        Raises:
            ValueError: If the type has another form or the value is empty.
        """
        return self.aliases(identifier_type, value)[0]

    def aliases(self, identifier_type: str, value: str) -> tuple[str, ...]:
        """Return the aliases under every key, the current one first.

        Args:
            identifier_type: Such as ``personal_id`` or ``cmnd``.
            value: The identifier, already in its one written form.

        Raises:
            ValueError: If the type has another form or the value is empty.
        """
        if not _TYPE.fullmatch(identifier_type) or not value:
            raise ValueError("an alias needs a lower-case type and a value")
        message = f"{identifier_type}\x00{value}".encode()
        return tuple(
            f"v{version}:{hmac.new(key, message, hashlib.sha256).hexdigest()[:32]}"
            for version, key in self._keys.items()
        )
