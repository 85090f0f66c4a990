"""Generated pages are what the code says today."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lienthong.cli.main import root as command
from lienthong.cli.reference import pages as generated
from lienthong.gateway.openapi import rendered
from lienthong.registry import exports
from lienthong.registry.schemas import SchemaRegistry

GENERATED = generated()


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_a_generated_page_is_current(root: Path, name: str) -> None:
    """A setting, command, error, metric, topic or pipeline that changed without its page fails here."""
    written = (root / "docs" / "reference" / name).read_text("utf-8")

    assert GENERATED[name] == written, "write it anew with: lienthong reference"


def test_the_page_of_record_types_is_current(root: Path) -> None:
    """A model that changed without its page fails here."""
    written = (root / "docs" / "reference" / "schemas.md").read_text("utf-8")

    assert exports.page(list(SchemaRegistry.installed())) == written, "write it anew with: lienthong schemas export"


def test_the_openapi_document_is_current(root: Path) -> None:
    """A route that changed without its document fails here."""
    written = (root / "docs" / "reference" / "openapi.json").read_text("utf-8")

    assert rendered() == written, "write it anew with: lienthong gateway --print-openapi"


def test_the_command_tells_which_page_is_not_current(tmp_path: Path) -> None:
    """``lienthong reference --check`` names an outdated page, exits 1 and leaves the page alone."""
    CliRunner().invoke(command, ["reference", "--to", str(tmp_path)])
    (tmp_path / "errors.md").write_text("old", encoding="utf-8")

    result = CliRunner().invoke(command, ["reference", "--to", str(tmp_path), "--check"])

    assert result.exit_code == 1
    assert "errors.md" in result.output
    assert "cli.md" not in result.output
    assert (tmp_path / "errors.md").read_text("utf-8") == "old"


def test_the_command_writes_only_what_changed(tmp_path: Path) -> None:
    """A second run writes nothing, so that files keep their times."""
    first = CliRunner().invoke(command, ["reference", "--to", str(tmp_path)])
    second = CliRunner().invoke(command, ["reference", "--to", str(tmp_path)])

    assert first.output.count("wrote") == len(GENERATED)
    assert second.output == ""
