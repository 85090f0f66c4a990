"""Real worker processes that die at one record: its key is parked after a few deaths, everything else flows."""

import signal
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.kafka
KEYS = [f"H57.21-261008-{number:04}" for number in range(24)]
POISON = f"{KEYS[7]}-2"
SCRIPT = Path(__file__).with_name("crashing_worker.py")


@pytest.fixture
def next_worker(province):
    """Give a function that starts the next worker, as the platform does after each death."""

    def start(way: str):
        number = len(province.workers)
        ready_file = province.folder / f"crashing-{number}.ready"
        ledger = str(province.folder / "ledger")
        return province.launch([sys.executable, str(SCRIPT), way, POISON, ledger, str(ready_file)], ready_file)

    return start


def _is_done(province) -> bool:
    kinds = [each.kind for each in province.receipts("deliver-dossier")]
    return len({each.id for each in province.receipts("deliver-dossier")}) == len(KEYS) * 3 and "parked" in kinds


@pytest.mark.parametrize(("way", "deaths"), [("raise", 3), ("exit", 6)])
def test_the_record_that_kills_its_worker_is_parked_with_its_key(province, next_worker, wait, way, deaths) -> None:
    """An exception names its record; a process that vanishes is found out by careful successors."""
    producer = province.producer()
    for _ in range(3):
        province.produce(producer, KEYS, province.records)
    assert producer.flush(30) == 0
    for _ in range(deaths):
        worker = next_worker(way)
        assert worker.ends(40) == (9 if way == "exit" else 1), worker.log
        assert ("crash_marked" in worker.log) is (way == "raise")
    worker = next_worker(way)
    wait(lambda: _is_done(province), workers=[worker])
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0, worker.log
    receipts = {each.id: (each.kind, each.reason) for each in province.receipts("deliver-dossier")}
    assert {name: end for name, end in receipts.items() if end[0] != "delivered" and end[0] != "duplicate"} == {
        POISON: ("parked", "quarantine"),
        f"{KEYS[7]}-3": ("parked", "behind_parked_key"),
    }
    assert "record_quarantined" in worker.log
    assert "alert_raised" in worker.log
    delivered = (province.folder / "ledger").read_text().split()
    assert set(delivered) == {f"{key}-{number}" for key in KEYS for number in (1, 2, 3)} - {POISON, f"{KEYS[7]}-3"}
    for key in KEYS:
        mine = [name for name in delivered if name.startswith(key)]
        assert sorted(set(mine), key=mine.index) == sorted(set(mine)), "a step overtook another"
