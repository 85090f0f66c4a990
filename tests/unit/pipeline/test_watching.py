"""What the watchdog reads of a worker."""

from types import SimpleNamespace

import pytest

from lienthong.observability.vitals import Vitals
from lienthong.pipeline.watching import Watching
from lienthong.record import Place
from lienthong.transport.assignment import Assignment


@pytest.fixture
def watched():
    """Give a worker with one partition, and a clock that the test moves."""
    assignment = Assignment(Place("hue.records.dossier", 0), 0)
    poller = SimpleNamespace(heartbeat=0.0, is_alive=True, assignments={assignment.place: assignment})
    app = SimpleNamespace(_consumer=SimpleNamespace(poller=poller), is_draining=False, failure=None)
    made = SimpleNamespace(assignment=assignment, poller=poller, app=app, vitals=Vitals(), now=0.0)
    made.watching = Watching(app, made.vitals, lambda: made.now)
    return made


def test_progress_changes_with_every_fetch_and_settlement_and_is_none_without_work(watched) -> None:
    """A worker that only fetches still moves; one that has nothing to do cannot stall."""
    assert watched.watching.signs().progress is None
    watched.assignment.deliver([0, 1, 2])
    fetched = watched.watching.signs().progress
    watched.assignment.settle([2])
    settled = watched.watching.signs().progress
    assert None not in {fetched, settled}
    assert fetched != settled == watched.watching.signs().progress
    watched.assignment.settle([0, 1])
    assert watched.watching.signs().progress is None
    watched.assignment.end_offset = 9
    assert watched.watching.signs().progress is not None


def test_silence_is_measured_for_the_loop_and_the_poll_thread(watched) -> None:
    """Each has its own bound."""
    watched.now, watched.poller.heartbeat = 12.0, 5.0
    signs = watched.watching.signs()
    assert (signs.loop_silence_seconds, signs.poll_silence_seconds) == (12.0, 7.0)
    assert not signs.is_poll_thread_gone
    watched.poller.is_alive = False
    assert watched.watching.signs().is_poll_thread_gone


@pytest.mark.parametrize("how", ["signal", "draining", "failure"])
def test_a_worker_on_its_way_out_is_seen_as_such(watched, how) -> None:
    """From then on only the end counts, not progress."""
    assert not watched.watching.signs().is_stopping
    watched.watching.is_stopping = how == "signal"
    watched.app.is_draining = how == "draining"
    watched.app.failure = RuntimeError() if how == "failure" else None
    assert watched.watching.signs().is_stopping


def test_before_the_consumer_exists_only_the_loop_is_watched(watched) -> None:
    """Asking Faust for its consumer from another thread would create it there."""
    watched.app._consumer = None
    watched.now = 3.0
    signs = watched.watching.signs()
    assert signs.loop_silence_seconds == 3.0
    assert signs.progress is None
    assert list(watched.watching.assignments()) == []


def test_what_waits_is_told(watched) -> None:
    """The watchdog lets it be."""
    with watched.vitals.record():
        assert watched.watching.signs().is_waiting
