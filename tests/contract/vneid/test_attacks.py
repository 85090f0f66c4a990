"""What somebody may try with a sign-in; each ends it and links nothing."""

from typing import Any

import pytest

UNKNOWN = "urn:lienthong:problems:sign_in_unknown"


def refused(answer: Any) -> bool:
    """Return whether a browser was told nothing and sent nowhere."""
    return answer.status_code == 404 and answer.json()["type"] == UNKNOWN and "location" not in answer.headers


async def test_callback_works_once(hub: Any, browser: Any, told_of: Any) -> None:
    """A callback that is replayed in the same browser finds nothing, and no code is redeemed a second time."""
    chrome = browser(hub)
    _, start_url = await hub.begin()
    callback = await chrome.to_callback(start_url)
    cookies = dict(chrome.client.cookies)
    assert told_of(await chrome.go(callback))["sign_in_outcome"] == "completed"
    chrome.client.cookies.update(cookies)

    assert refused(await chrome.go(callback))
    assert hub.calls("token") == 1
    assert hub.ended("state_unknown") == 1


async def test_state_of_another_session_is_refused(hub: Any, browser: Any) -> None:
    """An attacker's callback, brought into a victim's browser that is signing in too, links nobody's account."""
    attacker, victim = browser(hub), browser(hub)
    callback = await attacker.to_callback((await hub.begin(account="attacker"))[1])
    await victim.to_callback((await hub.begin(account="victim"))[1])

    assert refused(await victim.go(callback))
    assert hub.calls("token") == 0
    assert hub.ended("other_browser") == 1


async def test_state_that_was_tried_elsewhere_is_gone(hub: Any, browser: Any) -> None:
    """After a try from another browser even the right one is refused: what was seen elsewhere is not trusted again."""
    owner = browser(hub)
    callback = await owner.to_callback((await hub.begin())[1])

    assert refused(await browser(hub).go(callback))
    assert refused(await owner.go(callback))


async def test_state_must_be_ours(hub: Any, browser: Any) -> None:
    """A state that the hub did not make, none at all, and one that is too old are the same: unknown."""
    chrome = browser(hub)
    callback = await chrome.to_callback((await hub.begin())[1])
    hub.clock.moment = hub.clock.moment.replace(hour=3)

    assert refused(await chrome.go("https://gateway.test/v1/sign-ins/callback?code=x&state=made-up"))
    assert refused(await chrome.go("https://gateway.test/v1/sign-ins/callback?code=x"))
    assert refused(await chrome.go(callback))


@pytest.mark.parametrize("more", ["&code=x", "&state=x", "&st%61te=x", "&%FF=1", "&x=" + "a" * 20_000])
async def test_query_that_can_be_read_in_two_ways_is_refused(hub: Any, browser: Any, more: str) -> None:
    """A parameter that comes twice, is no UTF-8 or never ends is not for the hub to choose from."""
    chrome = browser(hub)
    callback = await chrome.to_callback((await hub.begin())[1])

    assert refused(await chrome.client.get(callback + more))
    assert hub.calls("token") == 0


async def test_ticket_works_once_and_not_for_long(hub: Any, browser: Any) -> None:
    """The address that a system sends a browser to starts one sign-in, within two minutes."""
    _, first = await hub.begin()
    _, second = await hub.begin()
    assert (await browser(hub).go(first)).status_code == 303

    assert refused(await browser(hub).go(first))
    hub.clock.moment = hub.clock.moment.replace(minute=2)
    assert refused(await browser(hub).go(second))


async def test_secret_of_one_step_takes_no_other(hub: Any, browser: Any) -> None:
    """A ticket is no state and no handle, although all are made alike; tried as such, it is not used up."""
    sign_in, start_url = await hub.begin()
    ticket = start_url.rpartition("=")[2]

    assert refused(await browser(hub).go(f"https://gateway.test/v1/sign-ins/callback?state={ticket}"))
    assert refused(await hub.result(sign_in, ticket))
    assert (await browser(hub).go(start_url)).status_code == 303


async def test_result_is_for_the_system_that_asked(hub: Any, browser: Any) -> None:
    """Another system gets nothing, and the sign-in is over: its handle was seen where it does not belong."""
    sign_in, start_url = await hub.begin()
    handle = (await browser(hub).sign_in(start_url))["sign_in_handle"]

    assert refused(await hub.result(sign_in, handle, system="one-stop"))
    assert refused(await hub.result(sign_in, handle))
    assert hub.links == []


