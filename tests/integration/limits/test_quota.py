"""Eight real workers against a simulated portal that counts: never too many requests, whatever fails around them."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

COUNT, INTERVAL_SECONDS = 100, 2
WORKERS = 8
_LIMITS = {"rate_limit": {"count": COUNT, "interval": f"{INTERVAL_SECONDS}s", "guard": "400ms"}}
_WORKER = """
import asyncio, json, signal, sys
from lienthong.clock import SystemClock
from lienthong.errors import LienthongError
from lienthong.limits.gate import Gates
from lienthong.limits.policy import load_limits
from lienthong.limits.sql_store import SqlStore
from lienthong.limits.store import new_worker_name
from lienthong.targets.turns import Turns
from lienthong.rest import ClientFactory, call

url, portal, limits = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

async def main():
    clock = SystemClock()
    gates = Gates(SqlStore(url, clock), clock, worker=new_worker_name("deliver"))
    turns = Turns(gates.of("portal", load_limits("portal", limits)), clock)
    client = ClientFactory(turns.wait).create(base_url=portal, timeout_seconds=10)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    sys.stdin.readline()

    async def lane():
        while True:
            await call(client, "POST", "/integration", clock=clock, content=b"{}")

    lanes = [asyncio.ensure_future(lane()) for _ in range(10)]
    done, _ = await asyncio.wait([*lanes, asyncio.ensure_future(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    for each in lanes:
        each.cancel()
    for each in done:
        each.result()
    await client.aclose()
    await gates.aclose()

asyncio.run(main())
"""


@pytest.fixture
def portal(tmp_path: Path):
    """A simulated portal in its own process, which counts requests against its quota."""
    ready = tmp_path / "portal.json"
    quota = json.dumps({"count": COUNT, "interval_seconds": INTERVAL_SECONDS})
    program = "from lienthong.cli.main import main; main()"
    command = [sys.executable, "-c", program, "simulate", "portal", "--option", f"quota={quota}"]
    process = subprocess.Popen([*command, "--ready-file", str(ready)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield json.loads(ready.read_text())["url"]
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _sqlite_away(path: Path):
    """Keep everybody else out of the file, as a disk that hangs does."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextmanager
def _postgresql_away(server):
    """Stop the server at once, as a crash does, and start it again."""
    server.halt()
    try:
        yield
    finally:
        server.start()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def store(request, tmp_path: Path):
    """The address of an empty store of each kind, and a block in which it is away."""
    if request.param == "sqlite":
        path = tmp_path / "limits.sqlite3"
        return f"sqlite:///{path}", lambda: _sqlite_away(path)
    server = request.getfixturevalue("postgresql_server")
    server.empty()
    return server.url, lambda: _postgresql_away(server)


def _counted(portal: str) -> dict:
    return httpx.get(f"{portal}/_control/quota", trust_env=False).json()


def _requests_in(portal: str, seconds: float) -> int:
    before = _counted(portal)["requests"]
    time.sleep(seconds)
    return _counted(portal)["requests"] - before


@pytest.mark.timeout(150)
def test_eight_workers_never_exceed_the_quota(store, portal):
    """They use nearly all of it, stop while the store is away, go on afterwards, and a killed one frees nothing."""
    url, away = store
    command = [sys.executable, "-c", _WORKER, url, portal, json.dumps(_LIMITS)]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)
    ]
    try:
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        time.sleep(2)
        together = _requests_in(portal, 4)
        for worker in workers[:2]:
            worker.kill()
        without_two = _requests_in(portal, 3)
        with away():
            # What was leased is spent, and a worker that waits in the store for the lock gets its answer late.
            time.sleep(2)
            meanwhile = _requests_in(portal, 1.5)
        time.sleep(3)
        afterwards = _requests_in(portal, 3)
    finally:
        for worker in workers:
            worker.terminate()
        codes = [worker.wait(30) for worker in workers]

    counted = _counted(portal)
    rate = COUNT / INTERVAL_SECONDS
    assert counted["violations"] == 0
    assert counted["busiest_interval"] <= COUNT
    assert meanwhile == 0
    assert together >= 0.7 * 4 * rate
    assert without_two >= 0.5 * 3 * rate
    assert afterwards >= 0.5 * 3 * rate
    assert codes == [-9, -9, *[0] * (WORKERS - 2)]
