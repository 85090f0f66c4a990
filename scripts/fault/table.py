"""Writes what was found into the page about reliability."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.fault.case import CASES

_CASES = (
    "case",
    "what happens",
    "accepted",
    "settled",
    "open",
    "lost",
    "repeated",
    "out of order",
    "flows again after",
)
_MUTANTS = ("mechanism switched off", "case that turns red", "what it finds")


def publish(page: Path, rows: Sequence[Mapping[str, Any]], mutants: Sequence[Mapping[str, Any]]) -> None:
    """Replace the tables of the page.

    Args:
        page: The page; it holds a pair of markers for each table.
        rows: Rows of cases, as in ``build/fault.json``.
        mutants: Rows of mutants.
    """
    text = page.read_text(encoding="utf-8")
    if rows:
        text = _between(text, "cases", _table(_CASES, [_case(row) for row in rows]))
    if mutants:
        text = _between(text, "mutants", _table(_MUTANTS, [_mutant(row) for row in mutants]))
    page.write_text(text, encoding="utf-8")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, none if it does not exist.

    Args:
        path: The file.
    """
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return found


def _case(row: Mapping[str, Any]) -> list[str]:
    recovery = row["recovery_seconds"]
    counts = [f"{row[name]:,}" for name in ("accepted", "settled", "open", "lost", "effects_repeated", "inversions")]
    state = "" if row["is_green"] else (" (not run)" if row["skipped"] else " **red**")
    return [
        f"`{row['case']}`{state}",
        CASES[row["case"]].title,
        *counts,
        "–" if recovery is None else f"{recovery:.1f} s",
    ]


def _mutant(row: Mapping[str, Any]) -> list[str]:
    return [f"`{row['mutant']}`: {row['title']}", f"`{row['case']}`" if row["is_red"] else "**none**", row["found"]]


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _between(text: str, name: str, content: str) -> str:
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    return pattern.sub(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text)
