"""What an official is told, and what is in the access log before."""

import asyncio
from typing import Any

import pytest

from lienthong.errors import (
    BrokerUnavailableError,
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetSuspendedError,
    TargetUnavailableError,
    TokenExpiredError,
    ValidationFailedError,
)
from lienthong.limits.gate import GateState
from lienthong.limits.policy import Priority
from lienthong.outcome import Answer, AnswerStatus

NAME = "urn:lienthong:problems:"


async def settle() -> None:
    """Let everything run that needs no clock."""
    for _ in range(50):
        await asyncio.sleep(0)


def told(answer: Any) -> tuple[int, str]:
    """Return status and code of a problem."""
    return answer.status_code, answer.json()["type"].removeprefix(NAME)


@pytest.mark.parametrize(
    ("status", "outcome", "disclosed"),
    [
        (AnswerStatus.MATCH, "found", {"kind": "A"}),
        (AnswerStatus.MISMATCH, "mismatch", None),
        (AnswerStatus.NO_MATCH, "not_found", None),
    ],
)
async def test_an_answer_has_an_outcome_and_shows_only_a_match(
    counter: Any, status: AnswerStatus, outcome: str, disclosed: Any
) -> None:
    """What the target says is 200 with an outcome; data of somebody else is not shown, and nothing may be stored."""
    counter.register.answer = Answer(status, (), (), ("SoGiayTo",), {"kind": "A"})

    answer = await counter.ask()

    body = answer.json()
    assert (answer.status_code, body["outcome"], body["disclosed"]) == (200, outcome, disclosed)
    assert answer.headers["cache-control"] == "no-store"
    assert " / " in body["title"]
    assert counter.gateway.metrics.value("lienthong_gateway_lookups_total", target="register", result=outcome) == 1


async def test_the_intent_is_logged_before_the_call_and_the_result_before_the_answer(counter: Any) -> None:
    """Who asked what for which dossier is known before the target is asked, and both records belong together."""
    answer = await counter.ask()

    intent, result = counter.log
    assert counter.register.logged_before == [1]
    assert (intent.phase, result.phase, result.result, result.fields) == ("intent", "result", "match", ("SoGiayTo",))
    assert (intent.actor, intent.on_behalf_of, intent.key) == ("officer-7", "one-stop", "000.00.22.H57-251123-0001")
    assert (intent.purpose, intent.legal_basis) == ("reception", "ND-118-2025")
    assert {intent.verification_id, result.verification_id} == {answer.json()["verification_id"]}
    assert counter.register.calls[0].effect_key == intent.verification_id
    assert counter.gate.entered == [Priority.INTERACTIVE]


@pytest.mark.parametrize(
    ("error", "problem", "wait"),
    [
        (TargetUnavailableError("away"), (503, "target_unavailable"), "5"),
        (TargetUnavailableError("away", retry_after_seconds=41.2), (503, "target_unavailable"), "42"),
        (TokenExpiredError("session"), (503, "target_unavailable"), "5"),
        (TargetConfigurationError("credentials"), (503, "target_unavailable"), "60"),
        (TargetSuspendedError("cut off"), (503, "target_unavailable"), "60"),
        (RateLimitedError("slow", retry_after_seconds=9), (429, "over_budget"), "9"),
        (RejectedByTargetError("no", reason="E1"), (422, "lookup_refused"), None),
        (ValidationFailedError("birth date"), (422, "validation_failed"), None),
        (ScopeError("no", scope_kind="officer", scope="officer-7", reason="005"), (403, "lookup_not_allowed"), None),
    ],
)
async def test_every_failure_has_a_status_of_its_own(
    counter: Any, error: Exception, problem: tuple[int, str], wait: str | None
) -> None:
    """Away, refused, forbidden and over budget are told apart, and none of them looks like "not found"."""
    counter.register.error = error

    answer = await counter.ask()

    assert told(answer) == problem
    assert answer.headers.get("retry-after") == wait
    assert [entry.result for entry in counter.log] == ["", error.code]  # type: ignore[attr-defined]
    assert "outcome" not in answer.json()


async def test_without_an_acknowledged_intent_nothing_is_asked(counter: Any) -> None:
    """Kafka refuses the intent: 503, and the target sees nothing."""
    counter.gateway.producer.error = lambda _record: BrokerUnavailableError("away")

    answer = await counter.ask()

    assert told(answer) == (503, "access_log_unavailable")
    assert counter.register.calls == []


