"""The nation's warnings over real HTTP: all of them come down, once each, and the province's own do not come back."""

import json
from datetime import timedelta
from typing import Any

import pytest

from lienthong.errors import LienthongError
from lienthong_connectors.alert_centre.wire import warning_to_wire
from lienthong_schemas.alert import AlertWarningV1
from lienthong_schemas.generator.alerts import readings


async def publish(centre: Any, count: int, moment: Any, **changes: Any) -> list[str]:
    """Let the nation publish warnings, all at one instant."""
    warnings = [each.warning for each in readings(400, seed=5) if each.warning][:count]
    models = [AlertWarningV1.model_validate_json(each.data or b"") for each in warnings]
    published = {"level": "national", "publishedAt": moment.isoformat(), **changes}
    body = [warning_to_wire(each) | published for each in models]
    (await centre.control.post("/_control/warnings", json=body)).raise_for_status()
    return [each.warning_id for each in models]


async def test_all_warnings_of_the_nation_come_down_once(source: Any, centre: Any, poller: Any) -> None:
    """Eleven of one instant in pages of four are there, valid and the same when they are read again."""
    sent = await publish(centre, 11, poller.now - timedelta(minutes=5))
    await poller.poll(source)
    await poller.poll(source)
    assert (sorted(poller.keys), len(poller.ids)) == (sorted(sent), 11)
    for each in poller.events:
        model = AlertWarningV1.model_validate_json(each.event.data)
        assert (model.level, model.warning_id) == ("national", each.key)


async def test_what_the_province_announced_does_not_come_back(
    source: Any, sink: Any, centre: Any, tools: Any, poller: Any
) -> None:
    """There is no echo from the nation."""
    await tools.deliver(sink, tools.warning())
    await poller.poll(source)
    assert poller.events == []


async def test_a_warning_that_cannot_be_read_is_left_to_its_schema(source: Any, centre: Any, poller: Any) -> None:
    """It becomes a dead letter that names the field, and holds up no other warning."""
    await publish(centre, 1, poller.now - timedelta(minutes=5), severity="khẩn cấp")
    await poller.poll(source)
    (event,) = poller.events
    assert json.loads(event.event.data)["severity"] == "khẩn cấp"
    with pytest.raises(ValueError, match="severity"):
        AlertWarningV1.model_validate_json(event.event.data)


async def test_an_agreement_that_has_ended_stops_the_poll(source: Any, centre: Any, poller: Any) -> None:
    """A refusal of the centre is raised, not taken for silence."""
    await centre.set_options(refuse="FORBIDDEN_COLLECTION")
    with pytest.raises(LienthongError) as caught:
        await poller.poll(source)
    assert caught.value.code == "scope"
