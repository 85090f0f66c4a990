"""What every page has in common."""

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

#: Hosts of package registries; provinces install from mirrors, so no page and no lock file names one.
_REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|repo1?\.maven|maven\.org|maven\.apache\.org|proxy\.golang\.org|npmjs\.org|crates\.io"
)
#: Folders that exist on one machine only; ``/home/you`` stands for anybody's.
_MACHINE = re.compile(r"/work/|/root/|/tmp/[a-z]|/home/(?!you\b)\w+|/Users/\w+")


def test_text_is_composed(page: Any) -> None:
    """Vietnamese is written in NFC everywhere, so that a search finds it."""
    assert unicodedata.is_normalized("NFC", page.text)
    assert page.text.endswith("\n")
    assert "\r" not in page.text


def test_no_page_names_a_registry_or_a_machine(page: Any) -> None:
    """A page is true on every machine and behind every mirror."""
    assert _REGISTRIES.findall(page.text) == []
    assert _MACHINE.findall(page.text) == []


@pytest.mark.parametrize("pattern", ["requirements/*.txt", "Makefile", "pyproject.toml", "hub/lienthong/kafka/*.lock"])
def test_no_build_file_names_a_registry(root: Path, pattern: str) -> None:
    """What is installed comes from whatever registry the machine is told to use."""
    files = list(root.glob(pattern))

    assert files
    assert [path.name for path in files if _REGISTRIES.search(path.read_text("utf-8"))] == []


def test_every_page_has_one_title(page: Any) -> None:
    """A page begins with its title and has no second one."""
    titles = re.findall(r"^# .+$", page.prose, re.MULTILINE)

    assert len(titles) == 1
    assert page.text.startswith(titles[0])
