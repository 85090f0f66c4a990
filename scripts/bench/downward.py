"""From a citizen's submission at the portal to the one-stop system, at a constant rate."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lienthong.config.loader import load
from lienthong.observability.logs import configure
from lienthong.pipeline import worker
from lienthong.pipeline.definitions import load_pipelines
from lienthong.topic_names import TopicNames
from scripts.bench.harness import ROOT, Place, SideError
from scripts.bench.intake import THIN
from scripts.bench.options import Options
from scripts.bench.rows import Row, Table, at_most
from scripts.bench.seeding import apply_topics
from scripts.bench.workers import pause

PER_SECOND = 100
INTERVAL_SECONDS = 2.0
LATENCY_SECONDS = 0.3
BAR = 2.0
_NAME = "poll → one-stop at 100 dossiers/s, p99 s against poll interval and target latency"
_NOTE = f"interval {INTERVAL_SECONDS:g} s, one-stop answers after {LATENCY_SECONDS:g} s, one file per dossier"
_DOSSIERS = 3_000
#: They come down before the clock starts, so that everything has opened its connections.
_FIRST = 100
_WAIT_SECONDS = 120.0
_PIPELINES = ("poll-national-dossiers", "deliver-dossier-local")


def downward(options: Options) -> tuple[list[Row], list[Table]]:
    """Measure the way of dossiers from the nation.

    Args:
        options: Where and how much.
    """
    table = Table(
        "Dossiers from the nation, seconds",
        ("dossiers", "p50 s", "p99 s", "longest s", "calls at portal", "at one-stop"),
    )
    pairs = []
    for number in range(options.runs):
        line = _run(options, number)
        table.lines.append(line)
        pairs.append((line[2], INTERVAL_SECONDS + LATENCY_SECONDS))
        print(f"downward {number + 1}: p50 {line[1]} s, p99 {line[2]} s", flush=True)
    return [at_most(_NAME, BAR, pairs, "s", _NOTE)], [table]


def _run(options: Options, number: int) -> list[float]:
    folder = options.folder / f"downward-{number}"
    folder.mkdir()
    place = Place(options.bootstrap_servers, f"downward{number}", THIN, 0)
    apply_topics(place)
    with ExitStack() as stack:
        nation = stack.enter_context(_simulator(folder, "national-dossiers"))
        one_stop = stack.enter_context(_simulator(folder, "one-stop", latency_seconds=LATENCY_SECONDS))
        config = _configure(folder, place, nation, one_stop)
        for name in _PIPELINES:
            command = [sys.executable, "-m", "scripts.bench.downward", name, str(config), str(folder / f"{name}.ready")]
            stack.enter_context(_process(command, folder / f"{name}.ready"))
        _ask(nation, "POST", "/_control/dossiers", {"count": _FIRST})
        first, _ = _await_all(nation, one_stop, _FIRST)
        count = round(options.scale * _DOSSIERS)
        _ask(nation, "POST", "/_control/dossiers", {"count": count, "per_second": PER_SECOND})
        released, arrived = _await_all(nation, one_stop, _FIRST + count)
        calls = [_ask(url, "GET", "/_control/ledger")["raw_call_count"] for url in (nation, one_stop)]
    found = sorted(arrived[code] - released[code] for code in released.keys() - first.keys())
    picked = [found[len(found) // 2], found[len(found) * 99 // 100], found[-1]]
    return [len(found), *(round(each, 2) for each in picked), *calls]


def _await_all(nation: str, one_stop: str, count: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return dossier → when it was released, and when it was handed over first."""
    deadline = time.monotonic() + count / PER_SECOND + _WAIT_SECONDS
    while time.monotonic() < deadline:
        pause(2.0)
        if _ask(one_stop, "GET", "/_control/ledger")["effects"].get("create", 0) < count:
            continue
        released = {code: held["released_at"] for code, held in _ask(nation, "GET", "/_control/dossiers").items()}
        arrived = {code: held["arrivals"][0] for code, held in _ask(one_stop, "GET", "/_control/dossiers").items()}
        return released, arrived
    raise SideError(f"not all of {count} dossiers came down in time")


def _configure(folder: Path, place: Place, nation: str, one_stop: str) -> Path:
    portal = {"base_url": nation, "user_name": "u", "password": "p", "destination_code": "d", "unit_code": "H57"}
    document = {
        "province": place.province,
        "state_directory": str(folder),
        "kafka": {"bootstrap_servers": place.bootstrap_servers},
        "log": {"level": "warning"},
        "connectors": {
            "national-dossiers": {
                "portal": {**portal, "simulator": True, "page_size": 1_000},
                "store": {"kind": "folder", "folder": str(folder / "files")},
            },
            "one-stop": {"base_url": one_stop, "token": "t", "simulator": True},
        },
    }
    path = folder / "lienthong.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML.
    return path


@contextmanager
def _simulator(folder: Path, name: str, **options: Any) -> Iterator[str]:
    ready_file = folder / f"{name}.simulator"
    pairs = [part for key, value in options.items() for part in ("--option", f"{key}={value}")]
    command = [str(Path(sys.executable).parent / "lienthong"), "simulate", name, *pairs]
    with _process([*command, "--ready-file", str(ready_file)], ready_file):
        yield str(json.loads(ready_file.read_text(encoding="utf-8"))["url"])


@contextmanager
def _process(command: list[str], ready_file: Path) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SideError(f"{ready_file.stem} does not start")
            pause(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def _ask(url: str, method: str, path: str, body: object = None) -> Any:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def main() -> None:
    """Run one worker: name of the pipeline, configuration and ready file are the arguments."""
    name, config, ready_file = sys.argv[1:]
    settings = load(Path(config))
    configure(settings.log)
    declared = load_pipelines(TopicNames(settings.province), settings.environment)[name]
    poll = declared.definition.poll
    if poll is not None:
        step = poll.model_copy(update={"interval": INTERVAL_SECONDS, "overlap": 10.0})
        declared = replace(declared, definition=declared.definition.model_copy(update={"poll": step}))
    worker.run(settings, declared, Path(ready_file))


if __name__ == "__main__":
    main()
