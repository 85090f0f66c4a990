"""The step that takes records in: decode, validate as the publisher's contract says, normalise, key."""

from collections.abc import Callable, Mapping
from typing import Any

from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.delivery.dead_letter import to_dead_letter
from lienthong.delivery.hygiene import identity
from lienthong.envelope import Event, carried, from_kafka, to_kafka
from lienthong.errors import DecodeError, RecordError, RecordTooLargeError, UnknownSubjectError
from lienthong.outcome import OutcomeKind
from lienthong.personal import holds_personal_id, refuse_personal_ids
from lienthong.pipeline.attributes import usual
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.publishers import Publishers
from lienthong.pipeline.work import Work
from lienthong.pseudonym import Pseudonymizer
from lienthong.receipt import DEFAULTS, Receipt
from lienthong.record import Headers, OutgoingRecord, Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.schema import SchemaSpec
from lienthong.text import normalise
from lienthong.transport.assignment import Slice
from lienthong.validation import validate

_DELIVERED = OutcomeKind.DELIVERED.value
_DEAD_LETTERED = OutcomeKind.DEAD_LETTERED.value
#: What a producer takes at most, whatever the topic allows.
_NO_LIMIT = 4_194_304
#: What Kafka adds around a batch of one record.
_BATCH_BYTES = 512
#: Publishers and schemas that are remembered; a source that somebody varies must not fill the memory.
_MAX_KNOWN = 10_000
#: Schema, target topic, type, source, validator, key and findings of records that have these in common.
_Known = tuple[SchemaSpec, str, str, str, Callable[[bytes], Any], Callable[[Any], str], Callable[[Any], Any], int]
#: What headers, key and Kafka's own framing may add to a value.
_ENVELOPE_BYTES = 16_384
# A tuple's own constructor skips the named tuple's, which costs as much as everything else of the record's making.
_bare: Any = tuple.__new__


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
        max_bytes: Full name of a topic → largest record that it takes; None for no limit.

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
        max_bytes: Mapping[str, int] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._topic = topic
        self._registry = registry
        self._publishers = publishers
        self._clock = clock
        self._codec = codec
        self._pseudonymizer = pseudonymizer
        self._max_bytes = max_bytes or {}
        self._dead_letters = pipeline.names.of_pipeline("deadletters", pipeline.name)
        self._known: dict[tuple[str, bytes, bytes, bytes], _Known] = {}

    def process(self, item: Slice) -> Work:
        """Return what becomes of the records of a slice.

        Args:
            item: The slice.
        """
        work = Work()
        if self._codec is not None:
            self._codec.begin_batch()
        topic = item.place.topic
        take, add_record, add_receipt = self._take, work.outgoing.append, work.receipts.append
        dead = 0
        for message in item.messages:
            try:
                record, receipt = take(topic, message)
                add_record(record)
                add_receipt(receipt)
            except RecordError as error:
                dead += 1
                self._set_aside(to_record(message), error, work)
        work.counts = {_DELIVERED: len(item.messages) - dead}
        if dead:
            work.counts[_DEAD_LETTERED] = dead
        work.timestamps_ms = (item.messages[0].timestamp()[1], item.messages[-1].timestamp()[1])
        return work

    def _take(self, topic: str, message: Any) -> tuple[OutgoingRecord, Receipt]:
        headers: Headers = message.headers() or []
        value: bytes | None = message.value()
        found = usual(headers)
        if found is None:
            headers, value, found = self._unusual(headers, value)
        raw_source = found["ce_source"]
        known = self._known.get((topic, raw_source, found["ce_type"], found["ce_dataschema"]))
        if known is None:
            known = self._learn(topic, raw_source, found["ce_type"], found["ce_dataschema"])
        spec, target, type_name, source, validate_json, key_of, findings_of, max_bytes = known
        if not value:
            raise DecodeError("the record has no value; send the record as JSON", reason="no_value")
        if len(value) > max_bytes:
            raise RecordTooLargeError(
                "the value is larger than the topic behind intake takes; send references to files"
            )
        value, noticed = normalise(value)
        try:
            model = validate_json(value)
        except ValueError:
            # The exact way tells fields and rules; it raises in every case that comes here.
            model = validate(spec, value)
        key = key_of(model)
        findings = findings_of(model)
        if self._codec is not None:
            headers, value = self._codec.encrypt(self._subject(spec, model, key), headers, value)
        row = (message.offset(), source, found["ce_id"].decode(), type_name, key, _DELIVERED)
        if findings or noticed:
            pairs = tuple([f"{finding.field}:{finding.rule}" for finding in (*noticed, *findings)])
            receipt = Receipt(*row)._replace(findings=pairs)
        else:
            receipt = _bare(Receipt, (*row, *DEFAULTS))
        return _bare(OutgoingRecord, (target, key.encode(), value, headers, -1)), receipt

    def _learn(self, topic: str, source: bytes, type_name: bytes, dataschema: bytes) -> _Known:
        """Return what is the same for every record of one publisher and schema."""
        self._publishers.check(topic, source)
        spec = self._registry.find(type_name.decode(), dataschema.decode())
        parts = self._pipeline.names.bare(topic).split(".")
        if len(parts) > 1 and parts[1] != spec.domain:
            raise UnknownSubjectError(
                "this CloudEvents 'type' belongs to another domain's topic", reason="other_domain"
            )
        target = self._pipeline.names.full(self._topic.format(domain=spec.domain))
        limit = self._max_bytes.get(target, _NO_LIMIT) - _ENVELOPE_BYTES
        validator = spec.producer_model.__pydantic_validator__.validate_json
        known = (spec, target, spec.type, source.decode(), validator, spec.key, spec.findings, limit)
        if len(self._known) < _MAX_KNOWN:
            self._known[topic, source, type_name, dataschema] = known
        return known

    def _subject(self, spec: SchemaSpec, model: Any, key: str) -> str:
        """Return whose key encrypts: the person's, or the record's own when it names nobody."""
        identifiers = spec.subject(model) if spec.subject is not None else ()
        if not identifiers or self._pseudonymizer is None:
            return f"key:{key}"
        return self._pseudonymizer.alias(*identifiers[0])

    def _unusual(self, headers: Headers, value: bytes | None) -> tuple[Headers, bytes | None, dict[str, bytes]]:
        """Read any CloudEvent exactly and return it in the form that goes on."""
        event = from_kafka(headers, value)
        attributes = carried(event.attributes)
        refuse_personal_ids(attributes)
        content_type = attributes.get("datacontenttype", "application/json")
        if content_type.split(";")[0].strip() != "application/json":
            raise DecodeError("the data must be application/json", reason="datacontenttype")
        attributes["datacontenttype"] = "application/json"
        attributes["dataschema"] = self._registry.find(attributes["type"], attributes.get("dataschema", "")).dataschema
        outgoing, data = to_kafka(Event(attributes, event.data))
        return outgoing, data, dict(outgoing)

    def _set_aside(self, record: Record, error: RecordError, work: Work) -> None:
        source, event_id = identity(record)
        if holds_personal_id("id", event_id) or holds_personal_id("source", source):
            source, event_id = "", record.place_id
        letter = to_dead_letter(
            record,
            topic=self._dead_letters,
            pipeline=self._pipeline.name,
            stage="decode" if isinstance(error, DecodeError) else "validate",
            error=error,
            first_failed_at=self._clock.now(),
            max_bytes=self._max_bytes.get(self._dead_letters, _NO_LIMIT) - _BATCH_BYTES,
        )
        work.outgoing.append(letter)
        reason = f"{error.code}.{error.reason}" if error.reason else error.code
        work.receipts.append(Receipt(record.offset, source, event_id, "", "", _DEAD_LETTERED, reason))
