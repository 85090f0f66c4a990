"""The common part of simulators, and the fake clock."""

import asyncio
import json
import signal
import subprocess
import sys
import time

import httpx
import pytest
from aiohttp import web
from click.testing import CliRunner

from lienthong.cli.simulate import parse_options, simulate
from lienthong.clock import Clock
from lienthong.errors import ConfigurationError, PluginError
from lienthong.testing.clock import FakeClock
from lienthong.testing.simulator import STATE, Behaviour, Ledger, create_application, running, split_options


async def write(request):
    """Take effect once for each call."""
    ledger = request.app[STATE].ledger
    ledger.record_call("write", request.query.get("id", ""), "D-1", 200)
    ledger.record_effect("write", "D-1", {"sequence": 1})
    return web.Response(text="done")


def application(*, clock=None, **behaviour):
    """Return a simulator with one operation."""
    return create_application("test", Behaviour(**behaviour), Ledger(), [web.post("/write", write)], clock=clock)


async def test_faults_can_be_switched_while_running():
    """A demonstration breaks a platform in the middle and mends it again."""
    async with running(application()) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.post("/write")).status_code == 200
        switched = await client.put("/_control/behaviour", json={"outage": "unavailable"})
        assert switched.json()["outage"] == "unavailable"
        assert (await client.post("/write")).status_code == 503
        await client.put("/_control/behaviour", json={"outage": None})
        assert (await client.post("/write")).status_code == 200


async def test_unknown_switch_is_refused_and_changes_nothing():
    """A typing error in a test does not silently leave the platform well."""
    async with running(application(error_rate=0.5)) as url, httpx.AsyncClient(base_url=url) as client:
        for body in (b'{"outrage": true}', b"[1]", b"{", b'{"error_rate": 2}'):
            assert (await client.put("/_control/behaviour", content=body)).status_code == 400
        assert (await client.get("/_control/behaviour")).json()["error_rate"] == 0.5


async def test_raw_calls_and_effects_are_counted_apart():
    """A repeat shows as two effects, a refusal as a raw call without an effect."""
    async with running(application()) as url, httpx.AsyncClient(base_url=url) as client:
        for _ in range(2):
            await client.post("/write?id=a")
        await client.put("/_control/behaviour", json={"error_rate": 1})
        await client.post("/write?id=b")
        summary = (await client.get("/_control/ledger")).json()
        effects = (await client.get("/_control/effects?after=2&limit=5")).json()
        calls = (await client.get("/_control/calls?limit=1")).json()
    assert summary["raw_calls"] == {"refused": {"503": 1}, "write": {"200": 2}}
    assert summary["effects"] == {"write": 2}
    assert effects == [{"number": 4, "operation": "write", "key": "D-1", "detail": {"sequence": 1}}]
    assert calls == [{"number": 1, "operation": "write", "request_id": "a", "key": "D-1", "status": 200}]


async def test_lost_answer_still_takes_effect():
    """The caller cannot know, yet the ledger does."""
    served = application(lost_answer_rate=1)
    async with running(served) as url, httpx.AsyncClient(base_url=url) as client:
        with pytest.raises(httpx.TransportError):
            await client.post("/write")
    assert len(served[STATE].ledger.effects) == 1


async def test_half_an_answer_still_takes_effect():
    """The length is announced and the body breaks off: a client must not take what it got for the whole."""
    served = application(half_answer_rate=1)
    async with running(served) as url, httpx.AsyncClient(base_url=url) as client:
        with pytest.raises(httpx.TransportError):
            await client.post("/write")
    assert len(served[STATE].ledger.effects) == 1
    assert served[STATE].ledger.summary()["spoilt_answers"] == 1


async def test_slow_drip_takes_effect_at_once_and_its_time():
    """Bytes keep coming, so only a limit for the whole call notices."""
    clock = FakeClock()
    served = application(clock=clock, drip_seconds=60)
    async with running(served) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.post("/write")
    assert answer.text == "done"
    assert sum(clock.sleeps) == pytest.approx(60)


