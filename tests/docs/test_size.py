"""Files stay short enough to be held in one head."""

from pathlib import Path

FOLDERS = ("hub", "connectors", "schemas", "topics", "scripts", "tests", "helm")
ENDINGS = {".py", ".sh", ".yaml", ".yml", ".tpl"}
MOST_LINES = 400
NEVER_LINES = 600
#: Longer than 400 lines, each with the reason.
LONGER: dict[str, str] = {}


def sizes(root: Path) -> dict[str, int]:
    """Return how many lines each source file has."""
    files = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.suffix in ENDINGS]
    return {str(path.relative_to(root)): len(path.read_text("utf-8").splitlines()) for path in files}


def test_no_source_file_is_too_long(root: Path) -> None:
    """A file over 400 lines has a reason here; none has 600."""
    found = sizes(root)

    assert len(found) > 100
    assert {name: lines for name, lines in found.items() if lines > MOST_LINES and name not in LONGER} == {}
    assert {name: lines for name, lines in found.items() if lines > NEVER_LINES} == {}


def test_no_reason_outlives_its_file(root: Path) -> None:
    """A file that became short again loses its reason."""
    found = sizes(root)

    assert [name for name in LONGER if found.get(name, 0) <= MOST_LINES] == []
