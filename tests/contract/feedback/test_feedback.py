"""Feedback over real HTTP: the nation shows the truth, repeats change nothing, and what must not go out does not."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from lienthong.connector import Effect
from lienthong.errors import (
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetUnavailableError,
    TransformError,
    ValidationFailedError,
)
from lienthong_connectors.enveloped import Agreement
from lienthong_connectors.feedback import CONNECTOR
from lienthong_connectors.feedback.connector import EFFECTS
from lienthong_connectors.feedback.status import FROM_NATIONAL, TO_NATIONAL
from lienthong_schemas.base import open_model
from lienthong_schemas.feedback import FeedbackSnapshotV1, FeedbackStatus
from lienthong_schemas.generator.feedbacks import feedbacks

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "connectors" / "feedback.md"


async def test_the_nation_shows_what_the_generator_says(sink: Any, national: Any, tools: Any) -> None:
    """Of forty made-up life cycles the last state, the answer, the publication and the transfers are there."""
    truths = []
    for each in feedbacks(40):
        truths.append(each.truth)
        for event in each.events:
            await tools.deliver(sink, open_model(FeedbackSnapshotV1).model_validate_json(event.data or b""))
    held = await national.held()
    assert len(held) == 40
    for truth in truths:
        shown = held[truth.feedback_code]
        assert FROM_NATIONAL[shown["TrangThai"]] == truth.last_status
        assert shown["PhienBan"] == truth.sequences[-1]
        assert ("answer" in shown["parts"], "publication" in shown["parts"]) == (truth.answered, truth.published)
        assert sum(part.startswith("transfers/") for part in shown["parts"]) == truth.transfers


async def test_a_repeat_adds_nothing(sink: Any, national: Any, tools: Any) -> None:
    """The last snapshot again, after a crash or a lost answer, replaces what is there."""
    steps = tools.snapshots("published")
    for data in (*steps, steps[-1]):
        await tools.deliver(sink, data)
    kinds = [each.operation for each in national.ledger.effects]
    assert kinds[-3:] == ["replace_feedbacks", "replace_answer", "replace_publication"]
    assert kinds.count("create_feedbacks") == kinds.count("create_answer") == kinds.count("create_publication") == 1


async def test_feedback_that_is_first_seen_at_its_end_is_made_up_for(sink: Any, national: Any, tools: Any) -> None:
    """A province that joins late has answers of last week; each step that was skipped is made."""
    outcome = await tools.deliver(sink, tools.snapshots("published")[-1])
    assert outcome.reason == "published"
    (shown,) = (await national.held()).values()
    assert {"answer", "publication", "feedbacks"} <= set(shown["parts"])


async def test_who_wants_to_stay_anonymous_does(sink: Any, national: Any, tools: Any) -> None:
    """No name, number or address of the sender leaves the province, and no field that nobody named."""
    data = tools.snapshots("answered", is_anonymous=True)[-1]
    await tools.deliver(sink, data)
    sent = json.dumps([each.detail for each in national.ledger.effects], ensure_ascii=False)
    assert data.sender.full_name not in sent
    assert data.sender.identifiers[0].value not in sent
    assert data.sender.phone not in sent
    assert "kept" not in sent


@pytest.mark.parametrize("changes", [{"may_be_published": False}, {"summary_for_public": None}])
async def test_nothing_is_published_without_consent_and_a_clean_question(
    sink: Any, national: Any, tools: Any, changes: Any
) -> None:
    """What was shown once cannot be taken back, so not even the other steps are made."""
    with pytest.raises(ValidationFailedError) as caught:
        await tools.deliver(sink, tools.snapshots("published", **changes)[-1])
    assert caught.value.reason == "missing_for_publication"
    assert [each.field for each in caught.value.violations] == list(changes)
    assert national.ledger.calls == ()


async def test_a_state_that_the_nation_does_not_have_is_a_dead_letter(sink: Any, national: Any, tools: Any) -> None:
    """It is told by name, before anything is sent."""
    with pytest.raises(TransformError) as caught:
        await tools.deliver(sink, tools.snapshots("answered", status="withdrawn")[0])
    assert caught.value.reason == "status_unmapped"
    assert national.ledger.calls == ()


@pytest.mark.parametrize(
    ("switches", "error"),
    [
        ({"outage": "reset"}, TargetUnavailableError),
        ({"outage": "unavailable"}, TargetUnavailableError),
        ({"error_rate": 1}, TargetUnavailableError),
        ({"maintenance": True}, TargetUnavailableError),
        ({"lost_answer_rate": 1}, TargetUnavailableError),
        ({"half_answer_rate": 1}, TargetUnavailableError),
        ({"too_many_requests": {"retry_after_seconds": 7}}, RateLimitedError),
    ],
)
async def test_a_nation_that_is_away_is_called_again_later(
    sink: Any, national: Any, tools: Any, switches: Any, error: Any
) -> None:
    """Whatever arrived of the steps, all of them are made again and nothing is there twice."""
    *_, before, last = tools.snapshots("published")
    await tools.deliver(sink, before)
    await national.behave(**switches)
    with pytest.raises(error) as caught:
        await tools.deliver(sink, last)
    assert last.sender.full_name not in str(caught.value)
    await national.behave(
        **dict.fromkeys(switches, 0) | {"outage": None, "maintenance": False, "too_many_requests": None}
    )
    assert (await tools.deliver(sink, last)).reason == "published"
    kinds = [each.operation for each in national.ledger.effects]
    assert kinds.count("create_publication") == 1


async def test_a_nation_that_hangs_is_given_up_in_time(make_sink: Any, national: Any, tools: Any) -> None:
    """A call has a limit."""
    sink = await make_sink(timeout_seconds=0.3)
    first, second, *_ = tools.snapshots("answered")
    await tools.deliver(sink, first)
    await national.behave(hang=True)
    with pytest.raises(TargetUnavailableError):
        await tools.deliver(sink, second)


@pytest.mark.parametrize(("code", "error"), [("VALIDATION_FAILED", RejectedByTargetError), ("FORBIDDEN", ScopeError)])
async def test_refusals_have_their_class(sink: Any, national: Any, tools: Any, code: str, error: Any) -> None:
    """A record that is wrong is set aside; one that is not allowed waits."""
    await national.set_options(refuse=code)
    with pytest.raises(error) as caught:
        await tools.deliver(sink, tools.snapshots("answered")[0])
    assert caught.value.reason == code.lower()


async def test_another_record_and_a_call_outside_the_agreement_are_not_sent(
    make_sink: Any, national: Any, tools: Any
) -> None:
    """A pipeline that was put together wrongly, and an agreement that has ended, show at the first record."""
    sink = await make_sink(agreement={"number": "04/2026", "valid_until": "2026-01-01"})
    with pytest.raises(TransformError):
        await tools.deliver(sink, Agreement(number="1", valid_until="2099-01-01"))
    with pytest.raises(ScopeError):
        await tools.deliver(sink, tools.snapshots("answered")[0])
    assert sink.scopes(None, None) == (("agreement", "04/2026"),)
    assert national.ledger.calls == ()


def test_a_snapshot_is_an_upsert() -> None:
    """A crash may repeat its calls without a second effect."""
    assert CONNECTOR.effect_of("feedback.snapshot") is Effect.UPSERT


@pytest.mark.parametrize("name", sorted({*EFFECTS, *get_args(FeedbackStatus)}))
def test_every_name_is_on_the_reference_page(name: str) -> None:
    """An operation or state that is added without a word of documentation fails here."""
    if not PAGE.exists():
        pytest.skip("the documentation is not beside these tests")
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")


def test_both_tables_of_states_are_on_the_reference_page() -> None:
    """Officials compare them with what the nation shows."""
    if not PAGE.exists():
        pytest.skip("the documentation is not beside these tests")
    text = PAGE.read_text(encoding="utf-8")
    rows = [f"| `{hub}` | {nation} |" for hub, nation in TO_NATIONAL.items()]
    rows += [f"| {nation} | `{hub}` |" for nation, hub in FROM_NATIONAL.items()]
    assert [row for row in rows if row not in text] == []
