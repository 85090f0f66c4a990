"""Under which names a receipt may know a record.

A worker that cannot read a record falls back on its headers, and then on its place, so a record may be known by either.
"""

from lienthong.delivery.hygiene import identity_of_headers, looks_personal
from lienthong.envelope import STRUCTURED_TYPE, from_kafka
from lienthong.errors import DecodeError
from lienthong.record import Record

Identity = tuple[str, str]


def candidates_of(record: Record) -> tuple[Identity, ...]:
    """Return the names of a record, the most likely one first; none of them looks like personal data.

    Args:
        record: As read from Kafka, in binary or structured mode.

    Returns:
        CloudEvents source and id; an empty source and ``topic:partition:offset`` where a worker may have used that.
    """
    by_headers = identity_of_headers(record)
    is_structured = (record.header("content-type") or b"").startswith(STRUCTURED_TYPE.encode())
    if by_headers[0] and not is_structured and not _is_personal(by_headers):
        return (by_headers,)
    options = [*_by_content(record), by_headers, ("", record.place_id)]
    return tuple(dict.fromkeys(option for option in options if not option[0] or not _is_personal(option)))


def _by_content(record: Record) -> list[Identity]:
    try:
        event = from_kafka(record.headers, record.value)
    except DecodeError:
        return []
    return [(event.source, event.id)]


def _is_personal(option: Identity) -> bool:
    return looks_personal(option[0]) or looks_personal(option[1])
