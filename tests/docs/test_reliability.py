"""The page about reliability shows every case and every mutant."""

import re
from pathlib import Path

import pytest
from scripts.fault.catalogue import CASES
from scripts.fault.mutants import MUTANTS


@pytest.fixture
def reliability(root: Path) -> str:
    """The page about reliability."""
    return (root / "docs" / "reliability.md").read_text("utf-8")


def rows(page: str, name: str) -> dict[str, str]:
    """Return what a table's rows begin with in code, and the whole row."""
    table = page.partition(f"<!-- {name} -->")[2].partition(f"<!-- end of {name} -->")[0]
    return {match[1]: match[0] for match in re.finditer(r"^\| `([a-z0-9-]+)`.*$", table, re.MULTILINE)}


def test_every_case_has_a_row(reliability: str) -> None:
    """A case that was added, renamed or left out of the published run fails here; a page without a run shows none."""
    assert set(rows(reliability, "cases")) in (set(), set(CASES))


def test_every_mechanism_has_a_row(reliability: str) -> None:
    """A mechanism whose absence nobody tried fails here; a page without a run shows none."""
    assert set(rows(reliability, "mutants")) in (set(), set(MUTANTS))


def test_nothing_red_is_published(reliability: str) -> None:
    """A page that shows a red case would promise what was not kept."""
    shown = [*rows(reliability, "cases").values(), *rows(reliability, "mutants").values()]
    assert not [row for row in shown if "**" in row]


def test_every_mutant_names_cases() -> None:
    """A mutant whose case was renamed would never be tried."""
    assert all(set(mutant.cases) <= set(CASES) for mutant in MUTANTS.values())
