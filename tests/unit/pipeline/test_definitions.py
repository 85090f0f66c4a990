"""Declarations of pipelines: what cannot work is refused by name before anything starts."""

from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong.errors import ConfigurationError
from lienthong.pipeline.connector_lint import lint_kind
from lienthong.pipeline.definitions import installed_definitions, lint, read_definition, resolve
from lienthong.topic_names import TopicNames

GOOD = {
    "name": "deliver-x",
    "description": {"vi": "Thử", "en": "Test"},
    "sources": ["records.dossier"],
    "deliver": {"connector": "portal", "purpose": "p", "legal_basis": "l"},
}
POLL = {"connector": "national", "topic": "national.dossier", "purpose": "p", "legal_basis": "l"}
POLLING = {"deliver": None, "sources": [], "poll": POLL}
FORWARD = {"topic": "records.dossier"}
TOPICS = {"records.dossier": None, "records.person": None, "inbound.dossier.one-stop": None}


def _read(document: Any) -> Any:
    return read_definition(yaml.safe_dump(document, allow_unicode=True), "x.yaml")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"retries": 3}, "retries"),
        ({"name": "Deliver X"}, "part of a topic name"),
        ({"sources": []}, "sources"),
        ({"forward": FORWARD}, "exactly one"),
        ({"deliver": None}, "exactly one"),
        ({"description": {"en": "Test"}}, "description.vi"),
        ({"order": "none at all"}, "order"),
        ({"deliver": {"connector": "portal", "purpose": "", "legal_basis": "l"}}, "deliver.purpose"),
        ({"deliver": {"connector": "portal", "purpose": "p"}}, "deliver.legal_basis"),
        ({"policy": {"retry": {"initial_interval": 5}}}, "policy.retry.initial_interval"),
        ({"policy": {"retry": {"initial_interval": "0s"}}}, "storm"),
        ({"policy": {"max_in_flight": 0}}, "policy.max_in_flight"),
        ({"policy": {"errors": {"tolerance": "all"}}}, "policy.errors.tolerance"),
        ({"policy": {"circuit": {"failure": 3}}}, "policy.circuit.failure"),
        ({"order": "none", "policy": {"errors": {"sequenced": True}}}, "errors.sequenced"),
        ({"poll": POLL}, "exactly one"),
        ({"deliver": None, "poll": POLL}, "leave out sources"),
        ({"deliver": None, "sources": [], "types": ["a.b"], "poll": POLL}, "leave out sources and types"),
        (POLLING | {"poll": POLL | {"interval": "0s"}}, "poll.interval"),
        (POLLING | {"poll": POLL | {"interval": 30}}, "poll.interval"),
        (POLLING | {"poll": POLL | {"purpose": ""}}, "poll.purpose"),
        (POLLING | {"poll": POLL | {"overlaps": "5m"}}, "poll.overlaps"),
        (POLLING | {"policy": {"errors": {"sequenced": True}}}, "errors.sequenced"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(change, key) -> None:
    """Whoever writes a pipeline learns file and key at once."""
    with pytest.raises(ConfigurationError, match=r"x\.yaml") as caught:
        _read(GOOD | change)
    assert key in str(caught.value)


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_a_file_that_holds_no_mapping_is_refused(document) -> None:
    """An empty file is no pipeline."""
    with pytest.raises(ConfigurationError):
        _read(document)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"sources": ["records.health"]}, "no such topic"),
        ({"deliver": {"connector": "nowhere", "purpose": "p", "legal_basis": "l"}}, "not installed"),
        ({"sources": ["records.*"]}, "more than one source"),
        ({"deliver": None, "forward": {"topic": "records.nowhere"}}, "no such topic"),
    ],
)
def test_what_cannot_work_here_is_found_by_lint(change, problem) -> None:
    """Order over several topics cannot be kept; unknown topics and connectors do not start."""
    found = lint(_read(GOOD | change), TOPICS, ["portal"])
    assert len(found) == 1
    assert problem in found[0]


def test_a_polling_pipeline_reads_the_cursors_and_says_how_often_it_asks() -> None:
    """Its group is over the topic of the cursors; thirty seconds and ten minutes stand where nothing is said."""
    definition = _read(GOOD | POLLING)
    assert definition.mode == "source"
    assert definition.poll is not None
    assert (definition.poll.interval, definition.poll.overlap) == (30.0, 600.0)
    assert resolve(definition, [], TopicNames("hue")).topics == ("hue.cursors",)


def test_a_polling_pipeline_needs_its_topic_and_that_of_the_cursors() -> None:
    """A pipeline that could save nothing, or write nowhere, is refused before it asks anybody."""
    definition = _read(GOOD | POLLING)
    assert lint(definition, {"cursors": None, "national.dossier": None}, ["national"]) == []
    assert lint(definition, {}, ["national"]) == [
        "topic national.dossier: no such topic in the catalogue",
        "topic cursors: no such topic in the catalogue",
    ]


def test_a_connector_of_another_kind_is_named_with_those_that_fit() -> None:
    """What delivers cannot be polled."""

    def spec(name: str, kind: ConnectorKind) -> ConnectorSpec:
        return ConnectorSpec(name, kind, BaseModel, BaseModel, "Thử")

    specs = {"portal": spec("portal", ConnectorKind.SINK), "national": spec("national", ConnectorKind.SOURCE)}
    assert lint_kind(_read(GOOD | POLLING), specs) == []
    assert lint_kind(_read(GOOD), specs) == []
    wrong = _read(GOOD | POLLING | {"poll": POLL | {"connector": "portal"}})
    assert lint_kind(wrong, specs) == ["connector portal: is a sink, not a source; there is: national"]


def test_order_over_several_topics_is_no_problem_where_none_is_promised() -> None:
    """A pipeline without order may read many topics."""
    definition = _read(GOOD | {"sources": ["records.*"], "order": "none"})
    assert lint(definition, TOPICS, ["portal"]) == []


def test_patterns_become_the_provinces_topics_once_each() -> None:
    """Overlapping patterns must not subscribe a topic twice."""
    definition = _read(GOOD | {"sources": ["records.*", "records.dossier"]})
    pipeline = resolve(definition, TOPICS, TopicNames("hue"))
    assert pipeline.topics == ("hue.records.dossier", "hue.records.person")
    assert pipeline.group == "hue.lienthong.deliver-x"
    with pytest.raises(ConfigurationError, match="no topic catalogue"):
        resolve(_read(GOOD | {"sources": ["x.*"]}), TOPICS, TopicNames("hue"))


def test_every_installed_pipeline_is_sound() -> None:
    """What is shipped can be started."""
    from importlib.metadata import entry_points

    from lienthong.registry.topics import TopicCatalogue

    topics = {topic.name: topic for topic in TopicCatalogue.installed(TopicNames("hue"), "development")}
    connectors = [point.name for point in entry_points(group="lienthong.connectors")]
    found = installed_definitions()
    assert set(found) == {
        "intake",
        "intake-bulk",
        "verify-dossier",
        "deliver-dossier",
        "link-verification",
        "link-account",
        "deliver-feedback",
        "deliver-observation",
        "deliver-alert",
        "poll-national-feedback",
        "deliver-feedback-local",
        "poll-national-alerts",
        "fan-out-alert",
        "deliver-notice",
        "poll-civil-status",
        "deliver-civil-status",
        "fan-out-life-event",
        "deliver-life-event",
        "poll-national-dossiers",
        "deliver-dossier-local",
    }
    assert [problem for each in found.values() for problem in lint(each, topics, connectors)] == []
