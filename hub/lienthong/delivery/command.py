"""Commands of officials to a pipeline, on ``replay.<pipeline>``.

The value is one line of JSON, then, for a correction, the corrected value as it is, possibly encrypted. An official's
reason is prose that may name people, so it is in the value and never in a header.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import orjson

from lienthong.delivery.hygiene import KEY_ID_HEADER
from lienthong.errors import DecodeError
from lienthong.record import Headers, OutgoingRecord, Record

_VERSION = 1
_CONTENT_TYPE = b"application/vnd.lienthong.command"


class Action(StrEnum):
    """What an official decided."""

    APPROVE = "approve"
    CORRECT = "correct"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Command:
    """One decision of an official.

    Attributes:
        action: What was decided.
        review_id: What it was decided on.
        pipeline: Which pipeline carries it out.
        actor: Opaque id of the official.
        reason: Why, in the official's words; never logged.
        decided_at: When.
        topic: Source topic of the record.
        partition: Its partition; the command is in the same one.
        offset: Its place.
        key: Key of the record.
        key_id: Encryption key of the corrected value; empty if it is not encrypted.
        corrected: The corrected value; None unless the action is ``correct``.
    """

    action: Action
    review_id: str
    pipeline: str
    actor: str
    reason: str = field(repr=False)
    decided_at: datetime
    topic: str
    partition: int
    offset: int
    key: bytes | None = field(repr=False)
    key_id: str = ""
    corrected: bytes | None = field(default=None, repr=False)


def to_command(command: Command, topic: str) -> OutgoingRecord:
    """Return the record that tells a pipeline what an official decided.

    Args:
        command: The decision.
        topic: Full name of ``replay.<pipeline>``.

    Raises:
        ValueError: If actor or reason is empty, or a corrected value is missing or out of place.

    Delivery:
        It goes to the partition number of the record's source, whose owner reads it into the lane of the same key.
        Source, id and effect key of the record stay as they were.
    """
    if not command.actor.strip() or not command.reason.strip():
        raise ValueError("a decision needs an actor and a reason")
    if (command.corrected is not None) != (command.action is Action.CORRECT):
        raise ValueError("a corrected value belongs to the action 'correct' and to no other")
    line = orjson.dumps(
        {
            "v": _VERSION,
            "action": command.action.value,
            "review_id": command.review_id,
            "pipeline": command.pipeline,
            "actor": command.actor,
            "reason": command.reason,
            "decided_at": command.decided_at,
            "topic": command.topic,
            "partition": command.partition,
            "offset": command.offset,
        }
    )
    headers: Headers = [("content-type", _CONTENT_TYPE)]
    if command.key_id:
        headers.append((KEY_ID_HEADER, command.key_id.encode()))
    value = line + b"\n" + (command.corrected or b"")
    return OutgoingRecord(topic, command.key, value, headers, command.partition)


def parse_command(record: Record) -> Command:
    """Return the decision in a record of ``replay.<pipeline>``.

    Args:
        record: The record.

    Raises:
        DecodeError: If it is no command of a known version.
    """
    line, _, rest = (record.value or b"").partition(b"\n")
    try:
        document = orjson.loads(line)
        if document["v"] != _VERSION:
            raise DecodeError("unknown version of a command; update this worker", reason="command_version")
        action = Action(document["action"])
        return Command(
            action=action,
            review_id=document["review_id"],
            pipeline=document["pipeline"],
            actor=document["actor"],
            reason=document["reason"],
            decided_at=datetime.fromisoformat(document["decided_at"]),
            topic=document["topic"],
            partition=int(document["partition"]),
            offset=int(document["offset"]),
            key=record.key,
            key_id=(record.header(KEY_ID_HEADER) or b"").decode(),
            corrected=rest if action is Action.CORRECT else None,
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise DecodeError("the record is no command", reason="command") from error
