"""Copies for subscribers: one each, under its own key and id, and the same ones after a crash."""

import pytest

from lienthong.errors import ConfigurationError
from lienthong.pipeline.definitions import ForwardStep
from lienthong.pipeline.fan_out import FanOut


@pytest.fixture
def make_step(make_pipeline):
    """Give a function that makes a step for some subscribers."""

    def make(*subscribers: str, types: tuple[str, ...] = ()) -> FanOut:
        pipeline = make_pipeline(forward={"topic": "notices.alert", "copies_for": "citizen-alerts"}, types=types)
        return FanOut(pipeline, "hue.notices.alert", subscribers)

    return make


def test_each_subscriber_gets_a_copy_under_its_own_key_and_id(make_step, bench) -> None:
    """One key for each, so that whoever is away holds up nobody else; order holds for each of them."""
    work = make_step("hue-s", "phong-chong-thien-tai").process(bench.slice(bench.progress(1), bench.progress(2)))
    copies = [(each.key, dict(each.headers)["ce_id"]) for each in work.records]
    assert copies == [
        (b"hue-s", b"p-1:hue-s"),
        (b"phong-chong-thien-tai", b"p-1:phong-chong-thien-tai"),
        (b"hue-s", b"p-2:hue-s"),
        (b"phong-chong-thien-tai", b"p-2:phong-chong-thien-tai"),
    ]
    assert {each.topic for each in work.records} == {"hue.notices.alert"}
    assert len({each.value for each in work.records}) == 2
    assert [(each.kind, each.reason) for each in work.receipts] == [("delivered", "copies_2")] * 2


def test_the_same_record_gives_the_same_copies(make_step, make_bench) -> None:
    """A slice that is copied again after a crash adds nothing that the target would not know."""
    first, second = (
        make_step("hue-s").process(bench.slice(bench.progress(1))).records for bench in (make_bench(), make_bench())
    )
    assert first == second


def test_what_nobody_wants_is_filtered(make_step, bench) -> None:
    """Another type and a hub without subscribers are told apart in the receipt, and nothing is written."""
    other = make_step("hue-s", types=("alert.warning",)).process(bench.slice(bench.progress(1)))
    nobody = make_step().process(bench.slice(bench.progress(2)))
    assert (other.records, other.receipts[0].reason) == ([], "other_type")
    assert (nobody.records, nobody.receipts[0].reason) == ([], "no_subscriber")
    assert {other.receipts[0].kind, nobody.receipts[0].kind} == {"filtered"}


def test_a_connector_without_subscribers_cannot_be_copied_for() -> None:
    """A wrong name in a pipeline is told at the start."""
    from lienthong.config.models import HubSettings
    from lienthong.targets.connectors import subscribers_of

    with pytest.raises(ConfigurationError, match="no subscribers"):
        subscribers_of(HubSettings(), "portal")
    with pytest.raises(ValueError, match="validate_as_publisher"):
        ForwardStep(topic="notices.alert", copies_for="citizen-alerts", validate_as_publisher=True)
