"""The connector over real HTTP against its simulator."""

import hashlib

import httpx
import pytest

from lienthong.errors import (
    ConfigurationError,
    LienthongError,
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    TokenExpiredError,
)
from lienthong.outcome import AnswerStatus, Finding
from lienthong.testing.behaviour import Behaviour
from lienthong.testing.clock import FakeClock
from lienthong_connectors.insurance_card import CONNECTOR
from lienthong_connectors.insurance_card.codes import ANSWERS, OFFICER_REFUSALS, REFUSALS, TROUBLES
from lienthong_connectors.insurance_card.simulator import SIMULATOR

WELL = Behaviour().model_dump()
MATCH, MISMATCH = AnswerStatus.MATCH, AnswerStatus.MISMATCH
#: All codes of the two public clients.
DOCUMENTED = (
    "000 001 002 003 003.1 004 010 050 051 052 053 054 055 060 061 070 100 101 110 120 121 122 123 124 130 205 "
    "401 500 501"
)


async def test_a_valid_card_is_a_match_and_treatments_are_left_out(start):
    """The card is shown; what the gateway lists of treatments and address is named in the log and kept nowhere."""
    async with start() as gateway:
        answer = await gateway.ask()
    shown = CONNECTOR.question.disclosed(answer)
    assert (answer.status, answer.findings) == (MATCH, ())
    assert shown == {
        "code": "000",
        "entitlement": "valid",
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
        "facility_code": "46001",
        "facility_name": "Bệnh viện Trung ương Huế",
        "new_number": None,
    }
    assert {"dsLichSuKCB2018", "diaChi", "gtTheDen"} <= set(answer.fields)
    assert "maTheMoi" not in answer.fields
    assert gateway.operations == ["token", "KQNhanLichSuKCB"]


@pytest.mark.parametrize(
    ("changes", "status", "findings"),
    [
        ({"number": "GD4460000000002"}, AnswerStatus.NO_MATCH, ()),
        ({"full_name": "Lê Thị Tư"}, MISMATCH, (Finding("full_name", "differs"),)),
        ({"birth_date": "1991"}, MISMATCH, (Finding("birth_date", "differs"),)),
        ({"birth_date": "1990"}, MATCH, ()),
    ],
)
async def test_another_person_and_no_card_are_told_apart(start, changes, status, findings):
    """No card is an answer; a card of somebody else is another one, and shows nothing."""
    async with start() as gateway:
        answer = await gateway.ask(**changes)
    assert (answer.status, answer.findings) == (status, findings)
    assert (CONNECTOR.question.disclosed(answer) is None) == (status is not MATCH)


@pytest.mark.parametrize("code", [*DOCUMENTED.split(), "777"])
async def test_every_code_is_mapped_or_refused(start, card, code):
    """Each documented code has its own meaning; one that nobody knows is refused under its number, never guessed."""
    async with start({"cards": [{**card, "code": code}]}) as gateway:
        try:
            answer = await gateway.ask()
        except LienthongError as error:
            raised = error
        else:
            assert answer.status is ANSWERS[code].status
            assert answer.findings == ((ANSWERS[code].finding,) if ANSWERS[code].finding else ())
            return
    kinds = {
        **dict.fromkeys(REFUSALS, RejectedByTargetError),
        **dict.fromkeys(OFFICER_REFUSALS, ScopeError),
        **dict.fromkeys(TROUBLES, TargetUnavailableError),
        "401": TargetConfigurationError,
        "501": TokenExpiredError,
        "777": RejectedByTargetError,
    }
    assert code not in ANSWERS
    assert type(raised) is kinds[code]
    assert raised.reason in {REFUSALS.get(code), code, f"code_{code}"}


@pytest.mark.parametrize("by_status", [True, False])
async def test_an_ended_token_is_renewed_once(start, by_status):
    """Code 501 or status 401 fetches one new token for all; a gateway that refuses that one too is not asked on."""
    async with start({"token_calls": 1, "token_status": by_status}) as gateway:
        first, second = await gateway.ask(), await gateway.ask()
    assert (first.status, second.status) == (MATCH, MATCH)
    assert gateway.operations.count("token") == 2
    assert gateway.operations.count("KQNhanLichSuKCB") == 3


async def test_tokens_are_renewed_before_they_end(start):
    """A token older than its time is replaced without being refused first."""
    clock = FakeClock()
    async with start(clock=clock) as gateway:
        await gateway.ask()
        clock.advance(2_999)
        await gateway.ask()
        clock.advance(1)
        await gateway.ask()
    assert gateway.operations.count("token") == 2


@pytest.mark.parametrize(
    ("options", "config", "kind", "reason"),
    [
        ({}, {"password": "wrong"}, TargetConfigurationError, "login_401"),
        ({"login_code": "500"}, {}, TargetUnavailableError, "token_500"),
        ({"login_code": "777"}, {}, TargetConfigurationError, "login_777"),
    ],
)
async def test_a_refused_login_is_about_the_account(start, options, config, kind, reason):
    """Wrong credentials pause the callers; a gateway in trouble is asked again."""
    async with start(options, config) as gateway:
        with pytest.raises(kind) as caught:
            await gateway.ask()
        assert gateway.leaks(caught.value) == []
    assert caught.value.reason == reason


