"""One key that fails all the time among ten thousand: what the others lose by it, over a restart."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice

from scripts.bench.harness import Place, SideError
from scripts.bench.intake import THIN
from scripts.bench.options import Options
from scripts.bench.rows import Row, Table, compare
from scripts.bench.seeding import Content, apply_topics, contents, write
from scripts.bench.target import TargetClient, running_target
from scripts.bench.worker_process import Job
from scripts.bench.workers import Crew, Worker, pause

BAR = 0.9
KEYS = 10_000
HOT = b"hot-key"
#: One record in so many is of the hot key.
_SHARE = 20
_POLL_SECONDS = 0.05
_STALL_SECONDS = 60.0
#: A record that fails is tried again for as long as the run takes; the window above it is full after a few seconds.
_POLICY = {
    "window_records": 2_000,
    "retry": {"max_attempts": 1_000_000, "initial_interval": "500ms", "max_interval": "2s"},
}


def hot_key(options: Options) -> tuple[list[Row], list[Table]]:
    """Compare the throughput of the other keys with and without the failing one.

    Args:
        options: Where and how much.
    """
    # 600 s at some thousand records a second, or about 15 s of each run.
    records = 2_000_000 if options.is_full else options.scaled(50_000)
    runs = 1 if options.is_full else options.runs
    place = Place(options.bootstrap_servers, "hotkey", THIN, records)
    apply_topics(place)
    topic = place.topic("inbound.dossier.one-stop")
    write(place, topic, _records(records), "lz4")
    others = records - records // _SHARE
    pairs: list[tuple[float, float]] = []
    parked = ""
    with running_target(options.folder) as target:
        for number in range(runs):
            rates = {}
            for is_failing in (True, False):
                # Of its own province: what an earlier run delivered would be a duplicate in this one.
                own = replace(place, province=f"hotkey-{number}-{'failing' if is_failing else 'healthy'}")
                apply_topics(own)
                job = Job(
                    place.bootstrap_servers, own.province, "delivery", str(options.folder), "",
                    f"hot-{number}-{is_failing}", topic, target.url, dict(_POLICY),
                )  # fmt: skip
                rates[is_failing], said = _rate(job, target, others, is_failing=is_failing)
                parked = said if is_failing else parked
            pairs.append((rates[True], rates[False]))
            print(f"hot key {number + 1}: failing {rates[True]:,.0f}/s, healthy {rates[False]:,.0f}/s", flush=True)
    return [compare("one hot key failing, others against a healthy run", BAR, pairs, note=parked)], []


def _records(records: int) -> Iterator[Content]:
    known = contents(THIN, min(records, KEYS))
    for number, (_, value, headers) in enumerate(islice(cycle(known), records)):
        key = HOT if number % _SHARE == 0 else b"key-%d" % (number % KEYS)
        yield key, value, headers


def _rate(job: Job, target: TargetClient, others: int, *, is_failing: bool) -> tuple[float, str]:
    """Return the others' records per second of two lives of a worker, and what the second says was parked."""
    lives = []
    done = 0.0
    said = ""
    target.ask("POST", "/fail" if is_failing else "/hot", HOT)
    with Crew(job) as crew:
        for end in (others // 2, others):
            target.ask("POST", "/lap")
            worker = crew.start()
            counted = await_records(target, worker, end)
            said = _parked(worker)
            worker.stop()
            lives.append((counted["records"] - done, counted["last_at"] - counted["first_at"]))
            # What the first life still finished while it drained belongs to neither.
            done = target.ask("GET", "/counts")["records"]
    return sum(records for records, _ in lives) / sum(seconds for _, seconds in lives), said


def await_records(target: TargetClient, worker: Worker, records: float) -> dict[str, float]:
    """Wait until the target holds so many records, and return its counts.

    Args:
        target: Whom to ask.
        worker: Who delivers.
        records: How many.

    Raises:
        SideError: If the worker stands still.
    """
    idle = 0.0
    last = -1.0
    while True:
        counted = target.ask("GET", "/counts")
        if counted["records"] >= records:
            return counted
        idle = idle + _POLL_SECONDS if counted["records"] == last else 0.0
        last = counted["records"]
        if idle > _STALL_SECONDS or worker.process.poll() is not None:
            raise SideError(f"the worker stands still at {last:g} of {records} records:\n{worker.last_words()}")
        pause(_POLL_SECONDS)


def _parked(worker: Worker) -> str:
    lines = [
        line
        for line in worker.metrics().splitlines()
        if line.startswith("lienthong_records_total") and '"parked"' in line
    ]
    return f"parked in the last life: {float(lines[0].split()[-1]):,.0f} records of the key" if lines else ""
