"""What the probes see of a worker."""

import asyncio
from types import SimpleNamespace

import pytest

from lienthong.observability.health import Health
from lienthong.pipeline.worker import _Announcement, _sample
from lienthong.transport.assignment import Assignment, Place


class _RoundsOverError(Exception):
    """Ends the endless loop of the sampler."""


@pytest.fixture
def sample(make_pipeline, metrics, clock, tmp_path):
    """Give a function that samples for some rounds, with a poll thread that beats or hangs."""
    health = Health(clock, required=("partitions",))
    poller = SimpleNamespace(heartbeat=0.0, assignments={})
    app = SimpleNamespace(started=True, consumer=SimpleNamespace(poller=poller))
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
        pipeline = make_pipeline(forward={"topic": "records.dossier"})
        with pytest.raises(_RoundsOverError):
            await _sample(app, pipeline, metrics, health, ticking, _Announcement(ready_file, 9_100))

    run.health, run.poller, run.ready_file = health, poller, ready_file
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
