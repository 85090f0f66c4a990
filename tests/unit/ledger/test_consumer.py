"""The ledger's process: patient with the database and the broker, strict with everything else."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from lienthong.errors import BrokerUnavailableError, FatalError, TargetUnavailableError, TopicDriftError
from lienthong.ledger import feed
from lienthong.ledger.consumer import LedgerConsumer
from lienthong.ledger.store import LedgerStore
from lienthong.observability.health import Health
from lienthong.observability.metrics import Metrics
from lienthong.record import Place, Record
from lienthong.testing.clock import FakeClock


class ScriptedReader:
    """Gives one batch for each call; an exception in the script is raised."""

    def __init__(self, script: list[Any], starts: Mapping[Place, int], consumer: list[LedgerConsumer]) -> None:
        self.positions = dict(starts)
        self.is_closed = False
        self._script = script
        self._consumer = consumer

    def read(self, timeout_seconds: float) -> list[Record]:
        """Return the next batch; at the end of the script ask the consumer to stop."""
        del timeout_seconds
        if not self._script:
            self._consumer[0].stop()
            return []
        step = self._script.pop(0)
        if isinstance(step, Exception):
            raise step
        for record in step:
            self.positions[Place(record.topic, record.partition)] = record.offset + 1
        return list(step)

    def lags(self) -> dict[Place, int]:
        """Pretend that five records are waiting."""
        return dict.fromkeys(self.positions, 5)

    def close(self) -> None:
        """Remember that it was closed."""
        self.is_closed = True


class ScriptedView:
    """A cluster with both topics, one partition each."""

    def __init__(self, script: list[Any]) -> None:
        self.consumer: list[LedgerConsumer] = []
        self.missing: set[str] = set()
        self.readers: list[ScriptedReader] = []
        self._script = script

    def beginning_offsets(self, topics: Iterable[str]) -> dict[Place, int]:
        """Return offset 0 of every topic that exists."""
        return {Place(topic, 0): 0 for topic in topics if topic not in self.missing}

    def reader(self, starts: Mapping[Place, int], *, ends: Mapping[Place, int] | None = None) -> ScriptedReader:
        """Return a reader of the script."""
        assert ends is None
        self.readers.append(ScriptedReader(self._script, starts, self.consumer))
        return self.readers[-1]


def _consumer(view: ScriptedView, store: Any, feeder: Any, **options: Any) -> LedgerConsumer:
    options = {"clock": FakeClock(), **options}
    made = LedgerConsumer(view, store, feeder.names, **options)  # type: ignore[arg-type]
    view.consumer.append(made)
    return made


class MoodyStore:
    """A ledger whose database is away for the first writes."""

    def __init__(self, store: LedgerStore, failures: int) -> None:
        self._store = store
        self.failures = failures
        self.dialect = store.dialect
        self.prepare = store.prepare
        self.offsets = store.offsets

    def writing(self) -> Any:
        """Fail, or begin a transaction."""
        if self.failures:
            self.failures -= 1
            raise TargetUnavailableError("away")
        return self._store.writing()


async def test_what_is_read_is_in_the_ledger(sqlite_feeder: Any) -> None:
    """Receipts and access-log entries arrive, the lag is shown, and the reader is closed at the end."""
    view = ScriptedView([[sqlite_feeder.batch(sqlite_feeder.receipt("id-1", "delivered")), sqlite_feeder.entry()], []])
    metrics = Metrics(with_process=False)
    consumer = _consumer(view, sqlite_feeder.store, sqlite_feeder, metrics=metrics)

    await consumer.run()

    assert sqlite_feeder.one("id-1")["kind"] == "delivered"
    assert len(sqlite_feeder.store.accesses_of(sqlite_feeder.dossier)) == 1
    labels = {"pipeline": "ledger", "topic": sqlite_feeder.names.receipts, "partition": "0"}
    assert metrics.value("lienthong_lag_records", **labels) == 5
    assert view.readers[0].is_closed


async def test_reading_goes_on_where_the_database_stands(sqlite_feeder: Any) -> None:
    """The offsets of the database count; no group's offsets are asked."""
    sqlite_feeder.apply(sqlite_feeder.batch(sqlite_feeder.receipt("id-1", "delivered")))
    view = ScriptedView([])

    await _consumer(view, sqlite_feeder.store, sqlite_feeder).run()

    place = Place(sqlite_feeder.names.receipts, 0)
    assert view.readers[0].positions[place] == 1


