"""Names that pages print are names in the code."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from lienthong.config.models import GatewaySettings

_MODULE = re.compile(r"lienthong(_[a-z]+)?(\.\w+)+")
_GROUP = re.compile(r"lienthong\.(connectors|schemas|topics|simulators|commands|identity_providers)")
_FOLDERS = re.compile(r"(hub|connectors|schemas|topics|helm|docs|tests|scripts|requirements)/[\w./-]*")
_SNAKE = re.compile(r"[a-z]+(_[a-z0-9]+)+")


def resolves(name: str) -> bool:
    """Return whether a dotted name is a module or something in one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.fixture(scope="session")
def source(root: Path) -> str:
    """All code of the hub and its content."""
    folders = ("hub", "connectors", "schemas", "topics")
    files = [path for folder in folders for path in (root / folder).rglob("*") if path.suffix in {".py", ".yaml"}]
    return "\n".join(path.read_text("utf-8") for path in files)


def test_modules_exist(page: Any) -> None:
    """A module or class that was renamed is renamed in the pages too."""
    named = {span for span in page.spans if _MODULE.fullmatch(span) and not _GROUP.fullmatch(span)}
    named -= {span for span in named if span.endswith((".yaml", ".sqlite3"))}

    assert [name for name in sorted(named) if not resolves(name)] == []


def test_files_exist(root: Path, page: Any) -> None:
    """A file or folder that a page names is there."""
    named = {span for span in page.spans if _FOLDERS.fullmatch(span)}

    assert [name for name in sorted(named) if not (root / name).exists()] == []


def test_runbooks_name_what_the_code_says(source: str, pages: dict[str, Any]) -> None:
    """A log event, metric label, reason or setting in a runbook is one that the code writes."""
    runbooks = [page for path, page in pages.items() if path.startswith("docs/runbooks/")]
    named = {span for page in runbooks for span in page.spans if _SNAKE.fullmatch(span)}
    labels = {value for page in runbooks for span in page.spans for value in re.findall(r'="(\w+)"', span)}

    assert len(named) > 10
    assert [name for name in sorted(named | labels) if name not in source] == []


def test_the_guide_for_publishers_has_every_limit(pages: dict[str, Any]) -> None:
    """Each number that limits a publisher is explained where publishers read."""
    limits = [name for name in GatewaySettings.model_fields if name.startswith("max_") or name.endswith("_seconds")]

    assert [name for name in limits if f"`gateway.{name}`" not in pages["docs/how-to/publish.md"].text] == []


@pytest.mark.parametrize("name", ["lienthong.no_such_module", "lienthong.errors.NoSuchError"])
def test_a_wrong_name_would_be_found(name: str) -> None:
    """The check itself notices a module and a class that are not there."""
    assert not resolves(name)
