"""Writes the results of the last run into ``docs/benchmarks.md``: ``python -m scripts.bench.page``."""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.bench.harness import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- results -->", "<!-- end of results -->"


def main() -> None:
    """Replace what stands between the two marks of the page."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.page", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("build/bench.json"))
    results: Path = parser.parse_args().results
    rows = json.loads(results.read_text(encoding="utf-8"))
    tables = json.loads(results.with_name(f"{results.stem}-tables.json").read_text(encoding="utf-8"))
    parts = [_rows(rows), *(_table(table) for table in tables)]
    text = PAGE.read_text(encoding="utf-8")
    marks = re.compile(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", re.DOTALL)
    fresh = "\n\n".join([_BEGIN, *parts, _END])
    PAGE.write_text(marks.sub(lambda _: fresh, text), encoding="utf-8")


def _rows(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [("comparison", "ours", "against", "ratio", "spread", "bar", "runs", "reached")]
    for row in rows:
        if row["reached"] is None:
            lines.append((row["name"], "–", "–", "–", "–", _bar(row), "0", row["note"]))
            continue
        low, high = row["spread"]
        against = "–" if row["against"] is None else _figure(row["against"], row["unit"])
        reached = "yes" if row["reached"] else "**no**"
        ours = _figure(row["ours"], row["unit"])
        ratio, spread = f"{row['ratio']:.2f}", f"{low:.2f}–{high:.2f}"
        lines.append((row["name"], ours, against, ratio, spread, _bar(row), str(row["runs"]), reached))
    return _markdown(lines)


def _table(table: Mapping[str, Any]) -> str:
    lines = [tuple(table["columns"]), *(tuple(_plain(cell) for cell in line) for line in table["lines"])]
    return f"{table['name']}:\n\n{_markdown(lines)}"


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *body = lines
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body))


def _bar(row: Mapping[str, Any]) -> str:
    return f"{'≤' if row['is_maximum'] else '≥'} {row['bar']:g}"


def _figure(figure: float, unit: str) -> str:
    shown = _plain(figure)
    return f"{shown}{unit}" if unit.startswith("/") else f"{shown} {unit}".strip()


def _plain(cell: Any) -> str:
    return f"{cell:,.10g}" if isinstance(cell, int | float) else str(cell)


if __name__ == "__main__":
    main()
