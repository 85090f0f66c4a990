"""What is said to the database, whatever carries it: SOAP 1.1 envelopes out and in.

Source:
    ``national-specs.md`` 1.1.2 to 1.1.5, read from client code; the form of faults is ASSUMED.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import NoReturn
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from lienthong.errors import (
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    ValidationFailedError,
    Violation,
)
from lienthong_connectors.population.matching import Citizen, name_key
from lienthong_schemas.identity import PersonIdentityQuery

LOOKUP = "TraCuuThongTinCongDan"
NAMESPACE = "http://dancuquocgia.bca"
PROCEDURE_REFUSED = "004"
OFFICER_REFUSED = "005"
#: ASSUMED: no source shows how a wrong clock or a repeated MaYeuCau is answered.
CLOCK_REFUSED = "TIMESTAMP"
REPEATED_REQUEST = "DUPLICATE"
_ENVELOPE = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:dan="http://dancuquocgia.bca">'
    "<soapenv:Header/><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)
#: ASSUMED: an operation of this name exists; that a lookup discloses it too, and its codes, no source shows.
VITAL_STATUS = "TinhTrangChetMatTich"
_VITAL_STATUS = {"1": "deceased", "2": "missing"}
_GENDERS = {"1": "male", "2": "female"}
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,20}")
_SCOPE_REFUSAL = re.compile(rb"(?:errorCode|MaLoi)>\s*00[45]\s*<")
_DATE = re.compile(r"[0-9]{4}|[0-9]{8}")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, in the database's own words.

    Attributes:
        request_id: ``MaYeuCau``, new for every attempt.
        service_code: ``MaDVC``.
        integration_code: ``MaTichHop``.
        unit_code: ``MaDonVi``.
        officer_code: ``MaCanBo``.
        account: ``TaiKhoan``.
    """

    request_id: str
    service_code: str
    integration_code: str
    unit_code: str
    officer_code: str
    account: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(request_id={self.request_id!r})"


@dataclass(frozen=True, slots=True)
class Question:
    """One question, for whatever carries it.

    Attributes:
        operation: Name of the operation.
        request_id: ``MaYeuCau``, new for every attempt.
        fields: Names and values in the database's order, without the date of birth.
        born: ``Nam`` or ``NgayThangNam``, and its digits.
    """

    operation: str
    request_id: str
    fields: tuple[tuple[str, str], ...]
    born: tuple[str, str]

    def __repr__(self) -> str:
        """Show no field: most of them are about a person."""
        return f"{type(self).__name__}(operation={self.operation!r}, request_id={self.request_id!r})"

    def envelope(self) -> bytes:
        """Return the question as a SOAP envelope."""
        lines = "".join(f"<dan:{name}>{escape(text)}</dan:{name}>" for name, text in self.fields)
        precision, digits = self.born
        birth = f"<dan:NgayThangNamSinh><dan:{precision}>{digits}</dan:{precision}></dan:NgayThangNamSinh>"
        return _ENVELOPE.format(body=f"<dan:{self.operation}>{lines}{birth}</dan:{self.operation}>").encode()


def build_lookup(query: PersonIdentityQuery, asker: Asker) -> Question:
    """Return a question about one citizen.

    Args:
        query: Whom it is about.
        asker: Who asks.

    Raises:
        ValidationFailedError: If an identifier or the date of birth that the database demands is missing.
    """
    identifier, value = choose_identifier(query)
    if query.birth_date is None:
        raise _missing("birth_date", "give the date of birth, or the year when only that is known")
    born = query.birth_date.replace("-", "")
    fields = (
        ("MaYeuCau", asker.request_id),
        ("MaDVC", asker.service_code),
        ("MaTichHop", asker.integration_code),
        ("MaCanBo", asker.officer_code),
        ("MaDonVi", asker.unit_code),
        ("TaiKhoan", asker.account),
        ("SoDienThoai", "0"),
        (identifier, value),
        ("HoVaTen", name_key(query.full_name)),
    )
    return Question(LOOKUP, asker.request_id, fields, ("Nam" if len(born) == 4 else "NgayThangNam", born))


