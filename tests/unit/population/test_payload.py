"""Envelopes out and in."""

import pytest
from defusedxml.ElementTree import fromstring

from lienthong.errors import (
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    ValidationFailedError,
)
from lienthong_connectors.population.payload import Asker, build_lookup, holds_scope_refusal, parse_lookup
from lienthong_connectors.population.transport import authorization
from lienthong_schemas.identity import PersonIdentityQuery

NAMESPACE = "{http://dancuquocgia.bca}"
ASKER = Asker("a" * 32, "VPCP", "037", "H57.01", "000000000009", "canbo<1>")
SOAP = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'


def question(**changes):
    """Return a question about a generated person."""
    asked = {
        "identifiers": [{"type": "personal_id", "value": "000190000001"}],
        "full_name": "Trần Thị Hòa & <Con>",
        "birth_date": "1990-01-31",
        "procedure_code": "2.000488",
        "unit_code": "H57.01",
    }
    return PersonIdentityQuery.model_validate({**asked, **changes}, strict=False)


def sent(**changes):
    """Return the elements of a built question, in order."""
    root = fromstring(build_lookup(question(**changes), ASKER).envelope())
    body = root.find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    return {item.tag.removeprefix(NAMESPACE): item for item in body[0]}


def parse(text):
    """Parse an answer."""
    return parse_lookup(text.encode(), procedure="2.000488", actor="officer-1")


def test_digest_equals_the_published_vector():
    """The digest is the one that the database computes."""
    assert authorization("/dc/tracuu", "hub", "1760000000000", "s3cret") == (
        "Basic aHViOmU3YmE2OGE4ZDIxOTZjNGU2ODA3NDhmMTE4NjRhZGVlMTJkMTFiMzE5NjFiOTUzMDAzOGI1NjFjZWI5MTFmMGY="
    )


def test_fields_stand_in_the_order_of_the_document():
    """The database reads a sequence, so the order is part of the format."""
    fields = sent()
    assert list(fields) == [
        "MaYeuCau",
        "MaDVC",
        "MaTichHop",
        "MaCanBo",
        "MaDonVi",
        "TaiKhoan",
        "SoDienThoai",
        "SoDinhDanh",
        "HoVaTen",
        "NgayThangNamSinh",
    ]
    assert fields["MaYeuCau"].text == "a" * 32
    assert fields["SoDinhDanh"].text == "000190000001"


def test_text_is_escaped():
    """A name or account with markup cannot change the question."""
    fields = sent()
    assert fields["TaiKhoan"].text == "canbo<1>"
    assert fields["HoVaTen"].text == "TRANTHIHOA&<CON>"


@pytest.mark.parametrize(
    ("birth", "element", "text"), [("1990-01-31", "NgayThangNam", "19900131"), ("1990", "Nam", "1990")]
)
def test_birth_keeps_its_precision(birth, element, text):
    """A year is asked as a year, never as its first of January."""
    born = sent(birth_date=birth)["NgayThangNamSinh"]
    assert [(item.tag, item.text) for item in born] == [(NAMESPACE + element, text)]


def test_old_number_is_used_only_without_the_new():
    """The 12 digits come first, and only one number is sent."""
    old = {"type": "cmnd", "value": "000000001"}
    both = sent(identifiers=[old, {"type": "personal_id", "value": "000190000001"}])
    only_old = sent(identifiers=[old])
    assert "SoCMND" not in both
    assert only_old["SoCMND"].text == "000000001"
    assert "SoDinhDanh" not in only_old


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"identifiers": [{"type": "passport", "value": "B0000001"}]}, "identifiers"),
        ({"birth_date": None}, "birth_date"),
    ],
)
def test_question_that_cannot_be_asked_names_its_field(changes, field):
    """No filler number and no invented birthday is ever sent."""
    with pytest.raises(ValidationFailedError) as caught:
        build_lookup(question(**changes), ASKER)
    assert [item.field for item in caught.value.violations] == [field]


@pytest.mark.parametrize(
    "name",
    [
        "<HoVaTen><Ho/><ChuDem/><Ten>TRẦN THỊ HÒA</Ten></HoVaTen>",
        "<HoVaTen><Ten>TRẦN THỊ HÒA</Ten></HoVaTen>",
        "<HoVaTen><Ho>TRẦN</Ho><ChuDem>THỊ</ChuDem><Ten>HÒA</Ten></HoVaTen>",
        "<HoVaTen>TRẦN THỊ HÒA</HoVaTen>",
    ],
)
def test_name_is_read_whole_or_in_parts(name):
    """The database puts the whole name into Ten, and may one day do what its document says."""
    (citizen,) = parse(SOAP.format(f"<CongdanCollection><CongDan>{name}</CongDan></CongdanCollection>"))
    assert citizen.full_name == "TRẦN THỊ HÒA"


