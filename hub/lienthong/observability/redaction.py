"""The last net before a log line is written: what looks like personal data or a credential is replaced.

It is not the plan. The plan is that no module hands a value of a record to a logger or an exception.
"""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

MARK = "‹redacted›"
_MAX_DEPTH = 6

#: Parts of names whose values are never written, compared in lower case without ``_``, ``-`` and ``.``.
_SECRET_PARTS = (
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "authorization",
    "cookie",
    "signature",
)
_PERSONAL_PARTS = (
    "fullname",
    "hoten",
    "hovaten",
    "personalid",
    "identifier",
    "sodinhdanh",
    "cccd",
    "cmnd",
    "passport",
    "phone",
    "dienthoai",
    "email",
    "birthdate",
    "dateofbirth",
    "ngaysinh",
    "address",
    "diachi",
)
_PERSONAL_NAMES = frozenset(
    {"owner", "submitter", "guardian", "chuhoso", "data", "payload", "body", "value", "values", "citizen"}
)
#: Numbers under these names are measures and places, never identifiers.
_MEASURES = re.compile(
    r"(?:^|_)(?:offset|offsets|partition|port|pid|line|lines|records|bytes|seconds|ms|count|number|accepted|rejected"
    r"|attempt|attempts|version|status|lag|watermark)$"
)
_NAMES_IN_TEXT = (
    r"pass(?:word|wd)|(?:client_|sasl_)?secret|(?:access_|refresh_|id_)?token|api_?key|signature|code"
    r"|(?:full|first|last|ho)_?name|ho_?(?:va_?)?ten|personal_?id|so_?dinh_?danh|cccd|cmnd|phone|dien_?thoai|email"
    r"|birth_?date|ngay_?sinh|address|dia_?chi"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*){1,3}"), MARK),
    (re.compile(r"(?i)\b(bearer|basic|digest|negotiate)(\s+)[A-Za-z0-9+/=._~-]{8,}"), rf"\1\2{MARK}"),
    (re.compile(r"(://)[^/\s:@]+:[^/\s@]+@"), rf"\1{MARK}@"),
    (re.compile(rf"(?i)([?&;](?:{_NAMES_IN_TEXT})=)[^&;\s\"']*"), rf"\1{MARK}"),
    (
        re.compile(rf"(?i)([\"'](?:{_NAMES_IN_TEXT})[\"']\s*:\s*)(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^,}}\s]+)"),
        rf"\1{MARK}",
    ),
    (re.compile(rf"(?i)(\b(?:{_NAMES_IN_TEXT})=)(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^&;,\s\"']+)"), rf"\1{MARK}"),
    (re.compile(r"[\w.+-]{1,64}@(?:[\w-]+\.)+[A-Za-z]{2,24}"), MARK),
    # `]@` stands before an offset in the repr of a record.
    (re.compile(r"(?<!\d)(?<!\]@)\d{12}(?!\d)"), MARK),
    (re.compile(r"(?<![\w.-])\d{3}(?:[ .]\d{3}){3}(?![\w.-])"), MARK),
    (re.compile(r"(?<![\w.])(?<!\]@)\d{9}(?!\w)"), MARK),
    (re.compile(r"(?<![\w.])(?:\+?84[ .-]?|0)[235789]\d(?:[ .-]?\d){7}(?!\w)"), MARK),
)


def redact(text: str) -> str:
    """Return the text without what looks like an identifier, a phone number, an address or a credential.

    Args:
        text: Any text on its way to a log.
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def is_sensitive_name(name: str) -> bool:
    """Return whether the value under a name is never written.

    Args:
        name: Key of a log event, a header or a field.
    """
    plain = name.lower().replace("_", "").replace("-", "").replace(".", "")
    return plain in _PERSONAL_NAMES or any(part in plain for part in (*_SECRET_PARTS, *_PERSONAL_PARTS))


def redact_value(value: Any, name: str = "", depth: int = 0) -> Any:
    """Return a value of a log event in a form that may be written.

    Args:
        value: What the caller logged.
        name: The key under which it was logged.
        depth: How deep it is nested.
    """
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int | float):
        return _redact_number(value, name)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"‹{len(value)} bytes›"
    if isinstance(value, Mapping | Sequence | set | frozenset):
        return _redact_nested(value, name, depth)
    return redact(str(value))


def _redact_number(value: Any, name: str) -> Any:
    is_identifier = type(value) is int and len(str(abs(value))) in {9, 11, 12} and not _MEASURES.search(name)
    return MARK if is_identifier else value


def _redact_nested(value: Any, name: str, depth: int) -> Any:
    if depth >= _MAX_DEPTH:
        return "‹nested too deeply›"
    if isinstance(value, Mapping):
        return _redact_mapping(value, depth)
    return [redact_value(item, name, depth + 1) for item in value]


def _redact_mapping(mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    return {
        redact(str(key)): MARK if is_sensitive_name(str(key)) else redact_value(value, str(key), depth + 1)
        for key, value in mapping.items()
    }


def redacting_processor(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact a log event; the last structlog processor before the renderer.

    Args:
        event: The log event.
    """
    return {
        redact(key): MARK if is_sensitive_name(key) else redact_value(value, key)
        for key, value in event.items()
        if not key.startswith("_")
    }
