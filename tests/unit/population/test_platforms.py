"""What platforms between the hub and the database get to see, and what becomes of what they answer."""

from base64 import b64decode, b64encode

import httpx
import orjson
import pytest
from pydantic import ValidationError

from lienthong.errors import RateLimitedError, TargetConfigurationError, TargetUnavailableError
from lienthong.rest import SIGN
from lienthong.testing.clock import FakeClock
from lienthong_connectors.population.config import OfficerAccount, PopulationConfig
from lienthong_connectors.population.payload import Question
from lienthong_connectors.population.platforms import transport_for

FIELDS = (
    ("MaYeuCau", "a" * 32),
    ("MaDVC", "VPCP"),
    ("MaTichHop", "037"),
    ("MaCanBo", "officer"),
    ("MaDonVi", "H57"),
    ("TaiKhoan", "account"),
    ("SoDienThoai", "0"),
    ("SoDinhDanh", "number"),
    ("HoVaTen", "NAME"),
)
QUESTION = Question("TraCuuThongTinCongDan", "0123456789abcdef" * 2, FIELDS, ("Nam", "1990"))
OFFICER = OfficerAccount(officer_code="1", key_name="k-1", key_pass="p4ss")
DIGEST = {"authentication_path": "/dc/tracuu", "user_name": "hub", "secret": "s3cret"}
ROAD = {"client": "VN/GOV/H57/HUB", "service": "VN/GOV/C06/DAN CƯ/TraCuu"}
TOKEN = {"url": "https://platform.example/token", "client_id": "hub", "client_secret": "t0ken"}
PARTNER = {
    "access_key": "acc3ss",
    "secret_key": "p4rtner",
    "application": "hub",
    "partner_code": "H57",
    "customer_code": "C1",
}


def configured(**settings):
    """Return a configuration of a simulator."""
    base = {"base_url": "https://platform.example/population/", "officers": {}, "simulator": True}
    return PopulationConfig.model_validate({**base, **settings})


async def carry(response, **settings):
    """Carry one question; return the requests that were sent and what came back."""
    seen = []

    def answer(request):
        if str(request.url) == TOKEN["url"]:
            seen.append(request)
            return httpx.Response(200, json={"access_token": "fresh", "expires_in": 60})
        if SIGN in request.extensions:
            request.extensions[SIGN](request)
        seen.append(request)
        return response

    config = configured(**settings)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url=config.base_url) as client:
        return seen, await transport_for(client, config, FakeClock()).call(QUESTION, OFFICER, "H57.01-261005-0001")


async def test_the_bus_is_told_who_asks_whom_about_which_case():
    """Parts of the service are encoded one by one, and the id of the attempt is the id of the message."""
    answer = httpx.Response(200, content=b"<a/>", headers={"content-type": "text/xml"})
    (request,), body = await carry(answer, transport="x-road", x_road=ROAD, **DIGEST)
    assert body == b"<a/>"
    assert request.url.raw_path == b"/population/r1/VN/GOV/C06/DAN%20C%C6%AF/TraCuu"
    assert request.headers["x-road-client"] == "VN/GOV/H57/HUB"
    assert request.headers["x-road-id"] == "01234567-89ab-cdef-0123-456789abcdef"
    assert request.headers["x-road-issue"] == "H57.01-261005-0001"
    assert request.headers["authorization"].startswith("Basic ")
    assert request.content == QUESTION.envelope()


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"x-road-id": "01234567-89AB-CDEF-0123-456789ABCDEF"}, ""),
        ({"x-road-request-hash": b64encode(b"h" * 64).decode()}, ""),
        ({"x-road-id": "11111111-89ab-cdef-0123-456789abcdef"}, "x_road_other_id"),
        ({"x-road-request-hash": b64encode(b"h" * 32).decode()}, "x_road_hash"),
        ({"x-road-request-hash": "no base64"}, "x_road_hash"),
    ],
)
async def test_an_answer_to_another_question_is_not_read(headers, reason):
    """A bus that mixes answers up would show an officer somebody else's data."""
    answer = httpx.Response(200, content=b"<a/>", headers={"content-type": "text/xml", **headers})
    if not reason:
        assert (await carry(answer, transport="x-road", x_road=ROAD, **DIGEST))[1] == b"<a/>"
        return
    with pytest.raises(TargetUnavailableError) as caught:
        await carry(answer, transport="x-road", x_road=ROAD, **DIGEST)
    assert caught.value.reason == reason


