"""Which headers and keys may be copied out of a record that nobody vouches for."""

import re
import unicodedata

from lienthong.envelope import EXTENSIONS, MAX_ATTRIBUTE_CHARACTERS, STANDARD, STRUCTURED_TYPE, from_kafka
from lienthong.errors import DecodeError
from lienthong.record import LANE_HEADER, Headers, Record

KEY_ID_HEADER = "lt-key-id"
_OWN = frozenset({"content-type", KEY_ID_HEADER, LANE_HEADER})
REMOVED = "[removed]"
_STRUCTURED = STRUCTURED_TYPE.encode()
_ATTRIBUTE = re.compile(r"ce_([a-z0-9]{1,64})")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
# Between other letters and digits such a run is part of a longer code, for example of a trace id.
_PERSONAL_ID = re.compile(r"(?<![0-9A-Za-z])(?:\d{12}|\d{3}[ .]\d{3}[ .]\d{3}[ .]\d{3})(?![0-9A-Za-z])")
_SHORT_ID = re.compile(r"(?<![0-9A-Za-z])(?:\d{9}|0\d{9}|\+84\d{9})(?![0-9A-Za-z])")
#: Attributes that people write as text; all others are codes, so a space or an accent in them may be a name.
_PROSE = frozenset({"purpose", "legalbasis"})
#: A publisher's id may be any number; only the twelve digits of a personal ID are refused in it.
_NUMBERED = frozenset({"id", "source", "type", "time", "dataschema", "dossiercode"})


def looks_personal(text: str) -> bool:
    """Return whether a text holds something of the form of a personal ID.

    Args:
        text: Such as an attribute or a key.
    """
    return bool(_PERSONAL_ID.search(_UUID.sub("", text)))


def scrub(text: str, max_characters: int = MAX_ATTRIBUTE_CHARACTERS) -> str:
    """Return a text for a header: without line breaks, identity or telephone numbers, and cut to a length.

    Args:
        text: A message or reason of the hub or of a connector.
        max_characters: Where it is cut.
    """
    plain = "".join(" " if unicodedata.category(character)[0] == "C" else character for character in text)
    return _SHORT_ID.sub(REMOVED, _PERSONAL_ID.sub(REMOVED, plain))[:max_characters]


def safe_headers(headers: Headers) -> Headers:
    """Return the headers that the hub knows and that hold nothing of the form of personal data.

    Args:
        headers: Headers of any record.

    Returns:
        CloudEvents attributes that the hub carries on, the content type, the encryption key's id and the lane, in their
        order.
    """
    kept: Headers = []
    for name, raw in headers:
        lowered = name.lower()
        match = _ATTRIBUTE.fullmatch(lowered)
        if lowered not in _OWN and (match is None or match[1] not in STANDARD | EXTENSIONS):
            continue
        if _is_safe(match[1] if match else lowered, raw):
            kept.append((lowered, raw))
    return kept


def safe_key(key: bytes | None) -> bytes | None:
    """Return the key, or None when it has the form of personal data.

    Args:
        key: Key of any record.
    """
    return key if key is not None and _is_safe("key", key) else None


def identity(record: Record) -> tuple[str, str]:
    """Return CloudEvents source and id, or an empty source and ``topic:partition:offset`` without usable ones.

    Args:
        record: Any record; in structured mode its value counts, and its headers only if the value cannot be read.
    """
    if (record.header("content-type") or b"").startswith(_STRUCTURED) and record.value:
        try:
            event = from_kafka(record.headers, record.value)
        except DecodeError:
            return identity_of_headers(record)
        if max(len(event.source), len(event.id)) <= MAX_ATTRIBUTE_CHARACTERS:
            return event.source, event.id
    return identity_of_headers(record)


def identity_of_headers(record: Record) -> tuple[str, str]:
    """Return CloudEvents source and id as the headers say, or an empty source and ``topic:partition:offset``.

    Args:
        record: Any record.
    """
    by_place = "", record.place_id
    source, event_id = record.header("ce_source"), record.header("ce_id")
    if not source or not event_id or max(len(source), len(event_id)) > MAX_ATTRIBUTE_CHARACTERS:
        return by_place
    try:
        return source.decode(), event_id.decode()
    except UnicodeDecodeError:
        return by_place


def _is_safe(name: str, raw: bytes) -> bool:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return False
    if len(text) > MAX_ATTRIBUTE_CHARACTERS or not text.isprintable() or looks_personal(text):
        return False
    if name not in _NUMBERED and _SHORT_ID.search(text):
        return False
    return name in _PROSE or name == "content-type" or (text.isascii() and " " not in text)
