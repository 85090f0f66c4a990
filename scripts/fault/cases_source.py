"""Faults of what polls a platform."""

import signal
from pathlib import Path

from scripts.fault.arena import Needs
from scripts.fault.case import case
from scripts.fault.launch import TRAP
from scripts.fault.nation import Nation
from scripts.fault.oracle import Verdict
from scripts.fault.stage import Stage

_SMALL = Needs(records=200, seconds=2.0)
_LATENCY = "0.02"
_DOSSIERS = 240
_ROUNDS = 3


def _all_there(stage: Stage, _verdict: Verdict) -> None:
    """Every dossier came, no cursor went back, and the count is balanced."""
    nation: Nation = stage.arena.notes["nation"]
    stage.arena.problems += nation.judge(stage.arena.notes.get("moved", 0))


@case("source-kill", "the worker that polls killed in mid-batch, twice", _SMALL, check=_all_there)
def source_kill(stage: Stage) -> None:
    """Kill the poller while it reads a batch."""
    arena = stage.arena
    nation = arena.notes["nation"] = Nation(arena, latency_seconds=_LATENCY)
    nation.submit(_DOSSIERS)
    for share in (0.2, 0.5):
        nation.await_marked(int(share * _DOSSIERS))
        arena.kill(nation.workers[0])
        arena.start_again(nation.workers[0])
    arena.heal()
    nation.end()


@case("source-freeze", "one of two replicas that poll stopped beyond its session", _SMALL, check=_all_there)
def source_freeze(stage: Stage) -> None:
    """Suspend the poller until the other replica has taken over and gone on, then let it finish what it began."""
    arena = stage.arena
    nation = arena.notes["nation"] = Nation(arena, workers=2, latency_seconds=_LATENCY)
    nation.submit(_DOSSIERS)
    nation.await_marked(_DOSSIERS // 5)
    frozen = nation.poller()
    (other,) = set(nation.workers) - {frozen}
    arena.signal(frozen, signal.SIGSTOP)
    nation.workers.remove(frozen)
    arena.wait_until(lambda: nation.poller() == other, 30, "the other replica owns the cursor")
    nation.await_marked(_DOSSIERS // 2)
    arena.signal(frozen, signal.SIGCONT)
    arena.inject(f"{other} took the cursor over while {frozen} was stopped")
    nation.submit(_DOSSIERS // 4)
    arena.heal()
    nation.await_marked()
    if arena.crew.members[frozen].process.poll() is not None or arena.restarts:
        arena.problems.append(f"{frozen} did not live on as a replica that stands by")
    nation.workers.append(frozen)
    nation.end()


@case("source-told-late", "killed between Kafka's acknowledgement and the platform's", _SMALL, check=_all_there)
def source_told_late(stage: Stage) -> None:
    """Kill the poller when a batch is durable and the platform does not know it yet."""
    arena = stage.arena
    marker = Path(arena.place.directory) / "killed-before-acknowledging"
    arena.set_variable(TRAP, f"acknowledge:{marker}")
    nation = arena.notes["nation"] = Nation(arena)
    nation.submit(_DOSSIERS // 4)
    nation.await_marked()
    if marker.exists() and arena.restarts:
        arena.inject("a batch was in Kafka and not marked when its worker died")
    arena.heal()
    nation.end()


@case("source-equal-times", "hundreds of changes in one second, some shown late", _SMALL, check=_all_there)
def source_equal_times(stage: Stage) -> None:
    """Let more dossiers appear in a second that was read already."""
    arena = stage.arena
    nation = arena.notes["nation"] = Nation(arena, page_size=20)
    second = f"{arena.clock.now().astimezone():%Y%m%d}000001"
    for _ in range(3):
        nation.submit(_DOSSIERS // 3, changed=second)
        nation.await_marked()
    arena.inject(f"{_DOSSIERS} changes carry the same second and were shown in three parts")
    arena.heal()
    nation.end()


@case("source-page-shift", "lines move between the pages of a list while it is read", _SMALL, check=_all_there)
def source_page_shift(stage: Stage) -> None:
    """Let the first line of a list move behind its last one while the second page is asked for."""
    arena = stage.arena
    nation = arena.notes["nation"] = Nation(arena, page_size=20)
    moved = 0
    for _ in range(_ROUNDS):
        nation.tell(moves_lines="true")
        before = nation.truth()
        nation.submit(_DOSSIERS // 3)
        nation.await_marked()
        after = nation.truth()
        moved += sum(after[code]["changed"] != each["changed"] for code, each in before.items())
    nation.tell(repeats_page="true")
    nation.submit(_DOSSIERS // 3)
    arena.wait(1)
    nation.tell(repeats_page="false")
    nation.await_marked()
    # One line moves in each round; in the first one nobody can tell which.
    arena.notes["moved"] = _ROUNDS
    if moved:
        arena.inject(f"at least {moved} lines moved while a list was read, and one list showed its first page twice")
    arena.heal()
    nation.end()
