"""Commands of officials and operators to a pipeline, on ``replay.<pipeline>``.

The value is one line of JSON, then, where the action carries one, a record's value as it is, possibly encrypted. A
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
    """What was decided.

    ``approve``, ``correct`` and ``cancel`` close a review; ``replay`` and ``discard`` close a dead letter; ``release``
    lets every record go on that waits for one scope, in the partition that the command is in.
    """

    APPROVE = "approve"
    CORRECT = "correct"
    CANCEL = "cancel"
    REPLAY = "replay"
    DISCARD = "discard"
    RELEASE = "release"


#: Actions that carry the value of a record; a replayed tombstone has none.
_WITH_VALUE = (Action.CORRECT, Action.REPLAY)


@dataclass(frozen=True, slots=True)
class Command:
    """One decision of an official or an operator.

    Attributes:
        action: What was decided.
        review_id: Review that it was decided on; empty for none.
        pipeline: Which pipeline carries it out.
        actor: Opaque id of the official.
        reason: Why, in the official's words; never logged.
        decided_at: When.
        topic: Source topic of the record.
        partition: Its partition; the command is in the same one.
        offset: Its place.
        key: Key of the record.
        key_id: Encryption key of the value; empty if it is not encrypted.
        value: The corrected or replayed value; None for other actions and for a replayed tombstone.
        headers: Headers of the replayed or discarded record in its source topic; empty for other actions.
        timestamp_ms: Kafka timestamp of the replayed record in its source topic; -1 for other actions.
        scope: What a release lets go on, as ``target|kind|hash``; empty for other actions.
        dead_letter_offset: Newest dead letter of the record that the decision answers, by its offset in its partition
            of ``deadletters.<pipeline>``; -1 for other actions. A record that died again later is open again.
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
    value: bytes | None = field(default=None, repr=False)
    headers: Headers = field(default_factory=list, repr=False)
    timestamp_ms: int = -1
    scope: str = ""
    dead_letter_offset: int = -1


def to_command(command: Command, topic: str) -> OutgoingRecord:
    """Return the record that tells a pipeline what an official decided.

    Args:
        command: The decision.
        topic: Full name of ``replay.<pipeline>``.

    Raises:
        ValueError: If actor or reason is empty, or a value or a scope is missing or out of place.

    Delivery:
        It goes to the partition number of the record's source, whose owner reads it into the lane of the same key.
        Source, id and effect key of the record stay as they were.
    """
    if not command.actor.strip() or not command.reason.strip():
        raise ValueError("a decision needs an actor and a reason")
    if command.action is Action.CORRECT and command.value is None:
        raise ValueError("a correction needs the corrected value")
    if command.value is not None and command.action not in _WITH_VALUE:
        raise ValueError("a value belongs to the actions 'correct' and 'replay' and to no other")
    if bool(command.scope) != (command.action is Action.RELEASE):
        raise ValueError("a scope belongs to the action 'release' and to no other")
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
            "has_value": command.value is not None,
            "headers": [[name, _text(raw)] for name, raw in command.headers],
            "timestamp_ms": command.timestamp_ms,
            "scope": command.scope,
            "dead_letter_offset": command.dead_letter_offset,
        }
    )
    headers: Headers = [("content-type", _CONTENT_TYPE)]
    if command.key_id:
        headers.append((KEY_ID_HEADER, command.key_id.encode()))
    value = line + b"\n" + (command.value or b"")
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
            value=rest if document.get("has_value", action is Action.CORRECT) else None,
            headers=[(name, text.encode("latin-1")) for name, text in document.get("headers", [])],
            timestamp_ms=int(document.get("timestamp_ms", -1)),
            scope=document.get("scope", ""),
            dead_letter_offset=int(document.get("dead_letter_offset", -1)),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise DecodeError("the record is no command", reason="command") from error


def _text(raw: bytes) -> str:
    # Latin-1 gives every byte a character, so that headers of any content come back as they were.
    return raw.decode("latin-1")
