"""CloudEvents 1.0 over the Kafka binding, in binary and structured mode.

Source:
    CloudEvents specification 1.0.2, Kafka protocol binding 1.0.2, JSON event format 1.0.2.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from lienthong.errors import DecodeError
from lienthong.record import Headers

JSON_TYPE = "application/json"
STRUCTURED_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"
SPEC_VERSION = "1.0"
REQUIRED = ("id", "source", "specversion", "type")
STANDARD = frozenset({*REQUIRED, "subject", "time", "dataschema", "datacontenttype"})
#: Extension attributes of the hub; others are not carried on, because nobody vouches for what is in them.
EXTENSIONS = frozenset(
    {"dossiercode", "subjectref", "purpose", "legalbasis", "actor", "onbehalfof", "traceparent", "tracestate"}
)
MAX_ATTRIBUTE_CHARACTERS = 1024
_NAME = re.compile(r"[a-z0-9]{1,64}")
# Control characters, surrogates and non-characters are no part of a CloudEvents string (section 3.1).
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_PREFIX = "ce_"


class Event(NamedTuple):
    """One CloudEvent.

    Attributes:
        attributes: Names → values, without ``datacontenttype``'s Kafka header form; all are strings.
        data: The payload as bytes, or None.
    """

    attributes: dict[str, str]
    data: bytes | None

    def __repr__(self) -> str:
        """Show type and size only: other attributes and the data may hold personal data."""
        size = len(self.data) if self.data is not None else None
        return f"Event(type={self.attributes.get('type')!r}, data_bytes={size})"

    @property
    def id(self) -> str:
        """The publisher's id; together with the source it names one record for ever."""
        return self.attributes["id"]

    @property
    def source(self) -> str:
        """Who published the event."""
        return self.attributes["source"]

    @property
    def type(self) -> str:
        """What kind of event it is."""
        return self.attributes["type"]

    def get(self, name: str, default: str = "") -> str:
        """Return an attribute, or the default.

        Args:
            name: Name of the attribute.
            default: What to return without it.
        """
        return self.attributes.get(name, default)


def check_attributes(attributes: Mapping[str, str]) -> None:
    """Check names and values of attributes.

    Args:
        attributes: Names → values.

    Raises:
        DecodeError: Naming the attribute and rule, not the value.
    """
    for name in REQUIRED:
        if not attributes.get(name):
            raise DecodeError(f"the CloudEvents attribute {name!r} is missing or empty", reason=f"missing_{name}")
    if attributes["specversion"] != SPEC_VERSION:
        raise DecodeError("the CloudEvents attribute 'specversion' must be 1.0", reason="specversion")
    for name, value in attributes.items():
        if not _NAME.fullmatch(name) or name == "data":
            raise DecodeError(
                "a CloudEvents attribute name has other characters than a-z and 0-9, or is 'data'", reason="name"
            )
        if len(value) > MAX_ATTRIBUTE_CHARACTERS or _FORBIDDEN.search(value):
            raise DecodeError(
                f"the CloudEvents attribute {name!r} is longer than {MAX_ATTRIBUTE_CHARACTERS} characters "
                "or has a control character",
                reason=f"attribute_{name}",
            )

    if is_cloudevents(attributes.get("datacontenttype", "")):
        # Written in binary mode, such a payload would be read as an event of its own, with attributes nobody checked.
        raise DecodeError("the data of a CloudEvent cannot be a CloudEvent", reason="attribute_datacontenttype")


def is_cloudevents(content_type: str) -> bool:
    """Return whether a content type announces an event in structured mode or a batch of them.

    Args:
        content_type: Such as ``application/cloudevents+json; charset=utf-8``; letter case does not matter.
    """
    return content_type.strip().lower().startswith("application/cloudevents")