async def test_the_database_may_be_away(sqlite_feeder: Any) -> None:
    """The same piece is tried again with bounded backoff; meanwhile the process is alive but not ready."""
    seen: list[bool] = []
    clock = FakeClock()
    health = Health(clock, required=("ledger",))

    class Watching(FakeClock):
        """Notes whether the process is ready while it waits."""

        async def sleep(self, seconds: float) -> None:
            """Wait."""
            seen.append(health.readiness().is_ok)
            await super().sleep(seconds)

    watching = Watching()
    view = ScriptedView([[sqlite_feeder.batch(sqlite_feeder.receipt("id-1", "delivered"))]])
    store = MoodyStore(sqlite_feeder.store, 8)
    consumer = _consumer(view, store, sqlite_feeder, clock=watching, health=health)

    await consumer.run()

    assert watching.sleeps == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert seen == [False] * 8
    assert health.readiness().is_ok
    assert sqlite_feeder.one("id-1")["kind"] == "delivered"


async def test_the_broker_may_be_away(sqlite_feeder: Any) -> None:
    """A silent broker makes the process not ready and nothing else."""
    clock = FakeClock()
    view = ScriptedView([BrokerUnavailableError("away"), BrokerUnavailableError("away"), []])

    await _consumer(view, sqlite_feeder.store, sqlite_feeder, clock=clock).run()

    assert clock.sleeps == [0.5, 1.0]


async def test_stopping_does_not_wait_for_a_database_that_is_away(sqlite_feeder: Any) -> None:
    """A signal ends the process during the longest backoff, and nothing is half-written."""

    class Endless(FakeClock):
        """Waits for ever, and asks the consumer to stop meanwhile."""

        async def sleep(self, seconds: float) -> None:
            """Wait."""
            self.sleeps.append(seconds)
            consumer.stop()
            await asyncio.Event().wait()

    view = ScriptedView([[sqlite_feeder.batch(sqlite_feeder.receipt("id-1", "delivered"))]])
    consumer = _consumer(view, MoodyStore(sqlite_feeder.store, 99), sqlite_feeder, clock=Endless())

    await asyncio.wait_for(consumer.run(), 10)

    assert sqlite_feeder.store.find("id-1") == []
    assert not consumer.is_ready


@pytest.mark.parametrize("error", [FatalError("expired"), RuntimeError("a bug")])
async def test_nothing_else_is_waited_for(sqlite_feeder: Any, error: Exception) -> None:
    """Expired receipts and bugs end the process; the reader is closed."""
    view = ScriptedView([error])

    with pytest.raises(type(error)):
        await _consumer(view, sqlite_feeder.store, sqlite_feeder).run()

    assert view.readers[0].is_closed


async def test_a_missing_topic_is_named(sqlite_feeder: Any) -> None:
    """The operator is told which topic and what to run."""
    view = ScriptedView([])
    view.missing = {sqlite_feeder.names.access_log}

    with pytest.raises(TopicDriftError, match=r"hue\.access-log.*topics apply"):
        await _consumer(view, sqlite_feeder.store, sqlite_feeder).run()


def test_large_reads_are_cut_into_transactions(sqlite_feeder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece knows where it begins and ends, and together they cover everything that was read."""
    monkeypatch.setattr(feed, "_MAX_PIECE_BYTES", 2)
    topic = sqlite_feeder.names.receipts
    records = [sqlite_feeder.place(topic, partition, b"x") for partition in (0, 1, 0, 1, 0)]
    view = ScriptedView([records])
    reader: Any = view.reader({Place(topic, 0): 0, Place(topic, 1): 0})

    pieces = feed.read_pieces(reader, 0)

    assert [[row.offset for row in piece.records] for piece in pieces] == [[0, 0], [1, 1], [2]]
    assert [piece.after for piece in pieces[:-1]] == [piece.before for piece in pieces[1:]]
    assert pieces[-1].after == {Place(topic, 0): 3, Place(topic, 1): 2}
