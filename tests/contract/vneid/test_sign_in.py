"""A citizen signs in, and the system that asked has the account linked."""

import re
from typing import Any

import httpx
import orjson
import pytest

from lienthong.errors import BrokerUnavailableError
from lienthong.targets.hash_key import hub_pseudonymizer

HOLDER = {
    "identifiers": [{"type": "personal_id", "value": "000090000001"}],
    "full_name": "TRẦN THỊ THỬ",
    "birth_date": "1990-01-31",
}


async def test_request_is_written_before_the_system_is_told_success(hub: Any, browser: Any) -> None:
    """The request to link stands in Kafka, keyed by the person's alias, once the system has its answer."""
    sign_in, start_url = await hub.begin()
    back = await browser(hub).sign_in(start_url)
    assert (back["sign_in_outcome"], back["lang"]) == ("completed", "vi")
    assert hub.links == []

    answer = await hub.result(sign_in, back["sign_in_handle"])

    (record,) = hub.links
    alias = hub_pseudonymizer(hub.settings).alias("personal_id", "000090000001")
    headers = {name: value.decode() for name, value in record.headers}
    assert answer.status_code == 200
    assert answer.json() == {"sign_in": sign_in, "account": "acc-7", "level": 2}
    assert record.key == alias.encode()
    assert orjson.loads(record.value) == {
        "subject_reference": alias,
        "account": "acc-7",
        "system": "citizen-portal",
        "assertion_id": sign_in,
        "assurance_level": 2,
        "requested_at": "2026-11-23T08:00:00+07:00",
        "purpose": "Liên kết tài khoản",
        "unit_code": "H57.01",
        "linked_subject_reference": None,
        "holder": None,
    }
    assert headers["ce_type"] == "account.link.requested"
    assert (headers["ce_id"], headers["ce_source"], headers["ce_subjectref"]) == (sign_in, "/hue/vneid", alias)
    # Without it nobody at the population database may be asked, and every sign-in would wait for ever.
    assert headers["ce_actor"] == "automatic"
    assert hub.ended("completed") == 1


async def test_platform_is_asked_only_after_the_access_log_has_the_intent(hub: Any) -> None:
    """Intent is acknowledged before the code is redeemed, the result before it is used; neither names anybody."""
    asked_at: list[int] = []
    hub.producer.on_write = lambda _record: asked_at.append(hub.calls("token"))

    assert (await hub.outcome())["sign_in_outcome"] == "completed"

    intent, result = hub.entries
    assert asked_at == [0, 1]
    assert intent.verification_id == result.verification_id == result.key
    assert (intent.actor, intent.legal_basis, result.result) == ("citizen-portal", "ND-69-2024", "identified")
    assert result.fields == ("personal_id", "level")


async def test_nobody_is_asked_while_the_access_log_cannot_be_written(hub: Any) -> None:
    """Without Kafka no code is redeemed, and the citizen is told to try again, not that they were refused."""
    hub.producer.error = BrokerUnavailableError("away")

    assert await hub.outcome() == {"lang": "vi", "sign_in_outcome": "unavailable"}

    assert hub.calls("token") == 0
    assert hub.ended("unavailable") == 1


async def test_result_can_be_fetched_again_after_kafka_was_away(hub: Any, browser: Any) -> None:
    """A result that could not be written is kept, and its record has the same id as before."""
    sign_in, start_url = await hub.begin()
    back = await browser(hub).sign_in(start_url)
    hub.producer.error = BrokerUnavailableError("away")
    refused = await hub.result(sign_in, back["sign_in_handle"])
    hub.producer.error = None

    answer = await hub.result(sign_in, back["sign_in_handle"])

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert answer.status_code == 200
    assert len(hub.links) == 1


async def test_code_with_plus_signs_is_read_as_it_stands(direct: Any, browser: Any) -> None:
    """Base64 in the query keeps its plus signs, which a form would read as spaces."""
    chrome = browser(direct)
    _, start_url = await direct.begin()
    callback = await chrome.to_callback(start_url)
    assert re.search(r"code=[^&]*\+", callback)
    assert re.search(r"encrypt_key=[^&]*\+", callback)

    assert (await chrome.go(callback)).headers["location"].count("completed") == 1


async def test_code_whose_plus_signs_became_spaces_is_not_mended(direct: Any, browser: Any, told_of: Any) -> None:
    """What something on the way has changed is not guessed back."""
    chrome = browser(direct)
    _, start_url = await direct.begin()
    callback = (await chrome.to_callback(start_url)).replace("+", "%20")

    assert told_of(await chrome.go(callback))["sign_in_outcome"] == "unavailable"
    assert direct.ended("unreadable") == 1


async def test_cookie_holds_for_this_host_and_leaves_when_the_sign_in_ends(hub: Any, browser: Any) -> None:
    """The cookie follows the rules of the prefix __Host-, and is hidden from scripts and from other sites' requests."""
    chrome = browser(hub)
    _, start_url = await hub.begin()
    first = await chrome.go(start_url)
    platform = await chrome.go(first.headers["location"])
    last = await chrome.go(platform.headers["location"])

    for answer in (first, last):
        attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
        assert {"path=/", "secure", "httponly", "samesite=lax"} <= attributes
        assert not any(part.startswith("domain") for part in attributes)
        assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert first.headers["set-cookie"].startswith("__Host-")
    assert dict(chrome.client.cookies) == {}


