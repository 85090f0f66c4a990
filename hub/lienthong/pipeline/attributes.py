"""A fast look at the CloudEvents headers of a record; whatever is unusual goes the slow and exact way."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple

from lienthong.envelope import EXTENSIONS, MAX_ATTRIBUTE_CHARACTERS, SPEC_VERSION, STANDARD, Event
from lienthong.record import Headers

#: Header names that the hub carries on.
CARRIED = frozenset({*(f"ce_{name}" for name in STANDARD | EXTENSIONS if name != "datacontenttype"), "content-type"})
_ATTRIBUTES = {name: "datacontenttype" if name == "content-type" else name[3:] for name in CARRIED}
_SPEC_VERSION = SPEC_VERSION.encode()
_JSON = b"application/json"
# Digits become 0 and control characters become NUL, so that two substring searches find what is suspicious.
_SHAPE = bytes(0x30 if 0x30 <= code <= 0x39 else 0 if code < 0x20 or code >= 0x7F else code for code in range(256))
_TWELVE_DIGITS = b"0" * 12
#: Headers that differ from record to record; all others say what the publisher and the schema are.
_OWN = frozenset({"ce_id", "ce_time", "ce_subject", "ce_dossiercode", "ce_subjectref", "ce_actor", "ce_onbehalfof"}) | {
    "ce_traceparent",
    "ce_tracestate",
}


class Layout(NamedTuple):
    """Where the headers of one kind of publisher stand, so that a record is split without looking at names.

    Attributes:
        shared: Values of all headers → those that many records have in common.
        own: Values of all headers → those of this record.
        id_index: Where the CloudEvents id stands.
    """

    shared: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
    own: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
    id_index: int


def layout_of(headers: Headers) -> Layout:
    """Return the layout of headers that :func:`usual` has accepted.

    Args:
        headers: Kafka headers.
    """
    names = [name for name, _ in headers]
    shared = [index for index, name in enumerate(names) if name not in _OWN]
    own = [index for index, name in enumerate(names) if name in _OWN]
    # With one index a getter would return no tuple, so the id stands there twice.
    return Layout(itemgetter(*shared), itemgetter(names.index("ce_id"), *own), names.index("ce_id"))


def are_usual(own: Sequence[bytes]) -> bool:
    """Return whether headers that differ from record to record pass what :func:`usual` asks of all.

    Args:
        own: Their values, of any number of records: many in one look cost little more than one.
    """
    try:
        joined = b"|".join(own)
    except TypeError:
        return False
    return max(map(len, own)) <= MAX_ATTRIBUTE_CHARACTERS and not _is_suspicious(joined)


def usual(headers: Headers | None) -> dict[str, bytes] | None:
    """Return the headers by name if they are a plain binary-mode CloudEvent, otherwise None.

    Args:
        headers: Kafka headers.

    Returns:
        None when anything is missing, unknown, repeated, long, outside ASCII, of the form of a personal ID, or not
        JSON; such records are not wrong, they only need the exact way.
    """
    if not headers:
        return None
    found = dict(headers)
    if len(found) != len(headers) or not CARRIED.issuperset(found) or not _is_complete(found):
        return None
    try:
        joined = b"|".join(found.values())
    except TypeError:
        # Kafka allows a header without value.
        return None
    if len(joined) > MAX_ATTRIBUTE_CHARACTERS or _is_suspicious(joined):
        return None
    return found


def usual_event(headers: Headers, data: bytes | None) -> Event | None:
    """Return the event of headers that :func:`usual` accepts, otherwise None.

    Args:
        headers: Kafka headers.
        data: The payload.
    """
    found = usual(headers)
    if found is None:
        return None
    return Event({_ATTRIBUTES[name]: raw.decode() for name, raw in found.items()}, data)


def _is_suspicious(joined: bytes) -> bool:
    shape = joined.translate(_SHAPE)
    return b"\x00" in shape or _TWELVE_DIGITS in shape


def _is_complete(found: dict[str, bytes]) -> bool:
    try:
        return bool(
            found["ce_specversion"] == _SPEC_VERSION
            and found["content-type"] == _JSON
            and found["ce_id"]
            and found["ce_source"]
            and found["ce_type"]
            and found["ce_dataschema"]
        )
    except KeyError:
        return False
