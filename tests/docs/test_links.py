"""Links between pages lead somewhere."""

from pathlib import Path
from typing import Any


def test_links_resolve(root: Path, pages: dict[str, Any], page: Any) -> None:
    """A renamed page, folder or heading fails here and not at its reader."""
    broken = []
    for link in page.links:
        if "://" in link or link.startswith("mailto:"):
            continue
        file, _, anchor = link.partition("#")
        target = (root / page.path).parent / file if file else root / page.path
        if not target.exists():
            broken.append(link)
            continue
        name = str(target.resolve().relative_to(root.resolve()))
        if anchor and name in pages and anchor not in pages[name].anchors:
            broken.append(link)

    assert broken == []
