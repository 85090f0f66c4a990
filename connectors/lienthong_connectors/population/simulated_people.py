"""The people that the simulated database knows; all of them are generated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import orjson

from lienthong.errors import ConfigurationError
from lienthong_connectors.population.payload import VITAL_STATUS

_VITAL_STATUS = {"deceased": "1", "missing": "2"}
_GENDERS = {"male": "1", "female": "2"}
_PLACE = (("province", "MaTinhThanh"), ("district", "MaQuanHuyen"), ("commune", "MaPhuongXa"), ("detail", "ChiTiet"))


@dataclass(frozen=True, slots=True)
class SimulatedPerson:
    """One person, ready to be answered.

    Attributes:
        identifiers: All numbers under which the person is found: current, superseded and CMND.
        element: The finished ``CongDan`` element.
    """

    identifiers: tuple[str, ...]
    element: str


def load_people(path: Path) -> dict[str, list[SimulatedPerson]]:
    """Return people by each of their identifiers.

    Args:
        path: JSON Lines with ``personal_id``, ``old_id``, ``full_name``, ``birth`` (``yyyymmdd`` or ``yyyy``),
            ``gender``, and optionally ``superseded_ids``, ``vital_status`` (``deceased`` or ``missing``) and
            ``address``.

    Raises:
        ConfigurationError: Naming the line that cannot be used, never its content.
    """
    try:
        with path.open("rb") as lines:
            return index_people(_decoded(lines, path))
    except OSError as error:
        raise ConfigurationError(f"cannot read the people file {path}: {error.strerror}") from error


def index_people(people: Iterable[Mapping[str, Any]]) -> dict[str, list[SimulatedPerson]]:
    """Return people by each of their identifiers; an old number may belong to several.

    Args:
        people: Mappings as :func:`load_people` reads them.

    Raises:
        ConfigurationError: Naming the place of a person that lacks a field.
    """
    index: dict[str, list[SimulatedPerson]] = {}
    for number, person in enumerate(people, start=1):
        try:
            known = _person(person)
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"person {number} of the simulated database lacks a field") from error
        for identifier in known.identifiers:
            index.setdefault(identifier, []).append(known)
    return index


def _decoded(lines: Iterable[bytes], path: Path) -> Iterable[Mapping[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            # The decoder's message would show the document.
            raise ConfigurationError(f"line {number} of the people file {path} is no JSON") from None


def _person(person: Mapping[str, Any]) -> SimulatedPerson:
    personal_id, old_id = person.get("personal_id") or "", person.get("old_id") or ""
    birth = str(person["birth"])
    precision = "Nam" if len(birth) == 4 else "NgayThangNam"
    parts = [
        _tag("SoDinhDanh", personal_id),
        _tag("SoCMND", old_id),
        "<ns1:HoVaTen><ns1:Ho/><ns1:ChuDem/>" + _tag("Ten", person["full_name"]) + "</ns1:HoVaTen>",
        _tag("GioiTinh", _GENDERS.get(person.get("gender") or "", "0")),
        _tag("DanToc", "1"),
        "<ns1:NgayThangNamSinh>" + _tag(precision, birth) + "</ns1:NgayThangNamSinh>",
        _place("ThuongTru", person.get("address")),
        _tag("QuocTich", "VN"),
    ]
    if person.get("vital_status"):
        parts.append(_tag(VITAL_STATUS, _VITAL_STATUS[person["vital_status"]]))
    identifiers = (personal_id, old_id, *person.get("superseded_ids", ()))
    return SimulatedPerson(
        tuple(dict.fromkeys(item for item in identifiers if item)),
        "<ns1:CongDan>" + "".join(parts) + "</ns1:CongDan>",
    )


def _place(name: str, address: Mapping[str, Any] | None) -> str:
    if not address:
        return ""
    parts = "".join(_tag(element, str(address[field])) for field, element in _PLACE if address.get(field))
    return f"<ns1:{name}>{parts}<ns1:QuocGia>VN</ns1:QuocGia></ns1:{name}>"


def _tag(name: str, text: str) -> str:
    return f"<ns1:{name}>{escape(text)}</ns1:{name}>"
