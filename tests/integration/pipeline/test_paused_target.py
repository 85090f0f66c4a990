"""A worker whose target is not called: closed by plan, or refusing the password. It waits, stays healthy, goes on."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lienthong.kafka.embedded_state import free_port

pytestmark = pytest.mark.kafka
PIPELINE = "deliver-dossier"
KEYS = [f"H57.21-261008-{number:04}" for number in range(30)]


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[httpx.Client]:
    """Run a simulated portal that counts requests, and give a client for it."""
    ready = tmp_path / "portal.ready"
    program = str(Path(sys.executable).with_name("lienthong"))
    command = [program, "simulate", "portal", "--option", 'quota={"count": 1000000}', "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while not ready.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    with httpx.Client(base_url=json.loads(ready.read_text())["url"], trust_env=False) as client:
        yield client
    process.kill()
    process.wait()


def _requests(portal: httpx.Client) -> int:
    return portal.get("/_control/quota").json()["requests"]


@pytest.fixture
def start(province: Any, portal: httpx.Client) -> Any:
    """Give a function that starts a worker whose target is closed for some seconds from now."""

    def make(seconds: float = 0, *, metrics_port: int = 0, **changes: Any) -> Any:
        now = datetime.now(UTC)
        window = {"starts": now.isoformat(), "ends": (now + timedelta(seconds=seconds)).isoformat()}
        connector = {
            "base_url": str(portal.base_url),
            "user_name": "tinh",
            "password": "x",
            "destination_code": "d",
            "unit_code": "H57",
            "simulator": True,
            "limits": {"maintenance": [window]} if seconds else {},
            **changes,
        }
        file = province.folder / "hub.yaml"
        file.write_text(json.dumps({"connectors": {"portal": connector}}), encoding="utf-8")
        return province.start(PIPELINE, LIENTHONG_CONFIG=str(file), LIENTHONG_METRICS_PORT=str(metrics_port))

    return make


def test_a_window_is_waited_for_without_a_call_and_a_stop_inside_it_is_quick(province, portal, start, wait):
    """Nothing is called inside, a worker that is told to stop does not wait for the morning, then all is handled."""
    producer = province.producer()
    province.produce(producer, KEYS, province.records)
    assert producer.flush(30) == 0
    closed = start(3600)
    wait(lambda: closed.is_ready, workers=[closed])
    time.sleep(4)
    assert _requests(portal) == 0
    closed.signal(signal.SIGTERM)
    began = time.monotonic()
    assert closed.ends() == 0, closed.log
    assert time.monotonic() - began < 10
    assert province.receipts(PIPELINE) == []

    late = start(20)
    wait(lambda: late.is_ready, workers=[late])
    is_early = _requests(portal) == 0
    wait(lambda: len(province.receipts(PIPELINE)) == len(KEYS), workers=[late])
    late.signal(signal.SIGTERM)
    assert late.ends() == 0, late.log
    assert is_early
    # Nobody registered these dossiers, so the portal refuses each step on its merits: one login and one call for each.
    assert {each.kind for each in province.receipts(PIPELINE)} == {"dead_lettered"}
    assert _requests(portal) == len(KEYS) + 1


def test_a_refused_password_is_replaced_in_its_file_without_a_restart(province, portal, start, wait, tmp_path):
    """Two logins in half a minute, an alert, a living worker; the next probe finds the new password and all goes on."""
    portal.put("/_control/options", json={"user_name": "tinh", "password": "new"}).raise_for_status()
    files = [tmp_path / "present", tmp_path / "next"]
    for file in files:
        file.write_text(f"wrong {file.name}")
    producer = province.producer()
    province.produce(producer, KEYS, province.records)
    assert producer.flush(30) == 0
    port = free_port()
    worker = start(metrics_port=port, password=None, password_files=[str(file) for file in files])

    def alerts() -> float:
        page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        lines = [line for line in page.splitlines() if line.startswith("lienthong_alerts{")]
        return sum(float(line.rpartition(" ")[2]) for line in lines if 'alert="target_configuration"' in line)

    wait(lambda: worker.is_ready and alerts() == 1, workers=[worker])
    time.sleep(5)
    assert _requests(portal) == 2
    assert httpx.get(f"http://127.0.0.1:{port}/livez", trust_env=False).status_code == 200

    files[1].write_text("new")
    wait(lambda: len(province.receipts(PIPELINE)) == len(KEYS), workers=[worker])
    wait(lambda: alerts() == 0, workers=[worker])
    # One login with each password, and one step for each dossier, which nobody registered.
    assert _requests(portal) == 2 + 2 + len(KEYS)
