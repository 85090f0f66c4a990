"""Rules that hold for the whole repository."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Where a province's mirror is configured, not we.
REGISTRIES = re.compile(r"(pypi\.org|pythonhosted\.org|repo1?\.maven|maven\.org/maven2|registry\.npmjs)")


def tracked(*patterns: str) -> list[Path]:
    """Return the files that are part of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=False
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def sources() -> list[Path]:
    """All Python files; the rules are about them."""
    found = tracked("*.py") or sorted(ROOT.glob("[hcst]*/**/*.py"))
    assert found
    return found


def test_no_file_is_too_long(sources: list[Path]) -> None:
    """Nobody can hold a file of more than 600 lines in the head."""
    too_long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources}
    assert {name: lines for name, lines in too_long.items() if lines > 600} == {}


def test_no_registry_is_named_in_requirements() -> None:
    """Provinces install from mirrors, so lock files name versions and hashes only."""
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert not REGISTRIES.search(text)
        assert "--index-url" not in text


def test_every_requirement_is_pinned_and_hashed() -> None:
    """What runs is what was reviewed."""
    for path in (ROOT / "requirements").glob("*.txt"):
        entries = [line for line in path.read_text().splitlines() if line and not line.startswith((" ", "#"))]
        assert entries
        assert all("==" in entry for entry in entries)