async def test_platform_gets_what_its_way_knows(broker: Any, direct: Any, browser: Any) -> None:
    """The broker gets nonce and PKCE; VNeID itself, which knows neither, gets only the state."""
    addresses = []
    for hub in (broker, direct):
        _, start_url = await hub.begin()
        addresses.append((await browser(hub).go(start_url)).headers["location"])

    assert all(f"{name}=" in addresses[0] for name in ("state", "nonce", "code_challenge", "code_challenge_method"))
    assert "state=" in addresses[1]
    assert "nonce" not in addresses[1]
    assert "redirect_uri=https%3A%2F%2Fgateway.test%2Fv1%2Fsign-ins%2Fcallback" in addresses[1]


@pytest.mark.parametrize(
    ("body", "token", "status", "code"),
    [
        ({"return_url": "https://portal.test/linked"}, {}, 403, "return_url_not_allowed"),
        ({"return_url": "https://portal.test/linked?lang=vi&x=1"}, {}, 403, "return_url_not_allowed"),
        ({"account": "000090000001"}, {}, 422, "personal_id_in_attribute"),
        ({"account": "a b"}, {}, 422, "invalid_request"),
        ({"more": 1}, {}, 422, "invalid_request"),
        ({}, {"scope": "publish:dossier"}, 403, "scope_missing"),
        ({}, {"system": "vneid"}, 403, "return_url_not_allowed"),
        ({}, {"system": "nobody"}, 403, "publisher_unknown"),
    ],
)
async def test_wrong_request_begins_nothing(direct: Any, body: Any, token: Any, status: int, code: str) -> None:
    """A sign-in begins only for a registered system, an opaque account and a registered address to return to."""
    asked = {"account": "acc-7", "purpose": "x", "return_url": "https://portal.test/linked?lang=vi", **body}

    answer = await direct.post("/v1/sign-ins", asked, **token)

    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:lienthong:problems:{code}")
    assert "000090000001" not in answer.text


async def test_profile_of_who_signed_in_goes_with_the_request(hub: Any, browser: Any) -> None:
    """What the system knows of its own account stands in the record; it names who signed in, so nothing is added."""
    sign_in, start_url = await hub.begin()
    back = await browser(hub).sign_in(start_url)

    await hub.result(sign_in, back["sign_in_handle"], {"unit_code": "H57.01", "holder": HOLDER})

    record = orjson.loads(hub.links[0].value)
    assert record["holder"]["full_name"] == "TRẦN THỊ THỬ"
    assert record["linked_subject_reference"] is None


@pytest.mark.parametrize("other", [("personal_id", "000185000002"), ("cmnd", "000000003")])
async def test_profile_of_somebody_else_is_for_an_official(hub: Any, browser: Any, other: tuple[str, str]) -> None:
    """Who signs in with another's account in front of them does not get it: the record says whose it seems to be."""
    sign_in, start_url = await hub.begin()
    back = await browser(hub).sign_in(start_url)
    holder = {**HOLDER, "identifiers": [{"type": other[0], "value": other[1]}]}

    answer = await hub.result(sign_in, back["sign_in_handle"], {"unit_code": "H57.01", "holder": holder})

    record = orjson.loads(hub.links[0].value)
    assert answer.status_code == 200
    assert record["linked_subject_reference"] == hub_pseudonymizer(hub.settings).alias(*other)
    assert record["linked_subject_reference"] != record["subject_reference"]


async def test_system_cannot_overrule_what_the_hub_knows(hub: Any, browser: Any) -> None:
    """Person, level, account and time come from the sign-in, whatever the profile says."""
    sign_in, start_url = await hub.begin()
    back = await browser(hub).sign_in(start_url)
    profile = {"unit_code": "H57.01", "subject_reference": "me", "assurance_level": 4, "account": "b", "system": "c"}

    await hub.result(sign_in, back["sign_in_handle"], profile)

    record = orjson.loads(hub.links[0].value)
    assert (record["account"], record["system"], record["assurance_level"]) == ("acc-7", "citizen-portal", 2)
    assert record["subject_reference"] != "me"


async def test_wrong_profile_names_its_fields_and_may_be_corrected(hub: Any, browser: Any) -> None:
    """A profile that breaks the schema is told by field, without values; the result waits for a better one."""
    sign_in, start_url = await hub.begin()
    back = await browser(hub).sign_in(start_url)

    refused = await hub.result(sign_in, back["sign_in_handle"], {"unit_code": "H57.01", "holder": {"full_name": 7}})
    accepted = await hub.result(sign_in, back["sign_in_handle"])

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "holder.full_name"
    assert accepted.status_code == 200


async def test_hub_without_platform_says_so(direct: Any) -> None:
    """Where no platform is configured every route says which setting is missing."""
    gateway = direct.settings.gateway.model_copy(update={"sign_in": type(direct.settings.gateway.sign_in)()})
    direct.settings = direct.settings.model_copy(update={"gateway": gateway})
    direct.__post_init__()

    answer = await direct.client.get("/v1/sign-ins/callback?state=x")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:lienthong:problems:sign_in_off")
    assert "gateway.sign_in.provider" in answer.json()["detail"]


async def test_simulator_signs_in_whoever_was_put_before_the_browser(direct: Any, browser: Any) -> None:
    """One simulated platform serves many citizens, one after the other."""
    address = direct.settings.connectors["vneid"]["authorization_url"].removesuffix("/auth")
    citizen = {"personal_id": "000090000007", "full_name": "LÊ THỊ BẢY", "birth_date": "1991-02-28", "level": 2}
    async with httpx.AsyncClient(trust_env=False) as outside:
        (await outside.put(f"{address}/_control/citizen", json=citizen)).raise_for_status()
    sign_in, start_url = await direct.begin()
    back = await browser(direct).sign_in(start_url)
    await direct.result(sign_in, back["sign_in_handle"])
    (record,) = direct.links
    assert record.key == hub_pseudonymizer(direct.settings).alias("personal_id", "000090000007").encode()
