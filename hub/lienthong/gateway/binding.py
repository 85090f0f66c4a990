"""CloudEvents over HTTP: binary, structured and batch mode.

Source:
    CloudEvents 1.0.2, HTTP protocol binding 1.0.2, sections 3.1 to 3.3.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from starlette.datastructures import Headers

from lienthong.envelope import BATCH_TYPE, STRUCTURED_TYPE, Event, check_attributes
from lienthong.errors import DecodeError
from lienthong.gateway.problems import Problem, ProblemError

NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
_PREFIX = "ce-"


class Mode(StrEnum):
    """How events stand in a request."""

    BINARY = "binary"
    STRUCTURED = "structured"
    BATCH = "batch"


def mode_of(headers: Headers) -> Mode:
    """Return how events stand in a request.

    Args:
        headers: Of the request.

    Raises:
        ProblemError: 415 if it holds no CloudEvent, or is encoded otherwise than as UTF-8.
    """
    media_type = check_encoding(headers)
    if media_type == BATCH_TYPE:
        return Mode.BATCH
    if media_type == STRUCTURED_TYPE:
        return Mode.STRUCTURED
    if not media_type.startswith("application/cloudevents") and any(name.startswith(_PREFIX) for name in headers):
        return Mode.BINARY
    raise ProblemError(
        Problem(
            "unsupported_media_type",
            f"send {STRUCTURED_TYPE}, {BATCH_TYPE}, or application/json with the attributes in ce-* headers",
        ),
        {"Accept-Post": f"{STRUCTURED_TYPE}, {BATCH_TYPE}, application/json"},
    )


def check_encoding(headers: Headers) -> str:
    """Return the media type of a request in lower case, without parameters.

    Args:
        headers: Of the request.

    Raises:
        ProblemError: 415 if the body is compressed or in another character set than UTF-8.
    """
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise ProblemError(Problem("unsupported_media_type", "send the body without Content-Encoding"))
    media_type, *parameters = headers.get("content-type", "").split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(" \"'").lower() not in {"utf-8", "utf8", "us-ascii"}:
            raise ProblemError(Problem("unsupported_media_type", "send the body as UTF-8"))
    return media_type.strip().lower()


def binary_event(headers: Headers, body: bytes) -> Event:
    """Return the event of a binary-mode request.

    Args:
        headers: Of the request.
        body: The data; empty for none.

    Raises:
        DecodeError: If an attribute is missing, given twice or no percent-encoded UTF-8.
    """
    attributes: dict[str, str] = {}
    for name, value in headers.items():
        if not name.startswith(_PREFIX):
            continue
        attribute = name.removeprefix(_PREFIX)
        if attribute in attributes:
            raise DecodeError("a ce-* header is given twice", reason="header_twice")
        attributes[attribute] = _unquoted(value)
    if "datacontenttype" in attributes:
        raise DecodeError("in binary mode Content-Type is the data's type; drop ce-datacontenttype", reason="header")
    if content_type := headers.get("content-type"):
        attributes["datacontenttype"] = content_type
    check_attributes(attributes)
    return Event(attributes, body or None)


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    try:
        # Starlette reads header bytes as Latin-1; raw UTF-8 is accepted beside the percent-encoding that is required.
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise DecodeError("a ce-* header is no percent-encoded UTF-8", reason="header_encoding") from None


def batch_documents(body: bytes) -> Sequence[Any]:
    """Return the parsed events of a batch; each is checked on its own.

    Args:
        body: UTF-8 JSON.

    Raises:
        DecodeError: If it is no JSON array.
    """
    try:
        documents = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise DecodeError("the body is no UTF-8 JSON document", reason="json") from None
    if not isinstance(documents, list):
        raise DecodeError("a batch is a JSON array of CloudEvents", reason="not_an_array")
    return documents
