"""The step that takes records in: decode, validate as the publisher's contract says, normalise, key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.delivery.dead_letter import to_dead_letter
from lienthong.delivery.hygiene import identity
from lienthong.envelope import Event, carried, from_kafka, to_kafka
from lienthong.errors import DecodeError, RecordError, RecordTooLargeError, UnknownSubjectError
from lienthong.outcome import Finding, OutcomeKind
from lienthong.personal import holds_personal_id, refuse_personal_ids
from lienthong.pipeline.attributes import HeaderMemory, usual
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.publishers import Publishers
from lienthong.pipeline.work import Work
from lienthong.pseudonym import Pseudonymizer
from lienthong.receipt import Receipt, Row
from lienthong.record import Headers, OutgoingRecord, Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.schema import SchemaSpec
from lienthong.text import is_plain, normalise
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
#: What headers, key and Kafka's own framing may add to a value.
_ENVELOPE_BYTES = 16_384
#: Values that are looked at together: enough to cost little, few enough that one odd value spoils few looks.
_LOOK_RECORDS = 64


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What records of one publisher and schema have in common.

    Attributes:
        spec: The schema.
        target: Full name of the topic they go to.
        type_name: CloudEvents type.
        source: CloudEvents source.
        validate_json: Parses and checks a value.
        key_of: Model → key.
        findings_of: Model → findings.
        max_bytes: Largest value.
    """

    spec: SchemaSpec
    target: str
    type_name: str
    source: str
    validate_json: Callable[[bytes], Any]
    key_of: Callable[[Any], str]
    findings_of: Callable[[Any], Any]
    max_bytes: int


#: Headers, value, CloudEvents id and what is known of one record.
_Seen = tuple[Headers, bytes | None, bytes, _Known | None]


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
        self._usual: HeaderMemory[_Known] = HeaderMemory()

    def process(self, item: Slice) -> Work:
        """Return what becomes of the records of a slice.

        Args:
            item: The slice.
        """
        work = Work()
        if self._codec is not None:
            self._codec.begin_batch()
        messages = item.messages
        for first in range(0, len(messages), _LOOK_RECORDS):
            self._take(item.place.topic, messages[first : first + _LOOK_RECORDS], work)
        dead = work.counts.get(_DEAD_LETTERED, 0)
        work.counts[_DELIVERED] = len(messages) - dead
        work.timestamps_ms = (messages[0].timestamp()[1], messages[-1].timestamp()[1])
        return work

    def _take(self, topic: str, messages: Sequence[Any], work: Work) -> None:
        """Take a few records in: together when all of them are usual, otherwise one by one."""
        values = [message.value() for message in messages]
        headers = [message.headers() or [] for message in messages]
        kinds, ids = self._usual.look(topic, headers)
        is_normal = is_plain(values)
        if not is_normal or not self._take_together(messages, values, headers, kinds, ids, work):
            for message, value, each, known, event_id in zip(messages, values, headers, kinds, ids, strict=True):
                self._take_one(message, (each, value, event_id, known), work, is_normal=is_normal)

    def _take_together(
        self,
        messages: Sequence[Any],
        values: Sequence[bytes | None],
        headers: Sequence[Headers],
        kinds: Sequence[_Known | None],
        ids: Sequence[bytes],
        work: Work,
    ) -> bool:
        """Take records step by step instead of one by one, which costs half; return False if any is not usual."""
        found = [known for known in kinds if known is not None]
        full = [value for value in values if value]
        if self._codec is not None or not len(found) == len(full) == len(messages) or not all(ids):
            return False
        longest = max(map(len, full))
        if any(longest > known.max_bytes for known in set(found)):
            return False
        try:
            keys, findings = [], []
            for known, value in zip(found, full, strict=True):
                # One at a time, so that the memory of a model is still near when the next one takes it.
                model = known.validate_json(value)
                keys.append(known.key_of(model))
                findings.append(known.findings_of(model))
        except (ValueError, RecordError):
            return False
        work.outgoing += [
            (known.target, key.encode(), value, each, -1)
            for known, key, value, each in zip(found, keys, full, headers, strict=True)
        ]
        rows = [
            (message.offset(), known.source, event_id.decode(), known.type_name, key, _DELIVERED)
            for message, known, event_id, key in zip(messages, found, ids, keys, strict=True)
        ]
        work.rows += [_noted(row, odd) if odd else row for row, odd in zip(rows, findings, strict=True)]
        return True

    def _take_one(self, message: Any, look: _Seen, work: Work, *, is_normal: bool) -> None:
        headers, value, event_id, known = look
        noticed: tuple[Finding, ...] = ()
        try:
            is_usual = known is not None and event_id != b""
            if known is None or not is_usual:
                headers, value, event_id, known = self._look_closer(message.topic(), headers, value)
            if not value or len(value) > known.max_bytes:
                raise _wrong_size(value)
            if not is_normal or not is_usual:
                value, noticed = normalise(value)
            try:
                model = known.validate_json(value)
            except ValueError:
                # The exact way tells fields and rules; it raises in every case that comes here.
                model = validate(known.spec, value)
            key = known.key_of(model)
            findings = known.findings_of(model)
            if self._codec is not None:
                headers, value = self._codec.encrypt(self._subject(known.spec, model, key), headers, value)
        except RecordError as error:
            self._set_aside(to_record(message), error, work)
            return
        work.outgoing.append(OutgoingRecord(known.target, key.encode(), value, headers))
        row: Row = (message.offset(), known.source, event_id.decode(), known.type_name, key, _DELIVERED)
        work.rows.append(_noted(row, (*noticed, *findings)))

    def _look_closer(
        self, topic: str, headers: Headers, value: bytes | None
    ) -> tuple[Headers, bytes | None, bytes, _Known]:
        """Check every header of a record and remember what it has in common with others."""
        found = usual(headers)
        is_usual = found is not None
        if found is None:
            headers, value, found = self._unusual(headers, value)
        raw_source = found["ce_source"]
        known = self._known.get((topic, raw_source, found["ce_type"], found["ce_dataschema"]))
        if known is None:
            known = self._learn(topic, raw_source, found["ce_type"], found["ce_dataschema"])
        if is_usual:
            self._usual.learn(topic, headers, known)
        return headers, value, found["ce_id"], known

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
        known = _Known(spec, target, spec.type, source.decode(), validator, spec.key, spec.findings, limit)
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
        work.rows.append(Receipt(record.offset, source, event_id, "", "", _DEAD_LETTERED, reason))
        work.counts[_DEAD_LETTERED] = work.counts.get(_DEAD_LETTERED, 0) + 1


def _noted(row: Row, findings: Sequence[Finding]) -> Row:
    if not findings:
        return row
    return Receipt(*row)._replace(findings=tuple([f"{finding.field}:{finding.rule}" for finding in findings]))


def _wrong_size(value: bytes | None) -> RecordError:
    if value:
        return RecordTooLargeError("the value is larger than the topic behind intake takes; send references to files")
    return DecodeError("the record has no value; send the record as JSON", reason="no_value")
