"""The step that copies records for subscribers, one copy each, so that none of them can hold up another."""

from collections.abc import Sequence

from lienthong.delivery.hygiene import identity, safe_headers
from lienthong.envelope import MAX_ATTRIBUTE_CHARACTERS
from lienthong.outcome import OutcomeKind
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.work import Work
from lienthong.receipt import Receipt
from lienthong.record import Headers, OutgoingRecord
from lienthong.transport.assignment import Slice

_ID = "ce_id"


class FanOut:
    """Copies accepted records once for each subscriber; value and attributes stay, the key is the subscriber's name.

    Args:
        pipeline: The pipeline, for its types.
        topic: Full name of the target topic.
        subscribers: Names of those who get a copy.

    Delivery:
        A copy has the id ``<id>:<subscriber>`` under the same source, so that a record copied twice gives the same
        copies. The copies of one subscriber keep the order of their source; each ends, waits or fails by itself.
    """

    def __init__(self, pipeline: Pipeline, topic: str, subscribers: Sequence[str]) -> None:
        self._types = frozenset(pipeline.definition.types)
        self._topic = topic
        self._subscribers = tuple(dict.fromkeys(subscribers))

    def process(self, item: Slice) -> Work:
        """Return what becomes of the records of a slice.

        Args:
            item: The slice.
        """
        work = Work()
        for message in item.messages:
            record = to_record(message)
            source, event_id = identity(record)
            type_name = (record.header("ce_type") or b"").decode(errors="replace")
            key = (record.key or b"").decode(errors="replace")
            kind, reason = OutcomeKind.FILTERED.value, "other_type"
            if not self._types or type_name in self._types:
                headers = [header for header in safe_headers(record.headers) if header[0] != _ID]
                work.outgoing += [self._copy(name, event_id, headers, record.value) for name in self._subscribers]
                kind = (OutcomeKind.DELIVERED if self._subscribers else OutcomeKind.FILTERED).value
                reason = f"copies_{len(self._subscribers)}" if self._subscribers else "no_subscriber"
            work.rows.append(Receipt(record.offset, source, event_id, type_name, key, kind, reason))
            work.counts[kind] = work.counts.get(kind, 0) + 1
        work.timestamps_ms = (item.messages[0].timestamp()[1], item.messages[-1].timestamp()[1])
        return work

    def _copy(self, subscriber: str, event_id: str, headers: Headers, value: bytes | None) -> OutgoingRecord:
        # The end of an id tells two copies apart, also where the whole would be longer than an id may be.
        copy_id = f"{event_id}:{subscriber}"[-MAX_ATTRIBUTE_CHARACTERS:]
        return OutgoingRecord(self._topic, subscriber.encode(), value, [(_ID, copy_id.encode()), *headers])
