"""Who is told of what, over real HTTP: declared recipients and declared fields, and nothing besides."""

import traceback
from pathlib import Path
from typing import Any

import pytest

from lienthong.envelope import Event
from lienthong.errors import (
    ConfigurationError,
    RejectedByTargetError,
    RetriableError,
    ScopeError,
    TargetUnavailableError,
    TransformError,
)
from lienthong.outcome import OutcomeKind
from lienthong_schemas.party import Party


async def test_a_recipient_gets_the_declared_fields_and_why(sink: Any, recipients: Any, tools: Any) -> None:
    """Exactly the agreed fields arrive, with agreement, purpose and legal basis, under the event's own id."""
    born = tools.generated("person.created")
    outcome = await tools.deliver(sink)
    held = (await recipients.held())["health"]

    assert (outcome.kind, outcome.reason, outcome.target_reference) == (OutcomeKind.DELIVERED, "sent", "07/TT-SYT")
    assert held == {
        "e-1": {
            "specversion": "1.0",
            "id": "e-1",
            "source": "/nation",
            "type": "person.created",
            "purpose": tools.health["purpose"],
            "legalbasis": tools.health["legal_basis"],
            "agreement": "07/TT-SYT",
            "data": {
                "full_name": born["full_name"],
                "birth_date": born["birth_date"],
                "identifiers": born["identifiers"],
                "parents": [{"full_name": parent["full_name"]} for parent in born["parents"]],
                "registration": born["registration"],
            },
        }
    }


async def test_every_recipient_has_fields_of_its_own(sink: Any, recipients: Any, tools: Any) -> None:
    """What one may know is not told to the other, also of the same event."""
    born = tools.generated("person.created")
    await tools.deliver(sink, "health")
    await tools.deliver(sink, "school")
    held = (await recipients.held())["school"]["e-1"]

    assert held["data"] == {
        "birth_date": born["birth_date"],
        "registration": {"place": born["registration"]["place"]},
    }
    assert held["agreement"] == "09/TT-SGD"


async def test_a_recipient_that_is_not_declared_gets_nothing(sink: Any, recipients: Any, tools: Any) -> None:
    """A copy for somebody who was taken out of the configuration, or never was in it, makes no call."""
    outcome = await tools.deliver(sink, "market")

    assert (outcome.kind, outcome.reason) == (OutcomeKind.FILTERED, "recipient_not_declared")
    assert recipients.ledger.calls == ()


async def test_an_event_that_is_not_declared_is_not_sent(sink: Any, recipients: Any, tools: Any) -> None:
    """Who is told of births is not told of deaths."""
    outcome = await tools.deliver(sink, "school", "person.deceased")

    assert (outcome.kind, outcome.reason) == (OutcomeKind.FILTERED, "event_not_declared")
    assert recipients.ledger.calls == ()


async def test_a_field_of_a_later_version_is_not_sent(sink: Any, recipients: Any, tools: Any) -> None:
    """Nobody has agreed on a field that did not exist, neither at the top nor below a declared group."""
    born = tools.generated("person.created")
    born |= {"blood_group": "A", "registration": {**born["registration"], "judge": "x"}}
    await tools.deliver(sink, document=born)

    assert "blood_group" not in str(await recipients.held())
    assert "judge" not in str(await recipients.held())


async def test_the_same_event_again_leaves_what_is_there(sink: Any, recipients: Any, tools: Any) -> None:
    """A repeat is put under the same id: one event there, whatever happened to the first answer."""
    await recipients.behave(lost_answer_rate=1)
    with pytest.raises(RetriableError):
        await tools.deliver(sink)
    await recipients.behave(lost_answer_rate=0)
    await tools.deliver(sink)

    assert list((await recipients.held())["health"]) == ["e-1"]
    assert [effect.operation for effect in recipients.ledger.effects] == ["create", "replace"]


@pytest.mark.parametrize(
    "switches",
    [
        {"maintenance": True},
        {"outage": "unavailable"},
        {"outage": "reset"},
        {"half_answer_rate": 1},
        {"too_many_requests": {"retry_after_seconds": 7}},
    ],
)
async def test_a_recipient_that_is_away_holds_up_no_other(
    sink: Any, recipients: Any, tools: Any, switches: dict[str, Any]
) -> None:
    """Its event is tried again, and the error is not of the kind that opens the circuit of all."""
    await recipients.behave(**switches)
    with pytest.raises(RetriableError) as caught:
        await tools.deliver(sink)

    assert type(caught.value) is RetriableError
    assert not isinstance(caught.value, TargetUnavailableError)
    assert caught.value.retry_after_seconds == (7 if "too_many_requests" in switches else None)


async def test_a_refused_key_is_about_that_recipient(make_sink: Any, recipients: Any, tools: Any) -> None:
    """Its events wait for an operator, the others go on, and the key stays unsaid."""
    sink = await make_sink(api_key="sai-khoa")
    with pytest.raises(ScopeError) as caught:
        await tools.deliver(sink)
    await tools.deliver(sink, "school")
    said = "".join(traceback.format_exception(caught.value))

    assert (caught.value.scope_kind, caught.value.scope) == ("endpoint", "health")
    assert "sai-khoa" not in said
    assert list(await recipients.held()) == ["school"]


async def test_a_replaced_key_is_found_without_a_restart(
    make_sink: Any, recipients: Any, tools: Any, tmp_path: Path
) -> None:
    """The next key lies beside the present one."""
    present, following = tmp_path / "present", tmp_path / "next"
    present.write_text("cu")
    following.write_text(tools.key)
    sink = await make_sink(api_key=None, api_key_files=[present, following])

    assert (await tools.deliver(sink)).reason == "sent"
    assert [call.status for call in recipients.ledger.calls] == [401, 200]


async def test_nothing_is_sent_after_the_last_day(make_sink: Any, recipients: Any, tools: Any) -> None:
    """An agreement that has ended parks the events of its recipient before anything is sent."""
    sink = await make_sink(agreement={"number": "07/TT-SYT", "valid_until": "2020-01-01"})
    with pytest.raises(ScopeError) as caught:
        await tools.deliver(sink)
    await tools.deliver(sink, "school")

    assert (caught.value.scope_kind, caught.value.reason) == ("agreement", "agreement_expired")
    assert list(await recipients.held()) == ["school"]


async def test_an_event_that_the_recipient_refuses_is_set_aside(sink: Any, tools: Any) -> None:
    """A refusal on its merits is a dead letter, and says nothing about anybody."""
    died = tools.generated("person.deceased")
    with pytest.raises(RejectedByTargetError) as caught:
        await tools.deliver(sink, event_type="person.deceased", document=died)

    assert died["identifiers"][0]["value"] not in "".join(traceback.format_exception(caught.value))


async def test_an_id_with_odd_characters_stays_one_id(sink: Any, recipients: Any, tools: Any) -> None:
    """What a publisher wrote into an id changes no address."""
    await tools.deliver(sink, id="a/b?c=1#d:health")

    assert list((await recipients.held())["health"]) == ["a/b?c=1#d"]


async def test_other_records_and_a_closed_connector_are_refused(sink: Any, tools: Any) -> None:
    """A pipeline that is wired wrongly fails clearly, and no record is lost in silence."""
    event = Event({"specversion": "1.0", "id": "1", "source": "/s", "type": "civil-status.updated"}, b"{}")
    with pytest.raises(TransformError):
        await sink.deliver(event, Party(full_name="Ai Đó"), tools.context)
    await sink.close()
    await sink.close()
    with pytest.raises(ConfigurationError):
        await tools.deliver(sink)
