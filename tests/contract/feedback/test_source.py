"""Feedback from the nation over real HTTP: nothing is missed, the same thing is the same record, and nothing echoes."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from lienthong.errors import LienthongError, TargetUnavailableError
from lienthong_connectors.feedback.source import ACKNOWLEDGED
from lienthong_connectors.feedback.wire import feedback_to_wire, transfer_to_wire
from lienthong_schemas.base import open_model
from lienthong_schemas.feedback import FeedbackSnapshotV1
from lienthong_schemas.generator.feedbacks import feedbacks


def assigned(count: int, moment: Any, step_seconds: int = 0, **changes: Any) -> list[dict[str, Any]]:
    """Return feedback of the nation as its officers assign it, some seconds apart."""
    found = []
    for index, each in enumerate(feedbacks(count, seed=9)):
        data = FeedbackSnapshotV1.model_validate_json(each.events[0].data or b"")
        record = feedback_to_wire(data) | {"TrangThai": "BNĐP gửi trả BNĐP khác"}
        record["LichSuChuyen"] = [transfer_to_wire(part) for part in data.transfers]
        when = (moment + timedelta(seconds=index * step_seconds)).isoformat()
        found.append(record | {"NgayPhanCong": when, "NoiTiepNhan": "national"} | changes)
    return found


async def assign(national: Any, records: list[dict[str, Any]]) -> None:
    """Let the nation assign."""
    (await national.control.post("/_control/assignments", json=records)).raise_for_status()


@pytest.mark.parametrize("step_seconds", [0, 1])
async def test_nothing_is_missed_at_equal_times_and_page_borders(
    source: Any, national: Any, poller: Any, step_seconds: int
) -> None:
    """Twenty-three lines in pages of four, all at one instant or one a second, each arrive and are marked once."""
    await assign(national, assigned(23, poller.now - timedelta(minutes=5), step_seconds))
    await poller.poll(source)
    assert len(poller.keys) == len(poller.ids) == 23
    marked = [each.key for each in national.ledger.effects if each.operation == ACKNOWLEDGED]
    assert sorted(marked) == sorted(poller.keys)


async def test_what_comes_down_keeps_the_contract(source: Any, national: Any, poller: Any) -> None:
    """Every event is a snapshot from the nation that its own schema accepts, under its code, without a name in it."""
    await assign(national, assigned(10, poller.now - timedelta(minutes=5)))
    await poller.poll(source)
    for each in poller.events:
        model = FeedbackSnapshotV1.model_validate_json(each.event.data)
        assert (model.origin, model.status, model.feedback_code) == ("national", "transferred", each.key)
        assert "full_name" not in json.dumps(each.event.attributes)


async def test_a_poll_that_dies_before_its_mark_reads_the_same_records(source: Any, national: Any, poller: Any) -> None:
    """After a crash the same ids come again, so every later step knows them."""
    await assign(national, assigned(6, poller.now - timedelta(minutes=5)))
    poller.acknowledges = False
    await poller.poll(source)
    first = poller.ids
    poller.acknowledges = True
    await poller.poll(source)
    assert poller.ids == first


async def test_a_new_version_is_a_new_record_and_a_late_line_is_found(source: Any, national: Any, poller: Any) -> None:
    """The overlap finds what the nation shows late; a change of the state has an id of its own."""
    records = assigned(3, poller.now - timedelta(minutes=5))
    await assign(national, records[:2])
    await poller.poll(source)
    poller.now += timedelta(minutes=1)
    newer = records[0] | {"PhienBan": 2, "NgayPhanCong": poller.now.isoformat()}
    late = records[2] | {"NgayPhanCong": (poller.now - timedelta(minutes=8)).isoformat()}
    await assign(national, [dict(newer), dict(late)])
    await poller.poll(source)
    assert len(poller.keys) == 3
    assert len(poller.ids) == 4


async def test_a_time_in_the_future_does_not_carry_the_cursor_with_it(source: Any, national: Any, poller: Any) -> None:
    """A clock that is wrong at the nation must not hide what is assigned meanwhile."""
    await assign(national, assigned(1, poller.now + timedelta(days=1)))
    await poller.poll(source)
    assert datetime.fromisoformat(poller.cursor) == poller.now


async def test_nothing_echoes(source: Any, sink: Any, national: Any, tools: Any, poller: Any) -> None:
    """What the province reports of feedback from the nation is never assigned to it again."""
    await assign(national, assigned(4, poller.now - timedelta(minutes=5)))
    await poller.poll(source)
    for each in poller.events:
        document = json.loads(each.event.data) | {"sequence": 9, "status": "processing"}
        await tools.deliver(sink, open_model(FeedbackSnapshotV1).model_validate_json(json.dumps(document)))
    before = len(poller.ids)
    poller.now += timedelta(minutes=1)
    poller.overlap_seconds = 0.0
    await poller.poll(source)
    assert len(poller.ids) == before


@pytest.mark.parametrize(
    "changes", [{"TrangThai": "Đang xem xét lại"}, {"TieuDe": None}, {"NgayGui": "08/10/2026"}, {"PhienBan": "one"}]
)
async def test_one_line_that_cannot_be_read_holds_up_nobody(
    source: Any, national: Any, poller: Any, changes: Any
) -> None:
    """It is left to its schema, which makes a dead letter of it; the others arrive."""
    records = assigned(3, poller.now - timedelta(minutes=5))
    await assign(national, [*records[:2], records[2] | changes])
    await poller.poll(source)
    valid = 0
    for each in poller.events:
        try:
            FeedbackSnapshotV1.model_validate_json(each.event.data)
        except ValueError:
            continue
        valid += 1
    assert (len(poller.events), valid) == (3, 2)


async def test_a_code_that_may_be_a_person_is_no_key(source: Any, national: Any, poller: Any) -> None:
    """A number in the place of a code does not get into a key."""
    await assign(national, [assigned(1, poller.now - timedelta(minutes=5))[0] | {"MaPAKN": "000190000017"}])
    await poller.poll(source)
    (event,) = poller.events
    assert event.key.startswith("unreadable-")
    assert "000190000017" not in json.dumps(event.event.attributes)


@pytest.mark.parametrize(
    "switches",
    [
        {"outage": "reset"},
        {"outage": "unavailable"},
        {"maintenance": True},
        {"half_answer_rate": 1},
        {"lost_answer_rate": 1},
        {"too_many_requests": {"retry_after_seconds": 7}},
        {"hang": True},
    ],
)
async def test_a_nation_that_is_away_costs_nothing_but_time(
    source: Any, national: Any, poller: Any, switches: Any
) -> None:
    """The poll fails as retriable, and the next one finds everything."""
    await poller.poll(source)
    await assign(national, assigned(6, poller.now - timedelta(minutes=5)))
    await national.behave(**switches)
    with pytest.raises(LienthongError) as caught:
        await poller.poll(source)
    assert caught.value.code in {"target_unavailable", "rate_limited"}
    off = {"outage": None, "maintenance": False, "too_many_requests": None, "hang": False}
    await national.behave(**dict.fromkeys(switches, 0) | off)
    await poller.poll(source)
    assert len(poller.keys) == 6


async def test_a_list_without_times_is_no_list(source: Any, national: Any, poller: Any, monkeypatch: Any) -> None:
    """An answer of another form is not taken for "nothing new"."""

    async def call(*_args: Any, **_options: Any) -> Any:
        return type("Reply", (), {"data": {"total": 0}})

    monkeypatch.setattr(source._client, "call", call)
    with pytest.raises(TargetUnavailableError):
        await poller.poll(source)
