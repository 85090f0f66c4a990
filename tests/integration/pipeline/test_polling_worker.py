"""Polling workers as real processes: two of them, frozen and killed."""

import json
import signal
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from lienthong.clock import SystemClock
from lienthong.ledger.rebuild import rebuild
from lienthong.ledger.reconcile import reconcile
from lienthong.ledger.store import LedgerStore
from lienthong.record import PIPELINE_HEADER

pytestmark = pytest.mark.kafka
SCRIPT = Path(__file__).with_name("polling_worker.py")
_BODY = {
    "dossier_code": "H57.21-261008-0001",
    "occurred_at": "2026-10-08T08:30:00+07:00",
    "handler_name": "Cán bộ tiếp nhận",
    "handler_title": "Cán bộ",
    "department": "Trung tâm Phục vụ hành chính công",
    "content": "Tiếp nhận hồ sơ",
    "status": "accepted",
    "started_at": "2026-10-08T08:30:00+07:00",
}


def _line(number: int) -> str:
    body = _BODY | {"step_id": f"step-{number}", "sequence": number + 1}
    if number == 77:
        body["status"] = "no such status"
    # Five records of each time, so that pages end between equal ones.
    return json.dumps([number // 5, f"H57.21-{number % 20}", f"n-{number}", json.dumps(body, ensure_ascii=False)])


@pytest.fixture
def start(province):
    """Give a function that starts a polling worker."""

    def make():
        ready_file = province.folder / f"polling-{len(province.workers)}.ready"
        files = [str(province.folder / "list"), str(province.folder / "acknowledged"), str(ready_file)]
        return province.launch([sys.executable, str(SCRIPT), *files], ready_file)

    return make


@pytest.fixture
def acknowledged(province):
    """Give a function that returns what the platform was told, in order."""

    def read():
        path = province.folder / "acknowledged"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return read


class _Polled:
    """A polling pipeline as the reconciler sees it."""

    name = "intake-bulk"
    topics = ()

    def __init__(self, names):
        self.group = names.group(self.name)
        self.written = (names.records("dossier"), names.of_pipeline("deadletters", self.name))


async def test_one_polls_and_the_other_takes_over_wherever_the_first_one_stops(
    province, start, acknowledged, wait, tmp_path
) -> None:
    """Frozen in the middle and killed at the end: all is there once, no cursor goes back, the count is balanced."""
    path = province.folder / "list"
    path.write_text("".join(_line(number) + "\n" for number in range(600)))
    first = start()
    wait(lambda: len(acknowledged()) > 8, workers=[first])
    second = start()
    wait(lambda: second.is_ready, workers=[first, second])
    pids = {first.process.pid: first, second.process.pid: second}
    poller = pids[acknowledged()[-1]["pid"]]
    other = second if poller is first else first

    poller.signal(signal.SIGSTOP)
    before = len(acknowledged())
    wait(lambda: any(each["pid"] == other.process.pid for each in acknowledged()[before:]), workers=[other])
    poller.signal(signal.SIGCONT)
    wait(lambda: {each for line in acknowledged() for each in line["ids"]} >= {f"n-{n}" for n in range(600)})
    with path.open("a") as file:
        file.writelines(_line(number) + "\n" for number in range(600, 620))
    wait(lambda: any("n-619" in each["ids"] for each in acknowledged()), workers=[poller, other])
    polling = pids[acknowledged()[-1]["pid"]]
    standing_by = first if polling is second else second
    polling.process.kill()
    with path.open("a") as file:
        file.writelines(_line(number) + "\n" for number in range(620, 640))
    wait(lambda: any("n-639" in each["ids"] for each in acknowledged()), workers=[standing_by])
    standing_by.signal(signal.SIGTERM)
    assert standing_by.ends() == 0

    records = [each for each in province.read(province.records) if each.header(PIPELINE_HEADER) == b"intake-bulk"]
    ids = [(each.header("ce_id") or b"").decode() for each in records]
    letters = province.read(province.names.of_pipeline("deadletters", "intake-bulk"))
    assert set(ids) == {f"n-{number}" for number in range(640)} - {"n-77"}
    assert {each.header("ce_id") for each in letters} == {b"n-77"}
    # What is written again was read again after a takeover, within the overlap.
    assert len(ids) - len(set(ids)) <= 80
    order = defaultdict(list)
    for each in sorted(records, key=lambda record: (record.partition, record.offset)):
        number = int((each.header("ce_id") or b"").decode().removeprefix("n-"))
        if number not in order[each.key]:
            order[each.key].append(number)
    assert all(numbers == sorted(numbers) for numbers in order.values())
    saved = [int(json.loads(each.value)["cursor"]) for each in province.read(province.names.full("cursors"))]
    assert saved == sorted(saved)
    assert saved[-1] == 639 // 5

    store = LedgerStore(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    rebuild(province.view, store, province.names)
    report = await reconcile([_Polled(province.names)], province.view, store, province.names.receipts, SystemClock())
    store.close()
    (found,) = report.pipelines
    assert report.is_balanced, found
    assert (found.accepted, found.ends) == (640, {"delivered": 639, "dead_lettered": 1})
