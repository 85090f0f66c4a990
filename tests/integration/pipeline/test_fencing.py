"""Delivering workers as real processes: frozen, told to stop in the middle of a call, and killed."""

import json
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

pytestmark = pytest.mark.kafka
KEYS = [f"H57.21-261008-{number:04}" for number in range(24)]
SCRIPT = Path(__file__).with_name("calling_worker.py")


@pytest.fixture
def start(province):
    """Give a function that starts a delivering worker whose calls take some seconds."""

    def make(seconds: float):
        number = len(province.workers)
        ready_file = province.folder / f"calling-{number}.ready"
        command = [sys.executable, str(SCRIPT), str(province.folder / "calls"), str(seconds), str(ready_file)]
        return province.launch(command, ready_file)

    return make


@pytest.fixture
def calls(province):
    """Give a function that returns what the target was asked, in order."""

    def read(phase: str = "begin") -> list[dict[str, object]]:
        path = province.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [call for line in lines if (call := json.loads(line))["phase"] == phase]

    return read


def _publish(province, rounds: int = 1) -> None:
    producer = province.producer()
    for _ in range(rounds):
        province.produce(producer, KEYS, province.records)
    assert producer.flush(30) == 0


def _repeats(calls) -> int:
    return len(calls()) - len({call["id"] for call in calls()})


def test_a_frozen_worker_begins_nothing_that_its_successor_has_taken_over(province, start, calls, wait) -> None:
    """After SIGCONT a worker goes on in the middle of its work; its partitions went to another one meanwhile."""
    first = start(0.15)
    wait(lambda: first.is_ready, workers=[first])
    _publish(province, rounds=60)
    wait(lambda: len(calls()) > 200, workers=[first])
    first.signal(signal.SIGSTOP)
    begun, ended = {call["id"] for call in calls()}, {call["id"] for call in calls("end")}
    second = start(0.02)
    wait(lambda: any(call["pid"] == second.process.pid for call in calls()), workers=[second])
    wait(lambda: len(calls()) > 800, workers=[second])
    thawed = time.monotonic()
    first.signal(signal.SIGCONT)
    group = province.names.group("deliver-dossier")

    def is_done() -> bool:
        found = province.view.committed_offsets(group, [province.records])
        ends = province.view.end_offsets([province.records])
        return all(end == (found[place].offset if place in found else 0) for place, end in ends.items())

    wait(is_done, workers=[first, second])
    late = [call["id"] for call in calls() if call["pid"] == first.process.pid and call["at"] > thawed]
    taken = {call["id"] for call in calls() if call["pid"] == second.process.pid and call["at"] < thawed}
    assert [each for each in late if each in taken] == []
    # Only calls under way, and what settled since the last commit, may be repeated.
    assert _repeats(calls) <= len(begun - ended) + 60
    first_calls = {call["id"]: call["at"] for call in reversed(calls())}
    order = defaultdict(list)
    for event_id, _ in sorted(first_calls.items(), key=lambda each: each[1]):
        key, _, number = event_id.rpartition("-")
        order[key].append(int(number))
    assert all(numbers == list(range(1, 61)) for numbers in order.values())
    told = {each.id for each in province.receipts("deliver-dossier") if each.kind == "delivered"}
    assert told == set(first_calls)


def test_a_worker_that_is_told_to_stop_finishes_its_calls_and_repeats_none(province, start, calls, wait) -> None:
    """A deployment in the middle of slow calls: they are finished, committed, and the group is left."""
    first = start(1.5)
    wait(lambda: first.is_ready, workers=[first])
    _publish(province, rounds=5)
    wait(lambda: len(calls()) >= len(KEYS), workers=[first])
    asked = time.monotonic()
    first.signal(signal.SIGTERM)
    assert first.ends(20) == 0, first.log
    assert time.monotonic() - asked < 8
    assert {call["id"] for call in calls()} == {call["id"] for call in calls("end")}
    second = start(0.01)
    wait(lambda: len({call["id"] for call in calls("end")}) == 5 * len(KEYS), workers=[second])
    assert _repeats(calls) == 0
