"""Names of scopes: a procedure, an officer or an agreement that a target does not allow, without telling which one.

An officer is often identified by a personal number, so what leaves the worker is a keyed hash. Whoever may release a
scope knows its value and computes the same hash.
"""

import hashlib
import hmac
import re
from typing import NamedTuple

from lienthong.errors import DecodeError

#: Header of a parked record that waits for a scope, next to ``lt-parked-reason: scope``.
SCOPE_HEADER = "lt-parked-scope"
_HASH_CHARACTERS = 32
_PART = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_HASH = re.compile(rf"[0-9a-f]{{{_HASH_CHARACTERS}}}")


class Scope(NamedTuple):
    """What a group of records waits for.

    Attributes:
        target: Name of the connector.
        kind: ``procedure``, ``officer``, ``agreement`` or ``endpoint``.
        hash: Keyed hash of the procedure's code, the officer's id or the agreement's number.
    """

    target: str
    kind: str
    hash: str

    def __str__(self) -> str:
        """Return ``target|kind|hash``: the text of headers and of the command ``release``."""
        return "|".join(self)


def scope_of(target: str, kind: str, value: str, secret: bytes) -> Scope:
    """Return the name of a scope.

    Args:
        target: Name of the connector.
        kind: ``procedure``, ``officer`` or ``agreement``.
        value: The procedure's code, the officer's opaque id or the agreement's number, as the connector told it.
        secret: The hub's key, the same for all workers and operators.
    """
    text = f"scope\x00{target}\x00{kind}\x00{value}"
    return Scope(target, kind, hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()[:_HASH_CHARACTERS])


def parse_scope(text: str) -> Scope:
    """Return the scope in a header or command.

    Args:
        text: ``target|kind|hash``.

    Raises:
        DecodeError: If it has another form.
    """
    parts = text.split("|")
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts[:2]) or not _HASH.fullmatch(parts[2]):
        raise DecodeError("the text names no scope; it has the form target|kind|hash", reason="scope")
    return Scope(*parts)
