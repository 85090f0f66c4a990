"""What a case is, and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scripts.fault.arena import Needs
from scripts.fault.oracle import Verdict
from scripts.fault.stage import Stage
from scripts.fault.stepped_clock import CannotRun

Run = Callable[[Stage], None]
Check = Callable[[Stage, Verdict], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One fault.

    Attributes:
        name: Short name.
        title: What happens, in a few words.
        needs: What it asks of its arena.
        run: Breaks something and mends it, while the load runs.
        check: Looks at the end for what only this case knows; adds problems to the arena.
        is_quick: Whether the tests run it, too.
        max_recovery_seconds: Records must flow again within so many seconds; None for no limit.
        allows_unsettled: Whether the hub rightly does not settle everything.
    """

    name: str
    title: str
    needs: Needs
    run: Run
    check: Check | None = None
    is_quick: bool = False
    max_recovery_seconds: float | None = None
    allows_unsettled: bool = False


__all__ = ["CASES", "SHORT", "CannotRun", "Case", "Result", "case"]

CASES: dict[str, Case] = {}
#: One case for each mechanism: what a gate of a few minutes runs.
SHORT = frozenset(
    {
        "broker-hang",
        "broker-kill",
        "cluster-lose-one",
        "crash-exception",
        "disk-full",
        "lease-holder-kill",
        "ledger-down",
        "network-cut",
        "poison",
        "redeploy-in-retry",
        "retention-passed",
        "rolling-restart",
        "secret-rotation",
        "target-503",
        "target-half-answer",
        "worker-hang",
        "worker-kill",
    }
)


def case(name: str, title: str, needs: Needs | None = None, **more: Any) -> Callable[[Run], Run]:
    """Register a case; the decorated function is its run.

    Args:
        name: Short name.
        title: What happens.
        needs: What it asks of its arena.
        **more: Further fields of :class:`Case`.
    """

    def register(run: Run) -> Run:
        CASES[name] = Case(name, title, needs or Needs(), run, **more)
        return run

    return register


@dataclass(slots=True)
class Result:
    """One row of ``build/fault.json``.

    Attributes:
        case: Name of the case.
        seed: What the load followed from.
        injected: Whether the fault was really there.
        evidence: How that is known.
        verdict: What the oracle found.
        is_settled: Whether everything settled in time.
        recovery_seconds: Until records flowed again after the fault; None if that says nothing.
        restarts: Workers that ended by themselves and were started again.
        seconds: How long the case took.
        skipped: Why the case could not run here; empty if it ran.
        problems: Everything that is wrong, in words.
    """

    case: str
    seed: int
    injected: bool = False
    evidence: str = ""
    verdict: Verdict = field(default_factory=Verdict)
    is_settled: bool = False
    recovery_seconds: float | None = None
    restarts: int = 0
    seconds: float = 0.0
    skipped: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def is_green(self) -> bool:
        """Whether nothing is wrong."""
        return not self.skipped and not self.problems

    def as_document(self) -> dict[str, Any]:
        """Return the row for JSON."""
        verdict = self.verdict
        return {
            "case": self.case,
            "seed": self.seed,
            "injected": self.injected,
            "accepted": verdict.accepted,
            "settled": verdict.settled,
            "open": verdict.open,
            "lost": verdict.lost,
            "effects_repeated": verdict.effects_repeated,
            "repeat_possible": verdict.repeat_possible,
            "steps_repeated": verdict.steps_repeated,
            "repeats_unshown": verdict.repeats_unshown,
            "inversions": verdict.inversions,
            "unexpected": verdict.unexpected,
            "recovery_seconds": None if self.recovery_seconds is None else round(self.recovery_seconds, 2),
            "restarts": self.restarts,
            "seconds": round(self.seconds, 1),
            "is_green": self.is_green,
            "evidence": self.evidence,
            "skipped": self.skipped,
            "problems": self.problems,
        }
