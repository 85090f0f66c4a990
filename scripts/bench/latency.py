"""From the publisher's request at the gateway to the effect at the target, at constant rates; no bar, a table."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from urllib.parse import quote

import aiohttp

from lienthong.clock import SystemClock
from lienthong_connectors.demo.crew import Crew as Processes
from lienthong_connectors.demo.place import Place as Province
from lienthong_connectors.demo.place import choose_place
from lienthong_connectors.demo.publish import fetch_token
from lienthong_schemas.generator import SOURCES
from scripts.bench.harness import Place, SideError
from scripts.bench.intake import THIN
from scripts.bench.options import Options
from scripts.bench.rows import Row, Table
from scripts.bench.seeding import Content, apply_topics, contents
from scripts.bench.target import TargetClient, running_target
from scripts.bench.worker_process import Job
from scripts.bench.workers import Crew, pause

_SYSTEM = "citizen-portal"
_RATES = (20, 50, 200, 500)
_SECONDS = 8.0
_ARRIVAL_SECONDS = 90.0
_DISTINCT = 2_000
_PERCENTILES = (50, 95, 99)
_ACCEPTED = frozenset({200, 201, 202})
_COLUMNS = ("records/s", "p50 ms", "p95 ms", "p99 ms", "longest ms", "accepted p50 ms")


def latency(options: Options) -> tuple[list[Row], list[Table]]:
    """Measure the way through gateway, intake and delivery.

    Args:
        options: Where and how much.
    """
    table = Table("Latency from gateway to target, milliseconds", _COLUMNS)
    with running_target(options.folder) as target, _hub(options, target) as province:
        token = fetch_token(province, _SYSTEM)
        known = contents(THIN, _DISTINCT)
        # The first round lets everything open its connections.
        for rate in (_RATES[0], *_RATES):
            published = asyncio.run(_publish(province.url("gateway"), token, known, rate))
            line = _line(target, rate, published)
            print(f"latency at {rate}/s: p50 {line[1]} ms, p99 {line[3]} ms", flush=True)
            table.lines.append(line)
    del table.lines[0]
    return [], [table]


@contextmanager
def _hub(options: Options, target: TargetClient) -> Iterator[Province]:
    folder = options.folder / "latency"
    folder.mkdir()
    province = choose_place(folder, "latency")
    province.write_settings(options.bootstrap_servers)
    place = Place(options.bootstrap_servers, province.province, THIN, 0)
    apply_topics(place)
    processes = Processes(folder, SystemClock())
    try:
        issuer = ["issuer", "--port", str(province.ports["issuer"]), "--clients", str(province.clients_file)]
        processes.start("issuer", "hub", issuer)
        processes.await_ready("issuer")
        processes.start("gateway", "hub", ["gateway"])
        processes.await_ready("gateway")
        servers, name = options.bootstrap_servers, place.province
        source, records = place.topic(f"inbound.dossier.{_SYSTEM}"), place.topic("records.dossier")
        intake = Job(servers, name, "intake", str(folder), "", "latency-intake", source)
        delivery = Job(servers, name, "delivery", str(folder), "", "latency-delivery", records, target.url)
        with Crew(intake) as first, Crew(delivery) as second:
            for worker in (first.start(), second.start()):
                worker.await_ready()
            yield province
    finally:
        processes.stop(patience_seconds=3.0)


async def _publish(url: str, token: str, known: list[Content], rate: int) -> dict[str, tuple[float, float]]:
    """Return id → when the request was due, and when it was accepted; requests never wait for each other."""
    found: dict[str, tuple[float, float]] = {}

    async def send(session: aiohttp.ClientSession, content: Content, due: float) -> None:
        _, value, headers = content
        event_id = str(uuid.uuid4())
        attributes = {
            name.replace("ce_", "ce-"): quote(text.decode()) for name, text in headers if name.startswith("ce_")
        }
        attributes |= {"ce-id": event_id, "ce-source": quote(SOURCES[_SYSTEM])}
        async with session.post(f"{url}/v1/events", data=value, headers=attributes) as response:
            await response.read()
            if response.status not in _ACCEPTED:
                raise SideError(f"the gateway answered {response.status}: {(await response.text())[:500]}")
        found[event_id] = (due, time.time())  # noqa: TID251 - compared with the target's own clock

    general = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    async with aiohttp.ClientSession(headers=general) as session, asyncio.TaskGroup() as group:
        contents_again = cycle(known)
        began = time.time()  # noqa: TID251 - as above
        for number in range(round(rate * _SECONDS)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.time()))  # noqa: TID251 - as above
            group.create_task(send(session, next(contents_again), due))
    return found


def _line(target: TargetClient, rate: int, published: dict[str, tuple[float, float]]) -> list[float]:
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    while True:
        at = target.ask("GET", "/ids")["at"]
        missing = published.keys() - at.keys()
        if not missing:
            break
        if time.monotonic() > deadline:
            raise SideError(f"{len(missing)} of {len(published)} accepted records did not reach the target")
        pause(0.2)
    delivered = sorted((at[event_id] - due) * 1000 for event_id, (due, _) in published.items())
    accepted = sorted((done - due) * 1000 for due, done in published.values())
    picked = [round(delivered[min(len(delivered) - 1, len(delivered) * each // 100)], 1) for each in _PERCENTILES]
    return [rate, *picked, round(delivered[-1], 1), round(accepted[len(accepted) // 2], 1)]
