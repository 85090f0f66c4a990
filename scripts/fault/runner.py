"""Runs one case from its processes to its verdict."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from lienthong.errors import LienthongError
from scripts.fault.arena import Arena
from scripts.fault.case import CannotRun, Case, Result
from scripts.fault.oracle import Verdict
from scripts.fault.stage import Stages


def run_case(
    case: Case,
    stages: Stages,
    seed: int,
    mutant: str = "",
    environment: Mapping[str, str] | None = None,
    keep: Path | None = None,
    *,
    is_timed: bool = True,
) -> Result:
    """Run a case and return its row.

    Args:
        case: Which.
        stages: Where.
        seed: What the load follows from.
        mutant: Mechanism that is switched off.
        environment: Further variables of the hub's processes.
        keep: Folder that gets the logs of a red case; None to drop them.
        is_timed: Whether pauses and recovery are held to their limits; a machine that does other things must not fail.
    """
    result = Result(case.name, seed)
    with stages.stage(case.needs, seed, mutant, environment) as stage:
        arena = stage.arena
        arena.is_timed = is_timed
        began = arena.clock.monotonic()
        try:
            arena.start()
            case.run(stage)
            result.is_settled = arena.await_settled()
            if not result.is_settled:
                # Nothing may write while it is judged.
                arena.kill_all()
            result.verdict = arena.verdict()
            if case.check is not None:
                case.check(stage, result.verdict)
        except CannotRun as reason:
            result.skipped = str(reason)
        except LienthongError as error:
            result.problems.append(str(error).splitlines()[0])
        result.injected, result.evidence = arena.injected, arena.injection
        result.recovery_seconds, result.restarts = arena.recovery_seconds, arena.restarts
        result.seconds = arena.clock.monotonic() - began
        if not result.skipped:
            result.problems += [*_wrong(case, result, arena.unsettled, is_timed=is_timed), *arena.problems]
        if keep is not None and not result.is_green:
            _keep(arena, keep / case.name)
    return result


def _wrong(case: Case, result: Result, unsettled: Sequence[str], *, is_timed: bool) -> list[str]:
    verdict: Verdict = result.verdict
    found = list(verdict.problems)
    if not result.injected:
        found.append("the fault was never injected")
    if not result.is_settled and not case.allows_unsettled:
        found += ["not everything settled in time", *unsettled]
    for name in ("lost", "effects_repeated", "repeats_unshown", "inversions", "unexpected"):
        count = getattr(verdict, name)
        if count:
            found.append(f"{name}: {count}")
    limit = case.max_recovery_seconds
    if is_timed and limit is not None and (result.recovery_seconds is None or result.recovery_seconds > limit):
        found.append(f"records flowed again after {result.recovery_seconds} s, more than {limit:g} s")
    return found


def _keep(arena: Arena, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(arena.crew.logs, folder)
