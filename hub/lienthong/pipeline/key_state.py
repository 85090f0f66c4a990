"""What a remote pipeline remembers of each key: durable in ``state.<pipeline>``, read at assignment.

One compacted record per key, written to the partition number of the source, holds the last sequence, a digest of the
last content that was delivered, marks of the records that were handled lately, and of the questions that were asked.
"""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from lienthong.errors import DecodeError
from lienthong.record import OutgoingRecord, Record

_VERSION = 1
_RECENT = 64
_MARK_BYTES = 8
_MARK_DIGITS = 2 * _MARK_BYTES
_USUAL_LENGTHS = frozenset({_MARK_DIGITS})
#: Keys that begin so are the pipeline's own: no key of a record does, because keys are codes or random ids.
RESERVED_PREFIX = b"\x00"
#: What follows is the key of a record; the state in it names the record whose call was begun last.
_CALL_PREFIX = RESERVED_PREFIX + b"call" + RESERVED_PREFIX
_CALL = "call"
_NAMES = frozenset({"v", "s", "d", "r", "q", "f"})
_PACKED = struct.Struct(">QBBB")


@dataclass(frozen=True, slots=True)
class Failing:
    """What is known of a record whose calls fail on its own merits and are made again.

    Attributes:
        mark: Of the record.
        made: Calls made so far.
        counted: Failed calls that use up ``max_attempts``.
        first_failed_at: When the first of these failed; ``max_elapsed`` counts from here.
    """

    mark: str
    made: int
    counted: int
    first_failed_at: datetime


class KeyState(NamedTuple):
    """What is known of one key.

    Attributes:
        sequence: Highest publisher's sequence that ended; 0 for none.
        digest: Digest of the last content that was delivered; empty for none.
        recent: Marks of the last records that ended, the newest last.
        asked: Marks of the questions that were asked.
        failing: The record that is tried again and again; None for none.
        unknown: What a newer worker wrote and this one carries on.
        begun: Mark of a record whose call an earlier worker may have begun, and whose end nobody noted; empty for none.
    """

    sequence: int = 0
    digest: str = ""
    recent: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    failing: Failing | None = None
    unknown: Mapping[str, Any] | None = None
    begun: str = ""

    def __repr__(self) -> str:
        """Show sizes only: what a newer worker wrote may be anything."""
        return f"KeyState(sequence={self.sequence}, recent={len(self.recent)}, asked={len(self.asked)})"

    def with_record(self, mark: str) -> "KeyState":
        """Return the state after one more record ended.

        Args:
            mark: Of the record.
        """
        begun = "" if self.begun == mark else self.begun
        if mark in self.recent:
            return self if begun == self.begun else self._replace(begun=begun)
        recent = (*self.recent, mark)[-_RECENT:]
        # Every record comes by here, and the general way costs five times as much.
        return KeyState(self.sequence, self.digest, recent, self.asked, self.failing, self.unknown, begun)

    def with_delivery(self, sequence: int, digest: str) -> "KeyState":
        """Return the state after a snapshot was delivered.

        Args:
            sequence: The snapshot's.
            digest: Of its content.
        """
        return self._replace(sequence=max(sequence, self.sequence), digest=digest)

    def with_question(self, mark: str) -> "KeyState":
        """Return the state after a question was asked.

        Args:
            mark: Keyed hash of the question.
        """
        return self._replace(asked=(*self.asked, mark)[-_RECENT:])

    def with_failing(self, failing: Failing | None) -> "KeyState":
        """Return the state after a call failed and will be made again, or after its record ended.

        Args:
            failing: What is known of the record; None once it ended.
        """
        return self if failing == self.failing else self._replace(failing=failing)


_EMPTY = KeyState()


def mark_of(source: str, event_id: str) -> str:
    """Return a short mark of a record.

    Args:
        source: CloudEvents source.
        event_id: CloudEvents id.
    """
    return hashlib.blake2b(orjson.dumps((source, event_id)), digest_size=_MARK_BYTES).hexdigest()


def encode(topic: str, partition: int, key: bytes, state: KeyState) -> OutgoingRecord:
    """Return the record that makes a state durable.

    Args:
        topic: Full name of ``state.<pipeline>``.
        partition: Partition number of the source.
        key: Key of the source records.
        state: What is known of it.
    """
    failing = state.failing
    document = {
        **(state.unknown or {}),
        "v": _VERSION,
        "s": state.sequence,
        "d": state.digest,
        "r": state.recent,
        "q": state.asked,
    }
    if failing is not None:
        document["f"] = (failing.mark, failing.made, failing.counted, failing.first_failed_at)
    return OutgoingRecord(topic, key, orjson.dumps(document), [], partition)


