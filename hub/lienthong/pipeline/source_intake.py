"""Checks what a source found as intake checks what a publisher sent, and makes records of it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.connector import SourceEvent
from lienthong.delivery.dead_letter import to_dead_letter
from lienthong.delivery.effect import digest
from lienthong.delivery.hygiene import identity_of_headers
from lienthong.envelope import SPEC_VERSION, Event, carried, check_attributes, from_kafka, to_kafka
from lienthong.errors import DecodeError, RecordError, RecordTooLargeError, UnknownSubjectError, ValidationFailedError
from lienthong.kafka.fenced_producer import Written
from lienthong.outcome import Finding, OutcomeKind
from lienthong.personal import holds_personal_id, refuse_personal_ids
from lienthong.pipeline.cursors import Cursors
from lienthong.pipeline.definitions import CURSORS, Pipeline, PollStep
from lienthong.pipeline.work import Work
from lienthong.pseudonym import Pseudonymizer
from lienthong.receipt import Receipt, ReceiptBatch, encode_all
from lienthong.record import PIPELINE_HEADER, Outgoing, OutgoingRecord, Place, Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.registry.topics import TopicCatalogue
from lienthong.schema import SchemaSpec
from lienthong.text import normalise
from lienthong.transport.assignment import Assignment
from lienthong.validation import validate

#: What headers, key and Kafka's own framing may add to a value.
_ENVELOPE_BYTES = 16_384
_FRAMING_BYTES = 512


class Admitted(NamedTuple):
    """One event, checked.

    Attributes:
        identity: Hash of source and id.
        content: Hash of the bytes, to find an id that names two contents.
        outgoing: The record, or the dead letter.
        type: CloudEvents type; empty for a dead letter.
        kind: Its outcome.
        reason: Machine-readable detail.
        findings: Broken soft rules.
    """

    identity: str
    content: str
    outgoing: OutgoingRecord
    type: str
    kind: OutcomeKind
    reason: str = ""
    findings: tuple[Finding, ...] = ()


class SourceIntake:
    """Makes records of events.

    Args:
        pipeline: Which pipeline.
        step: Its declaration.
        registry: All record types.
        catalogue: Says how large records may be.
        clock: Where to read the time.
        cursors: Names the partition of the pipeline's cursor: the origin of its dead letters, so that its owner
            carries out what is decided on them.
        codec: Encrypts values where the catalogue says so; None to leave them.
        pseudonymizer: Names the person whose key encrypts; needed with a codec.

    Delivery:
        Every event becomes one record of the pipeline's topic or one dead letter.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        step: PollStep,
        registry: SchemaRegistry,
        catalogue: TopicCatalogue,
        clock: Clock,
        cursors: Cursors,
        codec: RecordCodec | None = None,
        pseudonymizer: Pseudonymizer | None = None,
    ) -> None:
        names = pipeline.names
        self._pipeline = pipeline
        self._step = step
        self._registry = registry
        self._clock = clock
        self._origin = cursors
        self._codec = codec
        self._pseudonymizer = pseudonymizer
        self._topic = names.full(step.topic)
        self._dead_letters = names.of_pipeline("deadletters", pipeline.name)
        self._cursors = names.full(CURSORS)
        self._max_bytes = catalogue.get(step.topic).max_message_bytes - _ENVELOPE_BYTES
        self._max_letter_bytes = catalogue.get(f"deadletters.{pipeline.name}").max_message_bytes - _FRAMING_BYTES
        parts = step.topic.split(".")
        self._domain = parts[1] if len(parts) > 1 else ""

    def admit(self, found: SourceEvent) -> Admitted:
        """Return what becomes of one event.

        Args:
            found: As the connector gave it.
        """
        event = found.event
        identity = digest("source_event", _clean(event.get("source")), _clean(event.get("id")))
        content = digest("source_content", (event.data or b"").hex())
        try:
            spec, outgoing, findings = self._check(found)
        except RecordError as error:
            reason = f"{error.code}.{error.reason}" if error.reason else error.code
            letter = self._letter(found, error)
            return Admitted(identity, content, letter, "", OutcomeKind.DEAD_LETTERED, reason)
        return Admitted(identity, content, outgoing, spec.type, OutcomeKind.DELIVERED, findings=findings)

    def begin_batch(self) -> None:
        """Forget destroyed keys."""
        if self._codec is not None:
            self._codec.begin_batch()

    def receipts(self, admitted: Sequence[Admitted], written: Sequence[Written]) -> list[Outgoing]:
        """Return the receipts of records that were written.

        Args:
            admitted: The records.
            written: Where each of them is.
        """
        rows: dict[Place, list[Receipt]] = {}
        for each, where in zip(admitted, written, strict=True):
            rows.setdefault(Place(where.topic, where.partition), []).append(_receipt(each, where))
        now = self._clock.now()
        batches = [ReceiptBatch(self._pipeline.name, *place, now, found) for place, found in rows.items()]
        return [record for batch in batches for record in encode_all(batch, self._pipeline.names.receipts)]

    async def replay(self, assignment: Assignment, record: Record, newest: Callable[[Record], Record]) -> Work:
        """Check a dead letter's record once more, as an operator asked for.

        Args:
            assignment: The partition of the cursor.
            record: As it was set aside.
            newest: Takes it to the newest version of its type.
        """
        del assignment
        again = newest(record)
        try:
            event = from_kafka(again.headers, again.value)
        except DecodeError:
            event = Event({}, again.value)
        admitted = self.admit(SourceEvent((again.key or b"").decode(errors="replace"), event))
        row = _receipt(admitted, Written(record.topic, record.partition, record.offset))
        return Work([admitted.outgoing], [row], {admitted.kind.value: 1})

    def _check(self, found: SourceEvent) -> tuple[SchemaSpec, OutgoingRecord, tuple[Finding, ...]]:
        attributes = carried(found.event.attributes)
        attributes.setdefault("specversion", SPEC_VERSION)
        check_attributes(attributes)
        refuse_personal_ids(attributes)
        if attributes.get("datacontenttype", "application/json").split(";")[0].strip() != "application/json":
            raise DecodeError("the data must be application/json", reason="datacontenttype")
        if not found.key or holds_personal_id("subject", found.key):
            raise ValidationFailedError(
                "the key is empty or looks like a personal ID; key by dossier code or subjectref", reason="key"
            )
        spec = self._registry.find(attributes["type"], attributes.get("dataschema", ""))
        if self._domain and spec.domain != self._domain:
            raise UnknownSubjectError(
                "this CloudEvents 'type' belongs to another domain's topic", reason="other_domain"
            )
        attributes["datacontenttype"] = "application/json"
        attributes["dataschema"] = spec.dataschema
        attributes.setdefault("purpose", self._step.purpose)
        attributes.setdefault("legalbasis", self._step.legal_basis)
        value, noticed = normalise(found.event.data or b"")
        if len(value) > self._max_bytes:
            raise RecordTooLargeError("the value is larger than the topic takes; refer to files instead")
        model = validate(spec, value)
        headers, data = to_kafka(Event(attributes, value))
        if self._codec is not None:
            identifiers = spec.subject(model) if spec.subject is not None else ()
            mine = f"key:{found.key}"
            named = self._pseudonymizer is not None and identifiers
            subject = self._pseudonymizer.alias(*identifiers[0]) if named and self._pseudonymizer else mine
            headers, data = self._codec.encrypt(subject, headers, data)
        headers = [*headers, (PIPELINE_HEADER, self._pipeline.name.encode())]
        return spec, OutgoingRecord(self._topic, found.key.encode(), data, headers), (*noticed, *spec.findings(model))

    def _letter(self, found: SourceEvent, error: RecordError) -> OutgoingRecord:
        attributes = {"specversion": SPEC_VERSION} | {n: _clean(text) for n, text in found.event.attributes.items()}
        headers, value = to_kafka(Event(attributes, found.event.data))
        origin = Record(self._cursors, self._origin.partition, 0, -1, _clean(found.key).encode(), value, headers)
        return to_dead_letter(
            origin,
            topic=self._dead_letters,
            pipeline=self._pipeline.name,
            stage="decode" if isinstance(error, DecodeError) else "validate",
            error=error,
            first_failed_at=self._clock.now(),
            connector=self._step.connector,
            max_bytes=self._max_letter_bytes,
        )


def _clean(text: str) -> str:
    """Return a text that can be written down, whatever a platform sent."""
    return text.encode(errors="replace").decode()


def _receipt(admitted: Admitted, where: Written) -> Receipt:
    record = Record(*where, -1, None, None, admitted.outgoing.headers)
    source, event_id = identity_of_headers(record)
    is_delivered = admitted.kind is OutcomeKind.DELIVERED
    return Receipt(
        where.offset,
        source,
        event_id,
        admitted.type,
        (admitted.outgoing.key or b"").decode() if is_delivered else "",
        admitted.kind.value,
        admitted.reason,
        findings=tuple(f"{finding.field}:{finding.rule}" for finding in admitted.findings),
    )
