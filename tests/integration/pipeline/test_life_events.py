"""Births and deaths from the ministry to declared recipients, through every pipeline on the way."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lienthong.clock import SystemClock
from lienthong_schemas.generator.life_events import life_events

pytestmark = pytest.mark.kafka
DOSSIERS = 30
#: Recent: a source reads back a limited number of days.
FIRST_DAY = SystemClock().now().date() - timedelta(days=7)
AGREED = {"agreement": {"number": "07/TT", "valid_until": "2099-01-01"}, "purpose": "Thử nghiệm", "legal_basis": "Luật"}


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Callable[..., httpx.Client]]:
    """Give a function that runs a simulator in a process of its own."""
    made: list[tuple[subprocess.Popen[bytes], httpx.Client]] = []

    def run(name: str, **options: str) -> httpx.Client:
        ready = tmp_path / f"{name}.ready"
        command = [str(Path(sys.executable).with_name("lienthong")), "simulate", name, "--ready-file", str(ready)]
        for key, text in options.items():
            command += ["--option", f"{key}={text}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not ready.exists() or not ready.read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        made.append((process, httpx.Client(base_url=json.loads(ready.read_text())["url"], trust_env=False)))
        return made[-1][1]

    yield run
    for process, client in made:
        client.close()
        process.kill()
        process.wait()


def test_each_declared_recipient_gets_its_fields_of_every_event(province, simulate, wait) -> None:
    """The truth arrives field by field; a recipient that is away holds up nobody, an undeclared one gets nothing."""
    ministry = simulate("civil-status", dossiers=str(DOSSIERS), first_day=FIRST_DAY.isoformat())
    recipients = simulate("life-events", keeps_documents="true")
    base = f"{recipients.base_url}/life-events"
    declared: dict[str, Any] = {
        "health": {
            "url": f"{base}/health",
            "api_key": "k",
            **AGREED,
            "events": {"person.created": ["full_name"], "person.deceased": ["died_on"]},
        },
        "school": {"url": f"{base}/school", "api_key": "k", **AGREED, "events": {"person.created": ["birth_date"]}},
        "away": {"url": "http://127.0.0.1:1/x", "api_key": "k", **AGREED, "events": {"person.created": ["full_name"]}},
    }
    source = {"base_url": str(ministry.base_url), "token_url": f"{ministry.base_url}/token", "client_id": "tinh"}
    source |= {"client_secret": "s", "province_code": "46", "first_days": 30, "simulator": True}
    hub = province.folder / "hub.yaml"
    connectors = {"civil-status": source, "life-events": {"recipients": declared, "simulator": True}}
    hub.write_text(json.dumps({"connectors": connectors}))
    results = [each for each in life_events(DOSSIERS, 1, FIRST_DAY) if each.result is not None]
    births = [each.result for each in results if each.kind == "birth"]
    names = ("poll-civil-status", "fan-out-life-event", "deliver-life-event")
    workers = [province.start(name, LIENTHONG_CONFIG=str(hub)) for name in names]

    def held() -> dict[str, list[dict[str, Any]]]:
        found = recipients.get("/_control/held").json()
        return {name: [document["data"] for document in found.get(name, {}).values()] for name in declared}

    wait(lambda: (len(held()["health"]), len(held()["school"])) == (len(results), len(births)), workers=workers)
    expected = [
        {"full_name": each.result["full_name"]} if each.kind == "birth" else {"died_on": each.result["died_on"]}
        for each in results
    ]
    assert sorted(held()["health"], key=str) == sorted(expected, key=str)
    assert sorted(each["birth_date"] for each in held()["school"]) == sorted(each["birth_date"] for each in births)
    assert set(recipients.get("/_control/held").json()) == {"health", "school"}
    assert {each.reason for each in province.receipts("fan-out-life-event")} == {"copies_3", "other_type"}
    done = {each.reason for each in province.receipts("deliver-life-event")}
    assert {"sent", "event_not_declared"} <= done
