"""What a remote pipeline remembers of each key: durable in ``state.<pipeline>``, read at assignment.

One compacted record per key, written to the partition number of the source, holds the last sequence, a digest of the
last content that was delivered, marks of the records that were handled lately, and of the questions that were asked.
"""

import hashlib
from dataclasses import dataclass

import orjson

from lienthong.errors import DecodeError
from lienthong.record import OutgoingRecord, Record

_VERSION = 1
_RECENT = 64
_MARK_BYTES = 8


@dataclass(frozen=True, slots=True)
class KeyState:
    """What is known of one key.

    Attributes:
        sequence: Highest publisher's sequence that ended; 0 for none.
        digest: Digest of the last content that was delivered; empty for none.
        recent: Marks of the last records that ended, the newest last.
        asked: Marks of the questions that were asked.
    """

    sequence: int = 0
    digest: str = ""
    recent: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    def with_record(self, mark: str) -> "KeyState":
        """Return the state after one more record ended.

        Args:
            mark: Of the record.
        """
        if mark in self.recent:
            return self
        return KeyState(self.sequence, self.digest, (*self.recent, mark)[-_RECENT:], self.asked)

    def with_delivery(self, sequence: int, digest: str) -> "KeyState":
        """Return the state after a snapshot was delivered.

        Args:
            sequence: The snapshot's.
            digest: Of its content.
        """
        return KeyState(max(sequence, self.sequence), digest, self.recent, self.asked)

    def with_question(self, mark: str) -> "KeyState":
        """Return the state after a question was asked.

        Args:
            mark: Keyed hash of the question.
        """
        return KeyState(self.sequence, self.digest, self.recent, (*self.asked, mark)[-_RECENT:])


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
    value = orjson.dumps({"v": _VERSION, "s": state.sequence, "d": state.digest, "r": state.recent, "q": state.asked})
    return OutgoingRecord(topic, key, value, [], partition)


def decode(record: Record) -> KeyState:
    """Return the state in a record.

    Args:
        record: A record of ``state.<pipeline>``.

    Raises:
        DecodeError: If it is no state of a known version.
    """
    try:
        document = orjson.loads(record.value or b"")
        if document["v"] != _VERSION:
            raise DecodeError("unknown version of a key state; update this worker", reason="state_version")
        return KeyState(document["s"], document["d"], tuple(document["r"]), tuple(document["q"]))
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise DecodeError("the record is no key state", reason="state") from error


class KeyStates:
    """States of the keys of all partitions that a worker owns."""

    def __init__(self) -> None:
        self._by_partition: dict[int, dict[bytes, KeyState]] = {}

    def get(self, partition: int, key: bytes) -> KeyState:
        """Return what is known of a key.

        Args:
            partition: Partition number of the source.
            key: Key of the source records.
        """
        return self._by_partition.get(partition, {}).get(key, _EMPTY)

    def put(self, partition: int, key: bytes, state: KeyState) -> None:
        """Remember a state that is on its way to Kafka.

        Args:
            partition: Partition number of the source.
            key: Key of the source records.
            state: What is known of it.
        """
        self._by_partition.setdefault(partition, {})[key] = state

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
