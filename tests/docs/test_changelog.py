"""The changelog follows the version."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

_KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Known limits"}


def test_the_newest_version_is_the_one_that_is_built(root: Path, pages: dict[str, Any]) -> None:
    """A release without its changes, or changes without a release, fail here."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", pages["CHANGELOG.md"].text, re.MULTILINE)

    assert project["version"] == versions[0]
    assert version("lienthong") == versions[0]


def test_changes_are_sorted_by_kind(pages: dict[str, Any]) -> None:
    """The kinds are those of Keep a Changelog, so that readers know where to look."""
    kinds = re.findall(r"^### (.+)$", pages["CHANGELOG.md"].text, re.MULTILINE)

    assert set(kinds) <= _KINDS
    assert pages["CHANGELOG.md"].headings[1] == "Unreleased"
