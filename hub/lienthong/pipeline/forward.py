"""The step that hands records of chosen types on to another topic."""

from lienthong.delivery.hygiene import identity, safe_headers
from lienthong.outcome import OutcomeKind
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.messages import to_record
from lienthong.pipeline.work import Work
from lienthong.receipt import Receipt
from lienthong.record import OutgoingRecord
from lienthong.transport.assignment import Slice


class Forward:
    """Copies accepted records; key, value and attributes stay.

    Args:
        pipeline: The pipeline, for its types.
        topic: Full name of the target topic.

    Delivery:
        A copy keeps (source, id), so that a record forwarded twice is still the same record.
    """

    def __init__(self, pipeline: Pipeline, topic: str) -> None:
        self._types = frozenset(pipeline.definition.types)
        self._topic = topic

    def process(self, item: Slice) -> Work:
        """Return what becomes of the records of a slice.

        Args:
            item: The slice.
        """
        work = Work()
        for message in item.messages:
            record = to_record(message)
            source, event_id = identity(record)
            type_name = (record.header("ce_type") or b"").decode()
            key = (record.key or b"").decode(errors="replace")
            wanted = not self._types or type_name in self._types
            if wanted:
                work.outgoing.append(
                    OutgoingRecord(self._topic, record.key, record.value, safe_headers(record.headers))
                )
            kind = (OutcomeKind.DELIVERED if wanted else OutcomeKind.FILTERED).value
            reason = "" if wanted else "other_type"
            work.rows.append(Receipt(record.offset, source, event_id, type_name, key, kind, reason))
            work.counts[kind] = work.counts.get(kind, 0) + 1
        work.timestamps_ms = (item.messages[0].timestamp()[1], item.messages[-1].timestamp()[1])
        return work
