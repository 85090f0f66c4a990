"""Steps of the progress in calls of up to ten (profile ``three-url``), over real HTTP."""

import asyncio
from typing import Any

import pytest

from lienthong.errors import OutcomeUnknownError, RejectedByTargetError, TargetUnavailableError

pytestmark = pytest.mark.parametrize("profile", ["three-url"], indirect=True)
CODES = [f"H57.01.12-261008-{number:04}" for number in range(1, 12)]


@pytest.fixture
async def one_call(make_sink: Any, tools: Any) -> Any:
    """Build a connector that makes one call with steps at a time and knows eleven dossiers."""
    sink = await make_sink(max_progress_calls=1)
    for code in CODES:
        await tools.deliver(sink, tools.snapshot(code))
    return sink


async def _steps(sink: Any, tools: Any, codes: list[str]) -> list[Any]:
    sent = (tools.deliver(sink, tools.progress(code)) for code in codes)
    return list(await asyncio.gather(*sent, return_exceptions=True))


def _written(portal: Any) -> list[str]:
    return [effect.key for effect in portal.ledger.effects if effect.operation == "progress"]


def _calls(portal: Any) -> int:
    return int(portal.operations().count("CapNhatTienDoHoSoMC"))


async def test_eleven_steps_are_two_calls(one_call: Any, portal: Any, tools: Any) -> None:
    """The first step goes at once; the ten that come while its call is under way share the next."""
    outcomes = await _steps(one_call, tools, CODES)

    assert {outcome.reason for outcome in outcomes} == {"progress"}
    assert sorted(_written(portal)) == CODES
    assert _calls(portal) == 2


async def test_a_break_within_a_call_neither_repeats_nor_loses_a_step(one_call: Any, portal: Any, tools: Any) -> None:
    """The portal writes three of ten and breaks the connection: a person decides about the ten, none is sent again."""
    await portal.set_options(breaks_after_steps=3)
    outcomes = await _steps(one_call, tools, CODES)

    assert outcomes[0].reason == "progress"
    assert {type(outcome) for outcome in outcomes[1:]} == {OutcomeUnknownError}
    assert _written(portal) == CODES[:4]
    assert _calls(portal) == 2


@pytest.mark.parametrize("strict", [True, False])
async def test_a_refused_call_of_several_steps_is_unknown(one_call: Any, portal: Any, tools: Any, strict: bool) -> None:
    """Whether the portal has written the steps in front of a refused one is not public, so none is sent again."""
    await portal.behave(strict=strict)
    bad = tools.progress(CODES[5]).model_copy(update={"content": ""})
    sent = [tools.deliver(one_call, tools.progress(code)) for code in CODES[:5]]
    outcomes = await asyncio.gather(*sent, tools.deliver(one_call, bad), return_exceptions=True)

    assert [getattr(outcome, "reason", None) for outcome in outcomes] == ["progress", *["chunk_refused"] * 5]
    assert _written(portal) == CODES[: 1 if strict else 5]


async def test_a_step_of_an_unknown_dossier_does_not_spoil_others(one_call: Any, portal: Any, tools: Any) -> None:
    """A step that comes before its dossier goes alone and is refused alone."""
    outcomes = await _steps(one_call, tools, [*CODES[:3], "H57.01.12-261008-9999"])

    assert [type(outcome) for outcome in outcomes[:3]] == [type(outcomes[0])] * 3
    assert isinstance(outcomes[3], RejectedByTargetError)
    assert sorted(_written(portal)) == CODES[:3]


async def test_a_portal_that_is_away_keeps_all_steps(one_call: Any, portal: Any, tools: Any) -> None:
    """A call that nobody looked at is made again by the engine, step for step."""
    await portal.behave(outage="unavailable")
    refused = await _steps(one_call, tools, CODES)
    await portal.behave(outage=None)
    await _steps(one_call, tools, CODES)

    assert {type(outcome) for outcome in refused} == {TargetUnavailableError}
    assert sorted(_written(portal)) == CODES
