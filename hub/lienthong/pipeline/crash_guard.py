"""Keeps a record that ends its worker from ending every next one."""

import asyncio
from collections.abc import Iterable

import structlog

from lienthong.delivery.crash_marker import LIMIT, Journal, decode, encode
from lienthong.delivery.parking import QUARANTINE
from lienthong.errors import LienthongError, RecordError
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.key_state import RESERVED_PREFIX, KeyState, KeyStates
from lienthong.pipeline.key_state import encode as encode_state
from lienthong.record import OutgoingRecord, Place, Record
from lienthong.transport.assignment import Assignment

log = structlog.get_logger(__name__)

#: Alert that stands while a record is in quarantine.
QUARANTINED = "record_quarantined"
_FIELD = "crash_journal"
_MARKER_SECONDS = 3.0
_GOODBYE_SECONDS = 0.5


class CrashGuard:
    """Writes down in ``state.<pipeline>`` how owners of partitions end, and says which records are not tried again.

    Args:
        pipeline: Name of the pipeline.
        topic: Full name of ``state.<pipeline>``.
        states: Holds what was read of that topic.
        producer: Writes journals.
        metrics: What operators see.
        careful_records: Records of a partition after which being careful has found nothing: as many as an owner can
            have had unsettled.

    Delivery:
        An owner's beginning is acknowledged by Kafka before its first record is begun.
    """

    def __init__(
        self,
        pipeline: str,
        topic: str,
        states: KeyStates,
        producer: AcknowledgedProducer,
        metrics: Metrics,
        careful_records: int,
    ) -> None:
        self._pipeline = pipeline
        self._topic = topic
        self._states = states
        self._producer = producer
        self._metrics = metrics
        self._careful_records = careful_records
        # By topic and partition: the first two fields of a record are looked up for every record, more than once.
        self._journals: dict[tuple[str, int], Journal] = {}
        # Of which a beginning was sent, so that a goodbye must follow, and those of which Kafka has it.
        self._begun: set[Place] = set()
        self._confirmed: set[Place] = set()
        self._left: dict[Place, int] = {}

    @property
    def is_careful(self) -> bool:
        """Whether records are to be taken one at a time."""
        return bool(self._left)

    async def adopt(self, assignments: Iterable[Assignment]) -> None:
        """Learn how the last owners of new partitions ended.

        Args:
            assignments: The new partitions, before anything of them is begun; what is durable of them is read.
        """
        urgent: list[Place] = []
        for assignment in assignments:
            place = assignment.place
            left = self._read(place)
            journal = left.begun(assignment.position)
            self._journals[place] = journal
            self._begun.discard(place)
            self._confirmed.discard(place)
            if journal.is_careful:
                self._left[place] = self._careful_records
                log.warning("worker_is_careful", pipeline=self._pipeline, topic=place.topic, partition=place.partition)
            if left.at_work != journal.at_work or journal.is_careful:
                urgent.append(place)
        await self._write(urgent)

    async def begin(self, assignment: Assignment) -> None:
        """Write down that records of a partition are begun; after the first time it costs nothing.

        Args:
            assignment: The partition.
        """
        if assignment.place not in self._confirmed and assignment.place in self._journals:
            await self._write([assignment.place])

    def is_condemned(self, record: Record) -> bool:
        """Return whether a record ended its worker so often that its key must be parked.

        Args:
            record: At its place in the source topic.
        """
        journal = self._journals.get(record[:2])
        return journal is not None and journal.is_condemned(record.offset)

    def has_condemned(self, place: Place) -> bool:
        """Return whether there is such a record in a partition.

        Args:
            place: The partition.
        """
        journal = self._journals.get(place)
        return journal is not None and any(count >= LIMIT for count in journal.crashes.values())

    async def before(self, record: Record) -> None:
        """Write down that a record which may end the worker is begun.

        Args:
            record: At its place in the source topic.
        """
        place = _place(record)
        journal = self._journals.get(place)
        if journal is None or journal.at_work == record.offset:
            return
        changed = [place]
        if self.is_careful:
            # One at a time over all partitions: what another partition had at work ended, and is not to blame.
            changed += [Place(*each) for each, other in self._journals.items() if each != place and other.at_work >= 0]
        for each in changed:
            self._journals[each] = self._journals[each].working(-1)
        self._journals[place] = journal.working(record.offset)
        await self._write(changed)

    async def after(self, record: Record) -> None:
        """Note that such a record did not end the worker.

        Args:
            record: At its place in the source topic.
        """
        place = _place(record)
        journal = self._journals.get(place)
        if journal is None:
            return
        if place in self._left:
            self._left[place] -= 1
            if not self._left[place]:
                del self._left[place]
                log.info("worker_is_careful_no_more", pipeline=self._pipeline, partition=place.partition)
                await self._change(place, journal.relaxed())
        elif journal.at_work == record.offset:
            await self._change(place, journal.working(-1))

    def ended(self, record: Record) -> None:
        """Forget the crashes of a record that ended or was parked; the next journal says so.

        Args:
            record: At its place in the source topic.
        """
        journal = self._journals.get(record[:2])
        if journal is not None and record.offset in journal.crashes:
            self._journals[_place(record)] = journal.without(record.offset)

    def quarantined(self, record: Record) -> OutgoingRecord:
        """Return the journal after a condemned record was parked, to be written with it: its next try starts anew.

        Args:
            record: At its place in the source topic.
        """
        self.ended(record)
        log.warning(QUARANTINED, pipeline=self._pipeline, partition=record.partition, offset=record.offset)
        return self._record(_place(record))

    def tell(self, number: int) -> None:
        """Raise or clear the alert.

        Args:
            number: Records in quarantine.
        """
        if number:
            self._metrics.raise_alert(QUARANTINED, self._pipeline)
        else:
            self._metrics.clear_alert(QUARANTINED, self._pipeline)

    async def crashed(self, record: Record) -> None:
        """Write the marker of a record at which something unknown happened; the worker ends afterwards.

        Args:
            record: At its place in the source topic.
        """
        place = _place(record)
        if place not in self._journals:
            return
        self._journals[place] = self._journals[place].crashed(record.offset)
        count = self._journals[place].crashes[record.offset]
        log.error("crash_marked", pipeline=self._pipeline, partition=place.partition, offset=record.offset, count=count)
        await self._say_goodbye({place, *self._begun}, _MARKER_SECONDS)

    async def close(self, places: Iterable[Place] | None = None) -> None:
        """Write down that this owner ends well.

        Args:
            places: Of the partitions that go away; None for all.
        """
        wanted = self._begun if places is None else self._begun & set(places)
        await self._say_goodbye(wanted, _GOODBYE_SECONDS)

    def forget(self, places: Iterable[Place]) -> None:
        """Drop what is known of partitions that another worker owns now.

        Args:
            places: Their places.
        """
        for place in places:
            self._journals.pop(place, None)
            self._left.pop(place, None)
            self._begun.discard(place)
            self._confirmed.discard(place)

    async def _say_goodbye(self, places: Iterable[Place], seconds: float) -> None:
        leaving = [place for place in places if place in self._journals]
        for place in leaving:
            self._journals[place] = self._journals[place].closed()
        try:
            async with asyncio.timeout(seconds):
                await self._write(leaving)
        except (TimeoutError, LienthongError) as error:
            # Without it the next owner counts a death more; a crash must not wait for a broker that is away.
            log.warning("goodbye_not_written", pipeline=self._pipeline, error=type(error).__name__)
        self._begun.difference_update(leaving)
        self._confirmed.difference_update(leaving)

    async def _change(self, place: Place, journal: Journal) -> None:
        self._journals[place] = journal
        await self._write([place])

    async def _write(self, places: Iterable[Place]) -> None:
        wanted = list(places)
        if wanted:
            self._begun.update(wanted)
            await self._producer.send([self._record(place) for place in wanted])
            self._confirmed.update(self._begun.intersection(wanted))

    def _record(self, place: Place) -> OutgoingRecord:
        state = KeyState(unknown={_FIELD: encode(self._journals[place])})
        return encode_state(self._topic, place.partition, _key(place), state)

    def _read(self, place: Place) -> Journal:
        found = (self._states.get(place.partition, _key(place)).unknown or {}).get(_FIELD)
        return Journal() if found is None else decode(found)


def condemned_error() -> RecordError:
    """Return why a record that ended its worker again and again is set aside."""
    error = RecordError(
        "handling this record ended its worker again and again; mend the defect, then replay or discard the record",
        reason=QUARANTINE,
    )
    error.attempts = LIMIT
    return error


def _place(record: Record) -> Place:
    return Place(record.topic, record.partition)


def _key(place: Place) -> bytes:
    """Return a key that no record has; workers that know no journals take it for one more key."""
    return RESERVED_PREFIX + place.topic.encode()
