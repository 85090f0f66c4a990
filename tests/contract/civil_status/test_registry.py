"""Pushes of civil-status dossiers, over real HTTP: each taken once, its result comes down, every fault told."""

import json
import traceback
from datetime import date
from typing import Any

import pytest

from lienthong.connector import CallContext
from lienthong.envelope import Event
from lienthong.errors import (
    OutcomeUnknownError,
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    ValidationFailedError,
)
from lienthong_schemas.civil_status_request import CivilStatusRequestedV1
from lienthong_schemas.generator.civil_status import CivilStatusRequest, civil_status_requests

EVENT = Event({"type": "civil-status.requested"}, b"{}")
CONTEXT = CallContext("deliver-civil-status", "effect", 1, "a" * 32, "Hộ tịch", "Luật Hộ tịch", "system", "", "key")


def _requests(count: int = 12) -> list[CivilStatusRequest]:
    return list(civil_status_requests(count))


def _model(request: CivilStatusRequest, **changes: Any) -> CivilStatusRequestedV1:
    return CivilStatusRequestedV1.model_validate_json(json.dumps(request.document | changes))


async def test_what_goes_up_comes_down_as_its_result(
    make_registry: Any, source: Any, ministry: Any, tools: Any
) -> None:
    """Births and deaths are pushed, entered and polled: each name, day and code is the one that was asked for."""
    sink, requests = await make_registry(), _requests()
    outcomes = [await sink.deliver(EVENT, _model(each), CONTEXT) for each in requests]
    await ministry.enter("09/10/2026 10:00:00")
    found = [each.event for batch in await tools.poll(source) for each in batch.events]
    results = [json.loads(event.data) for event in found if event.type != "civil-status.updated"]

    assert {outcome.reason for outcome in outcomes} == {"received"}
    assert {
        (each["dossier_code"], each["full_name"], each.get("died_on") or each["birth_date"]) for each in results
    } == {(each.truth.dossier_code, each.truth.full_name, each.truth.day) for each in requests}
    assert {each.truth.kind for each in requests} == {"birth", "death"}
    assert all(each["identifiers"][0]["type"] == "personal_id" for each in results)


async def test_a_newborn_goes_up_without_any_number(make_registry: Any, ministry: Any) -> None:
    """No personal ID and no filler stands for the child; the parents have theirs."""
    request = next(each for each in _requests() if each.truth.kind == "birth")
    await (await make_registry()).deliver(EVENT, _model(request), CONTEXT)
    data = ministry.ledger.effects[-1].detail["data"]

    assert not [name for name in data if name.startswith("nks") and ("So" in name.removeprefix("nks"))]
    assert data["meSoDDCN"] == request.document["birth"]["mother"]["identifiers"][0]["value"]


async def test_a_repeat_is_received_already_and_taken_once(make_registry: Any, ministry: Any) -> None:
    """The ministry's answer to a repeat counts as delivered; there is one dossier."""
    sink, request = await make_registry(), _requests(1)[0]
    await sink.deliver(EVENT, _model(request), CONTEXT)
    again = await sink.deliver(EVENT, _model(request), CONTEXT)

    assert again.reason == "already_received"
    assert ministry.pushed() == [request.truth.national_code]


@pytest.mark.parametrize("fault", ["lost_answer_rate", "half_answer_rate"])
async def test_a_push_whose_answer_is_lost_is_found_by_the_scan(make_registry: Any, ministry: Any, fault: str) -> None:
    """Nobody knows whether the push arrived until the scan is asked: it holds that dossier and not another."""
    sink = await make_registry()
    sent, other = _requests(2)
    assert await sink.was_done(EVENT, _model(sent), CONTEXT) is None
    await ministry.behave(**{fault: 1.0})
    with pytest.raises(OutcomeUnknownError):
        await sink.deliver(EVENT, _model(sent), CONTEXT)
    await ministry.behave(**{fault: 0.0})
    found = await sink.was_done(EVENT, _model(sent), CONTEXT)

    assert found is not None
    assert found.reason == "found"
    assert await sink.was_done(EVENT, _model(other), CONTEXT) is None
    assert ministry.pushed() == [sent.truth.national_code]


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        # Nobody can know whether a push was looked at before these.
        ({"outage": "reset"}, OutcomeUnknownError),
        ({"maintenance": True}, TargetUnavailableError),
        ({"outage": "unavailable"}, TargetUnavailableError),
        ({"error_rate": 1.0}, TargetUnavailableError),
        ({"too_many_requests": {"retry_after_seconds": 7}}, RateLimitedError),
    ],
    ids=["reset", "maintenance", "unavailable", "errors", "quota"],
)
async def test_faults_are_told_apart(
    make_registry: Any, ministry: Any, switches: dict[str, Any], expected: type[Exception]
) -> None:
    """An absent ministry is waited for, a push that may have arrived is of unknown outcome; nothing is taken."""
    sink = await make_registry()
    first, second = _requests(2)
    await sink.deliver(EVENT, _model(first), CONTEXT)
    await ministry.behave(**switches)
    with pytest.raises(expected):
        await sink.deliver(EVENT, _model(second), CONTEXT)

    assert ministry.pushed() == [first.truth.national_code]


