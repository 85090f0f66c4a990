"""Polls of the ministry's scan, over real HTTP: nothing missed, nothing twice under another id, every fault told."""

import json
import traceback
from datetime import timedelta
from typing import Any

import pytest

from lienthong.errors import (
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
)
from lienthong_schemas import SCHEMAS

MODELS = {spec.type: spec.producer_model for spec in SCHEMAS}


def _last(tools: Any, event: Any) -> Any:
    return tools.rows_of(event)[-1]


async def test_what_the_ministry_decided_comes_down_as_it_was(source: Any, ministry: Any, tools: Any) -> None:
    """Each dossier gives its state, a finished birth or death its event: valid, true and keyed by code."""
    events = tools.events(60)
    await ministry.put(*(_last(tools, event) for event in events))
    found = [each for batch in await tools.poll(source) for each in batch.events]
    told = [(each.event.type, json.loads(each.event.data)) for each in found]
    for name, document in told:
        MODELS[name].model_validate_json(json.dumps(document))
    by_code = {document["dossier_code"]: document for name, document in told if name != "civil-status.updated"}
    states = {document["dossier_code"]: document for name, document in told if name == "civil-status.updated"}

    assert by_code == {event.result["dossier_code"]: event.result for event in events if event.result}
    assert states == {event.updates[-1]["dossier_code"]: event.updates[-1] for event in events}
    assert {each.key for each in found} == {each.event.attributes["dossiercode"] for each in found} == set(states)
    assert {each.event.attributes["purpose"] for each in found} == {"Cập nhật hộ tịch"}


async def test_reading_again_gives_the_same_ids(source: Any, make_source: Any, ministry: Any, tools: Any) -> None:
    """The same state is the same record for every worker; a new state is a new one, and only that is new."""
    event = next(each for each in tools.events(20) if len(each.updates) > 2)
    rows = tools.rows_of(event)
    await ministry.put(rows[0])
    first = await tools.poll(source)
    again = await tools.poll(await make_source(), first[-1].cursor)
    await ministry.put(rows[1])
    later = await tools.poll(source, first[-1].cursor)

    assert tools.identities(first) == tools.identities(again)
    assert tools.identities(later).isdisjoint(tools.identities(first))


async def test_equal_times_at_the_edge_of_a_page_are_all_found(make_source: Any, ministry: Any, tools: Any) -> None:
    """Seven of nine dossiers change in one second and a page holds two: none is missed, whatever the overlap."""
    source = await make_source(page_size=2)
    rows = [_last(tools, each) for each in tools.events(60) if each.kind == "birth"][:9]
    for number, (_, row) in enumerate(rows):
        row["thoiGianThucHien"] = "08/10/2026 10:00:00" if 1 <= number <= 7 else f"08/10/2026 0{number}:00:00"
    await ministry.put(*rows)
    batches = await tools.poll(source, overlap_seconds=0.0)
    codes = {found.key for batch in batches for found in batch.events}

    assert codes == {row["maHoSoMCDT"] for _, row in rows}


async def test_a_dossier_that_moves_while_pages_are_read_hides_no_other(
    make_source: Any, ministry: Any, tools: Any
) -> None:
    """A dossier of the first page changes before the second is asked for: the one behind it is found all the same."""
    source = await make_source(page_size=2)
    rows = [_last(tools, each) for each in tools.events(60) if each.kind == "birth"][:6]
    for number, (_, row) in enumerate(rows):
        row["thoiGianThucHien"] = f"08/10/2026 10:00:0{number}"
    await ministry.put(*rows)
    codes: set[str] = set()
    async for batch in source.poll("", tools.poll_context(overlap_seconds=0.0)):
        if not codes:
            module, moved = rows[0]
            await ministry.put([module, {**moved, "thoiGianThucHien": "08/10/2026 11:00:00"}])
        codes |= {found.key for found in batch.events}

    assert codes == {row["maHoSoMCDT"] for _, row in rows}


async def test_the_cursor_goes_on_where_a_crash_left_it(make_source: Any, ministry: Any, tools: Any) -> None:
    """A worker that dies after any batch costs re-reading, never a dossier."""
    source = await make_source(page_size=5)
    await ministry.put(*(_last(tools, event) for event in tools.events(60)))
    batches = await tools.poll(source)
    everything = tools.identities(batches)
    assert len(batches) > 5
    for kept in range(len(batches)):
        after = await tools.poll(source, batches[kept].cursor)
        assert tools.identities(batches[: kept + 1]) | tools.identities(after) == everything


async def test_a_time_of_the_future_hides_nothing(source: Any, ministry: Any, tools: Any) -> None:
    """A wrong clock at the ministry does not push the cursor past dossiers that change meanwhile."""
    births = [_last(tools, each) for each in tools.events(60) if each.kind == "birth"][:2]
    births[0][1]["thoiGianThucHien"] = "08/10/2030 10:00:00"
    await ministry.put(births[0])
    first = await tools.poll(source)
    births[1][1]["thoiGianThucHien"] = f"{tools.now + timedelta(minutes=1):%d/%m/%Y %H:%M:%S}"
    await ministry.put(births[1])
    later = await tools.poll(source, first[-1].cursor, now=tools.now + timedelta(minutes=2))

    assert births[1][1]["maHoSoMCDT"] in {found.key for batch in later for found in batch.events}