async def test_handle_belongs_to_the_session_that_began(hub: Any, browser: Any) -> None:
    """A victim who was lured through an attacker's sign-in brings a handle that fits no session of their own."""
    await hub.begin(account="victim")
    victims_own, _ = await hub.begin(account="victim")
    _, lure = await hub.begin(account="attacker")
    handle = (await browser(hub).sign_in(lure))["sign_in_handle"]

    assert refused(await hub.result(victims_own, handle))
    assert hub.links == []


async def test_handle_works_once_and_not_for_long(hub: Any, browser: Any) -> None:
    """A result is fetched once, within two minutes; its record is written once."""
    sign_in, start_url = await hub.begin()
    handle = (await browser(hub).sign_in(start_url))["sign_in_handle"]
    late, start_url = await hub.begin()
    late_handle = (await browser(hub).sign_in(start_url))["sign_in_handle"]
    assert (await hub.result(sign_in, handle)).status_code == 200

    assert refused(await hub.result(sign_in, handle))
    hub.clock.moment = hub.clock.moment.replace(minute=5)
    assert refused(await hub.result(late, late_handle))
    assert len(hub.links) == 1


async def test_code_that_was_brought_from_another_sign_in_is_refused(broker: Any, browser: Any, told_of: Any) -> None:
    """A stolen code in the thief's own callback fails at the broker, since the proof (PKCE) is the victim's."""
    victim, thief = browser(broker), browser(broker)
    stolen = await victim.to_callback((await broker.begin())[1])
    own = await thief.to_callback((await broker.begin())[1])
    code = next(part for part in stolen.partition("?")[2].split("&") if part.startswith("code="))
    mixed = "&".join(code if part.startswith("code=") else part for part in own.partition("?")[2].split("&"))

    answer = told_of(await thief.go(f"https://gateway.test/v1/sign-ins/callback?{mixed}"))

    assert answer == {"lang": "vi", "sign_in_outcome": "refused"}


async def test_code_that_is_over_is_refused(hub: Any, browser: Any, told_of: Any) -> None:
    """A code lives seconds; a citizen who comes back later signs in again."""
    chrome = browser(hub)
    callback = await chrome.to_callback((await hub.begin())[1])
    await hub.clock.sleep(hub.accounts.code_seconds)

    assert told_of(await chrome.go(callback))["sign_in_outcome"] == "refused"
    assert hub.ended("refused") == 1


async def test_account_of_too_low_a_level_is_refused(hub: Any) -> None:
    """A level-1 account does not count where level 2 is asked for."""
    hub.accounts.citizens[0] = type(hub.accounts.citizens[0])("000090000001", level=1)

    assert await hub.outcome() == {"lang": "vi", "sign_in_outcome": "refused"}
    assert hub.entries[-1].result == "rejected_by_target"


@pytest.mark.parametrize("fault", ["another_person", "no_identifier"])
async def test_answer_about_nobody_or_somebody_else_is_refused(hub: Any, fault: str) -> None:
    """Claims of another person than the token's, or without a personal ID, sign nobody in."""
    hub.accounts.fault = fault

    assert await hub.outcome() == {"lang": "vi", "sign_in_outcome": "refused"}


@pytest.mark.parametrize(
    "fault",
    [
        "other_nonce",
        "no_nonce",
        "other_audience",
        "other_party",
        "other_issuer",
        "expired",
        "other_access_token",
        "forged_signature",
        "unsigned",
        "no_id_token",
        "mixed_up",
    ],
)
async def test_statement_that_is_not_for_this_sign_in_is_refused(broker: Any, fault: str) -> None:
    """An id_token counts only when the issuer signed it for us, now, for this sign-in and this access token."""
    broker.accounts.fault = fault

    assert await broker.outcome() == {"lang": "vi", "sign_in_outcome": "refused"}
    assert broker.calls("userinfo") == 0


async def test_citizen_who_does_not_want_to_is_told_apart(hub: Any) -> None:
    """Who cancels at the platform is neither refused nor told that something is broken."""
    hub.accounts.fault = "denied"

    assert await hub.outcome() == {"lang": "vi", "sign_in_outcome": "cancelled"}
    assert hub.ended("cancelled") == 1