@pytest.mark.parametrize("fault", [{"hang": True}, {"drip_seconds": 5.0}], ids=["hang", "drip"])
async def test_a_ministry_that_does_not_answer_in_time_leaves_it_open(
    make_registry: Any, ministry: Any, fault: dict[str, Any]
) -> None:
    """A push without an answer in time may have arrived."""
    sink = await make_registry(timeout_seconds=0.3)
    first, second = _requests(2)
    await sink.deliver(EVENT, _model(first), CONTEXT)
    await ministry.behave(**fault)
    with pytest.raises(OutcomeUnknownError):
        await sink.deliver(EVENT, _model(second), CONTEXT)


async def test_a_token_that_ends_early_is_renewed(make_registry: Any, ministry: Any) -> None:
    """Nobody sees that a token ended before its time."""
    sink = await make_registry()
    first, second = _requests(2)
    await sink.deliver(EVENT, _model(first), CONTEXT)
    await ministry.end_tokens()

    assert (await sink.deliver(EVENT, _model(second), CONTEXT)).reason == "received"


async def test_a_refused_key_pauses_the_pipeline(make_registry: Any) -> None:
    """A wrong consumer secret is about the hub, not about a dossier."""
    sink = await make_registry(client_secret="sai")
    with pytest.raises(TargetConfigurationError):
        await sink.deliver(EVENT, _model(_requests(1)[0]), CONTEXT)


async def test_an_unknown_unit_holds_back_its_own_dossiers_only(make_registry: Any, ministry: Any) -> None:
    """The scope that is blocked is the one that its dossiers name before a call."""
    sink = await make_registry()
    await ministry.answer({"status": 0, "errorCode": "106"})
    request, other = _requests(2)
    with pytest.raises(ScopeError) as caught:
        await sink.deliver(EVENT, _model(request), CONTEXT)
    blocked = (caught.value.scope_kind, caught.value.scope)

    assert caught.value.reason == "code_106"
    assert blocked in sink.scopes(EVENT, _model(request))
    assert blocked not in sink.scopes(EVENT, _model(other))


@pytest.mark.parametrize(
    ("answer", "expected", "reason"),
    [
        ({"status": 0, "errorCode": "500", "errorDescription": "Nguyễn Thị Bí Mật"}, RejectedByTargetError, "code_500"),
        ({"status": 0, "errorCode": "Mật", "errorDescription": "Bí Mật"}, RejectedByTargetError, "refused"),
        ({"status": 0, "errorCode": 100}, TargetConfigurationError, "code_100"),
        ({"status": 0, "errorCode": "101"}, TargetConfigurationError, "code_101"),
        ({"errorDescription": "Bí Mật"}, OutcomeUnknownError, "no_status"),
        (["Bí Mật"], OutcomeUnknownError, "no_status"),
    ],
)
async def test_refusals_go_by_code_and_never_repeat_the_text(
    make_registry: Any, ministry: Any, answer: Any, expected: type[Exception], reason: str
) -> None:
    """What the ministry writes may name people: only its codes get into errors."""
    await ministry.answer(answer)
    sink = await make_registry()
    with pytest.raises(expected) as caught:
        await sink.deliver(EVENT, _model(_requests(1)[0]), CONTEXT)

    assert getattr(caught.value, "reason", None) == reason
    assert "Bí Mật" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("changes", "settings", "rule"),
    [
        ({"supplement_round": 1}, {}, "supplement_not_documented"),
        ({}, {"paper_types": {}}, "paper_type_without_code"),
        (
            {"registration_place": {"unit": {"code_system": "GSO-63", "code": "19753", "as_of": "2024-01-01"}}},
            {},
            "old_unit_code",
        ),
    ],
)
async def test_what_nobody_documents_is_refused_before_a_call(
    make_registry: Any, ministry: Any, changes: dict[str, Any], settings: dict[str, Any], rule: str
) -> None:
    """Supplements, papers without a code and old places are refused with a field and a remedy; nothing is sent."""
    sink = await make_registry(**settings)
    with pytest.raises(ValidationFailedError) as caught:
        await sink.deliver(EVENT, _model(_requests(1)[0], **changes), CONTEXT)

    assert [violation.rule for violation in caught.value.violations] == [rule]
    assert ministry.ledger.calls == ()


async def test_an_agreement_that_has_ended_sends_nothing(make_registry: Any, ministry: Any) -> None:
    """Neither the push nor the question is sent, and the scope is that of the agreement."""
    sink = await make_registry(agreement={"number": "03/2026/TT", "valid_until": date(2020, 1, 1)})
    model = _model(_requests(1)[0])
    for send in (sink.deliver, sink.was_done):
        with pytest.raises(ScopeError) as caught:
            await send(EVENT, model, CONTEXT)
        assert (caught.value.scope_kind, caught.value.scope) in sink.scopes(EVENT, model)
    assert ministry.ledger.calls == ()
