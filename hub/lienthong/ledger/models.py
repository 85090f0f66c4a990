"""Tables of the ledger; none holds a personal value.

Times are microseconds since 1970 in UTC, because both databases compare and store whole numbers alike.
Publishers choose ids and keys of up to 1,024 characters, which is more than PostgreSQL can index, so indexes stand on
hashes of them.
"""

from hashlib import blake2b

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, String, Table, Text

#: Raise it with every change of a table; an older ledger is then rebuilt.
SCHEMA_VERSION = 1

metadata = MetaData()

ledger_version = Table("ledger_version", metadata, Column("version", Integer, primary_key=True))

progress = Table(
    "progress",
    metadata,
    Column("topic", String(249), primary_key=True),
    Column("partition_number", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("digest", LargeBinary(16), primary_key=True),
    Column("pipeline", String(249), nullable=False),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("id_hash", BigInteger, nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("key_hash", BigInteger, nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("repeat_possible", Boolean, nullable=False),
    Column("effect_key", Text, nullable=False),
    Column("attempt_ids", Text, nullable=False),
    Column("findings", Text, nullable=False),
    Column("target_reference", Text, nullable=False),
    Column("record_topic", String(249), nullable=False),
    Column("record_partition", Integer, nullable=False),
    Column("record_offset", BigInteger, nullable=False),
    Column("first_seen_us", BigInteger, nullable=False),
    Column("first_kind", String(20), nullable=False),
    Column("last_at_us", BigInteger, nullable=False),
    Column("weight", BigInteger, nullable=False),
)

#: Where further copies of a record were found; only duplicates are here.
arrivals = Table(
    "arrivals",
    metadata,
    Column("digest", LargeBinary(16), primary_key=True),
    Column("record_topic", String(249), primary_key=True),
    Column("record_partition", Integer, primary_key=True),
    Column("record_offset", BigInteger, primary_key=True),
)

access_log = Table(
    "access_log",
    metadata,
    Column("topic", String(249), primary_key=True),
    Column("partition_number", Integer, primary_key=True),
    Column("record_offset", BigInteger, primary_key=True, autoincrement=False),
    Column("verification_id", Text, nullable=False),
    Column("phase", String(20), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("on_behalf_of", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("key_hash", BigInteger, nullable=False, index=True),
    Column("purpose", Text, nullable=False),
    Column("legal_basis", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("attempt_id", Text, nullable=False),
    Column("query_hash", String(64), nullable=False),
    Column("fields", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("value_sha256", String(64), nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

chain_heads = Table(
    "chain_heads",
    metadata,
    Column("topic", String(249), primary_key=True),
    Column("partition_number", Integer, primary_key=True),
    Column("record_offset", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

#: Kafka records of the two topics that could not be read; never skipped in silence.
unreadable = Table(
    "unreadable",
    metadata,
    Column("topic", String(249), primary_key=True),
    Column("partition_number", Integer, primary_key=True),
    Column("record_offset", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("value_sha256", String(64), nullable=False),
)

#: What is dropped and rebuilt from the receipts; the access log is evidence and is kept apart.
PROJECTION_TABLES = (receipts, arrivals)
ACCESS_TABLES = (access_log, chain_heads)


def digest_of(pipeline: str, source: str, record_id: str) -> bytes:
    """Return the primary key of one record in one pipeline.

    Args:
        pipeline: Name of the pipeline.
        source: CloudEvents source.
        record_id: CloudEvents id.
    """
    return blake2b(f"{pipeline}\0{source}\0{record_id}".encode(), digest_size=16).digest()


def hash_of(text: str) -> int:
    """Return what an id or key is looked up by; equal texts have equal hashes, so rows are compared as well.

    Args:
        text: An id or key.
    """
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
