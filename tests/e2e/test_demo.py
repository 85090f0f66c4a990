"""The whole hub in real processes: every number agrees, sabotage is noticed, Ctrl-C leaves nothing."""

import os
import signal
import threading

import pytest

from lienthong_connectors.demo.leaks import LeakScanner, wanted_of
from lienthong_connectors.demo.week import prepare

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(200)]


def test_every_number_of_every_flow_agrees(run_demo):
    """Defects, an outage and a storm, all flows at once, and still every record ends as was written down beforehand."""
    demo = run_demo("--full", "--records", "1000", "--seed", "3")
    code, output = demo.finish(180)

    assert code == 0, output
    report = demo.report
    assert report["agrees"] is True
    assert all(check["agrees"] for check in report["checks"])
    flows = {flow["name"]: flow for flow in report["flows"]}
    assert {"dossiers", "national", "life-events", "accounts", "feedback", "feedback-down"} <= flows.keys()
    assert {"alerts", "counter"} <= flows.keys()
    assert all(flow["agrees"] and flow["checks"] for flow in flows.values())
    own = {name for flow in flows.values() for name in flow["pipelines"]}
    assert report["stages"].keys() == {"published", "ledger", *own}
    for stage in report["stages"].values():
        assert stage["expected"] == stage["observed"] > 0
        assert stage["records_per_second"] > 0
    assert report["trace"]["dossier"] in output
    assert "KHỚP / AGREES" in output
    wanted = wanted_of(prepare(1000, 3).each_dossier())
    assert LeakScanner(wanted).scan("output", output.encode() + demo.report_file.read_bytes()) == []
    assert demo.left_behind() == []


def test_a_window_and_a_quota_are_kept(run_demo):
    """The portal itself counts: nothing inside its window, nothing beyond its quota, and every record comes out."""
    demo = run_demo("--records", "600", "--window", "10", "--quota", "60", "--no-progress")
    code, output = demo.finish()

    assert code == 0, output
    titles = {check["title"].partition(" / ")[2]: check["observed"] for check in demo.report["checks"]}
    assert titles["requests beyond the quota"] == titles["requests inside the window"] == 0
    assert titles["records that waited for its end"] > 0
    assert demo.report["drain"]["requests"] > 600
    assert "backlog cleared" in output
    assert demo.left_behind() == []


def test_every_number_of_a_day_agrees(run_demo):
    """Peaks, a night window, a quota, refused officers, sessions that end and a page for people: nothing is lost."""
    demo = run_demo("--profile", "day", "--records", "1000", "--no-progress")
    code, output = demo.finish(180)

    assert code == 0, output
    report = demo.report
    assert all(check["agrees"] for check in report["checks"])
    titles = {check["title"].partition(" / ")[2]: check["observed"] for check in report["checks"]}
    assert titles["requests beyond the quota"] == titles["requests inside the window"] == 0
    assert titles["lienthong reconcile --probe"] == 0
    assert report["night"]["questions_waiting"] > 0
    assert report["night"]["hours_to_clear"] > 0
    assert "a night's backlog" in output
    assert demo.left_behind() == []


@pytest.mark.parametrize(
    ("sabotage", "noticed"),
    [
        ("lose", "order within each dossier"),
        ("repeat", "order within each dossier"),
        ("reorder", "order within each dossier"),
        ("leak", "numbers and full names"),
    ],
)
def test_sabotage_is_noticed(run_demo, sabotage, noticed):
    """The checks are worth something: one record of hundreds that goes wrong makes the run fail, and is named."""
    demo = run_demo("--records", "600", "--sabotage", sabotage, "--no-progress")
    code, output = demo.finish()

    assert code == 1, output
    differing = [check["title"] for check in demo.report["checks"] if not check["agrees"]]
    assert any(noticed in title for title in differing)
    assert demo.report["agrees"] is False
    assert demo.left_behind() == []


@pytest.mark.parametrize("after_seconds", [1.0, 4.0, 12.0])
def test_ctrl_c_leaves_nothing(run_demo, after_seconds):
    """Whenever the run is broken off, its processes and files are gone and the exit code says so."""
    demo = run_demo("--records", "5000")
    threading.Event().wait(after_seconds)
    demo.interrupt()
    code, output = demo.finish(30)

    assert code == 130, output
    assert demo.left_behind() == []


def test_a_process_that_dies_is_told(run_demo):
    """A pipeline that ends by itself ends the run with its last words, not with a wait for ever."""
    demo = run_demo("--records", "5000")
    os.kill(demo.await_process("pipelines run intake"), signal.SIGKILL)
    code, output = demo.finish(60)

    assert code == 1
    assert "intake" in output
    assert demo.left_behind() == []