async def test_the_wrapper_gets_the_fields_that_it_knows():
    """Thanh Hóa's form: the date of birth under the name of its precision, and no envelope."""
    answer = httpx.Response(200, json={"error_code": "0", "message": "<a>Hoà</a>"})
    (request,), body = await carry(answer, transport="lgsp-json-wrapper")
    assert body == "<a>Hoà</a>".encode()
    assert orjson.loads(request.content) == {
        "MaYeuCau": "a" * 32,
        "MaDVC": "VPCP",
        "MaTichHop": "037",
        "MaCanBo": "officer",
        "SoDinhDanh": "number",
        "HoVaTen": "NAME",
        "Nam": "1990",
    }
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[1]", "no_envelope"),
        (b'{"error_code":', "no_envelope"),
        (b"{}", "no_envelope"),
        (b'{"error_code":"0","message":null}', "no_envelope"),
        ('{"error_code":"00","message":"Thành công"}'.encode(), "no_envelope"),
        (b'{"error_code":"0","message":"<html><body>"}', "html_instead_of_xml"),
    ],
)
async def test_a_wrapper_that_says_nothing_is_away(content, reason):
    """An empty success must never look like "nobody found"."""
    with pytest.raises(TargetUnavailableError) as caught:
        await carry(
            httpx.Response(200, content=content, headers={"content-type": "application/json"}),
            transport="lgsp-json-wrapper",
        )
    assert caught.value.reason == reason


async def test_a_bare_code_is_said_as_the_database_would_say_it():
    """Whoever reads refusals need not know which platform handed them on."""
    refused = httpx.Response(200, json={"error_code": 4, "message": "Không có quyền"})
    _, body = await carry(refused, transport="lgsp-json-wrapper")
    assert b"<errorCode>004</errorCode>" in body
    _, body = await carry(httpx.Response(200, json={"code": "005"}), transport="ndop", token=TOKEN)
    assert b"<errorCode>005</errorCode>" in body


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
async def test_a_refusal_of_rights_is_read_under_any_status(status):
    """Which status carries 004 is not known, so all of them may."""
    refused = httpx.Response(status, json={"error_code": "004", "message": "Không có quyền"})
    _, body = await carry(refused, transport="lgsp-json-wrapper")
    assert b"<errorCode>004</errorCode>" in body


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, TargetConfigurationError), (429, RateLimitedError), (500, TargetUnavailableError)],
)
async def test_another_code_leaves_the_word_to_the_status(status, kind):
    """Refused credentials stay refused credentials, whatever object comes with them."""
    with pytest.raises(kind):
        await carry(httpx.Response(status, json={"error_code": "099"}), transport="lgsp-json-wrapper")


async def test_token_partner_and_officer_are_shown_to_the_platform():
    """Hậu Giang's form: the header of the partner is on the token request too."""
    answer = httpx.Response(200, content=b"<a/>", headers={"content-type": "text/xml"})
    (token, request), _ = await carry(answer, transport="lgspaccesstoken", token=TOKEN, partner=PARTNER)
    assert token.content == b"grant_type=client_credentials&client_id=hub&client_secret=t0ken"
    for each in (token, request):
        assert orjson.loads(b64decode(each.headers["lgspaccesstoken"])) == {
            "AccessKey": "acc3ss",
            "SecretKey": "p4rtner",
            "AppName": "hub",
            "PartnerCode": "H57",
            "PartnerCodeCus": "C1",
        }
    assert request.headers["authorization"] == "Bearer fresh"
    assert b64decode(request.headers["authhash"]) == b"k-1:p4ss"
    assert request.content == QUESTION.envelope()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "direct needs"),
        ({"transport": "direct", **DIGEST, "user_name": ""}, "direct needs"),
        ({"transport": "direct", **DIGEST, "x_road": ROAD}, "no use for x_road"),
        ({"transport": "x-road", **DIGEST}, "needs x_road"),
        ({"transport": "x-road", "x_road": ROAD}, "needs authentication_path"),
        ({"transport": "x-road", **DIGEST, "x_road": {**ROAD, "client": "VN/GOV/H57"}}, "client"),
        ({"transport": "lgsp-json-wrapper", **DIGEST}, "no use for authentication_path"),
        ({"transport": "lgspaccesstoken", "token": TOKEN}, "needs partner"),
        ({"transport": "lgspaccesstoken", "partner": PARTNER}, "needs token"),
        ({"transport": "ndop"}, "needs token"),
        ({"transport": "ndop", "token": TOKEN, "partner": PARTNER}, "no use for partner"),
        ({"transport": "soap"}, "lgsp-json-wrapper"),
    ],
)
def test_a_section_that_is_missing_or_too_much_is_named(settings, said):
    """A section that nobody reads would be believed to protect something."""
    with pytest.raises(ValidationError) as caught:
        configured(**settings)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "p4rtner" not in str(caught.value)
