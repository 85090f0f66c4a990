"""``make fault``: runs every case on a real Kafka and writes ``build/fault.json``; exit 1 when one is red."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lienthong.clock import SystemClock
from scripts.fault.case import SHORT, Case, Result
from scripts.fault.catalogue import CASES
from scripts.fault.mutants import MUTANTS
from scripts.fault.runner import run_case
from scripts.fault.stage import Stages
from scripts.fault.table import publish, read

_FIRST_SEED = 11


def main() -> None:
    """Run the cases that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", action="store_true", help="one case for each mechanism, in a few minutes")
    form.add_argument("--full", action="store_true", help="every case, with faults as long as at night")
    parser.add_argument(
        "--case",
        action="append",
        choices=sorted(CASES),
        help="only this case, the rows of others stay; may be repeated",
    )
    parser.add_argument("--mutants", action="store_true", help="switch mechanisms off; each must turn a case red")
    parser.add_argument("--seed", type=int, default=_FIRST_SEED, help="what the loads follow from")
    parser.add_argument("--output", type=Path, default=Path("build/fault.json"))
    parser.add_argument("--logs", type=Path, default=Path("build/fault-logs"), help="logs of red cases")
    parser.add_argument("--publish", type=Path, metavar="PAGE", help="only write the rows found before into this page")
    arguments = parser.parse_args()
    rows_of_mutants = arguments.output.with_name("fault-mutants.json")
    if arguments.publish:
        publish(arguments.publish, read(arguments.output), read(rows_of_mutants))
        return
    if arguments.mutants:
        rows = run_mutants(arguments.seed, arguments.logs)
        write_rows(rows, rows_of_mutants)
        sys.exit(0 if all(row["is_red"] for row in rows) else 1)
    cases = [CASES[name] for name in arguments.case or CASES]
    if arguments.short and not arguments.case:
        cases = [each for each in cases if each.name in SHORT]
    results = run_all(cases, arguments.seed, arguments.logs, is_full=arguments.full)
    write(results, arguments.output, kept=read(arguments.output) if arguments.case else [])
    sys.exit(0 if all(_is_fine(result) for result in results) else 1)


def run_all(cases: Sequence[Case], seed: int, logs: Path, *, is_full: bool) -> list[Result]:
    """Run cases one after the other and say what became of each.

    Args:
        cases: Which.
        seed: Of the first; each further case gets the next one.
        logs: Folder for the logs of red cases.
        is_full: Whether faults last as long as at night.
    """
    results = []
    with tempfile.TemporaryDirectory(prefix="lienthong-fault-") as folder:
        stages = Stages(Path(folder), SystemClock(), is_full=is_full)
        try:
            for number, each in enumerate(cases):
                results.append(run_case(each, stages, seed + number, keep=logs))
                _say(results[-1])
        finally:
            stages.close()
    return results


def run_mutants(seed: int, logs: Path) -> list[dict[str, Any]]:
    """Switch mechanisms off one after the other until a case of each turns red; return one row for each.

    Args:
        seed: What the loads follow from.
        logs: Folder for the logs.
    """
    rows = []
    with tempfile.TemporaryDirectory(prefix="lienthong-fault-") as folder:
        stages = Stages(Path(folder), SystemClock(), is_full=False)
        try:
            for name, mutant in MUTANTS.items():
                row: dict[str, Any] = {"mutant": name, "title": mutant.title, "is_red": False, "case": "", "found": ""}
                for number, wanted in enumerate(mutant.cases):
                    result = run_case(CASES[wanted], stages, seed + number, name, keep=logs / "mutants")
                    findings = _findings(result)
                    missed = [each for each in findings if mutant.finding in each]
                    row |= {"is_red": bool(missed), "case": wanted, "found": "; ".join(missed or findings) or "nothing"}
                    if row["is_red"]:
                        break
                rows.append(row)
                print(f"{'red' if row['is_red'] else 'GREEN':<8}{name:<14}{row['case']:<20}{row['found']}", flush=True)
        finally:
            stages.close()
    return rows


def write(results: Sequence[Result], output: Path, kept: Sequence[dict[str, Any]] = ()) -> None:
    """Write the rows of cases as JSON, in the order of the catalogue.

    Args:
        results: What became of the cases.
        output: The file.
        kept: Rows of an earlier run; those of other cases stay.
    """
    rows = {row["case"]: row for row in [*kept, *(result.as_document() for result in results)]}
    write_rows([rows[name] for name in CASES if name in rows], output)


def write_rows(rows: Sequence[dict[str, Any]], output: Path) -> None:
    """Write rows as JSON.

    Args:
        rows: What became of what.
        output: The file.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _findings(result: Result) -> list[str]:
    verdict = result.verdict
    counts = {name: getattr(verdict, name) for name in ("lost", "effects_repeated", "inversions", "unexpected")}
    return list(dict.fromkeys([*(f"{name}: {count}" for name, count in counts.items() if count), *result.problems]))


def _is_fine(result: Result) -> bool:
    # Under CI nothing may be left out.
    return result.is_green or bool(result.skipped and not os.environ.get("CI"))


def _say(result: Result) -> None:
    verdict = result.verdict
    state = "skipped" if result.skipped else ("green" if result.is_green else "RED")
    recovery = "" if result.recovery_seconds is None else f", flowed again after {result.recovery_seconds:.1f} s"
    print(
        f"{state:<8}{result.case:<22}{verdict.accepted:>6} accepted {verdict.settled:>6} settled {verdict.open:>4} open"
        f" {verdict.lost:>3} lost {verdict.effects_repeated:>3} repeated {verdict.inversions:>3} inverted"
        f" {verdict.steps_repeated:>3}/{verdict.repeat_possible} steps again{recovery}, {result.seconds:.0f} s",
        flush=True,
    )
    for line in [*filter(None, [result.skipped]), *result.problems]:
        print(f"        {line}", flush=True)


if __name__ == "__main__":
    main()
