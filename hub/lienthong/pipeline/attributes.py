"""A fast look at the CloudEvents headers of a record; whatever is unusual goes the slow and exact way."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from lienthong.envelope import EXTENSIONS, MAX_ATTRIBUTE_CHARACTERS, SPEC_VERSION, STANDARD, Event
from lienthong.record import Headers

K = TypeVar("K")

#: Kinds of headers that are remembered.
_MAX_KNOWN = 10_000
#: Header names that the hub carries on.
CARRIED = frozenset({*(f"ce_{name}" for name in STANDARD | EXTENSIONS if name != "datacontenttype"), "content-type"})
_ATTRIBUTES = {name: "datacontenttype" if name == "content-type" else name[3:] for name in CARRIED}
_SPEC_VERSION = SPEC_VERSION.encode()
_JSON = b"application/json"
# Digits become 0, letters a and control characters NUL, so that substring searches find nearly all that is suspicious.
_SHAPE = bytes(
    0x30
    if chr(code).isdigit()
    else 0x61
    if chr(code).isalpha()
    else 0x2E
    if code == 0x20
    else 0
    if code < 0x20 or code == 0x7F
    else code
    for code in range(128)
) + bytes(128)
_TWELVE_DIGITS = b"0" * 12
_GROUPED_DIGITS = b"000.000.000.000"
# A whole value, such as the number of an old identity card.
_NINE_DIGITS = b"|000000000|"
# Longer runs of digits, and those inside words longer than these, are parts of UUIDs and hashes.
_ALONE = re.compile(rb"(?<![0a])a{0,10}0{12}a{0,3}(?![0a])")
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


class HeaderMemory(Generic[K]):
    """What is known of records that were accepted before, found again by headers that many of them share.

    Nearly every record looks like one before it, so that two look-ups replace all checks.
    """

    def __init__(self) -> None:
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._known: dict[str, dict[tuple[bytes, ...], K]] = defaultdict(dict)

    def learn(self, topic: str, headers: Headers, known: K) -> None:
        """Remember what is known of a record.

        Args:
            topic: Where it came from.
            headers: Kafka headers that :func:`usual` has accepted.
            known: What holds for every record with the same shared headers.
        """
        here = self._known[topic]
        # A source that somebody varies must not fill the memory.
        if len(self._layouts) < _MAX_KNOWN and len(here) < _MAX_KNOWN:
            names, texts = zip(*headers, strict=True)
            layout = self._layouts.setdefault(names, layout_of(headers))
            here[layout.shared(texts)] = known

    def look(self, topic: str, headers: Sequence[Headers]) -> tuple[list[K | None], list[bytes]]:
        """Look at the headers of some records together, which costs little more than at those of one.

        Args:
            topic: Where they came from.
            headers: Kafka headers of each record.

        Returns:
            What is known of each record, None where nothing is or one of them is unusual, and their CloudEvents ids.
        """
        own: list[bytes] = []
        look = self._look_down(topic, headers, own) or self._look_along(topic, headers, own)
        if not own or are_usual(own):
            return look
        # One that nothing is known of for sure must not make all others go the slow way.
        return self._look_along(topic, headers, own, is_each_checked=True)

    def _look_down(
        self, topic: str, headers: Sequence[Headers], own: list[bytes]
    ) -> tuple[list[K | None], list[bytes]] | None:
        """Look at records whose headers have the same names in the same order, header by header."""
        try:
            columns: list[Any] = [tuple(zip(*column, strict=True)) for column in zip(*headers, strict=True)]
            layout = self._layouts[tuple([names[0] for names, _ in columns])]
        except (KeyError, ValueError):
            return None
        if any(names.count(names[0]) != len(names) for names, _ in columns):
            return None
        texts: Any = [values for _, values in columns]
        of_records: Any = layout.own(texts)
        for column in of_records[1:]:
            own += column
        shared: Any = layout.shared(texts)
        return list(map(self._known[topic].get, zip(*shared, strict=True))), list(texts[layout.id_index])

    def _look_along(
        self, topic: str, headers: Sequence[Headers], own: list[bytes], *, is_each_checked: bool = False
    ) -> tuple[list[K | None], list[bytes]]:
        """Look at records of several kinds one by one."""
        layouts, here = self._layouts, self._known[topic]
        known: list[K | None] = []
        ids: list[bytes] = []
        for each in headers:
            try:
                names, texts = zip(*each, strict=True)
                layout = layouts[names]
                kind = here[layout.shared(texts)]
            except (KeyError, ValueError):
                kind = None
            if kind is None or (is_each_checked and not are_usual(layout.own(texts))):
                known.append(None)
                ids.append(b"")
                continue
            known.append(kind)
            ids.append(texts[layout.id_index])
            own += layout.own(texts)
        return known, ids


def layout_of(headers: Headers) -> Layout:
    """Return the layout of headers that :func:`usual` has accepted.

    Args:
        headers: Kafka headers.
    """
    names = [name for name, _ in headers]
    shared = [index for index, name in enumerate(names) if name not in _OWN]
    own = [index for index, name in enumerate(names) if name in _OWN]
    at = names.index("ce_id")
    # With one index a getter would return no tuple, so the id stands there twice.
    return Layout(itemgetter(*shared), itemgetter(at, *own), at)


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
    """Return whether values, joined by a bar, may hold what :func:`~lienthong.personal.holds_personal_id` finds."""
    shape = joined.translate(_SHAPE)
    return (
        b"\x00" in shape
        or _GROUPED_DIGITS in shape
        or _NINE_DIGITS in b"|%b|" % shape
        or (_TWELVE_DIGITS in shape and _ALONE.search(shape) is not None)
    )


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
