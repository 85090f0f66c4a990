"""Handing dossiers over, over real HTTP."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from lienthong.errors import (
    OutcomeUnknownError,
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    TransformError,
)
from lienthong.outcome import OutcomeKind


async def test_a_dossier_is_handed_over_whole(sink: Any, system: Any, tools: Any) -> None:
    """The system gets the very record, also fields of a later version of the schema."""
    outcome = await tools.deliver(sink, a_field_of_a_later_version="kept")
    published = await system.control.post(f"/_control/dossiers/{tools.code}/work", content=b"{}")

    assert (outcome.kind, outcome.reason, outcome.target_reference) == (OutcomeKind.DELIVERED, "created", tools.code)
    held = {**published.json(), "sequence": 10, "occurred_at": tools.document()["occurred_at"]}
    assert held == tools.document(a_field_of_a_later_version="kept")
    assert system.effects() == ["create"]


async def test_the_same_dossier_again_is_no_second_effect(sink: Any, system: Any, tools: Any) -> None:
    """One call each: a repeat writes nothing; a change by the citizen is an update."""
    outcomes = [await tools.deliver(sink), await tools.deliver(sink, sequence=11)]
    outcomes.append(await tools.deliver(sink, sequence=12, summary="Đính chính"))

    assert [each.reason for each in outcomes] == ["created", "unchanged", "updated"]
    assert system.effects() == ["create", "update"]
    assert system.operations() == ["hand_over"] * 3


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "processing", "status_reason": "Đang thẩm định"},
        {"status": "finished", "finished_at": "2026-10-09T10:00:00+07:00"},
        {"due_at": "2026-11-01T17:00:00+07:00"},
        {"received_at": "2026-10-08T09:00:00+07:00"},
        {"handling_unit": {"code": "H57.22", "name": "Đơn vị khác"}},
    ],
)
async def test_what_the_province_said_itself_is_not_handed_back(
    sink: Any, system: Any, tools: Any, changes: Any
) -> None:
    """Status, terms and units went up from here; the nation showing them is no news."""
    await tools.deliver(sink)
    outcome = await tools.deliver(sink, sequence=11, **changes)

    assert outcome.reason == "unchanged"
    assert system.effects() == ["create"]


async def test_a_withdrawal_is_handed_over(sink: Any, system: Any, tools: Any) -> None:
    """The one state that is the citizen's own to set goes down."""
    await tools.deliver(sink)

    assert (await tools.deliver(sink, sequence=11, status="withdrawn")).reason == "updated"


async def test_the_provinces_own_dossier_is_never_sent(sink: Any, system: Any, tools: Any) -> None:
    """``NoiNopHoSo`` 2 has come from this very system; not even a question is asked."""
    outcome = await tools.deliver(sink, origin="local")

    assert (outcome.kind, outcome.reason) == (OutcomeKind.FILTERED, "not_from_the_nation")
    assert system.operations() == []


async def test_an_older_snapshot_changes_nothing(sink: Any, system: Any, tools: Any) -> None:
    """The system itself refuses it, which also holds against a worker that was frozen."""
    await tools.deliver(sink, sequence=20)
    outcome = await tools.deliver(sink, sequence=19, summary="Cũ hơn")

    assert (outcome.kind, outcome.reason) == (OutcomeKind.SUPERSEDED, "older_at_target")
    assert system.effects() == ["create"]


async def test_an_older_snapshot_changes_nothing_after_one_that_was_equal(sink: Any, system: Any, tools: Any) -> None:
    """Handed in, corrected and corrected back: the correction that comes late does not win over what is newer."""
    await tools.deliver(sink, sequence=10)
    assert (await tools.deliver(sink, sequence=12)).reason == "unchanged"
    outcome = await tools.deliver(sink, sequence=11, summary="Đính chính đến muộn")

    assert outcome.kind is OutcomeKind.SUPERSEDED
    assert system.effects() == ["create"]


