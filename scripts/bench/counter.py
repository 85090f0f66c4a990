"""An official's question at the counter while a pipeline wants all that the same target allows, against a quiet hub."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml

from lienthong.clock import SystemClock
from lienthong_connectors.demo.ask import ask_json
from lienthong_connectors.demo.crew import Crew
from lienthong_connectors.demo.place import ACCOUNT, Place, choose_place
from lienthong_connectors.demo.publish import fetch_token
from scripts.bench.harness import Place as Topics
from scripts.bench.harness import SideError
from scripts.bench.intake import FULL
from scripts.bench.options import Options
from scripts.bench.rows import Row, Table, at_most
from scripts.bench.seeding import apply_topics, contents, people, write
from scripts.bench.workers import pause

BAR = 2.0
_NAME = "lookup at the counter, p99 with the pipelines saturated, against idle"
_CLIENT, _OFFICER, _PURPOSE = "counter", "officer-counter", "reception"
#: What the target allows, in a second; the pipeline wants four times as much.
_ALLOWED = 50
#: ASSUMED of the national database: log-normal around 300 ms.
_LATENCY = {"latency_seconds": 0.3, "latency_log_normal_sigma": 0.3}
_QUESTIONS, _QUESTIONS_PER_SECOND = 300, 10
_LEAST_QUESTIONS = 150
_DISTINCT = 1_000
_MAX_ROUNDS = 3
_SATURATED_SECONDS = 60.0
_PERCENTILES = (50, 95, 99)
_COLUMNS = ("state", "p50 ms", "p95 ms", "p99 ms", "calls/s of the pipeline")


def counter(options: Options) -> tuple[list[Row], list[Table]]:
    """Measure questions at the counter, idle and beside a saturated pipeline.

    Args:
        options: Where and how much.
    """
    rounds = min(options.runs, _MAX_ROUNDS)
    number = max(_LEAST_QUESTIONS, round(_QUESTIONS * options.scale))
    table = Table("Lookup at the counter, milliseconds", _COLUMNS)
    pairs: list[tuple[float, float]] = []
    with _hub(options, rounds, number) as (place, crew):
        token = fetch_token(place, _CLIENT)
        rows = [json.loads(line) for line in place.people_file.read_text(encoding="utf-8").splitlines()][:_DISTINCT]
        # The first questions let everything open its connections.
        asyncio.run(_ask(place, token, rows, 20))
        for _ in range(rounds):
            idle = asyncio.run(_ask(place, token, rows, number))
            with _saturated(place, crew):
                before, began = _calls(place), time.monotonic()
                busy = asyncio.run(_ask(place, token, rows, number))
                rate = (_calls(place) - before - number) / (time.monotonic() - began)
            if rate < _ALLOWED * 0.7:
                raise SideError(
                    f"the pipeline made only {rate:.0f} calls/s beside the counter, so it was not saturated"
                )
            pairs.append((_percentile(busy, 99), _percentile(idle, 99)))
            for state, found, calls in (("idle", idle, 0.0), ("saturated", busy, rate)):
                table.lines.append(
                    [state, *(round(_percentile(found, each), 1) for each in _PERCENTILES), round(calls)]
                )
            print(f"counter: p99 {pairs[-1][0]:.0f} ms saturated, {pairs[-1][1]:.0f} ms idle", flush=True)
    return [at_most(_NAME, BAR, pairs, "ms")], [table]


@contextmanager
def _hub(options: Options, rounds: int, number: int) -> Iterator[tuple[Place, Crew]]:
    folder = options.folder / "counter"
    folder.mkdir()
    place = choose_place(folder, "counter")
    _configure(place, options.bootstrap_servers)
    # A dossier is asked about once, and has several snapshots.
    records = round(3 * rounds * _ALLOWED * (number / _QUESTIONS_PER_SECOND + 10))
    topics = Topics(options.bootstrap_servers, place.province, FULL, records)
    apply_topics(topics)
    place.people_file.write_bytes(b"\n".join(map(orjson.dumps, people(records))))
    crew = Crew(folder, SystemClock())
    try:
        told = {"user_name": ACCOUNT, "secret": place.secret, "people_file": str(place.people_file), **_LATENCY}
        said = [part for name, value in told.items() for part in ("--option", f"{name}={value}")]
        crew.start("population", "simulator", ["simulate", "population", "--port", _port(place, "population"), *said])
        issuer = ["issuer", "--port", _port(place, "issuer"), "--clients", str(place.clients_file)]
        crew.start("issuer", "hub", issuer)
        named = ("ce_actor", _OFFICER.encode())
        known = contents(FULL, records)
        write(topics, topics.topic("records.dossier"), ((key, value, [*head, named]) for key, value, head in known))
        crew.await_ready("population", "issuer")
        crew.start("gateway", "hub", ["gateway"])
        crew.await_ready("gateway")
        yield place, crew
    finally:
        crew.stop(patience_seconds=3.0)


def _configure(place: Place, bootstrap_servers: str) -> None:
    document: dict[str, Any] = place.settings(bootstrap_servers, portal="portal")
    population = document["connectors"]["population"]
    population["limits"] = {"rate_limit": {"count": _ALLOWED, "interval": "1s"}}
    population["officers"][_OFFICER] = {"officer_code": "CB-0"}
    document["gateway"]["lookups"] = {"population": {"purposes": {_PURPOSE: "benchmark"}}}
    document["gateway"]["publishers"][_CLIENT] = {"sources": [], "domains": []}
    place.write_document(document)
    clients = yaml.safe_load(place.clients_file.read_text(encoding="utf-8"))
    clients[_CLIENT] = {"secret": place.secret, "scopes": ["lookup:population"], "officer": _OFFICER}
    place.clients_file.write_text(yaml.safe_dump(clients), encoding="utf-8")


@contextmanager
def _saturated(place: Place, crew: Crew) -> Iterator[None]:
    """Run the verifying pipeline, from when it makes nearly all the calls that are allowed."""
    member = crew.start("verify-dossier", "hub", ["pipelines", "run", "verify-dossier"])
    try:
        crew.await_ready("verify-dossier")
        deadline = time.monotonic() + _SATURATED_SECONDS
        before = _calls(place)
        while True:
            pause(1.0)
            now = _calls(place)
            if now - before >= _ALLOWED * 0.85:
                break
            if time.monotonic() > deadline:
                raise SideError(f"the pipeline makes only {now - before} calls/s")
            before = now
        yield
    finally:
        member.process.terminate()
        member.process.wait()
        Path(member.ready).unlink(missing_ok=True)
        del crew.members[member.name]


async def _ask(place: Place, token: str, rows: list[Any], number: int) -> list[float]:
    """Return how long each question took, from when it was due; questions never wait for each other."""
    found: list[float] = []

    async def ask(session: aiohttp.ClientSession, person: Any, due: float) -> None:
        async with session.post(f"{place.url('gateway')}/v1/lookups/population", json=_question(person)) as response:
            body = await response.read()
            if response.status != 200:
                raise SideError(f"the gateway answered {response.status}: {body[:300].decode(errors='replace')}")
        found.append((time.monotonic() - due) * 1000)

    general = {"authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=general) as session:
        asked = []
        began = time.monotonic()
        for index in range(number):
            due = began + index / _QUESTIONS_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            asked.append(asyncio.create_task(ask(session, rows[index % len(rows)], due)))
        await asyncio.gather(*asked)
    return sorted(found)


def _question(person: Any) -> dict[str, Any]:
    birth = str(person["birth"])
    identifier = ("personal_id", person["personal_id"]) if person.get("personal_id") else ("cmnd", person["old_id"])
    return {
        "dossier": "H57.01-261005-0001",
        "purpose": _PURPOSE,
        "query": {
            "identifiers": [dict(zip(("type", "value"), identifier, strict=True))],
            "full_name": person["full_name"],
            "birth_date": birth if len(birth) == 4 else f"{birth[:4]}-{birth[4:6]}-{birth[6:]}",
            "unit_code": "H57.01",
        },
    }


def _calls(place: Place) -> int:
    summary = ask_json(f"{place.url('population')}/_control/ledger", "GET")
    return int(summary["raw_call_count"])


def _port(place: Place, process: str) -> str:
    return str(place.ports[process])


def _figures(found: list[float]) -> list[float]:
    return [round(_percentile(found, each), 1) for each in _PERCENTILES]


def _percentile(found: list[float], percent: int) -> float:
    return found[min(len(found) - 1, len(found) * percent // 100)]
