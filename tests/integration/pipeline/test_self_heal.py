"""Real worker processes that hang in every way known: each ends itself, and its partitions go on elsewhere."""

import signal
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.kafka
KEYS = [f"H57.21-261008-{number:04}" for number in range(24)]
SCRIPT = Path(__file__).with_name("stuck_worker.py")
BOUNDS = {
    "LIENTHONG_WATCHDOG__LOOP_SECONDS": "2",
    "LIENTHONG_WATCHDOG__STALL_SECONDS": "4",
    "LIENTHONG_WATCHDOG__GRACE_SECONDS": "1",
}


@pytest.fixture
def start_stuck(province):
    """Give a function that starts a worker which hangs at its first records."""

    def start(way: str, **environment: str):
        ready_file = province.folder / f"stuck-{way}.ready"
        return province.launch([sys.executable, str(SCRIPT), way, str(ready_file)], ready_file, **environment)

    return start


@pytest.mark.parametrize(("way", "code"), [("sleep", 75), ("spin", 75), ("hang", 75), ("native", 1)])
def test_a_worker_that_hangs_ends_itself_and_its_records_go_on(province, start_stuck, wait, way, code) -> None:
    """A plugin that blocks the loop, loops for ever, never answers or never gives the interpreter back."""
    stuck = start_stuck(way, **BOUNDS)
    wait(lambda: stuck.is_ready, workers=[stuck])
    province.publish(KEYS)
    wait(lambda: "STUCK" in stuck.log)
    began = time.monotonic()
    assert stuck.ends(30) == code
    # The longest of the bounds, the grace, and what a busy machine adds.
    assert time.monotonic() - began < 4 * 2 + 1 + 6
    assert "in submit" in stuck.log or "submit stuck_worker.py" in stuck.log
    assert KEYS[0] not in stuck.log
    healthy = province.start()
    wait(lambda: province.lag() == 0, workers=[healthy])
    province.assert_complete()


def test_liveness_is_red_before_the_end(province, start_stuck, wait) -> None:
    """The platform's own restart and the watchdog agree on what is wrong."""
    stuck = start_stuck("sleep", **{**BOUNDS, "LIENTHONG_WATCHDOG__GRACE_SECONDS": "20"})
    wait(lambda: stuck.is_ready, workers=[stuck])
    province.publish(KEYS)
    wait(lambda: "worker_stands_still" in stuck.log, workers=[stuck])
    status, reasons = stuck.probe("livez")
    assert status == 503
    assert "watchdog" in reasons


@pytest.mark.parametrize("way", ["hang", "sleep"])
def test_a_second_signal_ends_even_a_worker_that_hangs(province, start_stuck, wait, way) -> None:
    """Whoever asks twice does not want to wait: not for the drain, and not for a loop that is blocked."""
    stuck = start_stuck(way, LIENTHONG_WATCHDOG__ENABLED="false")
    wait(lambda: stuck.is_ready, workers=[stuck])
    province.publish(KEYS)
    wait(lambda: "STUCK" in stuck.log, workers=[stuck])
    stuck.signal(signal.SIGTERM)
    time.sleep(0.5)
    assert stuck.process.poll() is None
    began = time.monotonic()
    stuck.signal(signal.SIGTERM)
    assert stuck.ends(5) == 130
    assert time.monotonic() - began < 2