async def test_an_unknown_procedure_waits_as_a_scope(sink: Any, system: Any, tools: Any) -> None:
    """Everything of this procedure waits until it is set up; the rest flows, and the engine knows it before a call."""
    await system.set_options(unknown_procedures=["1.004873"])
    with pytest.raises(ScopeError) as caught:
        await tools.deliver(sink)

    assert (caught.value.scope_kind, caught.value.scope) == ("procedure", "1.004873")
    assert list(sink.scopes(*tools.record())) == [("procedure", "1.004873")]
    assert list(sink.scopes(tools.record()[0], tools.step())) == []


async def test_an_unknown_unit_is_set_aside(sink: Any, system: Any, tools: Any) -> None:
    """A commune that the system does not know is about this record, with its reason."""
    await system.set_options(unknown_units=["H57.21"])
    with pytest.raises(RejectedByTargetError) as caught:
        await tools.deliver(sink)

    assert caught.value.reason == "unit_unknown"


async def test_a_lost_answer_is_asked_after(sink: Any, system: Any, tools: Any) -> None:
    """The engine learns that nobody knows; the system tells, and nothing is written twice."""
    event, data = tools.record()
    assert await sink.was_done(event, data, tools.context) is None
    await system.behave(lost_answer_rate=1)
    with pytest.raises(OutcomeUnknownError):
        await sink._hand_over(event, data, "v")
    await system.behave(lost_answer_rate=0)
    await tools.deliver(sink, sequence=11)

    assert (await sink.was_done(event, data, tools.context)).reason == "found"
    assert system.effects() == ["create", "update"]


@pytest.mark.parametrize("switches", [{"maintenance": True}, {"outage": "unavailable"}, {"error_rate": 1}])
async def test_a_system_that_is_away_is_called_again_later(sink: Any, system: Any, tools: Any, switches: Any) -> None:
    """An HTML page with status 200 and a 503 are the moment's fault."""
    await system.behave(**switches)
    with pytest.raises(TargetUnavailableError):
        await tools.deliver(sink)

    assert system.effects() == []


async def test_a_system_that_asks_to_slow_down_is_heard(sink: Any, system: Any, tools: Any) -> None:
    """The wait that it asked for reaches the engine."""
    await system.behave(too_many_requests={"retry_after_seconds": 7})
    with pytest.raises(RateLimitedError) as caught:
        await tools.deliver(sink)

    assert caught.value.retry_after_seconds == 7


async def test_a_refused_token_pauses_the_pipeline(make_sink: Any, tools: Any) -> None:
    """It is about the configuration, and the token stays unsaid."""
    sink = await make_sink(token="sai-the-nay")
    with pytest.raises(TargetConfigurationError) as caught:
        await tools.deliver(sink)

    assert "sai-the-nay" not in str(caught.value) + repr(sink.config)


async def test_a_replaced_token_is_found_without_a_restart(
    make_sink: Any, system: Any, tools: Any, tmp_path: Path
) -> None:
    """The next token takes over when the present one is refused."""
    for name, token in (("old", "the-rat-bi-mat"), ("new", "the-moi")):
        (tmp_path / name).write_text(token)
    sink = await make_sink(token=None, token_files=[tmp_path / "old", tmp_path / "new"])
    await tools.deliver(sink)
    await system.set_options(token="the-moi")

    assert (await tools.deliver(sink, sequence=11, summary="Đính chính")).reason == "updated"


async def test_other_records_are_refused(sink: Any, tools: Any) -> None:
    """A step of progress never goes down."""
    with pytest.raises(TransformError):
        await sink.deliver(tools.record()[0], tools.step(), tools.context)


async def test_arrivals_tell_when(sink: Any, system: Any, tools: Any) -> None:
    """The simulator notes the time of each handing over, so that a way can be measured."""
    await tools.deliver(sink)
    await tools.deliver(sink, sequence=11, summary="Đính chính")
    arrivals = (await system.arrivals())[tools.code]["arrivals"]

    assert len(arrivals) == 2
    assert arrivals == sorted(arrivals)


async def test_what_is_no_object_is_no_answer(sink: Any, system: Any, tools: Any) -> None:
    """Half an answer to a write leaves its outcome unknown."""
    event, data = tools.record()
    await system.behave(half_answer_rate=1)
    with pytest.raises(OutcomeUnknownError):
        await sink._hand_over(event, data, "v")
    assert orjson.loads(event.data or b"")["dossier_code"] == tools.code