async def test_quota_counts_per_second():
    """Calls beyond the quota get 429 until the next second begins."""
    clock = FakeClock()
    served = application(clock=clock, requests_per_second=2)
    async with running(served) as url, httpx.AsyncClient(base_url=url) as client:
        first = [(await client.post("/write")).status_code for _ in range(3)]
        clock.advance(1)
        assert (await client.post("/write")).status_code == 200
    assert first == [200, 200, 429]


async def test_429_carries_retry_after():
    """Clients can be shown to wait as long as they were told."""
    served = application(too_many_requests={"retry_after_seconds": 3})
    async with running(served) as url, httpx.AsyncClient(base_url=url) as client:
        response = await client.post("/write")
    assert (response.status_code, response.headers["retry-after"]) == (429, "3")


async def test_latency_is_log_normal_around_its_median():
    """Waits spread as real platforms' do, and the same seed gives the same waits."""
    clocks = [FakeClock(), FakeClock()]
    for clock in clocks:
        served = application(clock=clock, latency_seconds=0.3, latency_log_normal_sigma=0.5)
        async with running(served) as url, httpx.AsyncClient(base_url=url) as client:
            for _ in range(30):
                await client.post("/write")
    assert clocks[0].sleeps == clocks[1].sleeps
    assert len(set(clocks[0].sleeps)) == 30
    assert 0.2 < sorted(clocks[0].sleeps)[15] < 0.45


async def test_hanging_calls_are_freed_when_the_fault_ends():
    """Switching the fault off does not leave callers behind."""
    async with running(application(hang=True)) as url, httpx.AsyncClient(base_url=url) as client:
        waiting = asyncio.create_task(client.post("/write"))
        await asyncio.sleep(0.05)
        await client.put("/_control/behaviour", json={"hang": False})
        with pytest.raises(httpx.TransportError):
            await asyncio.wait_for(waiting, 2)


async def test_stopping_does_not_wait_for_hanging_calls():
    """A demonstration ends at once although calls hang."""
    async with httpx.AsyncClient() as client:
        started = time.monotonic()
        async with running(application(hang=True)) as url:
            waiting = asyncio.create_task(client.post(f"{url}/write"))
            await asyncio.sleep(0.05)
        with pytest.raises(httpx.TransportError):
            await waiting
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("value", ["true", True, "reset"])
def test_outage_is_a_plain_switch(value):
    """Options of the command line are texts."""
    assert split_options({"outage": value, "strict": "false", "people_file": "x"}) == (
        Behaviour(outage="reset", strict=False),
        {"people_file": "x"},
    )


def test_quirks_alone_do_not_slow_calls():
    """Quirks mode is no fault, so the short way is kept."""
    assert Behaviour(strict=False).is_calm
    assert not Behaviour(latency_seconds=0.1).is_calm


async def test_fake_clock_writes_waits_down():
    """Waiting costs a test no time and can be asserted."""
    clock = FakeClock()
    uses: Clock = clock
    before = uses.now()
    await uses.sleep(90)
    assert clock.sleeps == [90]
    assert (uses.now() - before).total_seconds() == 90 == uses.monotonic()


def test_options_of_the_command_line():
    """Lists and objects can be given, and a forgotten equals sign is named."""
    assert parse_options(("a=1", 'b={"share": 0.5}', "c=null", "d=x=y")) == {
        "a": "1",
        "b": {"share": 0.5},
        "c": None,
        "d": "x=y",
    }
    for broken in ("abc", "=1", "a={"):
        with pytest.raises(ConfigurationError):
            parse_options((broken,))


def test_unknown_simulator_names_the_known_ones():
    """A typing error is answered with what exists."""
    result = CliRunner().invoke(simulate, ["populatoin"])
    assert isinstance(result.exception, PluginError)
    assert "population" in str(result.exception)


def test_command_says_where_it_listens_and_stops_on_sigterm(tmp_path):
    """Other processes learn the free port, and SIGTERM ends it with success."""
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "lienthong", "simulate", "population", "--ready-file", str(ready)]
    command[1:3] = ["-c", "from lienthong.cli.main import main; main()"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = json.loads(process.stdout.readline())
        assert line == json.loads(ready.read_text())
        assert httpx.get(f"{line['url']}/_control/healthz").json() == {"name": "population", "status": "ok"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
