"""What a remote pipeline remembers of each key: durable in ``state.<pipeline>``, read at assignment.

One compacted record per key, written to the partition number of the source, holds the last sequence, a digest of the
last content that was delivered, marks of the records that were handled lately, and of the questions that were asked.
"""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from lienthong.errors import DecodeError
from lienthong.record import OutgoingRecord, Record

_VERSION = 1
_RECENT = 64
_MARK_BYTES = 8
_MARK_DIGITS = 2 * _MARK_BYTES
#: Keys that begin so are the pipeline's own: no key of a record does, because keys are codes or random ids.
RESERVED_PREFIX = b"\x00"
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


@dataclass(frozen=True, slots=True)
class KeyState:
    """What is known of one key.

    Attributes:
        sequence: Highest publisher's sequence that ended; 0 for none.
        digest: Digest of the last content that was delivered; empty for none.
        recent: Marks of the last records that ended, the newest last.
        asked: Marks of the questions that were asked.
        failing: The record that is tried again and again; None for none.
        unknown: What a newer worker wrote and this one carries on.
    """

    sequence: int = 0
    digest: str = ""
    recent: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    failing: Failing | None = None
    unknown: Mapping[str, Any] | None = field(default=None, repr=False)

    def with_record(self, mark: str) -> "KeyState":
        """Return the state after one more record ended.

        Args:
            mark: Of the record.
        """
        if mark in self.recent:
            return self
        return replace(self, recent=(*self.recent, mark)[-_RECENT:])

    def with_delivery(self, sequence: int, digest: str) -> "KeyState":
        """Return the state after a snapshot was delivered.

        Args:
            sequence: The snapshot's.
            digest: Of its content.
        """
        return replace(self, sequence=max(sequence, self.sequence), digest=digest)

    def with_question(self, mark: str) -> "KeyState":
        """Return the state after a question was asked.

        Args:
            mark: Keyed hash of the question.
        """
        return replace(self, asked=(*self.asked, mark)[-_RECENT:])

    def with_failing(self, failing: Failing | None) -> "KeyState":
        """Return the state after a call failed and will be made again, or after its record ended.

        Args:
            failing: What is known of the record; None once it ended.
        """
        return self if failing == self.failing else replace(self, failing=failing)


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
            Failing(*failing[:3], datetime.fromisoformat(failing[3])) if failing is not None else None,
            unknown or None,
        )
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError) as error:
        raise DecodeError("the record is no key state", reason="state") from error


def _pack(state: KeyState) -> bytes | KeyState:
    """Return a state as few bytes; one that is unusual, and so rare, as it is."""
    if state.failing is not None or state.unknown:
        return state
    marks = (*state.recent, *state.asked)
    text = state.digest + "".join(marks)
    try:
        body = bytes.fromhex(text)
        head = _PACKED.pack(state.sequence, len(state.digest) // 2, len(state.recent), len(state.asked))
    except (ValueError, struct.error):
        return state
    is_plain = len(state.digest) % 2 == 0 and all(len(mark) == _MARK_DIGITS for mark in marks) and body.hex() == text
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
        if record.value is None:
            self._by_partition.get(record.partition, {}).pop(record.key, None)
        else:
            self.put(record.partition, record.key, decode(record))

    def forget_partition(self, partition: int) -> None:
        """Drop the states of a partition that another worker owns now.

        Args:
            partition: Partition number of the source.
        """
        self._by_partition.pop(partition, None)
