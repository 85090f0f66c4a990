"""One record on its way through a remote pipeline."""

from dataclasses import dataclass, field

from pydantic import BaseModel

from lienthong.delivery.retry import Attempts
from lienthong.envelope import Event, from_kafka
from lienthong.errors import RecordError
from lienthong.outcome import Outcome
from lienthong.pipeline.attributes import usual_event
from lienthong.pipeline.key_state import KeyState
from lienthong.record import BULK, LANE_HEADER, OutgoingRecord, Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.schema import SchemaSpec
from lienthong.transport.assignment import Assignment
from lienthong.validation import validate


@dataclass(slots=True)
class Item:
    """A record, decoded as a reader.

    Attributes:
        record: At its place in the source topic.
        assignment: Its partition, for as long as this worker owns it.
        event: CloudEvents attributes and plain bytes; None if it could not be decoded.
        spec: Schema of the record; None if it could not be decoded.
        data: Parsed bytes; None if it could not be decoded.
        error: Why it could not be decoded.
        defect: What nobody knows and happened while it was decoded; it ends the worker when the record is handled.
        attempts: Counts calls; what an earlier worker counted is in it.
        is_settled: Whether its offset was settled when it was parked.
        key: Key of the record as text.
        is_bulk: Whether the record is back-fill.
    """

    record: Record
    assignment: Assignment
    event: Event | None = None
    spec: SchemaSpec | None = None
    data: BaseModel | None = field(default=None, repr=False)
    error: RecordError | None = None
    defect: Exception | None = field(default=None, repr=False)
    attempts: Attempts = field(default_factory=Attempts, repr=False)
    is_settled: bool = False
    key: str = field(init=False, repr=False)
    is_bulk: bool = field(init=False)

    def __post_init__(self) -> None:
        """Read once what is asked for more than once."""
        self.key = (self.record.key or b"").decode(errors="replace")
        self.is_bulk = (LANE_HEADER, BULK) in self.record.headers

    def decoded(self) -> tuple[Event, SchemaSpec, BaseModel]:
        """Return event, schema and data.

        Raises:
            RecordError: Why it could not be decoded.
        """
        if self.event is None or self.spec is None or self.data is None:
            raise self.error or RecordError("the record was not decoded")
        return self.event, self.spec, self.data


@dataclass(slots=True)
class Handled:
    """What a step made of one record.

    Attributes:
        outcome: How the record ended or where it waits.
        records: Written before the record is settled.
        state: New state of the key; None if nothing changed.
        effect_key: Id of the intended effect.
        is_parked: Whether later records of the key wait behind it, as they also do behind some dead letters.
    """

    outcome: Outcome
    records: list[OutgoingRecord] = field(default_factory=list)
    state: KeyState | None = None
    effect_key: str = ""
    is_parked: bool = False


def decode(
    record: Record, assignment: Assignment, registry: SchemaRegistry, plain: bytes | None, types: frozenset[str]
) -> Item:
    """Return a record decoded with the open model of its type.

    Args:
        record: At its place in the source topic.
        assignment: Its partition.
        registry: All record types.
        plain: The value, decrypted.
        types: Types that need their data parsed; empty for all.
    """
    try:
        # What intake has written needs no second look at every name and letter.
        event = usual_event(record.headers, plain) or from_kafka(record.headers, plain)
        spec = registry.find(event.type, event.get("dataschema"))
        if types and event.type not in types:
            return Item(record, assignment, event, spec)
        return Item(record, assignment, event, spec, validate(spec, plain, reader=True))
    except RecordError as error:
        return Item(record, assignment, error=error)
