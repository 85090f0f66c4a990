"""Values that cannot work are refused before anything reaches a cluster."""

import os
import re

import pytest
import yaml

from lienthong.errors import ConfigurationError
from lienthong.plugins import load_all
from lienthong.pseudonym import Pseudonymizer
from lienthong.registry.topics import TopicCatalogue
from lienthong.topic_names import TopicNames

_SECRET = {"secret": "in the open"}
_POPULATION = {"population": {"config": {}}, "portal": {"config": {}}}

#: What is wrong → the path that helm must name, and the values.
_BAD = {
    "unknown key": ("provinces", {"provinces": "hue"}),
    "unknown nested key": ("/kafka", {"kafka": {"bootstrapServer": "kafka:9092"}}),
    "no province": ("/province", {"province": ""}),
    "province in capitals": ("/province", {"province": "Hue"}),
    "unknown environment": ("/environment", {"environment": "staging"}),
    "security level": ("/securityLevel", {"securityLevel": 6}),
    "broker without port": ("/kafka/bootstrapServers", {"kafka": {"bootstrapServers": "kafka"}}),
    "latest": ("/image/tag", {"image": {"tag": "latest"}}),
    "short digest": ("/image/digest", {"image": {"digest": "sha256:12"}}),
    "pull policy": ("/image/pullPolicy", {"image": {"pullPolicy": "Sometimes"}}),
    "password among settings": ("/kafka/settings", {"kafka": {"settings": {"sasl.password": "x"}}}),
    "inline certificate key": ("/kafka/settings", {"kafka": {"settings": {"ssl.key.pem": "x"}}}),
    "no pipelines": ("/pipelines", {"pipelines": []}),
    "negative replicas": ("/pipelines/0/replicas", {"pipelines": [{"name": "a", "replicas": -1, "connectors": []}]}),
    "text for replicas": ("/gateway/replicas", {"gateway": {"replicas": "2"}}),
    "pipeline without connectors": ("/pipelines/0", {"pipelines": [{"name": "intake", "replicas": 1}]}),
    "pipeline name": ("/pipelines/0/name", {"pipelines": [{"name": "In_take", "replicas": 1, "connectors": []}]}),
    "two ledgers": ("/ledger", {"ledger": {"replicas": 2}}),
    "ledger without secret": ("/ledger/existingSecret", {"ledger": {"existingSecret": ""}}),
    "gateway without issuer": ("/gateway/issuer", {"gateway": {"issuer": ""}}),
    "privileged port": ("/gateway/port", {"gateway": {"port": 80}}),
    "publisher without sources": (
        "/gateway/publishers/land",
        {"gateway": {"publishers": {"land": {"domains": ["a"]}}}},
    ),
    "root": ("/runAsUser", {"runAsUser": 0}),
    "production without subject keys": ("/keys/subjectKeysClaim", {"environment": "production"}),
    "no pseudonym key": ("/keys/pseudonymSecret", {"keys": {"pseudonymSecret": ""}}),
    "inline secret": ("/connectors/population/config/secret", {"connectors": {"population": {"config": _SECRET}}}),
    "inline nested secret": (
        "/connectors/population/config/login",
        {"connectors": {"population": {"config": {"login": {"password": "x"}}}}},
    ),
    "secret outside the mount": (
        "/connectors/portal/config/secret/from_file",
        {"connectors": {"portal": {"config": {"secret": {"from_file": "/etc/shadow"}}}}},
    ),
    "reserved connector name": ("kafka", {"connectors": {**_POPULATION, "kafka": {"config": {}}}}),
    "log level": ("/log/level", {"log": {"level": "trace"}}),
    "unknown resource": ("/pipelineDefaults/resources", {"pipelineDefaults": {"resources": {"request": {}}}}),
}


