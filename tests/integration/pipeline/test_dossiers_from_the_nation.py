"""From the national platforms over Kafka to the one-stop system, in real processes."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import yaml

from lienthong.testing.simulator import STATE, Ledger, running
from lienthong_connectors.national_dossiers.simulator import SIMULATOR as NATION
from lienthong_connectors.national_dossiers.simulator_dossiers import LINKED_PROCEDURES, file_of
from lienthong_connectors.one_stop.simulator import SIMULATOR as ONE_STOP
from lienthong_schemas.generator.places import COMMUNES

pytestmark = pytest.mark.kafka


@dataclass
class Simulator:
    """A running simulator, seen from outside."""

    url: str
    ledger: Ledger
    control: httpx.AsyncClient


@pytest.fixture
async def simulators() -> AsyncIterator[tuple[Simulator, Simulator]]:
    """Run the nation and the one-stop system."""
    nation, one_stop = NATION.create_application({}), ONE_STOP.create_application({})
    async with (
        running(nation) as above,
        running(one_stop) as below,
        httpx.AsyncClient(base_url=above, trust_env=False) as first,
        httpx.AsyncClient(base_url=below, trust_env=False) as second,
    ):
        yield Simulator(above, nation[STATE].ledger, first), Simulator(below, one_stop[STATE].ledger, second)


def settings(province: Any, nation: str, one_stop: str) -> str:
    """Write the configuration of the hub and return its path."""
    common = {"base_url": nation, "user_name": "tinh", "password": "mat-khau", "simulator": True}
    procedure = {"name": "Liên thông", "field_code": "G15-HT01", "field_name": "Hộ tịch", "working_days": 3}
    connectors = {
        "national-dossiers": {
            "portal": {**common, "destination_code": "VN:DVCQG", "unit_code": "H57", "page_size": 7},
            "linked": {
                **common,
                "procedures": dict.fromkeys(LINKED_PROCEDURES.values(), procedure),
                "units": {each.code: {"code": each.organisation, "name": each.name} for each in COMMUNES},
            },
            "store": {"kind": "folder", "folder": str(province.folder / "files")},
            "batch_size": 5,
        },
        "one-stop": {"base_url": one_stop, "token": "the", "simulator": True},
    }
    path = province.folder / "lienthong.yaml"
    path.write_text(yaml.safe_dump({"connectors": connectors}, allow_unicode=True), encoding="utf-8")
    return str(path)


async def test_dossiers_come_down_once_also_when_the_poller_is_killed(
    province: Any, simulators: tuple[Simulator, Simulator], wait: Any
) -> None:
    """Every dossier reaches the counter once, with its file; what is wrong is set aside; nothing goes back up."""
    nation, one_stop = simulators
    config = settings(province, nation.url, one_stop.url)
    for body in (
        {"platform": "portal", "count": 30},
        {"platform": "linked", "count": 10},
        {"platform": "portal", "fields": {"NgayHenTra": "32/13/2026"}},
    ):
        (await nation.control.post("/_control/dossiers", json=body)).raise_for_status()
    poller = province.start("poll-national-dossiers", LIENTHONG_CONFIG=config)
    local = province.start("deliver-dossier-local", LIENTHONG_CONFIG=config)

    async def until(condition: Any, *workers: Any) -> None:
        await asyncio.to_thread(wait, condition, workers=workers)

    await until(lambda: len(nation.ledger.effects) >= 15, poller)
    poller.signal(signal.SIGKILL)
    await asyncio.to_thread(poller.ends)
    await until(lambda: bool(one_stop.ledger.effects), local)
    # A citizen withdraws while nobody polls.
    code = one_stop.ledger.effects[0].key
    (await nation.control.put(f"/_control/dossiers/{code}", json={"TrangThaiHoSo": "7"})).raise_for_status()
    again = province.start("poll-national-dossiers", LIENTHONG_CONFIG=config)
    await until(lambda: len({effect.key for effect in one_stop.ledger.effects}) == 40, again, local)
    await until(lambda: any(effect.operation == "update" for effect in one_stop.ledger.effects), again, local)
    for worker in (again, local):
        worker.signal(signal.SIGTERM)
    for worker in (again, local):
        assert await asyncio.to_thread(worker.ends) == 0

    effects = [effect.operation for effect in one_stop.ledger.effects]
    assert (effects.count("create"), effects.count("update")) == (40, 1)
    truth = (await nation.control.get("/_control/dossiers")).json()
    assert sum(each["is_received"] for each in truth.values()) == 40
    records = await asyncio.to_thread(province.read, province.names.full("national.dossier"))
    letters = await asyncio.to_thread(
        province.read, province.names.of_pipeline("deadletters", "poll-national-dossiers")
    )
    assert {each.key for each in records} == {effect.key.encode() for effect in one_stop.ledger.effects}
    assert len({each.key for each in letters}) == 1
    assert not any(b"JVBERi0" in (each.value or b"") for each in records), "a file has reached Kafka"
    assert {path.read_bytes() for path in (province.folder / "files").rglob("*") if path.is_file()} >= {
        file_of(f"/tep/{each}/1.pdf") for each, held in truth.items() if held["platform"] == "portal"
    }
    assert await asyncio.to_thread(province.read, province.records) == []
