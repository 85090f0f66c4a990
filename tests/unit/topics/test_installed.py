"""The catalogue that is shipped, and what the command line says about it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lienthong.cli.topics import topics
from lienthong.pipeline.definitions import load_pipelines
from lienthong.registry.schemas import SchemaRegistry
from lienthong.registry.topic_lint import lint
from lienthong.registry.topic_reference import reference
from lienthong.registry.topics import TopicCatalogue
from lienthong.topic_names import TopicNames

_ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("environment", ["development", "production"])
def test_shipped_catalogue_is_clean(environment):
    """What is shipped follows every rule in both environments, and every subject has a schema."""
    catalogue = TopicCatalogue.installed(TopicNames("hue"), environment)

    assert lint(catalogue, SchemaRegistry.installed()) == []


def test_shipped_catalogue_has_every_topic_that_the_hub_writes():
    """Names that the code builds exist in the catalogue, because Kafka creates nothing by itself."""
    names = TopicNames("hue")
    catalogue = TopicCatalogue.installed(names, "development")
    needed = {names.receipts, names.review, names.access_log, names.records("dossier"), names.full("verified.dossier")}
    needed |= {names.inbound("dossier", system) for system in ("one-stop", "citizen-portal", "bulk")}
    needed |= {
        names.of_pipeline(kind, pipeline)
        for kind in ("parked", "deadletters", "replay", "state")
        for pipeline in ("intake", "intake-bulk", "verify-dossier", "link-verification", "deliver-dossier")
    }

    assert set() == needed - {topic.full_name for topic in catalogue}


def test_catalogue_and_pipelines_agree_on_sources():
    """A pipeline's own topics are laid out for the topics that it really reads, or that it writes when it polls."""
    names = TopicNames("hue")
    catalogue = TopicCatalogue.installed(names, "development")
    read = {
        name: {names.full(pipeline.definition.poll.topic)} if pipeline.definition.poll else set(pipeline.topics)
        for name, pipeline in load_pipelines(names, "development").items()
    }

    assert read == {
        pipeline.name: {topic.full_name for topic in catalogue.sources(pipeline)} for pipeline in catalogue.pipelines
    }


def test_reference_page_is_current():
    """The committed page is what ``lienthong topics describe`` prints."""
    pages = [TopicCatalogue.installed(TopicNames(""), name) for name in ("development", "production")]

    assert reference(*pages) == (_ROOT / "docs/reference/topics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("environment", ["development", "production"])
def test_lint_command_ends_with_zero(environment):
    """CI can rely on the exit code of a clean catalogue."""
    result = CliRunner().invoke(topics, ["lint", "--environment", environment], catch_exceptions=False)

    assert result.exit_code == 0
    assert "0 finding(s)" in result.output


def test_lint_command_fails_on_findings(monkeypatch):
    """A finding is printed with topic, code and remedy, and the command fails."""
    monkeypatch.setattr(SchemaRegistry, "installed", classmethod(lambda cls: cls([])))
    result = CliRunner().invoke(topics, ["lint"], catch_exceptions=False)

    assert result.exit_code == 1
    assert "records.dossier: subject_unknown: no installed schema has the type 'dossier.snapshot'" in result.output


def test_describe_command_writes_the_page(tmp_path):
    """The page can be written to a file for the docs."""
    page = tmp_path / "topics.md"
    result = CliRunner().invoke(topics, ["describe", "--output", str(page)], catch_exceptions=False)

    assert result.exit_code == 0
    assert "## `records.dossier`" in page.read_text(encoding="utf-8")


def test_apply_command_refuses_a_catalogue_with_findings(monkeypatch):
    """A wrong catalogue never reaches the cluster: no connection is even opened."""
    monkeypatch.setattr(SchemaRegistry, "installed", classmethod(lambda cls: cls([])))
    result = CliRunner().invoke(topics, ["apply"], catch_exceptions=False)

    assert result.exit_code == 1
    assert "nothing was changed" in result.output
