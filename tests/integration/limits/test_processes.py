"""Real processes, a real store, a target that counts: together they stay inside the quota and use it."""

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lienthong.clock import SystemClock
from lienthong.limits.sql_store import SqlStore

_WORKER = """
import asyncio, socket, sys, time
from lienthong.clock import SystemClock
from lienthong.limits.gate import Gate
from lienthong.limits.policy import load_limits
from lienthong.limits.sql_store import SqlStore
from lienthong.limits.store import new_worker_name
import json

url, port, limits = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

async def main():
    clock = SystemClock()
    store = SqlStore(url, clock)
    store.prepare()
    gate = Gate("portal", load_limits("portal", limits), store, clock, worker=new_worker_name("deliver"))
    print("ready", flush=True)
    sys.stdin.readline()

    async def lane():
        while True:
            await gate.enter()
            sender.sendto(b"call", ("127.0.0.1", port))

    lanes = [asyncio.ensure_future(lane()) for _ in range(20)]
    await asyncio.sleep(3.5)
    for each in lanes:
        each.cancel()
    await gate.aclose()
    store.close()

asyncio.run(main())
"""


class Target:
    """Counts calls by the time at which they arrive; never forwards, never forgets."""

    def __init__(self) -> None:
        """Listen on a free port."""
        import socket

        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port = self._socket.getsockname()[1]
        self.times: list[float] = []
        self._is_open = True
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while self._is_open:
            try:
                self._socket.recv(16)
            except TimeoutError:
                continue
            self.times.append(time.monotonic())

    def close(self) -> None:
        """Stop counting."""
        self._is_open = False
        self._thread.join()
        self._socket.close()

    def most_in(self, seconds: float) -> int:
        """Return the most calls in any interval."""
        most = first = 0
        for last, at in enumerate(self.times):
            while at - self.times[first] > seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


@pytest.fixture
def target():
    """A target that only counts."""
    made = Target()
    yield made
    made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request, tmp_path: Path) -> str:
    """The address of an empty store of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/limits.sqlite3"
    server = request.getfixturevalue("postgresql_server")
    server.empty()
    return server.url


def _run(url: str, port: int, limits: dict, *, killed: int = 0) -> None:
    command = [sys.executable, "-c", _WORKER, url, str(port), json.dumps(limits)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    time.sleep(1.5 if killed else 0)
    for worker in workers[:killed]:
        worker.kill()
    codes = []
    for worker in workers:
        worker.communicate(timeout=30)
        codes.append(worker.returncode)

    assert codes == [-9] * killed + [0] * (4 - killed)


def test_workers_that_start_together_prepare_one_store(url):
    """Two that create one table at once must not fail: PostgreSQL refuses the slower in spite of IF NOT EXISTS."""
    stores = [SqlStore(url, SystemClock()) for _ in range(8)]
    start = threading.Barrier(len(stores))

    def prepare(store: SqlStore) -> None:
        start.wait()
        store.prepare()

    with ThreadPoolExecutor(len(stores)) as pool:
        for done in [pool.submit(prepare, store) for store in stores]:
            done.result()
    for store in stores:
        store.close()


class TestProcesses:
    """Four workers, one target."""

    def test_four_processes_keep_the_rate_and_use_it(self, url, target):
        """No second holds more than 50 calls, and three seconds hold nearly 150."""
        _run(url, target.port, {"rate_limit": {"count": 50, "interval": "1s", "guard": "100ms"}})

        assert target.most_in(1.0) <= 50
        assert len(target.times) >= 0.85 * 3.5 * 50 / 1.1

    def test_four_processes_share_the_day(self, url, target):
        """They use the last call and never one more."""
        _run(url, target.port, {"budget": {"daily": 300}})

        assert len(target.times) == 300

    def test_a_killed_process_only_wastes_what_it_held(self, url, target):
        """SIGKILL frees no call that may have been made."""
        limits = {"rate_limit": {"count": 50, "interval": "1s", "guard": "100ms"}, "budget": {"daily": 100}}
        _run(url, target.port, limits, killed=1)

        assert target.most_in(1.0) <= 50
        assert 85 <= len(target.times) <= 100
