"""Everything that a reader may look for has its place in the documentation."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from lienthong import errors
from lienthong.cli.main import root as top
from lienthong.cli.reference import commands
from lienthong.config.models import HubSettings
from lienthong.observability.metric_table import TABLE
from lienthong.pipeline.definitions import installed_definitions
from lienthong.plugins import load_all
from lienthong.reference import error_classes, setting_names
from lienthong.registry.topics import TopicCatalogue
from lienthong.topic_names import TopicNames

SECTIONS = ("Context", "Decision", "Consequences", "Rejected")


def test_every_command_has_a_heading(reference: dict[str, Any]) -> None:
    """A new command is in the reference from its first commit."""
    expected = {" ".join(path) for path, _ in commands(top, ("lienthong",))}

    assert expected <= set(reference["cli.md"].headings)


def test_every_command_and_option_says_what_it_does() -> None:
    """No command and no option is left without a word of help."""
    silent = [" ".join(path) for path, command in commands(top, ("lienthong",)) if not command.help]
    silent += [
        f"{' '.join(path)} {parameter.opts[0]}"
        for path, command in commands(top, ("lienthong",))
        for parameter in command.params
        if parameter.param_type_name == "option" and not getattr(parameter, "help", None)
    ]

    assert silent == []


def test_every_setting_has_a_heading(reference: dict[str, Any]) -> None:
    """A new setting is in the reference from its first commit."""
    names = setting_names()

    assert set(HubSettings.model_fields) <= {name.split(".")[0] for name in names}
    assert set(names) <= set(reference["configuration.md"].headings)


def test_every_metric_has_a_heading(reference: dict[str, Any]) -> None:
    """A new metric is in the reference from its first commit."""
    assert {spec.name for spec in TABLE} <= set(reference["metrics.md"].headings)


def test_every_error_has_a_heading_and_a_code_of_its_own(reference: dict[str, Any]) -> None:
    """Two errors never share a code, and each is explained."""
    classes = list(error_classes())
    defined = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, Exception)]

    assert {each.__name__ for each in defined} == {each.__name__ for each in classes}
    assert len({each.code for each in classes}) == len(classes)
    assert {each.__name__ for each in classes} <= set(reference["errors.md"].headings)


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    """The picture that readers see first shows every class below its base."""
    shown = re.findall(r"^([│ ]*)[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE)
    depths = {errors.LienthongError: 0}
    for each in error_classes():
        for below in each.__subclasses__():
            depths[below] = depths[each] + 1

    expected = [(each.__name__, depths[each]) for each in error_classes()][1:]

    assert expected == [(name, len(indent) // 4 + 1) for indent, name in shown]


def test_every_topic_has_a_heading(reference: dict[str, Any]) -> None:
    """A new topic is in the reference from its first commit."""
    names = {topic.name for topic in TopicCatalogue.installed(TopicNames(), "production")}

    assert names <= set(reference["topics.md"].headings)


def test_every_pipeline_has_a_heading(reference: dict[str, Any]) -> None:
    """A new pipeline is in the reference from its first commit."""
    assert set(installed_definitions()) <= set(reference["pipelines.md"].headings)


def test_every_connector_has_a_page(root: Path) -> None:
    """A connector without a page cannot be configured by anybody but its author."""
    expected = {f"{name}.md" for name in load_all("lienthong.connectors")}

    assert expected <= {path.name for path in (root / "docs" / "reference" / "connectors").glob("*.md")}


def test_every_decision_is_listed_and_whole(root: Path, pages: dict[str, Any]) -> None:
    """Decisions are numbered without gaps, listed, one page long, and have all four parts."""
    files = sorted((root / "docs" / "adr").glob("[0-9]*.md"))
    listed = set(pages["docs/adr/README.md"].links)

    assert [int(path.name[:4]) for path in files] == list(range(1, len(files) + 1))
    assert {path.name for path in files} == listed
    for path in files:
        page = pages[f"docs/adr/{path.name}"]
        assert page.headings[0].startswith(f"{int(path.name[:4])}. ")
        assert [name for name in SECTIONS if name not in page.headings] == [], path.name
        assert len(page.text.splitlines()) <= 80, path.name


def test_every_runbook_that_a_message_names_exists(root: Path, pages: dict[str, Any]) -> None:
    """An operator who is told to see a runbook finds it under that title."""
    titles = {page.headings[0].lower() for path, page in pages.items() if path.startswith("docs/runbooks/")}
    named = {
        title
        for path in (root / "hub").rglob("*.py")
        for title in re.findall(r"runbook '([^']+)'", path.read_text("utf-8"))
    }

    assert named
    assert named <= titles


@pytest.mark.parametrize("start", ["README.md"])
def test_every_page_can_be_reached(pages: dict[str, Any], start: str) -> None:
    """A page that no link leads to is read by nobody."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in seen or path not in pages:
            continue
        seen.add(path)
        folder = Path(path).parent
        for link in pages[path].links:
            target = (Path("/") / folder / link.partition("#")[0]).as_posix()
            waiting.append(Path(_normal(target)).relative_to("/").as_posix())

    assert sorted(set(pages) - seen) == []


def test_the_map_lists_every_page(pages: dict[str, Any]) -> None:
    """Tutorials, guides, explanations and reference pages are all found from the map."""
    groups = ("tutorials", "how-to", "explanation", "reference")
    expected = {path.removeprefix("docs/") for path in pages if path.split("/")[1:2] and path.split("/")[1] in groups}

    assert expected <= set(pages["docs/README.md"].links)


def _normal(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts.pop()
        elif part not in {".", ""}:
            parts.append(part)
    return "/" + "/".join(parts)
