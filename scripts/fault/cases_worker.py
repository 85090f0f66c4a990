"""Faults of workers."""

import signal

from scripts.fault.arena import Needs
from scripts.fault.case import case
from scripts.fault.oracle import DELIVER, Verdict
from scripts.fault.stage import Stage

_SURVIVOR_PAUSE_SECONDS = 1.0
_RECOVERY_SECONDS = 10.0
_CALLS_PER_SECOND = 250
_LIMITED = Needs(
    workers={DELIVER: 3},
    records=1_500,
    changes={"connectors": {"portal": {"limits": {"rate_limit": {"count": _CALLS_PER_SECOND, "interval": "1s"}}}}},
)
_THREE = Needs(workers={DELIVER: 3, "intake": 2}, latency_seconds=0.03, records=3_000, seconds=14.0)


def _survivors(stage: Stage, _verdict: Verdict) -> None:
    """Partitions that stayed never paused; those of the killed worker flowed again."""
    arena = stage.arena
    began, lost = arena.notes["killed_at"], arena.notes["lost_partitions"]
    of_lost = {code for code, partition in arena.evidence.partitions.items() if partition in lost}
    of_kept = arena.evidence.partitions.keys() - of_lost
    first = arena.watch.first_after(began + 0.5, of_lost)
    arena.recovery_seconds = None if first is None else first - began
    end = min(began + 8, arena.watch.seen[-1].at)
    silence = arena.watch.longest_silence(began, end, of_kept)
    arena.injection += f"; longest silence of the partitions that stayed: {silence:.2f} s"
    if arena.is_timed and silence > _SURVIVOR_PAUSE_SECONDS:
        arena.problems.append(f"partitions that stayed paused for {silence:.2f} s")


@case(
    "worker-kill",
    "one of three workers killed in mid-write",
    _THREE,
    check=_survivors,
    is_quick=True,
    max_recovery_seconds=_RECOVERY_SECONDS,
)
def worker_kill(stage: Stage) -> None:
    """Kill a worker that delivers; the others go on."""
    arena = stage.arena
    arena.await_share(0.25)
    owned = {name: arena.partitions_of(name) for name in arena.workers(DELIVER)}
    victim = max(owned, key=lambda name: len(owned[name]))
    arena.notes["lost_partitions"] = owned[victim]
    arena.notes["killed_at"] = arena.clock.monotonic()
    arena.kill(victim)
    arena.wait(9)
    arena.start_again(victim)


@case("every-worker-kill", "every worker of every pipeline killed at once", is_quick=True)
def every_worker_kill(stage: Stage) -> None:
    """Kill all workers, as a machine that loses power does."""
    arena = stage.arena
    arena.await_share(0.3)
    names = [name for pipeline in arena.pipelines for name in arena.workers(pipeline)]
    for name in names:
        arena.kill(name)
    for name in names:
        arena.start_again(name)
    arena.heal()


@case("worker-hang", "a worker stopped beyond its session, then continued", Needs(workers={DELIVER: 2}, seconds=12.0))
def worker_hang(stage: Stage) -> None:
    """Suspend a worker until another one owns its partitions, then let it finish what it began."""
    arena = stage.arena
    arena.await_share(0.25)
    victim = max(arena.workers(DELIVER), key=lambda name: len(arena.partitions_of(name)))
    other = next(name for name in arena.workers(DELIVER) if name != victim)
    arena.signal(victim, signal.SIGSTOP)
    arena.wait_until(lambda: len(arena.partitions_of(other)) == 4, 20, "the other worker owns everything")
    arena.wait(stage.seconds(1, 10))
    arena.inject(f"{other} took over all partitions while {victim} was stopped")
    arena.signal(victim, signal.SIGCONT)
    arena.heal()


@case(
    "rolling-restart", "every worker stopped and started, one after the other", Needs(workers={DELIVER: 2}, seconds=10)
)
def rolling_restart(stage: Stage) -> None:
    """Deploy a new version."""
    arena = stage.arena
    arena.await_share(0.15)
    codes = {}
    for name in [name for pipeline in arena.pipelines for name in arena.workers(pipeline)]:
        codes[name] = arena.stop_worker(name)
        arena.start_again(name)
        arena.crew.await_ready(name)
    arena.inject(f"{len(codes)} workers stopped")
    arena.heal()
    wrong = [name for name, code in codes.items() if code]
    if wrong:
        arena.problems.append(f"{', '.join(wrong)} did not stop in order")


@case("double-rebalance", "a rebalance while another one runs", Needs(workers={DELIVER: 2, "intake": 2}, seconds=10))
def double_rebalance(stage: Stage) -> None:
    """Let workers come and go faster than groups settle."""
    arena = stage.arena
    arena.await_share(0.2)
    for pipeline in (DELIVER, "intake"):
        arena.start_worker(pipeline, 3)
    arena.crew.await_ready(f"{DELIVER}-3")
    for pipeline in (DELIVER, "intake"):
        arena.start_worker(pipeline, 4)
        arena.kill(f"{pipeline}-1")
    arena.wait(1)
    for pipeline in (DELIVER, "intake"):
        arena.stop_worker(f"{pipeline}-2")
        arena.start_again(f"{pipeline}-1")
    arena.heal()


@case("scale", "one worker, then four, then one", Needs(seconds=12.0, records=2_500))
def scale(stage: Stage) -> None:
    """Scale out and in again, as an autoscaler does."""
    arena = stage.arena
    arena.await_share(0.15)
    for number in (2, 3, 4):
        arena.start_worker(DELIVER, number)
    names = arena.workers(DELIVER)
    arena.crew.await_ready(*names)
    arena.wait_until(lambda: all(len(arena.partitions_of(name)) == 1 for name in names), 20, "one partition each")
    arena.inject("four workers had one partition each")
    for name in names[1:]:
        arena.stop_worker(name)
    arena.heal()


@case("redeploy-in-retry", "worker replaced while its calls wait for another attempt", Needs(workers={DELIVER: 1}))
def redeploy_in_retry(stage: Stage) -> None:
    """Stop a worker in the middle of its backoff, twice, the second time without a word."""
    arena = stage.arena
    arena.await_share(0.3)
    arena.behave(error_rate=0.9)
    arena.wait(2)
    name = arena.workers(DELIVER)[0]
    arena.stop_worker(name)
    arena.start_again(name)
    arena.crew.await_ready(name)
    arena.wait(2)
    arena.kill(name)
    arena.start_again(name)
    arena.wait(1)
    refused = arena.refused_calls().get("503", 0)
    arena.behave(error_rate=0.0)
    if refused:
        arena.inject(f"{refused} calls answered with 503 around a stop and a kill")
    arena.heal()


def _never_over(stage: Stage, _verdict: Verdict) -> None:
    """The portal itself counts: not one call beyond the quota, whoever died holding a lease."""
    over = stage.arena.refused_calls().get("429", 0)
    if over:
        stage.arena.problems.append(f"{over} calls beyond the quota of {_CALLS_PER_SECOND} a second")


@case("lease-holder-kill", "a worker killed that holds a share of the target's quota", _LIMITED, check=_never_over)
def lease_holder_kill(stage: Stage) -> None:
    """Kill a worker while all of them wait for their turn at a portal with a quota."""
    arena = stage.arena
    arena.behave(requests_per_second=_CALLS_PER_SECOND)
    arena.await_share(0.25)
    victim = max(arena.workers(DELIVER), key=lambda name: len(arena.partitions_of(name)))
    arena.kill(victim)
    arena.heal()
    arena.wait(4)
    arena.start_again(victim)
