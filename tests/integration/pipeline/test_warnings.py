"""Warnings from the operations centre to citizen applications, of which one is gone and one is away."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lienthong_schemas.generator.alerts import readings

pytestmark = pytest.mark.kafka
SECRET = "whsec_bsO0dCBiw60gbeG6rXQgxJHhu6cgZMOgaSDEkeG7gyB0aOG7rQ=="
WARNINGS = 12


class _App:
    """A simulated application in a process of its own."""

    def __init__(self, folder: Path, name: str, **options: str) -> None:
        ready = folder / f"{name}.ready"
        command = [str(Path(sys.executable).with_name("lienthong")), "simulate", "citizen-alerts"]
        for option in (f"secrets={SECRET}", *(f"{key}={text}" for key, text in options.items())):
            command += ["--option", option]
        self.process = subprocess.Popen([*command, "--ready-file", str(ready)], stdout=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not ready.exists() or not ready.read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        self.url = json.loads(ready.read_text())["url"]
        self.http = httpx.Client(base_url=self.url, trust_env=False)

    @property
    def endpoint(self) -> dict[str, Any]:
        """Its configuration."""
        return {"url": f"{self.url}/webhook", "secrets": [SECRET]}

    def received(self) -> list[str]:
        """Return the ids of the warnings that it has, in order of arrival."""
        return [each["detail"]["warning_id"] for each in self.http.get("/_control/effects").json()]

    def calls(self) -> int:
        """Return how often it was called."""
        return int(self.http.get("/_control/ledger").json()["raw_call_count"])


@pytest.fixture
def run_app(tmp_path: Path) -> Iterator[Callable[..., _App]]:
    """Give a function that runs a simulated application."""
    made: list[_App] = []

    def run(name: str, **options: str) -> _App:
        made.append(_App(tmp_path, name, **options))
        return made[-1]

    yield run
    for app in made:
        app.http.close()
        app.process.kill()
        app.process.wait()


def _publish(province: Any) -> list[str]:
    producer = province.producer()
    sent = [each.warning for each in readings(400) if each.warning][:WARNINGS]
    for event in sent:
        document = json.loads(event.data or b"") | {"expires_at": "2099-01-01T00:00:00+07:00"}
        headers = [
            ("content-type" if name == "datacontenttype" else f"ce_{name}", text.encode())
            for name, text in event.attributes.items()
        ]
        topic = province.names.inbound("alert", event.system)
        producer.produce(topic, json.dumps(document, ensure_ascii=False).encode(), event.key.encode(), headers=headers)
    assert producer.flush(30) == 0
    return [event.key for event in sent]


def test_an_application_that_is_gone_and_one_that_is_away_hold_up_nobody(province, run_app, wait) -> None:
    """All warnings reach the one that is there; 410 is asked once, and released it gets everything in its order."""
    there, gone = run_app("there"), run_app("gone", gone="true")
    endpoints = {
        "hue-s": there.endpoint,
        "gone": gone.endpoint,
        "away": {"url": "http://127.0.0.1:1/webhook", "secrets": [SECRET]},
    }
    hub = province.folder / "hub.yaml"
    hub.write_text(json.dumps({"connectors": {"citizen-alerts": {"endpoints": endpoints, "simulator": True}}}))
    sent = _publish(province)
    workers = [
        province.start(name, LIENTHONG_CONFIG=str(hub)) for name in ("intake", "fan-out-alert", "deliver-notice")
    ]
    wait(lambda: sorted(there.received()) == sorted(sent), workers=workers)
    latest = lambda: {each.id: each.kind for each in province.receipts("deliver-notice")}  # noqa: E731
    wait(lambda: list(latest().values()).count("parked") == WARNINGS, workers=workers)
    assert gone.calls() == 1
    assert "away" not in {name.rpartition(":")[2] for name in latest()}

    gone.http.put("/_control/options", json={"gone": False}).raise_for_status()
    done = province.run(
        *("scope", "allow", "--target", "citizen-alerts", "--kind", "endpoint", "--value", "gone"),
        *("--actor", "operator-3", "--reason", "the application is back"),
    )
    assert done.returncode == 0, done.stderr
    wait(lambda: len(gone.received()) == WARNINGS, workers=workers)
    copies = [each for each in province.read(province.names.full("notices.alert")) if each.key == b"gone"]
    order = [json.loads(each.value or b"")["warning_id"] for each in copies]
    assert gone.received() == order
    assert {each.reason for each in province.receipts("fan-out-alert")} == {"copies_3"}
