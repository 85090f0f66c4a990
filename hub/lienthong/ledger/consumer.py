"""The process that keeps the ledger up to date."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog

from lienthong.clock import Clock
from lienthong.errors import RetriableError
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.reader import TopicReader
from lienthong.ledger.feed import open_feed, read_pieces
from lienthong.ledger.store import LedgerStore
from lienthong.ledger.writer import LedgerWriter
from lienthong.observability.health import Health
from lienthong.observability.metrics import Metrics
from lienthong.topic_names import TopicNames

_NAME = "ledger"
_POLL_SECONDS = 0.2
_INITIAL_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 30.0
#: A transaction may wait for the database's lock, and so may a retry after its longest backoff.
_MAX_SILENCE_SECONDS = 120.0

ResultT = TypeVar("ResultT")
_log = structlog.stdlib.get_logger("lienthong.ledger")


class LedgerConsumer:
    """Reads receipts and access log and writes them into the ledger until it is stopped.

    Args:
        view: The cluster.
        store: The ledger.
        names: Names of the topics.
        clock: Waits between attempts.
        metrics: Told the lag; None for no metrics.
        health: Told whether the process is alive and ready; None for no probes.

    Delivery:
        Exactly once into the database: rows and offsets are written in one transaction. While the database or Kafka is
        away nothing is skipped; the same piece is tried again.
    """

    def __init__(
        self,
        view: ClusterView,
        store: LedgerStore,
        names: TopicNames,
        clock: Clock,
        *,
        metrics: Metrics | None = None,
        health: Health | None = None,
    ) -> None:
        self._view = view
        self._store = store
        self._names = names
        self._clock = clock
        self._metrics = metrics
        self._health = health
        self._stopping = asyncio.Event()
        self._is_ready = False

    @property
    def is_ready(self) -> bool:
        """Whether database and broker answered last time."""
        return self._is_ready

    def stop(self) -> None:
        """Ask :meth:`run` to end after the transaction that is under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Keep the ledger up to date until :meth:`stop`.

        Raises:
            FatalError: If receipts expired unread, or the database refuses a statement.
            TopicDriftError: If a topic does not exist.
            ConfigurationError: If the ledger was written by another version.
        """
        if self._health is not None:
            self._health.watch(_NAME, _MAX_SILENCE_SECONDS)
        self._set_ready(reason="starting")
        await self._insist(self._store.prepare)
        reader = await self._insist(lambda: open_feed(self._view, self._store, self._names))
        if reader is None:
            return
        try:
            await self._follow(reader)
        finally:
            await asyncio.to_thread(reader.close)
            if self._health is not None:
                self._health.unwatch(_NAME)

    async def _follow(self, reader: TopicReader) -> None:
        writer = LedgerWriter(self._store, self._names)
        _log.info("ledger_started", partitions=len(reader.positions))
        while not self._stopping.is_set():
            for piece in await self._insist(lambda: read_pieces(reader, _POLL_SECONDS)) or ():
                if self._stopping.is_set():
                    break
                await self._insist(partial(writer.apply, piece.records, piece.before, piece.after))
            if self._metrics is not None:
                for place, lag_records in reader.lags().items():
                    self._metrics.set_lag(_NAME, place.topic, place.partition, lag_records)
        _log.info("ledger_stopped")

    async def _insist(self, call: Callable[[], ResultT]) -> ResultT | None:
        """Repeat a blocking call until it succeeds; None when the process is stopped first."""
        backoff_seconds = _INITIAL_BACKOFF_SECONDS
        attempt = 0
        while not (attempt and self._stopping.is_set()):
            attempt += 1
            if self._health is not None:
                self._health.beat(_NAME)
            try:
                result = await asyncio.to_thread(call)
            except RetriableError as error:
                if self._is_ready or attempt == 1:
                    _log.warning("ledger_waiting", error_code=error.code, reason=error.reason)
                self._set_ready(reason=error.code)
                await self._wait(backoff_seconds)
                backoff_seconds = min(backoff_seconds * 2, _MAX_BACKOFF_SECONDS)
            else:
                self._set_ready()
                return result
        return None

    async def _wait(self, seconds: float) -> None:
        waits = {
            asyncio.ensure_future(self._clock.sleep(seconds)),
            asyncio.ensure_future(self._stopping.wait()),
        }
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()

    def _set_ready(self, *, reason: str = "") -> None:
        self._is_ready = not reason
        if self._health is None:
            return
        if reason:
            self._health.set_not_ready(_NAME, reason)
        else:
            self._health.set_ready(_NAME)
