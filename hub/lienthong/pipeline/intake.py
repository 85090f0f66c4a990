"""The step that takes records in: decode, validate as the publisher's contract says, normalise, key."""

from typing import Any

from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.delivery.dead_letter import to_dead_letter
from lienthong.delivery.hygiene import identity, looks_personal
from lienthong.envelope import Event, carried, from_kafka, to_kafka
from lienthong.errors import DecodeError, RecordError
from lienthong.outcome import Finding, OutcomeKind
from lienthong.pipeline.attributes import usual
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.publishers import Publishers
from lienthong.pipeline.work import Work
from lienthong.pseudonym import Pseudonymizer
from lienthong.receipt import Receipt
from lienthong.record import Headers, OutgoingRecord, Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.schema import SchemaSpec
from lienthong.text import normalise
from lienthong.transport.assignment import Slice
from lienthong.validation import validate

_DELIVERED = OutcomeKind.DELIVERED.value
_DEAD_LETTERED = OutcomeKind.DEAD_LETTERED.value


class Intake:
    """Checks records of inbound topics and keys them.

    Args:
        pipeline: The pipeline, for its names.
        topic: Catalogue name of the target topic; ``{domain}`` stands for the domain of the record's type.
        registry: All record types.
        publishers: Who may publish what.
        clock: Where to read the time.
        codec: Encrypts values where the catalogue says so; None to leave them.
        pseudonymizer: Names the person whose key encrypts; needed with a codec.
        max_dead_letter_bytes: Largest dead letter.

    Delivery:
        Every record of a slice becomes one record of its domain or one dead letter, in the order of the slice.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        topic: str,
        registry: SchemaRegistry,
        publishers: Publishers,
        clock: Clock,
        codec: RecordCodec | None = None,
        pseudonymizer: Pseudonymizer | None = None,
        max_dead_letter_bytes: int | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._topic = topic
        self._registry = registry
        self._publishers = publishers
        self._clock = clock
        self._codec = codec
        self._pseudonymizer = pseudonymizer
        self._max_dead_letter_bytes = max_dead_letter_bytes
        self._dead_letters = pipeline.names.of_pipeline("deadletters", pipeline.name)
        # Type and schema, as raw bytes → schema, target topic, type and validator: the same for nearly every record.
        self._known: dict[tuple[bytes, bytes], tuple[SchemaSpec, str, str, Any]] = {}

    def process(self, item: Slice) -> Work:
        """Return what becomes of the records of a slice.

        Args:
            item: The slice.
        """
        work = Work()
        if self._codec is not None:
            self._codec.begin_batch()
        topic = item.place.topic
        dead = 0
        for message in item.messages:
            headers: Headers = message.headers() or []
            value: bytes | None = message.value()
            try:
                self._take(topic, message.offset(), headers, value, work)
            except RecordError as error:
                dead += 1
                self._set_aside(to_record(message), error, work)
        work.counts = {_DELIVERED: len(item.messages) - dead}
        if dead:
            work.counts[_DEAD_LETTERED] = dead
        work.timestamps_ms = (item.messages[0].timestamp()[1], item.messages[-1].timestamp()[1])
        return work

    def _take(self, topic: str, offset: int, headers: Headers, value: bytes | None, work: Work) -> None:
        found = usual(headers)
        if found is None:
            headers, value, found = self._unusual(headers, value)
        self._publishers.check(topic, found["ce_source"])
        spec, target, type_name, validator = self._schema(found["ce_type"], found["ce_dataschema"])
        if not value:
            raise DecodeError("the record has no value; send the record as JSON", reason="no_value")
        value, noticed = normalise(value)
        try:
            model = validator.validate_json(value)
        except ValueError:
            # The exact way tells fields and rules; it raises in every case that comes here.
            model = validate(spec, value)
        key = spec.key(model)
        findings: tuple[Finding, ...] = (*noticed, *spec.findings(model))
        if self._codec is not None:
            headers, value = self._codec.encrypt(self._subject(spec, model, key), headers, value)
        work.outgoing.append(OutgoingRecord(target, key.encode(), value, headers))
        source, event_id = found["ce_source"].decode(), found["ce_id"].decode()
        if findings:
            rows = tuple(f"{finding.field}:{finding.rule}" for finding in findings)
            receipt = Receipt(offset, source, event_id, type_name, key, _DELIVERED, "", 1, False, "", (), rows)
        else:
            receipt = Receipt(offset, source, event_id, type_name, key, _DELIVERED)
        work.receipts.append(receipt)

    def _subject(self, spec: SchemaSpec, model: Any, key: str) -> str:
        """Return whose key encrypts: the person's, or the record's own when it names nobody."""
        identifiers = spec.subject(model) if spec.subject is not None else ()
        if not identifiers or self._pseudonymizer is None:
            return f"key:{key}"
        return self._pseudonymizer.alias(*identifiers[0])

    def _schema(self, type_name: bytes, dataschema: bytes) -> tuple[SchemaSpec, str, str, Any]:
        known = self._known.get((type_name, dataschema))
        if known is None:
            text = type_name.decode()
            spec = self._registry.find(text, dataschema.decode())
            target = self._pipeline.names.full(self._topic.format(domain=spec.domain))
            known = spec, target, text, spec.producer_model.__pydantic_validator__
            self._known[type_name, dataschema] = known
        return known

    def _unusual(self, headers: Headers, value: bytes | None) -> tuple[Headers, bytes | None, dict[str, bytes]]:
        """Read any CloudEvent exactly and return it in the form that goes on."""
        event = from_kafka(headers, value)
        attributes = carried(event.attributes)
        for name, text in attributes.items():
            if looks_personal(text):
                raise DecodeError(
                    f"the CloudEvents attribute {name!r} has the form of a personal ID; put it into the data",
                    reason="personal_id_in_attribute",
                )
        content_type = attributes.get("datacontenttype", "application/json")
        if content_type.split(";")[0].strip() != "application/json":
            raise DecodeError("the data must be application/json", reason="datacontenttype")
        attributes["datacontenttype"] = "application/json"
        attributes["dataschema"] = self._registry.find(attributes["type"], attributes.get("dataschema", "")).dataschema
        outgoing, data = to_kafka(Event(attributes, event.data))
        return outgoing, data, dict(outgoing)

    def _set_aside(self, record: Record, error: RecordError, work: Work) -> None:
        source, event_id = identity(record)
        if looks_personal(event_id) or looks_personal(source):
            source, event_id = "", f"{record.topic}:{record.partition}:{record.offset}"
        letter = to_dead_letter(
            record,
            topic=self._dead_letters,
            pipeline=self._pipeline.name,
            stage="decode" if isinstance(error, DecodeError) else "validate",
            error=error,
            first_failed_at=self._clock.now(),
            max_bytes=self._max_dead_letter_bytes,
        )
        work.outgoing.append(letter)
        reason = f"{error.code}.{error.reason}" if error.reason else error.code
        work.receipts.append(Receipt(record.offset, source, event_id, "", "", _DEAD_LETTERED, reason))
