"""Ways in which an event is wrong: each changes one good event into one that must be refused."""

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from lienthong.schema import dataschema

Document = dict[str, Any]
#: Attributes and data of an event.
Parts = tuple[dict[str, str], bytes | None]

INVALID: Final = "invalid."


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a document as compact UTF-8 JSON.

    Args:
        document: The document.
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _missing_field(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del document[draw.choice(("dossier_code", "status", "occurred_at", "sequence"))]
    return attributes, encode(document)


def _wrong_type(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del draw
    return attributes, encode({**document, "sequence": str(document["sequence"])})


def _extra_field(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del draw
    return attributes, encode({**document, "ma_ho_so": document["dossier_code"]})


def _unknown_code(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del draw
    return attributes, encode({**document, "status": "dang_xu_ly"})


def _unknown_type(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del draw
    changed = {**attributes, "type": "dossier.unknown"}
    del changed["dataschema"]
    return changed, encode(document)


def _unknown_version(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del draw
    return {**attributes, "dataschema": dataschema(attributes["type"], 99)}, encode(document)


def _not_json(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    body = encode(document)
    return attributes, body[: draw.randrange(20, len(body) - 1)].decode(errors="ignore").encode()


def _invalid_utf8(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del draw
    return attributes, encode(document).replace(b'"status":"', b'"status":"\xff\xfe', 1)


def _no_data(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del document, draw
    return attributes, None


def _date_format(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    moment = document["occurred_at"]
    year, month, day, hour, minute, second = (
        moment[a:b] for a, b in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
    )
    wire = draw.choice(
        (
            f"{year}{month}{day}",
            f"{year}{month}{day}{hour}{minute}{second}",
            f"{day}/{month}/{year}",
            f"{day}/{month}/{year} {hour}:{minute}:{second}",
        )
    )
    return attributes, encode({**document, "occurred_at": wire})


def _naive_time(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del draw
    return attributes, encode({**document, "occurred_at": document["occurred_at"][:19]})


def _leading_zero_lost(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del draw
    owner = document["owner"]
    shortened = [{**each, "value": each["value"][1:]} for each in owner["identifiers"]]
    return attributes, encode({**document, "owner": {**owner, "identifiers": shortened}})


def _empty_date_marker(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del draw
    return attributes, encode({**document, "owner": {**document["owner"], "birth_date": "1900-01-01"}})


def _too_long(attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    del draw
    return attributes, encode({**document, "summary": "Đề nghị giải quyết hồ sơ. " * 50})


#: Kinds that fit every event.
EVERYWHERE: Final[Mapping[str, Callable[[dict[str, str], Document, Random], Parts]]] = {
    "missing_field": _missing_field,
    "wrong_type": _wrong_type,
    "extra_field": _extra_field,
    "unknown_code": _unknown_code,
    "unknown_type": _unknown_type,
    "unknown_version": _unknown_version,
    "not_json": _not_json,
    "invalid_utf8": _invalid_utf8,
    "no_data": _no_data,
    "date_format": _date_format,
    "naive_time": _naive_time,
}
#: Kinds that need a snapshot of a citizen with a personal ID.
OF_CITIZENS: Final[Mapping[str, Callable[[dict[str, str], Document, Random], Parts]]] = {
    "leading_zero_lost": _leading_zero_lost,
    "empty_date_marker": _empty_date_marker,
    "too_long": _too_long,
}
KINDS: Final = (*EVERYWHERE, *OF_CITIZENS)


def choose(draw: Random, *, citizen_snapshot: bool) -> str:
    """Return a kind of defect.

    Args:
        draw: Source of chance.
        citizen_snapshot: Whether the event is a snapshot with a citizen's personal ID.
    """
    return draw.choice(KINDS if citizen_snapshot else tuple(EVERYWHERE))


def spoil(kind: str, attributes: dict[str, str], document: Document, draw: Random) -> Parts:
    """Return the attributes and data of an event with one defect.

    Args:
        kind: One of :data:`KINDS`.
        attributes: Attributes of the good event.
        document: Its data; the caller gives it up.
        draw: Source of chance.
    """
    change = EVERYWHERE.get(kind) or OF_CITIZENS[kind]
    return change(attributes, document, draw)