def refusal(code: str) -> bytes:
    """Return the envelope with which the database itself would refuse a question.

    Args:
        code: Such as ``004``, as a platform before the database hands it on without an envelope.
    """
    return (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><soapenv:Fault>'
        "<faultcode>soapenv:Server</faultcode>"
        f"<detail><errorCode>{escape(code)}</errorCode></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    ).encode()


def choose_identifier(query: PersonIdentityQuery) -> tuple[str, str]:
    """Return the element and value of the identifier to ask with: the 12 digits first, CMND only if there are none.

    Args:
        query: Whom it is about.

    Raises:
        ValidationFailedError: If there is neither.
    """
    values = {item.type: item.value for item in query.identifiers}
    if "personal_id" in values:
        return "SoDinhDanh", values["personal_id"]
    if "cmnd" in values:
        return "SoCMND", values["cmnd"]
    raise _missing("identifiers", "the database knows people by personal ID or CMND only; send the dossier to review")


def parse_lookup(body: bytes, *, procedure: str, actor: str) -> list[Citizen]:
    """Return the citizens in an answer; none when the database knows nobody.

    Args:
        body: The envelope.
        procedure: Procedure that asked, to name the scope of a refusal.
        actor: Opaque id of who asked, to name the scope of a refusal.

    Raises:
        ScopeError: The procedure (004) or the officer (005) may not ask.
        TargetUnavailableError: The answer is no envelope, or a fault of the server.
        TargetConfigurationError: The database refuses our clock.
        RejectedByTargetError: The database refuses the question.
    """
    root = _parse(body)
    if holds_fault(body):
        code = next((_text(item) for item in root.iter() if _name(item) in {"errorCode", "MaLoi"}), "")
        fault = next((item for item in root.iter() if _name(item) == "Fault"), None)
        if code or fault is not None:
            _refuse(code, fault, procedure=procedure, actor=actor)
    content = next((item for item in root if _name(item) == "Body"), None)
    if _name(root) != "Envelope" or content is None:
        raise TargetUnavailableError("the answer is no SOAP envelope; the call is repeated later", reason="no_envelope")
    if len(content) and not _is_collection(content[0]):
        raise TargetUnavailableError("the answer is of an unknown kind; the call is repeated later", reason="unknown")
    return [_citizen(item) for item in content.iter() if item.tag.endswith("CongDan") and _name(item) == "CongDan"]


def holds_fault(body: bytes) -> bool:
    """Return whether an answer with a failing status says itself what is wrong.

    Args:
        body: What came with the status.
    """
    return b"Fault>" in body or b"errorCode>" in body or b"MaLoi>" in body


def holds_scope_refusal(body: bytes) -> bool:
    """Return whether an answer refuses the procedure (004) or the officer (005).

    Args:
        body: What came with the status.

    Source:
        ``national-specs.md`` 1.1.5: an HTTP error with ``errorCode``; which status is not known.
    """
    return _SCOPE_REFUSAL.search(body) is not None


def _parse(body: bytes) -> Element:
    try:
        return fromstring(body, forbid_dtd=True)
    except DefusedXmlException:
        # The exception shows the entity, which may hold anything.
        raise TargetUnavailableError(
            "the answer holds a document type or entities and was not read; report it to the operator",
            reason="forbidden_xml",
        ) from None
    except (ParseError, ValueError, LookupError) as error:
        raise TargetUnavailableError(
            "the answer is no well-formed XML; the call is repeated later", reason="malformed_xml"
        ) from error


def _refuse(code: str, fault: Element | None, *, procedure: str, actor: str) -> NoReturn:
    if code == PROCEDURE_REFUSED:
        raise ScopeError(
            "the procedure is not licensed to use the population database; ask the operator to add it",
            scope_kind="procedure",
            scope=procedure,
            reason=code,
        )
    if code == OFFICER_REFUSED:
        raise ScopeError(
            "the officer's account is not permitted; ask the operator to add it",
            scope_kind="officer",
            scope=actor,
            reason=code,
        )
    if code == CLOCK_REFUSED:
        raise TargetConfigurationError("the database refuses our clock; check time synchronisation", reason="clock")
    side = "" if fault is None else next((_text(item) for item in fault if _name(item) == "faultcode"), "")
    reason = f"code_{code}" if _CODE.fullmatch(code) else "fault"
    if side.endswith("Client") and code != REPEATED_REQUEST:
        raise RejectedByTargetError("the database refuses the question; check the record", reason=reason)
    raise TargetUnavailableError("the database reports a fault of its own; the call is repeated later", reason=reason)


def _is_collection(element: Element) -> bool:
    return _name(element) == "CongdanCollection" or _name(element).endswith("Response")


def _citizen(element: Element) -> Citizen:
    children = {_name(child): child for child in element}
    return Citizen(
        personal_id=_text(children.get("SoDinhDanh")),
        old_id=_text(children.get("SoCMND")),
        full_name=_full_name(children.get("HoVaTen")),
        birth=_birth(children.get("NgayThangNamSinh")),
        gender=_GENDERS.get(_text(children.get("GioiTinh"))),
        fields=tuple(_disclosed(children)),
        vital_status=_VITAL_STATUS.get(_text(children.get(VITAL_STATUS)), ""),
    )


def _full_name(element: Element | None) -> str:
    """Return the name: whole in ``Ten`` as clients met it, or in its parts as the document says."""
    if element is None:
        return ""
    parts = {_name(child): _text(child) for child in element}
    return " ".join(part for part in (parts.get("Ho"), parts.get("ChuDem"), parts.get("Ten"), _text(element)) if part)


def _birth(element: Element | None) -> str:
    parts = {} if element is None else {_name(child): _text(child) for child in element}
    chosen = parts.get("NgayThangNam") or parts.get("Nam") or ""
    return chosen if _DATE.fullmatch(chosen) else ""


def _disclosed(children: dict[str, Element]) -> Iterator[str]:
    for name, child in children.items():
        if len(child) or _text(child):
            yield name


def _name(element: Element) -> str:
    tag = element.tag
    return tag[tag.rfind("}") + 1 :]


def _text(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _missing(field: str, remedy: str) -> ValidationFailedError:
    return ValidationFailedError(
        f"the population database cannot be asked without {field}", violations=(Violation(field, "missing", remedy),)
    )