async def test_an_intent_that_is_acknowledged_too_late_is_followed_by_no_call(counter: Any) -> None:
    """Kafka is slow: the official is told within the deadline, and no call comes afterwards."""
    counter.gateway.producer.gate = asyncio.Event()
    asked = await counter.begin(deadline_seconds=3)

    counter.clock.advance(3)
    answer = await asked
    counter.gateway.producer.gate.set()
    await settle()

    assert told(answer) == (503, "access_log_unavailable")
    assert counter.register.calls == []


async def test_an_answer_whose_result_is_not_logged_is_withheld(counter: Any) -> None:
    """Kafka goes away during the call: the official does not get what nobody could show later."""
    counter.register.hangs = asyncio.Event()
    asked = await counter.begin()
    counter.gateway.producer.error = lambda _record: BrokerUnavailableError("away")
    counter.register.hangs.set()

    answer = await asked

    assert told(answer) == (503, "access_log_unavailable")
    assert "kind" not in answer.text


async def test_a_call_that_outlasts_the_deadline_is_followed_to_its_end(counter: Any) -> None:
    """The official is told in time, and the access log still says what the target disclosed."""
    counter.register.hangs = asyncio.Event()
    asked = await counter.begin(deadline_seconds=2)
    counter.clock.advance(2)

    answer = await asked
    before = [entry.result for entry in counter.log]
    counter.register.hangs.set()
    await settle()

    assert told(answer) == (504, "deadline_exceeded")
    assert before == [""]
    assert [entry.result for entry in counter.log] == ["", "match"]


async def test_nobody_waits_longer_than_the_hub_allows(counter: Any) -> None:
    """A deadline of an hour is cut to the configured longest time."""
    counter.register.hangs = asyncio.Event()
    asked = await counter.begin(deadline_seconds=3600)
    counter.clock.advance(8)

    assert told(await asked) == (504, "deadline_exceeded")
    counter.register.hangs.set()
    await settle()


@pytest.mark.parametrize(
    ("state", "problem"),
    [(GateState.WAITING, (429, "over_budget")), (GateState.STORE_AWAY, (503, "target_unavailable"))],
)
async def test_a_question_that_gets_no_turn_is_never_sent(
    counter: Any, state: GateState, problem: tuple[int, str]
) -> None:
    """Over budget, nothing goes to the target, not even after the official has left, and the log says so."""
    counter.gate.is_shut = True
    counter.gate.state = state
    asked = await counter.begin()
    counter.clock.advance(8)

    answer = await asked
    await settle()

    assert told(answer) == problem
    assert counter.register.calls == []
    assert [entry.result for entry in counter.log] == ["", "not_asked"]


async def test_a_failing_target_is_left_alone_and_probed_again(counter: Any) -> None:
    """After two failures the third official is told at once and without a call; later one question is the probe."""
    counter.register.error = TargetUnavailableError("away")
    for _ in range(2):
        await counter.ask()

    refused = await counter.ask()
    calls = len(counter.register.calls)
    counter.register.error = None
    counter.clock.advance(1)

    assert told(refused) == (503, "target_unavailable")
    assert (calls, len(counter.log)) == (2, 4)
    assert (await counter.ask()).status_code == 200


async def test_refused_credentials_raise_an_alert_until_the_target_answers(counter: Any) -> None:
    """Officials only hear that the target is away; operators hear that they have to mend something."""
    counter.register.error = TargetConfigurationError("credentials")
    await counter.ask()
    raised = counter.gateway.metrics.alerts("counter")
    counter.register.error = None
    counter.clock.advance(30)
    await counter.ask()

    assert raised == {("target_configuration", "register")}
    assert counter.gateway.metrics.alerts("counter") == frozenset()


async def test_a_refused_officer_is_not_asked_for_again_and_others_are(counter: Any) -> None:
    """005 is repeated without a call for ten minutes, for this officer only."""
    counter.register.error = ScopeError("no", scope_kind="officer", scope="officer-7", reason="005")
    first = await counter.ask()
    counter.register.error = None

    again = await counter.ask()
    colleague = await counter.ask(claims={"sub": "officer-8"})
    counter.clock.advance(600)
    later = await counter.ask()

    assert told(first) == told(again) == (403, "lookup_not_allowed")
    assert "005" in again.json()["detail"]
    assert "operators" in again.json()["detail"]
    assert (colleague.status_code, later.status_code) == (200, 200)
    assert len(counter.register.calls) == 3


