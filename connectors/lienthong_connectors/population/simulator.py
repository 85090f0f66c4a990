"""A simulated National Population Database: the real wire format, generated people.

ASSUMED, because no source shows them: the form of faults (SOAP 1.1 demands status 500), the answer to a repeated
``MaYeuCau`` and to a wrong clock (±5 minutes), and that people are found by number alone, whatever name comes with it.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from aiohttp import web
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from lienthong.clock import Clock
from lienthong.connector import SimulatorSpec
from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import STATE, Ledger, create_application, split_options
from lienthong_connectors.population.config import Way
from lienthong_connectors.population.payload import (
    CLOCK_REFUSED,
    LOOKUP,
    OFFICER_REFUSED,
    PROCEDURE_REFUSED,
    REPEATED_REQUEST,
)
from lienthong_connectors.population.simulated_people import SimulatedPerson, index_people, load_people
from lienthong_connectors.population.simulated_platforms import PLATFORMS, Platform, Refused, hand_out_token
from lienthong_connectors.population.transport import authorization

MAX_SKEW_SECONDS = 300
_OPEN = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header/><soapenv:Body>'
)
_CLOSE = "</soapenv:Body></soapenv:Envelope>"
_COLLECTION = '<ns1:CongdanCollection xmlns:ns1="http://dancuquocgia.bca">'
#: Longest value of each field that must be there.
_REQUIRED = {"MaYeuCau": 40, "MaDVC": 20, "MaTichHop": 20, "MaCanBo": 20, "MaDonVi": 35, "HoVaTen": 100}
_FIRST = ["MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo"]
_OPTIONS = frozenset({"people_file", "people", "secret", "user_name", "authentication_path", "verbatim", "transport"})
_LISTS = frozenset({"denied_procedures", "denied_officers"})


@dataclass(slots=True)
class PopulationDatabase:
    """What the simulated database knows and allows.

    Attributes:
        people: By identifier.
        authentication_path: ``url_xacthuc`` of the digest.
        user_name: Account that may call.
        secret: Its secret key.
        denied_procedures: ``MaDVC`` values that are answered with 004.
        denied_officers: ``MaCanBo`` values that are answered with 005.
        verbatim: Identifier → text that is answered as it stands, to show what a broken platform sends.
        request_ids: Every ``MaYeuCau`` that was answered.
        platform: What stands before the database.
        bus_fault: Type of the fault that a bus answers every call with; empty for none.
    """

    people: Mapping[str, list[SimulatedPerson]]
    authentication_path: str = "/dc/tracuu"
    user_name: str = "hub"
    secret: str = field(default="s3cret", repr=False)
    denied_procedures: frozenset[str] = frozenset()
    denied_officers: frozenset[str] = frozenset()
    verbatim: Mapping[str, str] = field(default_factory=dict, repr=False)
    request_ids: set[str] = field(default_factory=set, repr=False)
    platform: Platform = PLATFORMS[Way.DIRECT]
    bus_fault: str = ""


DATABASE: web.AppKey[PopulationDatabase] = web.AppKey("population", PopulationDatabase)


class _Refusal(Exception):  # noqa: N818 - a signal inside this module
    def __init__(self, status: int, side: str, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.side = side
        self.code = code


def create(options: Mapping[str, Any], *, clock: Clock | None = None) -> web.Application:
    """Return the simulator.

    Args:
        options: ``people_file`` (JSON Lines) or ``people`` (a list of the same mappings), ``user_name``, ``secret``,
            ``authentication_path``, ``denied_procedures`` and ``denied_officers`` (lists, or text with commas),
            ``verbatim``, ``transport`` (what stands before the database), and every switch of
            :class:`lienthong.testing.behaviour.Behaviour`.
        clock: None for the machine's clock.

    Raises:
        ConfigurationError: If an option is unknown or the people cannot be read.
    """
    behaviour, own = split_options(options)
    unknown = sorted(set(own) - _OPTIONS - _LISTS)
    if unknown:
        raise ConfigurationError(f"unknown option(s) of the population simulator: {', '.join(unknown)}")
    people = own.pop("people", ())
    people_file = own.pop("people_file", None)
    index = load_people(Path(people_file)) if people_file else index_people(people)
    for name in _LISTS & set(own):
        own[name] = frozenset(_items(own[name]))
    platform = _platform(own.pop("transport", Way.DIRECT))
    routes = [web.post("/token", hand_out_token), web.post("/{path:.*}", _answer)]
    application = create_application("population", behaviour, Ledger(), routes, clock=clock)
    application[DATABASE] = PopulationDatabase(index, platform=platform, **own)
    return application


SIMULATOR = SimulatorSpec("population", "Cơ sở dữ liệu quốc gia về dân cư", create)


def _platform(name: str) -> Platform:
    try:
        return PLATFORMS[Way(name)]
    except ValueError:
        known = ", ".join(way.value for way in Way)
        raise ConfigurationError(f"unknown transport of the population simulator; it is one of {known}") from None


def _items(value: str | Iterable[str]) -> Iterable[str]:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


async def _answer(request: web.Request) -> web.Response:
    state, database = request.app[STATE], request.app[DATABASE]
    operation, request_id = "unknown", ""
    try:
        _check_bus(database)
        body = await database.platform.read(request)
        if database.platform.has_digest:
            _check_digest(request, database, now=state.clock.now().timestamp(), is_strict=state.behaviour.strict)
        operation, fields = _read(body, is_strict=state.behaviour.strict)
        request_id = fields.get("MaYeuCau", "")
        _check_rights(database, fields, is_strict=state.behaviour.strict)
    except _Refusal as refusal:
        state.ledger.record_call(operation, request_id, "", refusal.status)
        return database.platform.answer(request, _fault(refusal), refusal.status, refusal.code)
    except Refused as refused:
        state.ledger.record_call(operation, request_id, "", refused.status)
        return _refused(refused)
    identifier = fields.get("SoDinhDanh") or fields.get("SoCMND") or ""
    found = database.people.get(identifier, [])
    database.request_ids.add(request_id)
    state.ledger.record_call(operation, request_id, "", 200)
    detail = {
        "identifier": identifier,
        "found": len(found),
        "procedure": fields["MaDVC"],
        "integration": fields["MaTichHop"],
        "unit": fields["MaDonVi"],
    }
    state.ledger.record_effect(operation, request_id, detail)
    text = f"{_OPEN}{_COLLECTION}{''.join(item.element for item in found)}</ns1:CongdanCollection>{_CLOSE}"
    return database.platform.answer(request, database.verbatim.get(identifier, text), 200, "")


def _check_bus(database: PopulationDatabase) -> None:
    if database.bus_fault:
        raise Refused(400 if database.bus_fault.startswith("Client.") else 500, database.bus_fault)


def _check_digest(request: web.Request, database: PopulationDatabase, *, now: float, is_strict: bool) -> None:
    timestamp = request.headers.get("Timestamp", "")
    expected = authorization(database.authentication_path, database.user_name, timestamp, database.secret)
    given = request.headers.get("Authorization", "")
    if not compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise _Refusal(401, "Client", "DIGEST" if _is_basic(given) else "AUTHORIZATION")
    if is_strict and not (timestamp.isdigit() and abs(int(timestamp) / 1000 - now) <= MAX_SKEW_SECONDS):
        raise _Refusal(500, "Client", CLOCK_REFUSED)


def _is_basic(given: str) -> bool:
    try:
        return given.startswith("Basic ") and b":" in b64decode(given[6:], validate=True)
    except binascii.Error:
        return False


def _read(body: bytes, *, is_strict: bool) -> tuple[str, dict[str, str]]:
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        raise _Refusal(500, "Client", "XML") from None
    content = next((child for child in root if _name(child) == "Body"), None)
    if content is None or not len(content):
        raise _Refusal(500, "Client", "ENVELOPE")
    question = content[0]
    if _name(question) != LOOKUP:
        raise _Refusal(500, "Client", "OPERATION")
    fields = {_name(child): (child.text or "").strip() for child in question}
    for name, limit in _REQUIRED.items():
        if not 0 < len(fields.get(name, "")) <= limit:
            raise _Refusal(500, "Client", "FIELD")
    if not (fields.get("SoDinhDanh") or fields.get("SoCMND")):
        raise _Refusal(500, "Client", "FIELD")
    if is_strict and (list(fields)[:4] != _FIRST or not _is_born(question)):
        raise _Refusal(500, "Client", "FIELD")
    return LOOKUP, fields


def _is_born(question: Element) -> bool:
    born = next((child for child in question if _name(child) == "NgayThangNamSinh"), None)
    if born is None or len(born) != 1:
        return False
    text = born[0].text or ""
    return text.isdigit() and len(text) == {"Nam": 4, "NgayThangNam": 8}.get(_name(born[0]))


def _check_rights(database: PopulationDatabase, fields: Mapping[str, str], *, is_strict: bool) -> None:
    if is_strict and fields["MaYeuCau"] in database.request_ids:
        raise _Refusal(500, "Client", REPEATED_REQUEST)
    if fields["MaDVC"] in database.denied_procedures:
        raise _Refusal(500, "Server", PROCEDURE_REFUSED)
    if fields["MaCanBo"] in database.denied_officers:
        raise _Refusal(500, "Server", OFFICER_REFUSED)


def _fault(refusal: _Refusal) -> str:
    return (
        f"{_OPEN}<soapenv:Fault><faultcode>soapenv:{refusal.side}</faultcode><faultstring>Yêu cầu bị từ chối"
        f"</faultstring><detail><errorCode>{refusal.code}</errorCode></detail></soapenv:Fault>{_CLOSE}"
    )


def _refused(refused: Refused) -> web.Response:
    if not refused.bus_fault:
        return web.Response(status=refused.status)
    body = {"type": refused.bus_fault, "message": "fault of the bus", "detail": ""}
    return web.json_response(body, status=refused.status, headers={"X-Road-Error": refused.bus_fault})


def _name(element: Element) -> str:
    tag = element.tag
    return tag[tag.rfind("}") + 1 :]