def test_all_known_fields_are_read():
    """Old district codes, unknown elements and either namespace do no harm."""
    (citizen,) = parse(
        SOAP.format(
            '<n:CongdanCollection xmlns:n="http://dancuquocgia.bca"><n:CongDan><n:SoDinhDanh>000190000001</n:SoDinhDanh>'
            "<n:SoCMND/><n:GioiTinh>2</n:GioiTinh><n:NgayThangNamSinh><n:Nam>1990</n:Nam></n:NgayThangNamSinh>"
            "<n:ThuongTru><n:MaTinhThanh>46</n:MaTinhThanh><n:MaQuanHuyen>474</n:MaQuanHuyen></n:ThuongTru>"
            "<n:Moi>x</n:Moi></n:CongDan></n:CongdanCollection>"
        )
    )
    assert (citizen.birth, citizen.gender, citizen.old_id) == ("1990", "female", "")
    assert citizen.fields == ("SoDinhDanh", "GioiTinh", "NgayThangNamSinh", "ThuongTru", "Moi")


@pytest.mark.parametrize("content", ["", "<CongdanCollection/>", "<TraCuuThongTinCongDanResponse/>"])
def test_answer_without_a_citizen_finds_nobody(content):
    """Nobody found is an answer."""
    assert parse(SOAP.format(content)) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "malformed_xml"),
        ("<s:Envelope", "malformed_xml"),
        ("{}", "malformed_xml"),
        ("<CongdanCollection/>", "no_envelope"),
        ('<?xml version="1.0" encoding="nonsense"?><a/>', "malformed_xml"),
        (SOAP.format("<KetQua>99</KetQua>"), "unknown"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "forbidden_xml"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "forbidden_xml"),
        ('<?xml version="1.0" encoding="utf-16"?><a/>', "malformed_xml"),
    ],
)
def test_strange_answer_is_never_taken_for_nobody_found(text, reason):
    """A broken platform does not turn citizens into unknown people."""
    with pytest.raises(TargetUnavailableError) as caught:
        parse(text)
    assert caught.value.reason == reason


def fault(code="", side="s:Server"):
    """Return a fault envelope."""
    detail = f"<detail><errorCode>{code}</errorCode></detail>" if code else ""
    return SOAP.format(
        f"<s:Fault><faultcode>{side}</faultcode><faultstring>TRẦN THỊ HÒA 000190000001</faultstring>{detail}</s:Fault>"
    )


@pytest.mark.parametrize(
    ("code", "side", "kind", "reason"),
    [
        ("004", "s:Server", ScopeError, "004"),
        ("005", "s:Server", ScopeError, "005"),
        ("TIMESTAMP", "s:Client", TargetConfigurationError, "clock"),
        ("DUPLICATE", "s:Client", TargetUnavailableError, "code_DUPLICATE"),
        ("099", "s:Server", TargetUnavailableError, "code_099"),
        ("FIELD", "s:Client", RejectedByTargetError, "code_FIELD"),
        ("", "s:Server", TargetUnavailableError, "fault"),
        ("TRẦN THỊ HÒA", "s:Server", TargetUnavailableError, "fault"),
    ],
)
def test_fault_tells_what_to_do_and_shows_no_text(code, side, kind, reason):
    """Free text of the database, which may name the citizen, stays out of errors."""
    with pytest.raises(kind) as caught:
        parse(fault(code, side))
    assert caught.value.reason == reason
    assert "HÒA" not in f"{caught.value!r}"
    assert "000190000001" not in f"{caught.value!r}"


@pytest.mark.parametrize(
    ("code", "scope_kind", "scope"), [("004", "procedure", "2.000488"), ("005", "officer", "officer-1")]
)
def test_refused_scope_is_named_with_our_own_ids(code, scope_kind, scope):
    """What waits is found by procedure code or opaque officer id, never by an officer's personal ID."""
    with pytest.raises(ScopeError) as caught:
        parse(fault(code))
    assert (caught.value.scope_kind, caught.value.scope) == (scope_kind, scope)


def test_scope_refusal_is_seen_in_any_answer():
    """004 and 005 are understood whatever status carries them."""
    assert holds_scope_refusal(b"<a><errorCode> 004 </errorCode></a>")
    assert not holds_scope_refusal(b"<a><errorCode>001</errorCode></a>")


def test_asker_shows_no_officer():
    """The officer's code is often a personal ID."""
    assert "000000000009" not in repr(ASKER)
