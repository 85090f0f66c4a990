"""What tests of the documentation share: the pages, and how to read them."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file.

    Attributes:
        path: Where it is, from the root.
        text: Its text.
    """

    path: str
    text: str

    def blocks(self, *languages: str) -> list[str]:
        """Return the code blocks in one of the languages, without their indentation."""
        found = [match for match in _FENCE.finditer(self.text) if match[2] in languages]
        return [re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE) for match in found]

    @property
    def prose(self) -> str:
        """The text without code blocks."""
        return _FENCE.sub("", self.text)

    @property
    def spans(self) -> list[str]:
        """Everything that is set as code in running text."""
        return _SPAN.findall(self.prose)

    @property
    def headings(self) -> list[str]:
        """The headings, without the marks for code."""
        return [heading.replace("`", "") for heading in _HEADING.findall(self.prose)]

    @property
    def links(self) -> list[str]:
        """Where links lead to."""
        return _LINK.findall(_SPAN.sub("", self.prose))

    @property
    def anchors(self) -> set[str]:
        """What a link to a part of this page may name."""
        words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in self.headings)
        return {word.replace(" ", "-") for word in words}


def _read() -> dict[str, Page]:
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return {
        name: Page(name, (ROOT / name).read_text("utf-8")) for name in sorted(str(f.relative_to(ROOT)) for f in files)
    }


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout, which these tests are part of."""
    return ROOT


@pytest.fixture(scope="session")
def pages() -> dict[str, Page]:
    """Every Markdown page, by its path from the root."""
    return _read()


@pytest.fixture(scope="session")
def reference(pages: dict[str, Page]) -> dict[str, Page]:
    """The reference pages, by file name."""
    return {path.rpartition("/")[2]: page for path, page in pages.items() if path.startswith("docs/reference/")}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each page a test of its own where a test asks for one page."""
    if "page" in metafunc.fixturenames:
        found = _read()
        metafunc.parametrize("page", list(found.values()), ids=list(found))
