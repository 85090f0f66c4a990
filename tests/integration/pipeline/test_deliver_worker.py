"""Delivery to a simulated portal by worker processes: replay, scopes, and what a lost or repeated call leaves."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.kafka
KEY = "H57.21-261008-0001"
PIPELINE = "deliver-dossier"
SNAPSHOT = {
    "dossier_code": KEY,
    "sequence": 1,
    "occurred_at": "2026-10-08T10:15:30+07:00",
    "procedure": {"code": "1.004873", "name": "Thủ tục thử", "field_code": "G15-TP01", "field_name": "Hộ tịch"},
    "channel": "counter",
    "subject_kind": "citizen",
    "owner": {"full_name": "Nguyễn Thị Thử", "identifiers": [{"type": "personal_id", "value": "000190000017"}]},
    "summary": "Xác nhận tình trạng hôn nhân",
    "submitted_at": "2026-10-08T07:30:00+07:00",
    "received_at": "2026-10-08T08:00:00+07:00",
    "due_at": "2026-10-13T17:00:00+07:00",
    "status": "accepted",
    "return_method": "counter",
    "handling_unit": {"code": "H57.01.12", "name": "Ủy ban nhân dân phường Thử Nghiệm"},
    "origin": "local",
    "has_digitised_components": True,
    "account_verified_by_vneid": False,
    "online_payment": "none",
}
WHO = ("--actor", "operator-3", "--reason", "the dossier was registered")


class _Portal:
    """A simulated portal in a process of its own."""

    def __init__(self, folder: Path) -> None:
        ready = folder / "portal.ready"
        command = [str(Path(sys.executable).with_name("lienthong")), "simulate", "portal", "--ready-file", str(ready)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not ready.exists() or not ready.read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        self.url = json.loads(ready.read_text())["url"]
        self.http = httpx.Client(base_url=self.url, trust_env=False)

    def configuration(self, **changes: Any) -> str:
        """Return the configuration of the connector."""
        settings = {
            "base_url": self.url,
            "user_name": "tinh",
            "password": "x",
            "destination_code": "d",
            "unit_code": "H57",
            "simulator": True,
            **changes,
        }
        return json.dumps({"connectors": {"portal": settings}})

    def behave(self, **switches: Any) -> None:
        """Change faults."""
        self.http.put("/_control/behaviour", json=switches).raise_for_status()

    def effects(self) -> list[str]:
        """Return the kinds of effects in order of arrival."""
        found = self.http.get("/_control/dossiers").json()
        return [row[1] for row in found.get(KEY, {}).get("arrivals", [])]

    def register(self) -> None:
        """Create the dossier at the portal, as another system would."""
        session = self.http.post("/login", json={"username": "u", "password": "p"}).json()["session"]
        record = dict.fromkeys(
            (
                "MaTTHC", "TenTTHC", "MaLinhVuc", "TenLinhVuc", "LoaiDoiTuong", "SoGiayToChuHoSo", "DinhDanhCHS",
                "TrichYeuHoSo", "TrangThaiHoSo", "HinhThuc", "DonViXuLy", "NoiNopHoSo", "HoSoCoThanhPhanSoHoa",
                "TaiKhoanDuocXacThucVoiVNeID", "DuocThanhToanTrucTuyen", "KenhThucHien",
            ),
            "1",
        )  # fmt: skip
        record |= dict.fromkeys(("NgayNopHoSo", "NgayTiepNhan", "NgayHenTra"), "20261008083000") | {"MaHoSo": KEY}
        body = {
            "session": session,
            "madonvi": "H57",
            "service": "DongBoHoSoMC",
            "isUpdating": "False",
            "data": [record],
        }
        answer = self.http.post("/integration", json=body).json()
        assert "thành công" in answer["message"], answer


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[_Portal]:
    """Run a simulated portal."""
    made = _Portal(tmp_path)
    yield made
    made.http.close()
    made.process.kill()
    made.process.wait()


@pytest.fixture
def start(province: Any, portal: _Portal) -> Any:
    """Give a function that starts a worker that delivers to the portal."""
    hub = province.folder / "hub.yaml"

    def make(**changes: Any) -> Any:
        hub.write_text(portal.configuration(**changes), encoding="utf-8")
        return province.start(PIPELINE, LIENTHONG_CONFIG=str(hub))

    return make


def _publish(province: Any, number: int) -> None:
    producer = province.producer()
    for _ in range(number):
        province.produce(producer, [KEY], province.records)
    assert producer.flush(30) == 0


def _last(province: Any) -> dict[str, Any]:
    return {each.id.rpartition("-")[2]: each for each in province.receipts(PIPELINE)}


def _kinds(province: Any) -> dict[str, str]:
    return {number: each.kind for number, each in _last(province).items()}


def test_a_replayed_dead_letter_lets_its_dossier_go_on_in_order(province, portal, start, wait):
    """Steps that came meanwhile wait behind the dead letter; after the replay all are delivered, the oldest first."""
    worker = start()
    _publish(province, 3)
    waiting = {"1": "dead_lettered", "2": "parked", "3": "parked"}
    wait(lambda: _kinds(province) == waiting, workers=[worker])
    portal.register()
    done = province.run("dlq", "replay", "--pipeline", PIPELINE, "--dossier", KEY, *WHO)
    assert done.returncode == 0, done.stderr
    wait(lambda: _kinds(province) == dict.fromkeys("123", "delivered"), workers=[worker])
    assert portal.effects() == ["create", "progress", "progress", "progress"]
    listed = json.loads(province.run("dlq", "list", "--pipeline", PIPELINE, "--all", "--json").stdout)
    assert [(each["state"], each["connector"], each["reason"]) for each in listed] == [
        ("replayed", "portal", "dossier_unknown")
    ]
    assert not any(each.repeat_possible for each in province.receipts(PIPELINE))


def test_a_step_that_a_killed_worker_had_sent_is_shown_as_possibly_repeated(province, portal, start, wait):
    """The next worker cannot know whether the call arrived, knows that it was made, and says so."""
    portal.register()
    worker = start()
    _publish(province, 1)
    wait(lambda: _kinds(province) == {"1": "delivered"}, workers=[worker])
    portal.behave(latency_seconds=3)
    _publish(province, 1)
    state = province.names.of_pipeline("state", PIPELINE)
    wait(lambda: sum(b"call" in (each.key or b"") for each in province.read(state)) == 2, workers=[worker])
    time.sleep(1)
    worker.signal(signal.SIGKILL)
    portal.behave(latency_seconds=0)
    second = start()
    wait(lambda: _kinds(province) == {"1": "delivered", "2": "delivered"}, workers=[second])
    assert [_last(province)[number].repeat_possible for number in "12"] == [False, True]
    assert portal.effects().count("progress") in {2, 3}


def test_a_step_whose_answer_is_lost_waits_for_a_person(province, portal, start, wait):
    """It is sent once, and what comes after it for the dossier waits."""
    portal.register()
    worker = start()
    wait(lambda: worker.is_ready)
    _publish(province, 1)
    wait(lambda: _kinds(province) == {"1": "delivered"}, workers=[worker])
    portal.behave(lost_answer_rate=1)
    _publish(province, 2)
    wait(lambda: _kinds(province) == {"1": "delivered", "2": "review", "3": "parked"}, workers=[worker])
    assert _last(province)["2"].repeat_possible
    assert portal.effects() == ["create", "progress", "progress"]


def test_a_procedure_that_is_allowed_later_goes_on_after_its_release(province, portal, start, wait):
    """What the agreement does not cover waits without a call; released, it is delivered, and its steps after it."""
    agreement = {"number": "1", "procedures": ["1.000000"], "valid_until": "2099-12-31"}
    worker = start(agreement=agreement)
    producer = province.producer()
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": f"{KEY}-0",
        "ce_source": "/hue/one-stop",
        "ce_type": "dossier.snapshot",
        "ce_dataschema": "urn:lienthong:schemas:dossier.snapshot:1",
        "content-type": "application/json",
    }
    headers = [(name, text.encode()) for name, text in attributes.items()]
    producer.produce(province.records, json.dumps(SNAPSHOT).encode(), KEY.encode(), headers=headers)
    province.produce(producer, [KEY], province.records)
    assert producer.flush(30) == 0
    wait(lambda: _kinds(province) == {"0": "parked", "1": "parked"}, workers=[worker])
    assert portal.effects() == []
    listed = json.loads(province.run("scope", "list", "--json").stdout)
    assert [(each["target"], each["kind"], each["records"], each["behind"]) for each in listed] == [
        ("portal", "procedure", 1, 1)
    ]
    worker.process.terminate()
    worker.ends()
    second = start(agreement={**agreement, "procedures": ["1.000000", "1.004873"]})
    wait(lambda: second.is_ready)
    asked = ("scope", "allow", "--target", "portal", "--kind", "procedure", "--value", "1.004873", *WHO)
    allowed = province.run(*asked)
    assert allowed.returncode == 0, allowed.stderr
    wait(lambda: _kinds(province) == {"0": "delivered", "1": "delivered"}, workers=[second])
    assert portal.effects() == ["create", "progress"]
    assert json.loads(province.run("scope", "list", "--json").stdout) == []


def test_a_dossier_goes_on_in_order_although_its_workers_die(province, portal, start, wait):
    """Parked by one worker, replayed while none runs, let go on by a second that dies on the way, and by a third."""
    first = start()
    _publish(province, 40)
    waiting = {"1": "dead_lettered"} | {str(number): "parked" for number in range(2, 41)}
    wait(lambda: _kinds(province) == waiting, workers=[first])
    first.signal(signal.SIGKILL)
    first.ends()
    portal.register()
    portal.behave(latency_seconds=0.1)
    assert province.run("dlq", "replay", "--pipeline", PIPELINE, "--dossier", KEY, *WHO).returncode == 0
    second = start()
    wait(lambda: sum(kind == "delivered" for kind in _kinds(province).values()) >= 5, workers=[second])
    second.signal(signal.SIGKILL)
    second.ends()
    assert "parked" in _kinds(province).values()
    _publish(province, 1)
    portal.behave(latency_seconds=0)
    third = start()
    ended = {"delivered", "duplicate"}
    wait(lambda: len(_kinds(province)) == 41 and set(_kinds(province).values()) <= ended, workers=[third])
    delivered = [each.id.rpartition("-")[2] for each in province.receipts(PIPELINE) if each.kind == "delivered"]
    assert list(dict.fromkeys(delivered)) == [str(number) for number in range(1, 42)]
    # What the second worker had sent, and nobody had been told of yet, is sent once more; all else once.
    assert 41 <= portal.effects().count("progress") <= 43
    dead = json.loads(province.run("dlq", "list", "--pipeline", PIPELINE, "--json").stdout)
    assert dead == []
    third.signal(signal.SIGTERM)
    assert third.ends() == 0, third.log
    before = len(province.receipts(PIPELINE))
    fourth = start()
    wait(lambda: fourth.is_ready)
    _publish(province, 1)
    wait(lambda: _kinds(province).get("42") == "delivered", workers=[fourth])
    assert len(province.receipts(PIPELINE)) == before + 1
