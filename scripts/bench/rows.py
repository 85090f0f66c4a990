"""What a benchmark says: rows with a bar, tables without one, and how both are written down."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One row of ``build/bench.json``.

    Attributes:
        name: What is compared.
        unit: Of ``ours`` and ``against``.
        ours: Our median, or our worst run where the bar is a maximum.
        against: The other side's median, or the most that is allowed; None without one.
        ratio: Median of the ratios of each pair of runs; of a maximum the worst.
        bar: The ratio to reach, or not to exceed.
        is_maximum: Whether the ratio must not exceed the bar.
        reached: Whether it was reached; None when the row was left out.
        spread: Smallest and largest ratio of a pair.
        runs: Number of alternating pairs.
        note: Why the row was left out, or what it was measured with.
    """

    name: str
    unit: str
    ours: float
    against: float | None
    ratio: float
    bar: float
    reached: bool | None
    spread: tuple[float, float]
    runs: int
    is_maximum: bool = False
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Figures that no bar is set for.

    Attributes:
        name: What was measured.
        columns: Heads.
        lines: One sequence for each line, as long as the heads.
    """

    name: str
    columns: Sequence[str]
    lines: list[Sequence[Any]] = field(default_factory=list)


def compare(name: str, bar: float, pairs: Sequence[tuple[float, float]], unit: str = "/s", note: str = "") -> Row:
    """Return the row for alternating pairs of runs, of which the median ratio must reach the bar.

    Args:
        name: What is compared.
        bar: The ratio to reach.
        pairs: Ours and the other's figure of each pair.
        unit: Of the figures.
        note: What it was measured with.
    """
    ratios = [ours / other for ours, other in pairs]
    ratio = statistics.median(ratios)
    return Row(
        name=name,
        unit=unit,
        ours=_rounded(statistics.median(ours for ours, _ in pairs)),
        against=_rounded(statistics.median(other for _, other in pairs)),
        ratio=round(ratio, 3),
        bar=bar,
        reached=ratio >= bar,
        spread=(round(min(ratios), 3), round(max(ratios), 3)),
        runs=len(pairs),
        note=note,
    )


def at_most(name: str, bar: float, pairs: Sequence[tuple[float, float]], unit: str, note: str = "") -> Row:
    """Return the row for runs of which the worst must not exceed the bar.

    Args:
        name: What is measured.
        bar: The most that ours may be, as a ratio of what is allowed.
        pairs: Ours and what is allowed, of each run; 1.0 as allowed makes the ratio the figure itself.
        unit: Of the figures.
        note: What it was measured with.
    """
    ratios = [ours / allowed for ours, allowed in pairs]
    worst = max(range(len(pairs)), key=lambda index: ratios[index])
    ours, allowed = pairs[worst]
    return Row(
        name=name,
        unit=unit,
        ours=_rounded(ours),
        against=None if allowed == 1.0 else _rounded(allowed),
        ratio=round(ratios[worst], 3),
        bar=bar,
        reached=ratios[worst] <= bar,
        spread=(round(min(ratios), 3), round(max(ratios), 3)),
        runs=len(pairs),
        is_maximum=True,
        note=note,
    )


def left_out(name: str, bar: float, why: str) -> Row:
    """Return the row of something that cannot be measured on this machine.

    Args:
        name: What would have been compared.
        bar: The ratio to reach.
        why: What is missing.
    """
    return Row(name, "", 0.0, None, 0.0, bar, None, (0.0, 0.0), 0, note=why)


def publish(rows: Sequence[Row], tables: Sequence[Table], path: Path, say: Callable[[str], None] = print) -> bool:
    """Write rows and tables and print them.

    Args:
        rows: All comparisons.
        tables: All figures without a bar; they go into a file of their own beside the rows.
        path: The JSON file of the rows.
        say: Prints a line.

    Returns:
        Whether every bar was reached.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    beside = path.with_name(f"{path.stem}-tables.json")
    beside.write_text(json.dumps([asdict(table) for table in tables], indent=2) + "\n", encoding="utf-8")
    width = max((len(row.name) for row in rows), default=0) + 2
    say(f"{'comparison':<{width}}{'ours':>12}{'against':>12}{'ratio':>9}{'spread':>16}{'bar':>10}  reached")
    for row in rows:
        say(_line(row, width))
    for table in tables:
        say("")
        say(table.name)
        for cells in (table.columns, *table.lines):
            say("  " + "".join(f"{cell!s:>22}" for cell in cells))
    return all(row.reached is not False for row in rows)


def _line(row: Row, width: int) -> str:
    if row.reached is None:
        return f"{row.name:<{width}}left out: {row.note}"
    against = "" if row.against is None else f"{row.against:,g}"
    spread = f"{row.spread[0]:.2f}-{row.spread[1]:.2f}"
    bar = f"{'≤' if row.is_maximum else '≥'} {row.bar:g}"
    answer = "yes" if row.reached else "NO"
    return f"{row.name:<{width}}{row.ours:>12,g}{against:>12}{row.ratio:>9.2f}{spread:>16}{bar:>10}  {answer}"


def _rounded(figure: float) -> float:
    return round(figure) if figure >= 100 else round(figure, 3)
