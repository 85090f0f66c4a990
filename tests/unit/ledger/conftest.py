"""Ledgers on both databases, filled through the same door as in production."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import select

from lienthong import access_log, receipt
from lienthong.ledger import models
from lienthong.ledger.store import LedgerStore
from lienthong.ledger.writer import LedgerWriter
from lienthong.receipt import Receipt, ReceiptBatch
from lienthong.record import Place, Record
from lienthong.topic_names import TopicNames

START = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)
NAMES = TopicNames("hue")
DOSSIER = "H57.01.02-261005-0001"
SOURCE = "urn:lienthong:hue:one-stop"


class Feeder:
    """Writes Kafka records into a ledger as its consumer does, and remembers them."""

    names = NAMES
    dossier = DOSSIER
    source = SOURCE
    start = START

    def __init__(self, store: LedgerStore) -> None:
        self.store = store
        self.records: list[Record] = []
        self.writer = LedgerWriter(store, NAMES)
        self._next: dict[Place, int] = {}

    def receipt(self, record_id: str, kind: str, offset: int = 0, **fields: Any) -> Receipt:
        """Build a receipt of the dossier."""
        values = {"source": SOURCE, "type": "dossier.snapshot", "key": DOSSIER, **fields}
        return Receipt(offset=offset, id=record_id, kind=kind, **values)

    def batch(
        self,
        *receipts: Receipt,
        at_seconds: float = 0,
        pipeline: str = "deliver-dossier",
        topic: str = "hue.records.dossier",
        partition: int = 0,
        receipts_partition: int = 0,
    ) -> Record:
        """Build the Kafka record of a slice's receipts."""
        moment = START + timedelta(seconds=at_seconds)
        made = receipt.encode(ReceiptBatch(pipeline, topic, partition, moment, receipts), NAMES.receipts)
        return self.place(NAMES.receipts, receipts_partition, made.value)

    def entry(self, verification_id: str = "v1", at_seconds: float = 0, **fields: Any) -> Record:
        """Build the Kafka record of an access-log entry."""
        values = {
            "phase": access_log.AccessPhase.INTENT,
            "at": START + timedelta(seconds=at_seconds),
            "actor": "officer-7",
            "on_behalf_of": "",
            "key": DOSSIER,
            "purpose": "dossier-verification",
            "legal_basis": "ND-107-2021",
            "target": "population",
            "operation": "person.match",
            "attempt": 1,
            "attempt_id": "a" * 32,
            "query_hash": "0" * 64,
            **fields,
        }
        made = access_log.encode(access_log.AccessEntry(verification_id, **values), NAMES.access_log)
        return self.place(NAMES.access_log, 0, made.value)

    def place(self, topic: str, partition: int, value: bytes | None) -> Record:
        """Give a value the next offset of a partition."""
        offset = self._next.get(Place(topic, partition), 0)
        self._next[Place(topic, partition)] = offset + 1
        return Record(topic, partition, offset, 0, None, value, [])

    def apply(self, *records: Record) -> None:
        """Write records in one transaction."""
        before: dict[Place, int] = {}
        after: dict[Place, int] = {}
        for record in records:
            place = Place(record.topic, record.partition)
            before.setdefault(place, record.offset)
            after[place] = record.offset + 1
        self.records += records
        self.writer.apply(records, before, after)

    def one(self, record_id: str) -> Any:
        """Return the only row of a record."""
        (row,) = self.store.find(record_id)
        return row

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return the whole content, in a fixed order."""
        with self.store.reading() as connection:
            return {
                table.name: sorted(tuple(row) for row in connection.execute(select(table)))
                for table in models.metadata.sorted_tables
            }


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sổ/ledger.sqlite3"
    server = request.getfixturevalue("postgresql_server")
    server.empty()
    return server.url


@pytest.fixture
def store(ledger_url: str) -> Iterator[LedgerStore]:
    """An empty ledger on each database."""
    made = LedgerStore(ledger_url)
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def feeder(store: LedgerStore) -> Feeder:
    """The only writer of an empty ledger on each database."""
    return Feeder(store)


@pytest.fixture
def sqlite_feeder(tmp_path: Path) -> Iterator[Feeder]:
    """The only writer of an empty SQLite ledger, for what does not depend on the database."""
    made = LedgerStore(f"sqlite:///{tmp_path}/ledger.sqlite3")
    made.prepare()
    yield Feeder(made)
    made.close()


class TopicInMemory:
    """What a comparison asks of Kafka, over the records of one partition."""

    def __init__(self, *records: Record) -> None:
        self._records = records
        self.asked: set[str] = set()

    def beginning_offsets(self, topics: list[str]) -> dict[Place, int]:
        """Return the start of the partition."""
        self.asked.update(topics)
        return {Place(*topics, 0): 0}

    def end_offsets(self, topics: list[str]) -> dict[Place, int]:
        """Return its end."""
        return {Place(*topics, 0): len(self._records)}

    def reader(self, starts: Any, *, ends: Any, is_expiry_fatal: bool) -> Self:
        """Return a reader, which is this itself; what expires meanwhile must end no comparison."""
        del starts, ends
        assert not is_expiry_fatal
        return self

    def batches(self) -> Iterator[list[Record]]:
        """Yield everything."""
        yield list(self._records)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


@pytest.fixture
def kafka_of() -> type[TopicInMemory]:
    """Return what makes a topic of records."""
    return TopicInMemory
