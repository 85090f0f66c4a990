"""Carries out what operators decided on dead letters of a pure pipeline.

A replayed record goes through the step again, alone, at its place in the source; it is written after whatever was
forwarded since. How far the commands of a source partition were carried out is in ``state.<pipeline>``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.config.models import KafkaSettings
from lienthong.delivery.command import Action, Command, parse_command
from lienthong.delivery.dead_letter import acknowledged
from lienthong.delivery.hygiene import identity
from lienthong.delivery.upcast import upcast
from lienthong.errors import DecodeError, RecordError
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.kafka.reader import TopicReader
from lienthong.kafka.settings import client_configuration
from lienthong.observability.metrics import Metrics
from lienthong.outcome import OutcomeKind
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.key_state import RESERVED_PREFIX, KeyState, decode, encode
from lienthong.pipeline.work import Work
from lienthong.receipt import Receipt, ReceiptBatch, encode_all
from lienthong.record import Outgoing, Place, Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.transport.assignment import Assignment

log = structlog.get_logger(__name__)

#: What a step does with one record of a partition, which the last argument makes ready.
Replay = Callable[[Assignment, Record, Callable[[Record], Record]], Awaitable[Work]]
_POLL_SECONDS = 0.2
#: How long a partition that leaves waits for commands that are being carried out; the rest is the next owner's.
_LEAVE_SECONDS = 0.3
_PROGRESS_PREFIX = RESERVED_PREFIX + b"replay\x00"
_NEXT = "next_command"


class PureReplay:
    """Follows ``replay.<pipeline>`` for the source partitions that this worker owns.

    Args:
        pipeline: Which pipeline.
        settings: How to reach the broker.
        replay: What the step does with one record, made ready by the last argument.
        producer: Writes records, receipts and progress.
        clock: Where to read the time.
        metrics: What operators see.
        registry: Takes records of older schema versions to the newest; None to leave them.
        codec: Decrypts and encrypts values; None if nothing is encrypted.

    Delivery:
        Commands are carried out in the order of their partition. What a command made is acknowledged by Kafka before
        its progress is written, so a crash repeats commands and loses none; a record forwarded twice is the same one.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        settings: KafkaSettings,
        replay: Replay,
        producer: AcknowledgedProducer,
        clock: Clock,
        metrics: Metrics,
        registry: SchemaRegistry | None = None,
        codec: RecordCodec | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._registry = registry
        self._codec = codec
        self._configuration = client_configuration(settings, f"{pipeline.group}-replay")
        self._replay = replay
        self._producer = producer
        self._clock = clock
        self._metrics = metrics
        self._commands_topic = pipeline.names.of_pipeline("replay", pipeline.name)
        self._dead_letters = pipeline.names.of_pipeline("deadletters", pipeline.name)
        self._state_topic = pipeline.names.of_pipeline("state", pipeline.name)
        self._owned: dict[Place, Assignment] = {}
        #: Source partition → offset of its next command.
        self._next: dict[Place, int] = {}
        self._is_changed = asyncio.Event()
        self._at_work: asyncio.Future[None] | None = None

    async def on_assigned(self, assignments: Sequence[Assignment]) -> None:
        """Learn how far the commands of new partitions were carried out.

        Args:
            assignments: The new partitions.

        Raises:
            TopicDriftError: If one of the pipeline's own topics has fewer partitions than its source.
        """
        numbers = {assignment.place.partition for assignment in assignments}
        known = await asyncio.to_thread(self._read_progress, numbers)
        for assignment in assignments:
            self._next[assignment.place] = known.get(assignment.place, 0)
            self._owned[assignment.place] = assignment
        self._is_changed.set()

    async def on_revoked(self, assignments: Sequence[Assignment], *, lost: bool) -> None:
        """Stop following partitions; what is being carried out for one of them may end.

        Args:
            assignments: The partitions that go away.
            lost: Whether another worker may own them already.
        """
        for assignment in assignments:
            self._owned.pop(assignment.place, None)
        self._is_changed.set()
        if self._at_work is not None and not lost:
            await asyncio.wait([self._at_work], timeout=_LEAVE_SECONDS)

    async def run(self) -> None:
        """Follow commands until cancelled.

        Raises:
            LienthongError: If Kafka refuses what a command made, or cannot be read.
        """
        while True:
            self._is_changed.clear()
            starts: dict[Place, int] = {}
            for place in self._owned:
                commands = Place(self._commands_topic, place.partition)
                starts[commands] = min(self._next[place], starts.get(commands, self._next[place]))
            if not starts:
                await self._is_changed.wait()
                continue
            # A command that expired before anybody carried it out is a lost decision, not a lost record.
            reader = TopicReader(self._configuration, starts, is_expiry_fatal=False)
            try:
                while not self._is_changed.is_set():
                    records = await asyncio.to_thread(reader.read, _POLL_SECONDS)
                    if records:
                        await self._tracked(records)
            finally:
                await asyncio.to_thread(reader.close)

    async def carry_out(self, records: Iterable[Record]) -> None:
        """Carry out commands of the partitions that are owned here, and note that it was done.

        Args:
            records: Of ``replay.<pipeline>``, in the order of each partition.
        """
        outgoing: list[Outgoing] = []
        receipts: dict[Place, list[Receipt]] = defaultdict(list)
        counts: dict[str, int] = defaultdict(int)
        reached: dict[Place, int] = {}
        for record in records:
            for place in self._places_of(record):
                reached[place] = record.offset + 1
            command = _parsed(record)
            if command is None:
                continue
            place = Place(command.topic, command.partition)
            if place not in reached or self._next.get(place, 0) > record.offset:
                continue
            work = await self._work_of(command, self._owned[place])
            outgoing += work.outgoing
            receipts[place] += work.receipts
            for kind, number in work.counts.items():
                counts[kind] += number
        if receipts:
            await acknowledged(await self._producer.begin(outgoing), self._dead_letters)
            now = self._clock.now()
            batches = [ReceiptBatch(self._pipeline.name, *place, now, rows) for place, rows in receipts.items()]
            await self._producer.send(
                [record for batch in batches for record in encode_all(batch, self._pipeline.names.receipts)]
            )
            log.info("commands_carried_out", pipeline=self._pipeline.name, commands=sum(map(len, receipts.values())))
        await self._save({place: offset for place, offset in reached.items() if offset > self._next.get(place, 0)})
        for kind, number in counts.items():
            self._metrics.count_records(self._pipeline.name, kind, number)

    async def _tracked(self, records: Sequence[Record]) -> None:
        self._at_work = asyncio.ensure_future(self.carry_out(records))
        await self._at_work

    def _places_of(self, record: Record) -> list[Place]:
        return [
            place
            for place, assignment in self._owned.items()
            if place.partition == record.partition and not assignment.is_leaving
        ]

    async def _work_of(self, command: Command, assignment: Assignment) -> Work:
        record = Record(
            command.topic,
            command.partition,
            command.offset,
            command.timestamp_ms,
            command.key,
            command.value,
            command.headers,
        )
        if command.action is Action.REPLAY:
            return await self._replay(assignment, record, self._newest)
        work = Work()
        if command.action is Action.DISCARD:
            source, event_id = identity(record)
            type_name = (record.header("ce_type") or b"").decode(errors="replace")
            key = (command.key or b"").decode(errors="replace")
            kind = OutcomeKind.CANCELLED.value
            work.rows.append(Receipt(command.offset, source, event_id, type_name, key, kind, "by_operator", 0))
            work.counts = {kind: 1}
        return work

    def _newest(self, record: Record) -> Record:
        try:
            return upcast(record, self._registry, self._codec) if self._registry is not None else record
        except RecordError as error:
            # The step tells by itself what is wrong with the record as it is.
            log.warning("record_not_upcast", pipeline=self._pipeline.name, reason=error.reason)
            return record

    async def _save(self, reached: dict[Place, int]) -> None:
        if not reached:
            return
        await self._producer.send(
            [
                encode(
                    self._state_topic,
                    place.partition,
                    _PROGRESS_PREFIX + place.topic.encode(),
                    KeyState(unknown={_NEXT: offset}),
                )
                for place, offset in reached.items()
            ]
        )
        self._next.update(reached)

    def _read_progress(self, partitions: set[int]) -> dict[Place, int]:
        view = ClusterView(self._configuration)
        spans = view.spans([self._state_topic, self._commands_topic], partitions)
        states = {place: span for place, span in spans.items() if place.topic == self._state_topic}
        found: dict[Place, int] = {}
        with view.whole(states) as reader:
            for record in reader.records():
                if record.key is not None and record.key.startswith(_PROGRESS_PREFIX) and record.value:
                    topic = record.key.removeprefix(_PROGRESS_PREFIX).decode()
                    found[Place(topic, record.partition)] = int((decode(record).unknown or {}).get(_NEXT, 0))
        return found


def _parsed(record: Record) -> Command | None:
    try:
        return parse_command(record)
    except DecodeError as error:
        log.warning("command_unreadable", topic=record.topic, partition=record.partition, reason=error.reason)
        return None