async def test_a_replaced_password_is_found_without_a_restart(start, tmp_path):
    """The next password lies beside the present one; it is tried once, then used, also as the digest of old clients."""
    files = [tmp_path / "present", tmp_path / "next"]
    files[0].write_text("old")
    files[1].write_text("s3cret")
    digest = hashlib.md5(b"s3cret", usedforsecurity=False).hexdigest()
    config = {"password": None, "password_files": files, "hashes_password": True}
    async with start({"password": digest}, config) as gateway:
        assert (await gateway.ask()).status is MATCH
        assert gateway.operations.count("token") == 2


@pytest.mark.parametrize(("actor", "reason"), [("officer-2", "055"), ("officer-3", "054")])
async def test_an_official_whom_the_gateway_does_not_know_is_a_scope(start, actor, reason):
    """054 and 055 concern one official only; a colleague still gets an answer."""
    async with start() as gateway:
        with pytest.raises(ScopeError) as caught:
            await gateway.ask(actor=actor)
        assert (await gateway.ask()).status is MATCH
        assert gateway.leaks(caught.value) == []
    assert (caught.value.scope_kind, caught.value.scope, caught.value.reason) == ("officer", actor, reason)


async def test_strangers_and_what_was_not_agreed_never_leave_the_province(start, context):
    """An unknown official and a question outside the agreement are refused without a call."""
    agreement = {"number": "7/QC", "procedures": ["1.001193"], "valid_until": "2999-12-31"}
    async with start(config={"agreement": agreement}) as gateway:
        for actor in ("stranger", "officer-1"):
            with pytest.raises(ScopeError):
                gateway.connector.check(gateway.question(), context._replace(actor=actor))
            with pytest.raises(ScopeError):
                await gateway.ask(actor=actor)
        assert gateway.ledger.calls == ()
        assert (await gateway.ask(procedure_code="1.001193")).status is MATCH


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no_object"),
        ("[]", "no_object"),
        ("{}", "no_code"),
        ('{"maKetQua": null}', "no_code"),
        ('{"maKetQua": "Trần Thị Hòa"}', "no_code"),
        ("<!DOCTYPE html><html>Trần Thị Hòa</html>", "html_instead_of_json"),
    ],
)
async def test_an_answer_without_a_code_is_an_outage(start, card, text, reason):
    """What says nothing is never taken for "no card"."""
    async with start({"verbatim": {card["number"]: text}}) as gateway:
        with pytest.raises(TargetUnavailableError) as caught:
            await gateway.ask()
        assert gateway.leaks(caught.value) == []
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("behaviour", "kind", "reason"),
    [
        ({"maintenance": True}, TargetUnavailableError, "html_instead_of_json"),
        ({"outage": "reset"}, TargetUnavailableError, "connection_broken"),
        ({"outage": "unavailable"}, TargetUnavailableError, "http_503"),
        ({"error_rate": 1}, TargetUnavailableError, "http_503"),
        ({"hang": True}, TargetUnavailableError, "read_timeout"),
        ({"lost_answer_rate": 1}, TargetUnavailableError, "connection_broken"),
        ({"half_answer_rate": 1}, TargetUnavailableError, "protocol connection_broken"),
        ({"too_many_requests": {"retry_after_seconds": 9}}, RateLimitedError, "http_429"),
    ],
)
async def test_trouble_of_the_gateway_is_retriable(start, behaviour, kind, reason):
    """A question changes nothing, so every trouble may be asked again, and it works again afterwards."""
    # Only a call that hangs waits for its limit; the others must not meet it on a busy machine.
    limit = 1.0 if "hang" in behaviour else 5.0
    async with start(config={"timeout_seconds": limit}) as gateway:
        await gateway.ask()
        gateway.behave(**behaviour)
        with pytest.raises(kind) as caught:
            await gateway.ask()
        gateway.behave(**{switch: WELL[switch] for switch in behaviour})
        assert (await gateway.ask()).status is MATCH
        assert gateway.leaks(caught.value) == []
    # How a connection that broke in the middle looks is a matter of time.
    assert caught.value.reason in reason.split()


async def test_tokens_that_a_restart_of_the_gateway_ended_are_renewed(start):
    """An operator who restarts the gateway costs one further call and no error."""
    async with start() as gateway:
        await gateway.ask()
        async with httpx.AsyncClient() as operator:
            await operator.delete(f"{gateway.connector.config.base_url}/_control/tokens")
        assert (await gateway.ask()).status is MATCH


async def test_a_connector_that_is_not_open_or_asked_something_else_says_so(start, context):
    """A defect of the caller is named."""
    async with start() as gateway:
        with pytest.raises(ConfigurationError):
            await gateway.connector.lookup(gateway.connector.config, context)
    with pytest.raises(ConfigurationError):
        await gateway.ask()


def test_a_real_gateway_needs_an_agreement_and_one_password():
    """What would call the nation without an agreement does not start; nor does a simulator with a typing error."""
    config = {"base_url": "https://gateway.example", "user_name": "u", "password": "p", "officers": {}}
    for wrong in (config, {**config, "simulator": True, "password_files": ["a"]}):
        with pytest.raises(ValueError, match=r"agreement|password"):
            CONNECTOR.config.model_validate(wrong)
    with pytest.raises(ConfigurationError, match="card"):
        SIMULATOR.create_application({"card": []})