def from_kafka(headers: Headers | None, value: bytes | None) -> Event:
    """Return the event in a Kafka record, in binary or structured mode.

    Args:
        headers: Kafka headers.
        value: Kafka value.

    Raises:
        DecodeError: If it is no CloudEvent.
    """
    attributes: dict[str, str] = {}
    content_type = ""
    try:
        for name, raw in headers or ():
            lowered = name.lower()
            if lowered.startswith(_PREFIX):
                attributes[lowered[3:]] = raw.decode()
            elif lowered == "content-type":
                content_type = raw.decode()
    except (UnicodeDecodeError, AttributeError) as error:
        raise DecodeError("a CloudEvents header is no UTF-8 text", reason="header_encoding") from error
    if is_cloudevents(content_type):
        if content_type.partition(";")[0].strip().lower() != STRUCTURED_TYPE:
            raise DecodeError(
                f"only {STRUCTURED_TYPE} is read as structured mode; batches go through the gateway",
                reason="content_type",
            )
        return from_json(value or b"")
    if content_type:
        attributes["datacontenttype"] = content_type
    check_attributes(attributes)
    return Event(attributes, value)


def to_kafka(event: Event) -> tuple[Headers, bytes | None]:
    """Return headers and value in binary mode.

    Args:
        event: The event.
    """
    headers: Headers = []
    for name, text in event.attributes.items():
        if name == "datacontenttype":
            headers.append(("content-type", text.encode()))
        else:
            headers.append((_PREFIX + name, text.encode()))
    return headers, event.data


def from_json(body: bytes) -> Event:
    """Return the event of a structured-mode JSON document.

    Args:
        body: UTF-8 JSON.

    Raises:
        DecodeError: If it is no CloudEvent.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DecodeError("the body is no UTF-8 JSON document", reason="json") from error
    return from_document(document)


def from_document(document: Any) -> Event:
    """Return the event of a parsed structured-mode document.

    Args:
        document: What the JSON parser returned.

    Raises:
        DecodeError: If it is no CloudEvent.
    """
    if not isinstance(document, dict):
        raise DecodeError("a structured CloudEvent is a JSON object", reason="not_an_object")
    attributes: dict[str, str] = {}
    for name, value in document.items():
        if name in {"data", "data_base64"} or value is None:
            continue
        attributes[name] = _text(name, value)
    check_attributes(attributes)
    return Event(attributes, _data(document, attributes))


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    known = name if _NAME.fullmatch(name) else "of an extension"
    raise DecodeError(
        f"the CloudEvents attribute {known!r} is neither text, integer nor boolean", reason="attribute_type"
    )


def _data(document: Mapping[str, Any], attributes: dict[str, str]) -> bytes | None:
    if document.get("data_base64") is not None:
        if document.get("data") is not None:
            raise DecodeError("a CloudEvent has either 'data' or 'data_base64'", reason="data_twice")
        try:
            return base64.b64decode(document["data_base64"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise DecodeError("'data_base64' is no base64 text", reason="data_base64") from error
    if "data" not in document:
        return None
    data = document["data"]
    content_type = attributes.setdefault("datacontenttype", JSON_TYPE)
    if isinstance(data, str) and "json" not in content_type:
        return data.encode()
    return orjson.dumps(data)


def to_json(event: Event) -> bytes:
    """Return the structured-mode JSON document of an event.

    Args:
        event: The event.
    """
    document: dict[str, Any] = dict(event.attributes)
    if event.data is not None:
        if "json" in event.get("datacontenttype", JSON_TYPE):
            try:
                orjson.loads(event.data)
                document["data"] = orjson.Fragment(event.data)
            except orjson.JSONDecodeError:
                document["data_base64"] = base64.b64encode(event.data).decode()
        else:
            document["data_base64"] = base64.b64encode(event.data).decode()
    return orjson.dumps(document)


def carried(attributes: Mapping[str, str], names: Iterable[str] = STANDARD | EXTENSIONS) -> dict[str, str]:
    """Return only the attributes that the hub carries on.

    Args:
        attributes: Names → values.
        names: Names that stay.
    """
    allowed = frozenset(names)
    return {name: value for name, value in attributes.items() if name in allowed}