@pytest.mark.helm
@pytest.mark.parametrize("case", _BAD)
def test_wrong_values_are_refused(helm, chart, tmp_path, case):
    """Each wrong value stops helm, and the message names its place."""
    place, values = _BAD[case]
    file = tmp_path / "bad.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    result = helm("template", "hub", chart, "--values", chart / "ci" / "minimal.yaml", "--values", file)

    assert result.returncode != 0
    assert place in result.stderr


@pytest.mark.helm
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"pipelines": [{"name": "a", "replicas": number, "connectors": []} for number in (1, 2)]},
            "pipeline a is listed twice",
        ),
        (
            {"pipelines": [{"name": "a", "replicas": 1, "connectors": ["land"]}]},
            "pipeline a uses the connector land; give it under connectors",
        ),
        ({"kafka": {"secretSettings": {"sasl.password": "password"}}}, "give kafka.existingSecret"),
    ],
)
def test_contradictions_are_refused(helm, chart, tmp_path, values, message):
    """What no schema can express is refused with a sentence that says what to do."""
    file = tmp_path / "bad.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    result = helm("template", "hub", chart, "--values", chart / "ci" / "minimal.yaml", "--values", file)

    assert result.returncode != 0
    assert message in result.stderr


@pytest.mark.helm
def test_defaults_alone_are_refused(helm, chart):
    """Nobody installs a hub without saying for which province and with which secrets."""
    result = helm("template", "hub", chart)

    assert result.returncode != 0
    for place in ("/province", "/kafka/bootstrapServers", "/ledger/existingSecret", "/keys/pseudonymSecret"):
        assert place in result.stderr


def test_default_pipelines_are_those_of_the_catalogue(chart):
    """A pipeline that is added to the product is added to the chart, or this fails."""
    values = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
    catalogue = TopicCatalogue.installed(TopicNames(""), "production")

    assert {pipeline["name"] for pipeline in values["pipelines"]} == {item.name for item in catalogue.pipelines}


def test_pipelines_name_the_connectors_that_they_use(chart):
    """A pipeline reads the configuration and secret of its own connector and of no other."""
    values = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
    for pipeline in values["pipelines"]:
        definition = _definition(pipeline["name"])
        used = [definition[step]["connector"] for step in ("lookup", "deliver", "poll") if step in definition]
        used += [name for name in [definition.get("forward", {}).get("copies_for")] if name]

        assert used == pipeline["connectors"]


def test_every_value_is_in_the_schema_and_described(chart):
    """The schema and the values file know the same keys, down to the second level."""
    values = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
    schema = yaml.safe_load((chart / "values.schema.json").read_text(encoding="utf-8"))
    properties = schema["properties"]

    assert set(values) | {"global"} == set(properties)
    for name, value in values.items():
        if isinstance(value, dict) and value and "properties" in properties[name]:
            assert set(value) == set(properties[name]["properties"])


def test_chart_has_the_version_of_the_package(chart):
    """An image of the chart's appVersion is the package that the chart was tested with."""
    described = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    project = (chart.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)

    assert version is not None
    assert version[1] == described["appVersion"]


@pytest.mark.parametrize(("mode", "is_accepted"), [(0o440, True), (0o444, False), (0o460, False)])
def test_mounted_key_file_is_accepted(tmp_path, monkeypatch, mode, is_accepted):
    """A mounted secret belongs to root and is readable by the pod's group: the hub takes it, and nothing wider."""
    file = tmp_path / "pseudonym.key"
    Pseudonymizer.create_file(file)
    file.chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)

    if is_accepted:
        assert Pseudonymizer.from_file(file)
    else:
        with pytest.raises(ConfigurationError):
            Pseudonymizer.from_file(file)


def _definition(name):
    from importlib.resources import files

    for module in load_all("lienthong.topics").values():
        file = files(module).joinpath("pipelines", f"{name}.yaml")
        if file.is_file():
            return yaml.safe_load(file.read_text(encoding="utf-8"))
    raise AssertionError(f"no package defines the pipeline {name}")
