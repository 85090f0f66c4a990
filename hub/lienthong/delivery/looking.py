"""What a person who looks at a value, or decides on one, leaves behind: purpose before the look, fields after it."""

import hashlib
import hmac
from dataclasses import replace
from datetime import datetime

import orjson

from lienthong.access_log import AccessEntry, AccessPhase
from lienthong.delivery.effect import new_attempt_id
from lienthong.delivery.hygiene import looks_personal

_SHORT_ID_DIGITS = 9


def intent_to_look(
    target: str,
    subject: str,
    *,
    key: str,
    actor: str,
    purpose: str,
    legal_basis: str,
    secret: bytes,
    at: datetime,
    operation: str,
    attempt_id: str = "",
) -> AccessEntry:
    """Return the access-log intent of a person who wants to see a value.

    Args:
        target: What is looked into, such as ``review``.
        subject: Id of the one thing that is looked at.
        key: Dossier code.
        actor: Opaque id of the person.
        purpose: Why.
        legal_basis: The law that allows it.
        secret: Keys the hash of the question.
        at: When, aware.
        operation: Name of the look.
        attempt_id: Id of this look; empty for a new one.
    """
    attempt = attempt_id or new_attempt_id()
    return AccessEntry(
        verification_id=attempt,
        phase=AccessPhase.INTENT,
        at=at,
        actor=actor,
        on_behalf_of="",
        key=key,
        purpose=purpose,
        legal_basis=legal_basis,
        target=target,
        operation=operation,
        attempt=1,
        attempt_id=attempt,
        query_hash=hmac.new(secret, f"{operation}\x00{subject}".encode(), hashlib.sha256).hexdigest(),
    )


def seen(intent: AccessEntry, value: bytes, at: datetime) -> AccessEntry:
    """Return the access-log result of a look at a value.

    Args:
        intent: The entry that was written before.
        value: The plain value; only names of its fields are kept.
        at: When, aware.
    """
    # What does not look like a field name may be data.
    fields = tuple(name for name in _fields(value) if name.isascii() and name.isidentifier())
    return replace(intent, phase=AccessPhase.RESULT, at=at, fields=fields, result="shown")


def may_be_number(option: str, text: str) -> bool:
    """Return whether a text that a person typed may be somebody's number.

    Args:
        option: What the text is, such as ``actor``, which may be no old identity-card number either.
        text: As typed.
    """
    return looks_personal(text) or (option == "actor" and text.isdecimal() and len(text) == _SHORT_ID_DIGITS)


def _fields(value: bytes) -> list[str]:
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return []
    return list(document) if isinstance(document, dict) else []
