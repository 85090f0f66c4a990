"""Access log: who read whose data, why, and with what result; no personal value is in it.

Each question is two records of the topic ``access-log``: the intent, acknowledged before the question is asked, and the
result, acknowledged before the answer is used. They share ``verification_id``. The ledger seals them in one hash chain
for each partition.

Source:
    Luật 91/2025/QH15 and NĐ 356/2025/NĐ-CP on personal data, in force since 1 January 2026; NĐ 278/2025/NĐ-CP Đ13, that
    use of shared data is monitored continuously and can be traced.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from lienthong.errors import DecodeError
from lienthong.record import OutgoingRecord

_VERSION = 1
_HMAC_HEX = re.compile(r"[0-9a-f]{64}")
_RESULT = re.compile(r"[a-z0-9_.:-]{1,64}")
_FIELD = re.compile(r"[A-Za-z0-9_.\[\]-]{1,128}")


class AccessPhase(StrEnum):
    """Before or after the question."""

    INTENT = "intent"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One line of the access log.

    Attributes:
        verification_id: The same for intent and result, and for every attempt of one question.
        phase: Before or after the question.
        at: When, with an offset from UTC.
        actor: Opaque id of the official or the named automatic account.
        on_behalf_of: Opaque id, or empty.
        key: What the question belongs to: the dossier code.
        purpose: Why the data may be used.
        legal_basis: The law that allows it.
        target: Connector that is asked.
        operation: What is asked, such as ``person.match``.
        attempt: 1 for the first call.
        attempt_id: Request id towards the target (``MaYeuCau``), new for every attempt.
        query_hash: Keyed hash (HMAC-SHA-256, hexadecimal) of the question; never the question.
        fields: Names of the fields that the target disclosed.
        result: ``match``, ``mismatch``, ``no_match``, ``not_asked`` when a question was given up before it was sent,
            or an error code; empty for an intent.

    Raises:
        ValueError: If a field could hold a plain value: a query hash that is no hash, a result that is no code.
    """

    verification_id: str
    phase: AccessPhase
    at: datetime
    actor: str
    on_behalf_of: str
    key: str
    purpose: str
    legal_basis: str
    target: str
    operation: str
    attempt: int
    attempt_id: str
    query_hash: str
    fields: tuple[str, ...] = ()
    result: str = ""

    def __post_init__(self) -> None:
        if not self.verification_id:
            raise ValueError("an access-log entry needs a verification id")
        if self.at.tzinfo is None:
            raise ValueError("the time of an access-log entry needs an offset")
        if not _HMAC_HEX.fullmatch(self.query_hash):
            raise ValueError("the query hash must be 64 hexadecimal digits; never log the question itself")
        if (self.phase is AccessPhase.RESULT) != bool(self.result):
            raise ValueError("a result, and only a result, says how the question was answered")
        if self.result and not _RESULT.fullmatch(self.result):
            raise ValueError("the result must be a code, never a value")
        if not all(_FIELD.fullmatch(name) for name in self.fields):
            raise ValueError("disclosed fields are named by their paths, never by their values")


def encode(entry: AccessEntry, topic: str) -> OutgoingRecord:
    """Return the Kafka record of an entry; entries of one dossier share a partition.

    Args:
        entry: The entry.
        topic: Full name of the access-log topic.
    """
    return OutgoingRecord(topic, entry.key.encode(), orjson.dumps({"v": _VERSION, "entry": entry}), [])


def decode(value: bytes | None) -> AccessEntry:
    """Return the entry in a Kafka record.

    Args:
        value: Bytes of the Kafka record.

    Raises:
        DecodeError: If the bytes are no access-log entry of a known version.
    """
    try:
        document = orjson.loads(value or b"")
        if document["v"] != _VERSION:
            raise DecodeError("unknown version of an access-log entry; update this reader")
        return _from_fields(dict(document["entry"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DecodeError("the bytes are no access-log entry") from error


def _from_fields(fields: dict[str, Any]) -> AccessEntry:
    fields["phase"] = AccessPhase(fields["phase"])
    fields["at"] = datetime.fromisoformat(fields["at"])
    fields["fields"] = tuple(fields.get("fields", ()))
    return AccessEntry(**fields)