def encode_call(topic: str, partition: int, key: bytes, mark: str) -> OutgoingRecord:
    """Return the record that says that a call which must not be repeated unnoticed is about to begin.

    It has a key of its own, because a key's state must not be written before the outcomes that it stands for.

    Args:
        topic: Full name of ``state.<pipeline>``.
        partition: Partition number of the source.
        key: Key of the source records.
        mark: Of the record; empty to say that its call has ended without an effect.
    """
    if not mark:
        return OutgoingRecord(topic, _CALL_PREFIX + key, None, [], partition)
    return encode(topic, partition, _CALL_PREFIX + key, KeyState(unknown={_CALL: mark}))


def decode(record: Record) -> KeyState:
    """Return the state in a record; fields that a newer worker added are kept, later ones may be missing.

    Args:
        record: A record of ``state.<pipeline>``.

    Raises:
        DecodeError: If it is no state of a known version.
    """
    try:
        document = orjson.loads(record.value or b"")
        if document["v"] != _VERSION:
            raise DecodeError("unknown version of a key state; update this worker", reason="state_version")
        failing = document.get("f")
        unknown = {name: value for name, value in document.items() if name not in _NAMES}
        return KeyState(
            document["s"],
            document["d"],
            tuple(document["r"]),
            tuple(document["q"]),
            _failing(failing) if failing is not None else None,
            unknown or None,
        )
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError) as error:
        raise DecodeError("the record is no key state", reason="state") from error


def _failing(found: Any) -> Failing:
    mark, made, counted, first_failed_at = found[:4]
    return Failing(mark, made, counted, datetime.fromisoformat(first_failed_at))


def _pack(state: KeyState) -> bytes | KeyState:
    """Return a state as few bytes; one that is unusual, and so rare, as it is."""
    if state.failing is not None or state.unknown or state.begun:
        return state
    marks = (*state.recent, *state.asked) if state.asked else state.recent
    text = state.digest + "".join(marks)
    try:
        body = bytes.fromhex(text)
        head = _PACKED.pack(state.sequence, len(state.digest) // 2, len(state.recent), len(state.asked))
    except (ValueError, struct.error):
        return state
    is_plain = len(state.digest) % 2 == 0 and {*map(len, marks)} <= _USUAL_LENGTHS and body.hex() == text
    return head + body if is_plain else state


def _unpack(packed: bytes | KeyState) -> KeyState:
    if isinstance(packed, KeyState):
        return packed
    sequence, digest_bytes, recent, asked = _PACKED.unpack_from(packed)
    text = packed[_PACKED.size :].hex()
    start = 2 * digest_bytes
    marks = tuple(text[at : at + _MARK_DIGITS] for at in range(start, len(text), _MARK_DIGITS))
    return KeyState(sequence, text[:start], marks[:recent], marks[recent : recent + asked])


class KeyStates:
    """States of the keys of all partitions that a worker owns, packed: there is one for every key that ever came."""

    def __init__(self) -> None:
        self._by_partition: dict[int, dict[bytes, bytes | KeyState]] = {}

    def __len__(self) -> int:
        return sum(len(states) for states in self._by_partition.values())

    def get(self, partition: int, key: bytes) -> KeyState:
        """Return what is known of a key.

        Args:
            partition: Partition number of the source.
            key: Key of the source records.
        """
        return _unpack(self._by_partition.get(partition, {}).get(key, _EMPTY))

    def failing(self, partition: int, key: bytes) -> Failing | None:
        """Return the record of a key that is tried again and again; for most keys without unpacking anything.

        Args:
            partition: Partition number of the source.
            key: Key of the source records.
        """
        found = self._by_partition.get(partition, {}).get(key)
        return found.failing if isinstance(found, KeyState) else None

    def put(self, partition: int, key: bytes, state: KeyState) -> None:
        """Remember a state that is on its way to Kafka.

        Args:
            partition: Partition number of the source.
            key: Key of the source records.
            state: What is known of it.
        """
        self._by_partition.setdefault(partition, {})[key] = _pack(state)

    def load(self, record: Record) -> None:
        """Take in the next record of the topic.

        Args:
            record: A state or a tombstone.
        """
        if record.key is None:
            return
        if record.key.startswith(_CALL_PREFIX):
            self._load_call(record, record.key.removeprefix(_CALL_PREFIX))
        elif record.value is None:
            self._by_partition.get(record.partition, {}).pop(record.key, None)
        else:
            state = decode(record)
            begun = self.get(record.partition, record.key).begun
            self.put(record.partition, record.key, state._replace(begun="" if begun in state.recent else begun))

    def forget_partition(self, partition: int) -> None:
        """Drop the states of a partition that another worker owns now.

        Args:
            partition: Partition number of the source.
        """
        self._by_partition.pop(partition, None)

    def _load_call(self, record: Record, key: bytes) -> None:
        mark = (decode(record).unknown or {}).get(_CALL, "") if record.value is not None else ""
        known = self.get(record.partition, key)
        if mark in known.recent:
            mark = ""
        if mark != known.begun:
            self.put(record.partition, key, known._replace(begun=mark))
