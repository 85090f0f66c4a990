"""Text of a record before its schema is asked: composed (NFC), without control characters.

The check runs once over all bytes of a record instead of once for every field, because nearly every record passes it:
only what a cheap look finds suspicious is parsed and walked through. Suspicious are the lead bytes of C1 controls and
symbols (c2) and of combining marks (cc, cd), letters that Vietnamese does not have, and escapes of any of them.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from lienthong.errors import DecodeError, ValidationFailedError, Violation
from lienthong.outcome import Finding

NFD_NORMALISED = "nfd_normalised"
LEGACY_ENCODING = "legacy_encoding_suspected"
BYTE_ORDER_MARK = "byte_order_mark"
CONTROL_CHARACTER = "control_character"
MAX_REPORTED = 50

_SAFE_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_BOM = b"\xef\xbb\xbf"
# An escape that can hide a control character, a combining mark or a symbol of a legacy encoding.
_ESCAPE = re.compile(rb"\\(?:[bf]|u(?:00[01]|007[fF]|00[89aAbB]|03[0-6]))")
# Latin letters that Vietnamese does not have, as UTF-8: Ï Ñ Ö Ø Û Þ ï ñ ö ø û.
_FOREIGN = re.compile(b"\xc3[\x8f\x91\x96\x98\x9b\x9e\xaf\xb1\xb6\xb8\xbb]")
# Tab, line feed and carriage return are text; other control characters are refused (C0, DEL, C1).
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# TCVN3 read as Latin-1 (symbols inside words), UTF-8 read as CP1252, CP1258 read as CP1252, VNI.
_LEGACY = re.compile(
    "[A-Za-z][µ¸¹¨©ª¬¾]|[µ¸¹¨©ª¬®][a-z]|[A-Za-z][¶·«®×][a-z]"
    "|á[º»]|Ä[‘\x90]|Æ[°¡]|Ã[\u00a0-¿]"
    "|[a-zâêôơưă][ÌÒÞ]"
    "|[aeouyAEOUY][øûïØÛÏåÅ]|[aA][êâùõãÊÂÙÕÃ]|[eE][âùõãÂÙÕÃ]|[ñÑ][aeiouAEIOU]|[öÖ][ôïøùûÔÏØÙÛ]"
)


def safe_name(name: str) -> str:
    """Return a field name that may be shown: a publisher may have put personal data where a name belongs.

    Args:
        name: Name as the publisher wrote it.

    Returns:
        The name if it looks like one, otherwise ``*``.
    """
    return name if _SAFE_NAME.fullmatch(name) else "*"


def is_plain(values: Iterable[bytes | None]) -> bool:
    """Return whether :func:`normalise` would leave every one of these values as it is and notice nothing.

    Args:
        values: Values of records; many in one look cost a fifth of a look at each.

    Returns:
        False also when only a closer look could tell.
    """
    data = b"\n".join([value or b"" for value in values])
    return not (
        b"\xc2" in data
        or b"\xcc" in data
        or b"\xcd" in data
        or b"\x7f" in data
        or _BOM in data
        or _FOREIGN.search(data) is not None
        or (b"\\" in data and _ESCAPE.search(data) is not None)
    )


def normalise(data: bytes) -> tuple[bytes, tuple[Finding, ...]]:
    """Return a JSON value with composed text, and what was noticed.

    Args:
        data: Value of a record.

    Returns:
        The same object when nothing had to change. What is no UTF-8 or no JSON comes back unchanged: validating says
        better what is wrong with it. Of decomposed text, Latin letters with combining marks are noticed.

    Raises:
        ValidationFailedError: If a text has a control character, named by field.
    """
    if data.isascii():
        suspicious = b"\x7f" in data
    else:
        if data.startswith(_BOM):
            text, findings = _walk(data[3:])
            return text, (Finding("", BYTE_ORDER_MARK), *findings)
        suspicious = (
            b"\xc2" in data
            or b"\xcc" in data
            or b"\xcd" in data
            or b"\x7f" in data
            or _FOREIGN.search(data) is not None
        )
    if suspicious or (b"\\" in data and _ESCAPE.search(data) is not None):
        return _walk(data)
    return data, ()


def _walk(data: bytes) -> tuple[bytes, tuple[Finding, ...]]:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return data, ()
    try:
        return _judge(data, document)
    except RecursionError:
        raise DecodeError("the value is nested too deep; no record of the hub is", reason="nesting") from None


def _judge(data: bytes, document: Any) -> tuple[bytes, tuple[Finding, ...]]:
    found: list[Finding] = []
    violations: list[Violation] = []
    for path, text in _texts(document, ""):
        if _CONTROL.search(text):
            violations.append(Violation(path, CONTROL_CHARACTER, "remove the control characters"))
        if not unicodedata.is_normalized("NFC", text):
            found.append(Finding(path, NFD_NORMALISED))
        elif _LEGACY.search(text):
            found.append(Finding(path, LEGACY_ENCODING))
    if violations:
        raise ValidationFailedError(
            f"the record has control characters in {violations[0].field or 'its text'}; remove them",
            violations=violations[:MAX_REPORTED],
            reason=CONTROL_CHARACTER,
        )
    if any(finding.rule == NFD_NORMALISED for finding in found):
        data = orjson.dumps(_composed(document))
    return data, tuple(found[:MAX_REPORTED])


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            inner = f"{path}.{safe_name(name)}" if path else safe_name(name)
            yield inner, name
            yield from _texts(item, inner)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}.{index}" if path else str(index))


def _composed(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {unicodedata.normalize("NFC", name): _composed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_composed(item) for item in value]
    return value