@pytest.mark.parametrize(
    "refusal",
    [
        TargetConfigurationError("the agreement has ended; renew it", reason="agreement_expired"),
        ScopeError("outside", scope_kind="procedure", scope="2.000488", reason="agreement"),
    ],
)
async def test_what_is_outside_the_agreement_is_refused_here(counter: Any, refusal: Exception) -> None:
    """Nothing is asked, so nothing is logged, and the next official is not held up by an open circuit."""
    counter.register.refusal = refusal
    refused = await counter.ask()
    counter.register.refusal = None

    assert told(refused) == (403, "lookup_not_allowed")
    assert counter.log == []
    assert (await counter.ask()).status_code == 200


async def test_a_planned_window_is_unavailable_until_its_end(counter: Any) -> None:
    """In a planned window nothing is asked, and the official is told when to come back."""

    class Calendar:
        def opens_at(self, now: Any) -> Any:
            return now.replace(minute=now.minute + 1)

    counter.gate.is_in_maintenance = True
    counter.gate.calendar = Calendar()

    answer = await counter.ask()

    assert (told(answer), answer.headers["retry-after"]) == ((503, "target_unavailable"), "60")
    assert counter.log == []


async def test_too_many_at_once_are_told_to_come_back(counter: Any) -> None:
    """A counter that hangs does not pile up questions."""
    counter.register.hangs = asyncio.Event()
    waiting = [await counter.begin(), await counter.begin()]

    refused = await counter.ask()
    counter.register.hangs.set()

    assert told(refused) == (429, "too_many_waiting")
    assert [(await each).status_code for each in waiting] == [200, 200]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"lookup": "tax"}, (404, "lookup_unknown")),
        ({"claims": {"scope": "lookup:other"}}, (403, "scope_missing")),
        ({"claims": {"sub": "one-stop"}}, (403, "officer_missing")),
        ({"claims": {"sub": None}}, (403, "officer_missing")),
        ({"claims": {"sub": "000099012345"}}, (403, "officer_missing")),
        ({"claims": {"sub": "Nguyễn Văn Thử"}}, (403, "officer_missing")),
        ({"claims": {"client_id": "stranger"}}, (403, "publisher_unknown")),
        ({"purpose": "curiosity"}, (403, "purpose_not_allowed")),
        ({"dossier": "000099012345"}, (422, "personal_id_in_attribute")),
        ({"dossier": ""}, (422, "validation_failed")),
        ({"deadline_seconds": 0}, (422, "validation_failed")),
        ({"query": {"number": "000099012345", "000099012345": 1}}, (422, "validation_failed")),
        ({"query": []}, (422, "validation_failed")),
    ],
)
async def test_a_question_that_is_not_allowed_is_refused_before_the_log(
    counter: Any, changes: dict[str, Any], problem: tuple[int, str]
) -> None:
    """Scope, officer, purpose and form are checked first; the answer repeats nothing that was sent."""
    answer = await counter.ask(**changes)

    assert told(answer) == problem
    assert "000099012345" not in answer.text
    assert (counter.log, counter.register.calls) == ([], [])


async def test_a_body_that_is_no_json_is_malformed(counter: Any) -> None:
    """What cannot be read is 400, and another type than JSON is 415."""
    headers = counter.gateway.bearer(scope="lookup:register", sub="officer-7")
    post = counter.gateway.client.post

    broken = await post("/v1/lookups/register", content=b"{", headers={**headers, "content-type": "application/json"})
    form = await post("/v1/lookups/register", content=b"a=1", headers={**headers, "content-type": "text/plain"})

    assert (told(broken), told(form)) == ((400, "malformed"), (415, "unsupported_media_type"))


async def test_an_unknown_failure_is_neither_swallowed_nor_shown(counter: Any, capsys: Any) -> None:
    """A defect of a connector is 500, and its text, which may hold a value, stands nowhere."""
    counter.register.error = KeyError("000099012345")

    answer = await counter.ask()

    assert told(answer) == (500, "internal")
    assert "000099012345" not in answer.text + capsys.readouterr().out
