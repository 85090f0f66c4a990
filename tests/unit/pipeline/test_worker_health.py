"""What the probes see of a worker."""

import asyncio
from types import SimpleNamespace

import pytest

from lienthong.observability.health import Health
from lienthong.pipeline.sampler import Announcement, Sampler
from lienthong.record import Place
from lienthong.transport.assignment import Assignment


class _RoundsOverError(Exception):
    """Ends the endless loop of the sampler."""


@pytest.fixture
def sample(make_pipeline, metrics, clock, tmp_path):
    """Give a function that samples for some rounds, with a poll thread that beats or hangs."""
    health = Health(clock, required=("partitions",))
    poller = SimpleNamespace(
        heartbeat=0.0,
        assignments={},
        commits_total=0,
        commit_failures_total=0,
        has_joined=False,
        is_broker_away=False,
    )
    broker = SimpleNamespace(answer=True, answers=lambda: broker.answer)
    engine = SimpleNamespace(oldest_review=lambda: None, parked_counts=dict)
    app = SimpleNamespace(started=True, consumer=SimpleNamespace(poller=poller), engine=engine)
    ready_file = tmp_path / "ready"

    async def run(rounds: int, *, is_beating: bool) -> None:
        async def sleep(seconds: float) -> None:
            nonlocal rounds
            clock.advance(seconds)
            poller.heartbeat += is_beating
            rounds -= 1
            if not rounds:
                raise _RoundsOverError

        ticking = SimpleNamespace(now=clock.now, monotonic=clock.monotonic, sleep=sleep)
        name = make_pipeline(forward={"topic": "records.dossier"}).name
        with pytest.raises(_RoundsOverError):
            await Sampler(app, name, metrics, health, ticking, Announcement(ready_file, 9_100), broker).run()

    run.health, run.poller, run.ready_file, run.app, run.broker = health, poller, ready_file, app, broker
    return run


async def test_a_poll_thread_that_hangs_is_not_alive(sample) -> None:
    """Without this a worker would look healthy for ever while it fetches and commits nothing."""
    await sample(300, is_beating=True)
    assert sample.health.liveness().is_ok
    await sample(170, is_beating=False)
    assert sample.health.liveness().is_ok
    await sample(200, is_beating=False)
    assert "poll_thread" in sample.health.liveness().reasons


async def test_a_worker_is_ready_once_records_of_a_partition_flow(sample) -> None:
    """Owning a partition is not enough: what is parked must have been read."""
    assignment = Assignment(Place("t", 0), 0)
    sample.poller.assignments = {assignment.place: assignment}
    await sample(2, is_beating=True)
    assert not sample.health.readiness().is_ok
    assert not await asyncio.to_thread(sample.ready_file.exists)
    assignment.is_ready = True
    await sample(2, is_beating=True)
    assert sample.health.readiness().is_ok
    assert b'"metrics_port":9100' in await asyncio.to_thread(sample.ready_file.read_bytes)


async def test_operators_see_commits_and_the_age_of_the_oldest_review(sample, metrics, clock) -> None:
    """Commits that stop and decisions that nobody takes are what an operator must notice first."""
    sample.poller.commits_total, sample.poller.commit_failures_total = 7, 2
    opened = clock.now()
    sample.app.engine.oldest_review = lambda: opened
    sample.app.engine.parked_counts = lambda: {"review": 1}
    await sample(3, is_beating=True)
    assert metrics.value("lienthong_commits_total", pipeline="intake", result="ok") == 7
    assert metrics.value("lienthong_commits_total", pipeline="intake", result="failed") == 2
    assert metrics.value("lienthong_review_oldest_seconds", pipeline="intake") == 2
    assert metrics.value("lienthong_parked_records", pipeline="intake", reason="review") == 1


async def test_a_worker_that_is_given_no_partition_stands_by_and_is_ready(sample) -> None:
    """With more workers than partitions a deployment must not wait for ever; a rebalance under way is given time."""
    await sample(10, is_beating=True)
    assert not sample.health.readiness().is_ok
    sample.poller.has_joined = True
    await sample(5, is_beating=True)
    assert not sample.health.readiness().is_ok
    await sample(7, is_beating=True)
    assert sample.health.readiness().is_ok
    assert await asyncio.to_thread(sample.ready_file.exists)


async def test_a_worker_whose_broker_is_away_is_not_ready_but_alive(sample) -> None:
    """A restart cannot bring the broker back; when it answers again the worker is ready without traffic."""
    assignment = Assignment(Place("t", 0), 0)
    assignment.is_ready = True
    sample.poller.assignments = {assignment.place: assignment}
    sample.poller.is_broker_away, sample.broker.answer = True, False
    await sample(3, is_beating=True)
    assert list(sample.health.readiness().reasons) == ["kafka"]
    assert sample.health.liveness().is_ok
    sample.broker.answer = True
    await sample(3, is_beating=True)
    assert sample.health.readiness().is_ok