async def test_the_first_poll_reaches_back_as_far_as_configured(make_source: Any, ministry: Any, tools: Any) -> None:
    """Nothing older is read, because nobody asked for the whole register."""
    module, row = _last(tools, next(each for each in tools.events(20) if each.kind == "birth"))
    await ministry.put([module, {**row, "thoiGianThucHien": f"{tools.now - timedelta(days=4):%d/%m/%Y %H:%M:%S}"}])

    assert await tools.poll(await make_source(first_days=3)) == []
    assert len(await tools.poll(await make_source(first_days=5))) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"trangThai": 5}, "status"),
        ({"thoiGianThucHien": "hôm qua"}, "occurred_at"),
        ({"maHoSoMCDT": "000190000017", "maHoSoLT": "000190000017"}, "dossier_code"),
    ],
)
async def test_one_bad_dossier_spoils_no_other(
    source: Any, ministry: Any, tools: Any, change: dict[str, Any], field: str
) -> None:
    """What cannot be read stays in its own event, which the schema refuses by field; a number is never a key."""
    births = [_last(tools, each) for each in tools.events(60) if each.kind == "birth"][:3]
    births[1][1].update(change)
    await ministry.put(*births)
    found = [each for batch in await tools.poll(source) for each in batch.events]
    broken = []
    for each in found:
        try:
            MODELS[each.event.type].model_validate_json(each.event.data)
        except ValueError as error:
            broken += [(place["loc"][0], each.key) for place in error.errors()]

    assert {place for place, _ in broken} == {field}
    assert "000190000017" not in " ".join([each.key + str(each.event.attributes) for each in found])
    assert {births[0][1]["maHoSoMCDT"], births[2][1]["maHoSoMCDT"]} <= {each.key for each in found}


@pytest.mark.parametrize(
    ("switches", "error"),
    [
        ({"maintenance": True}, TargetUnavailableError),
        ({"outage": "unavailable"}, TargetUnavailableError),
        ({"outage": "reset"}, TargetUnavailableError),
        ({"half_answer_rate": 1}, TargetUnavailableError),
        ({"lost_answer_rate": 1}, TargetUnavailableError),
        ({"too_many_requests": {"retry_after_seconds": 3}}, RateLimitedError),
    ],
)
async def test_a_ministry_that_is_away_is_asked_again(
    source: Any, ministry: Any, tools: Any, switches: dict[str, Any], error: Any
) -> None:
    """Every fault is the moment's: the cursor stays and the next poll finds everything."""
    await ministry.put(_last(tools, tools.events(1)[0]))
    await ministry.behave(**switches)
    with pytest.raises(error):
        await tools.poll(source)
    await ministry.control.put("/_control/behaviour", json=dict.fromkeys(switches) | _calm(switches))

    assert len(await tools.poll(source)) == 1


def _calm(switches: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in {"maintenance": False, "half_answer_rate": 0, "lost_answer_rate": 0}.items()
        if name in switches
    }


async def test_a_token_that_ends_early_costs_one_token(source: Any, ministry: Any, tools: Any) -> None:
    """A poll goes on with a new token as if nothing had been."""
    await tools.poll(source)
    await ministry.end_tokens()
    await tools.poll(source)

    assert ministry.scans() == 4
    assert [call.status for call in ministry.ledger.calls if call.operation == "token"] == [200, 200]


async def test_a_wrong_secret_pauses_and_stays_unsaid(make_source: Any, tools: Any) -> None:
    """A refused consumer key is about the configuration."""
    source = await make_source(client_secret="sai-khoa-nay")
    with pytest.raises(TargetConfigurationError) as caught:
        await tools.poll(source)

    assert "sai-khoa-nay" not in "".join(traceback.format_exception(caught.value))


async def test_a_refused_scan_and_a_strange_cursor_are_told_apart(source: Any, tools: Any) -> None:
    """Status 0 is the ministry's refusal; a cursor of another connector is our own mistake."""
    refused = source.config.model_copy(update={"province_code": ""})
    source.config = refused
    with pytest.raises(RejectedByTargetError):
        await tools.poll(source)
    with pytest.raises(TargetConfigurationError) as caught:
        await tools.poll(source, "17")

    assert caught.value.reason == "cursor"


@pytest.mark.parametrize(
    ("agreement", "reason"),
    [({"valid_until": "2020-01-01"}, "agreement_expired"), ({"purpose": "thống kê"}, "agreement_purpose")],
)
async def test_a_poll_outside_the_agreement_is_not_made(
    make_source: Any, ministry: Any, tools: Any, agreement: dict[str, str], reason: str
) -> None:
    """Last day and purpose are checked before anything is sent."""
    whole = {"number": "12/TT-2026", "valid_until": "2099-01-01", **agreement}
    with pytest.raises(ScopeError) as caught:
        await tools.poll(await make_source(agreement=whole))

    assert caught.value.reason == reason
    assert ministry.ledger.calls == ()


async def test_nothing_personal_is_in_cursors_and_representations(source: Any, ministry: Any, tools: Any) -> None:
    """A cursor and a printed batch, event or connector give nobody away."""
    event = next(each for each in tools.events(20) if each.result)
    await ministry.put(_last(tools, event))
    batches = await tools.poll(source)
    said = repr((batches, source, source.config)) + batches[-1].cursor

    assert event.result["full_name"] not in said
    assert event.result["identifiers"][0]["value"] not in said
    assert tools.secret not in said
