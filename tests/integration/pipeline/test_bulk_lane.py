"""Real processes: twenty thousand back-filled records do not make those of today wait."""

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.kafka
SCRIPT = Path(__file__).with_name("crashing_worker.py")
WARM = [f"H57.21-261007-{number:04}" for number in range(16)]
BULK = [f"H57.21-200101-{number:04}" for number in range(2_000)]
LIVE = [f"H57.21-261008-{number:04}" for number in range(100)]
ROUNDS = 10
LIVE_ROUNDS = 3


@pytest.fixture
def delivered(province):
    """Give a function that returns what the target got, in order."""

    def read() -> list[str]:
        ledger = province.folder / "ledger"
        return ledger.read_text().split() if ledger.exists() else []

    return read


def test_live_records_overtake_a_queue_of_back_fill(province, delivered, wait) -> None:
    """Live records that come behind 20,000 bulk ones end long before most of them, and none of those is lost."""
    ready_file = province.folder / "slow.ready"
    ledger = str(province.folder / "ledger")
    slow = province.launch([sys.executable, str(SCRIPT), "slow", "none", ledger, str(ready_file)], ready_file)
    workers = [slow, province.start("intake")]
    province.publish(WARM)
    wait(lambda: len(delivered()) == len(WARM), workers=workers)
    producer = province.producer()
    for _ in range(ROUNDS):
        province.produce(producer, BULK, province.names.inbound("dossier", "bulk"))
    assert producer.flush(60) == 0
    workers.append(province.start("intake-bulk"))
    wait(lambda: len(delivered()) > 1_000, workers=workers)
    before = len(delivered())
    province.publish(LIVE, LIVE_ROUNDS)
    live = {f"{key}-{number}" for key in LIVE for number in range(1, LIVE_ROUNDS + 1)}
    wait(lambda: live <= set(delivered()), workers=workers)
    order = delivered()
    last = max(index for index, name in enumerate(order) if name in live)
    overtaken_by = last + 1 - before - len(live)
    assert overtaken_by < len(BULK) * ROUNDS / 4, f"{overtaken_by} bulk records went before the last live one"
    expected = len(WARM) + len(BULK) * ROUNDS + len(live)
    wait(lambda: len(set(delivered())) == expected, workers=workers)
    steps: dict[str, list[int]] = {}
    for name in delivered():
        key, _, number = name.rpartition("-")
        steps.setdefault(key, []).append(int(number))
    assert all(numbers == sorted(numbers) for numbers in steps.values())
