"""The hash chain over the access log: a changed, removed or inserted entry breaks it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import RowMapping

from lienthong.record import Place

#: What the first entry of a partition follows.
GENESIS = "0" * 64
_SEALED = (
    "topic",
    "partition_number",
    "record_offset",
    "verification_id",
    "phase",
    "at_us",
    "actor",
    "on_behalf_of",
    "key",
    "purpose",
    "legal_basis",
    "target",
    "operation",
    "attempt",
    "attempt_id",
    "query_hash",
    "fields",
    "result",
    "value_sha256",
)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest sealed entry of one partition.

    Attributes:
        record_offset: Its offset in Kafka.
        entries: How many entries are sealed.
        hash: Its hash; noted outside the ledger, it proves that nothing before it was changed.
    """

    record_offset: int
    entries: int
    hash: str


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """Where a chain does not hold.

    Attributes:
        place: The partition.
        record_offset: Offset of the entry.
        problem: What does not agree.
    """

    place: Place
    record_offset: int
    problem: str


def seal(rows: Iterable[dict[str, Any]], heads: dict[Place, Head]) -> list[dict[str, Any]]:
    """Add the hashes to new entries.

    Args:
        rows: Entries in the order of their offsets within each partition.
        heads: Newest sealed entry of each partition; moved on to the new ones.

    Returns:
        The same rows with ``previous_hash`` and ``hash``.
    """
    sealed = []
    for row in rows:
        place = Place(row["topic"], row["partition_number"])
        head = heads.get(place, Head(-1, 0, GENESIS))
        digest = _hash(head.hash, row)
        heads[place] = Head(row["record_offset"], head.entries + 1, digest)
        sealed.append({**row, "previous_hash": head.hash, "hash": digest})
    return sealed


def verify(rows: Iterable[RowMapping], heads: Mapping[Place, Head]) -> Iterator[ChainBreak]:
    """Yield every place where a chain does not hold; constant memory.

    Args:
        rows: All sealed entries, by partition and offset.
        heads: Newest sealed entry of each partition, as noted when it was sealed.
    """
    seen: dict[Place, Head] = {}
    for row in rows:
        place = Place(row["topic"], row["partition_number"])
        head = seen.get(place, Head(-1, 0, GENESIS))
        if row["previous_hash"] != head.hash:
            yield ChainBreak(place, row["record_offset"], "the entry before it is missing or was inserted")
        if row["hash"] != _hash(row["previous_hash"], row):
            yield ChainBreak(place, row["record_offset"], "the entry was changed")
        seen[place] = Head(row["record_offset"], head.entries + 1, row["hash"])
    for place in sorted(seen.keys() | heads.keys()):
        noted = heads.get(place)
        found = seen.get(place)
        if noted != found:
            offset = noted.record_offset if noted else -1
            yield ChainBreak(place, offset, "the end of the chain differs from what was noted when it was sealed")


def _hash(previous: str, row: Mapping[str, Any] | RowMapping) -> str:
    return sha256(previous.encode() + b"\n" + orjson.dumps([row[name] for name in _SEALED])).hexdigest()
