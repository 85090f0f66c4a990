"""What a crash costs, in seconds and in calls."""

import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lienthong.kafka.embedded import EmbeddedKafka
from scripts.bench.delivery_worker import IN_FLIGHT
from scripts.bench.flow import PARTITIONS, Flow, longest_gap
from scripts.bench.harness import Place, settle_machine
from scripts.bench.hot_key import await_records
from scripts.bench.intake import THIN
from scripts.bench.options import Options
from scripts.bench.rows import Row, Table, at_most
from scripts.bench.seeding import apply_topics, prepare
from scripts.bench.target import TargetClient, running_target
from scripts.bench.worker_process import Job
from scripts.bench.workers import Crew, Worker, pause

SURVIVOR_BAR_SECONDS, TAKEOVER_BAR_SECONDS, BROKER_BAR_SECONDS, REPEATS_BAR = 1.0, 10.0, 5.0, 1.0
_WORKERS = 3
_PER_SECOND = 100
_WATCH_SECONDS = 13.0
_DOWN_SECONDS = 2.0
_COMMIT_SECONDS = 0.2


def recovery(options: Options) -> tuple[list[Row], list[Table]]:
    """Measure crashes of a worker and of the broker.

    Args:
        options: Where and how much.
    """
    survivors: list[float] = []
    takeovers: list[float] = []
    brokers: list[float] = []
    repeats: list[tuple[float, float]] = []
    for number in range(min(options.runs, 3)):
        survivor, takeover = _worker_crash(options, number)
        survivors.append(survivor)
        takeovers.append(takeover)
        brokers.append(_broker_crash(options.folder, number))
        repeats.append(_repeated_calls(options, number))
        print(
            f"crash {number + 1}: survivors paused {survivor:.2f} s, its partitions {takeover:.1f} s, "
            f"broker back {brokers[-1]:.2f} s, {repeats[-1][0]:.0f} calls repeated of {repeats[-1][1]:.0f} allowed",
            flush=True,
        )
    return [
        _seconds("worker SIGKILL: longest pause of a survivor's partition", SURVIVOR_BAR_SECONDS, survivors),
        _seconds("worker SIGKILL: until its partitions flow again", TAKEOVER_BAR_SECONDS, takeovers),
        _seconds("broker back after SIGKILL: until records flow again", BROKER_BAR_SECONDS, brokers),
        at_most("calls repeated after SIGKILL, against in flight and settled in 200 ms", REPEATS_BAR, repeats, "calls"),
    ], []


def _seconds(name: str, bar: float, figures: Sequence[float]) -> Row:
    return at_most(name, bar, [(figure, 1.0) for figure in figures], "s", "the worst of all runs")


def _worker_crash(options: Options, number: int) -> tuple[float, float]:
    """Return the longest pause of a survivor's partition, and the time until those of the killed one flow."""
    place = Place(options.bootstrap_servers, f"crash-{number}", THIN, 0)
    apply_topics(place)
    with Crew(_intake(place, options.folder)) as crew:
        workers = [crew.start() for _ in range(_WORKERS)]
        for worker in workers:
            worker.await_ready()
        with Flow(place, _PER_SECOND) as flow:
            flow.await_all()
            victim, owned = _victim(workers)
            settle_machine(3.0)
            victim.kill()
            killed = time.monotonic()
            pause(_WATCH_SECONDS)
            end = time.monotonic()
            gaps = {number: longest_gap(flow.arrivals(number), killed, end) for number in range(PARTITIONS)}
    kept = [gap for number, (gap, _) in gaps.items() if number not in owned]
    return max(kept), max(gaps[number][1] - killed for number in owned)


def _victim(workers: Sequence[Worker]) -> tuple[Worker, set[int]]:
    """Return the worker with the most partitions, and which; waits until each partition has one owner."""
    found: dict[int, set[int]] = {}

    def is_settled() -> bool:
        found.clear()
        found.update({index: _owned(worker) for index, worker in enumerate(workers)})
        owners = [number for owned in found.values() for number in owned]
        return sorted(owners) == list(range(PARTITIONS)) and max(map(len, found.values())) < PARTITIONS

    Flow.await_condition(is_settled, 60.0)
    index = max(found, key=lambda each: len(found[each]))
    return workers[index], found[index]


def _owned(worker: Worker) -> set[int]:
    return {
        int(match)
        for match in re.findall(
            r'^lienthong_lag_records\{[^}]*partition="(\d+)"[^}]*one-stop', worker.metrics(), re.MULTILINE
        )
    }


def _broker_crash(folder: Path, number: int) -> float:
    """Return the seconds from the restarted broker's first answer to the first record that comes out."""
    with EmbeddedKafka(folder / f"crash-{number}", heap_megabytes=256, die_with_parent=True) as broker:
        place = Place(broker.bootstrap_servers, "crash", THIN, 0)
        apply_topics(place)
        with Crew(_intake(place, folder)) as crew:
            crew.start().await_ready()
            with Flow(place, _PER_SECOND) as flow:
                flow.await_all()
                settle_machine()
                broker.kill()
                pause(_DOWN_SECONDS)
                broker.start()
                back = time.monotonic()
                flow.await_all()
                return max(min(t for t in flow.arrivals(p) if t > back) - back for p in range(PARTITIONS))


def _repeated_calls(options: Options, number: int) -> tuple[float, float]:
    """Return calls that were made twice around a SIGKILL, and how many may be."""
    records = options.scaled(12_000)
    place = prepare(Place(options.bootstrap_servers, f"repeats-{number}", THIN, records))
    with running_target(options.folder) as target:
        job = replace(
            _intake(place, options.folder),
            pipeline="delivery",
            target_url=target.url,
        )
        with Crew(job) as crew:
            first = crew.start()
            await_records(target, first, records // 3)
            per_second = _rate(target)
            first.kill()
            second = crew.start()
            await_records(target, second, records)
            second.stop()
        calls = target.ask("GET", "/ids")["by_id"]
    return float(sum(calls.values()) - len(calls)), IN_FLIGHT + per_second * _COMMIT_SECONDS


def _rate(target: TargetClient) -> float:
    before, began = target.ask("GET", "/counts")["records"], time.monotonic()
    pause(0.5)
    return float((target.ask("GET", "/counts")["records"] - before) / (time.monotonic() - began))


def _intake(place: Place, folder: Path) -> Job:
    topic = place.topic("inbound.dossier.one-stop")
    return Job(place.bootstrap_servers, place.province, "intake", str(folder), "", f"crash-{uuid.uuid4()}", topic)
