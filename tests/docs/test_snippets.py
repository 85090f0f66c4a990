"""Examples in the pages work."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from lienthong.config.loader import load
from lienthong.delivery.policy import RetryPolicy
from lienthong.pipeline.definitions import lint, read_definition
from lienthong.plugins import load_all
from lienthong.registry.topics import TopicCatalogue
from lienthong.topic_names import TopicNames


def test_yaml_and_json_can_be_read(page: Any) -> None:
    """No example is broken by a missing quote or bracket."""
    for block in page.blocks("yaml"):
        assert yaml.safe_load(block) is not None
    for block in page.blocks("json"):
        for document in block.strip().splitlines() if block.lstrip().startswith('{"line"') else [block]:
            json.loads(document)


def test_python_can_be_compiled(page: Any) -> None:
    """No example is broken Python."""
    for block in page.blocks("python"):
        compile(block, page.path, "exec")


def test_the_configuration_of_the_how_to_can_be_loaded(pages: dict[str, Any], tmp_path: Path) -> None:
    """The whole example is a configuration that a hub starts with, connectors included."""
    (block,) = pages["docs/how-to/configure.md"].blocks("yaml")
    (tmp_path / "lienthong.yaml").write_text(block, encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    names = ("kafka-password", "population-secret", "automatic-code", "portal-password", "one-stop-token")
    for name in (*names, "officer-17-name", "officer-17-id"):
        (tmp_path / "secrets" / name).write_text("generated", encoding="utf-8")

    settings = load(tmp_path / "lienthong.yaml", {"LEDGER_URL": "sqlite:///ledger.sqlite3"})

    for name, spec in load_all("lienthong.connectors").items():
        spec.config.model_validate(settings.connectors[name])
    assert settings.kafka.security["sasl.password"].get_secret_value() == "generated"


def test_the_variables_of_the_how_to_are_settings(pages: dict[str, Any]) -> None:
    """A variable that sets nothing would be ignored in silence."""
    lines = "\n".join(pages["docs/how-to/configure.md"].blocks("sh")).splitlines()
    exported = dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
    del exported["LIENTHONG_CONFIG"]

    settings = load(None, exported)

    assert settings.kafka.bootstrap_servers == exported["LIENTHONG_KAFKA__BOOTSTRAP_SERVERS"]
    assert settings.log.format == exported["LIENTHONG_LOG__FORMAT"]


def test_the_pipeline_of_the_how_to_has_nothing_wrong(pages: dict[str, Any]) -> None:
    """The example passes the same check as the built-in pipelines."""
    (block,) = pages["docs/how-to/add-a-pipeline.md"].blocks("yaml")
    catalogue = TopicCatalogue.installed(TopicNames(), "production")

    definition = read_definition(block, "how-to")

    assert lint(definition, {topic.name: topic for topic in catalogue}, list(load_all("lienthong.connectors"))) == []


def test_the_policy_that_explains_retries_is_one(pages: dict[str, Any]) -> None:
    """The explained settings are the settings, all of them but the limit on token refreshes."""
    blocks = [yaml.safe_load(block) for block in pages["docs/explanation/delivery.md"].blocks("yaml")]
    shown = next(block["retry"] for block in blocks if "retry" in block)

    TypeAdapter(RetryPolicy).validate_python(shown)

    assert set(RetryPolicy.model_fields) - {"max_token_refreshes"} == set(shown)


def test_the_demonstration_prints_what_the_readme_shows(root: Path, pages: dict[str, Any]) -> None:
    """Every line of the excerpt has a title and an outcome that the demonstration has."""
    excerpt = next(block for block in pages["README.md"].blocks("text") if "Phải thành" in block)
    folder = root / "connectors" / "lienthong_connectors" / "demo"
    source = "\n".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    lines = excerpt.splitlines()[1:-2]

    assert lines
    for line in lines:
        title, outcome = line[:52].rstrip(" …").rsplit(" / ", 1)[-1], re.split(r" {2,}", line[52:])[0].strip()
        assert title in source, title
        assert all(word in source for word in outcome.split(": ")), outcome


@pytest.mark.parametrize("name", ["configure.md", "add-a-pipeline.md"])
def test_the_pages_with_examples_have_some(pages: dict[str, Any], name: str) -> None:
    """The tests above look at something."""
    assert pages[f"docs/how-to/{name}"].blocks("yaml")
