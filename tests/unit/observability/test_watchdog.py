"""The watchdog with a clock that the test moves: what it ends, and what it lets be."""

import threading
from collections.abc import Callable

import pytest

from lienthong.config.models import WatchdogSettings
from lienthong.observability.health import Health
from lienthong.observability.watchdog import EXIT_STALLED, Signs, Watchdog
from lienthong.testing.clock import FakeClock

SETTINGS = WatchdogSettings(loop_seconds=30, poll_seconds=90, stall_seconds=120, stop_seconds=60, grace_seconds=0)


class Bench:
    """A watchdog whose worker, broker and clock belong to the test."""

    def __init__(self) -> None:
        self.now = 0.0
        self.signs = Signs(progress=(0,))
        self.broker_is_there = True
        self.health = Health(FakeClock())
        self.ended = threading.Event()
        self.codes: list[int] = []
        self.dog = Watchdog(
            SETTINGS, self._read, lambda: self.broker_is_there, self.health, end=self._end, monotonic=lambda: self.now
        )

    def _read(self) -> Signs:
        if isinstance(self.signs, Exception):
            raise self.signs
        return self.signs

    def _end(self, code: int) -> None:
        self.codes.append(code)
        self.ended.set()

    def pass_time(self, seconds: int, change: Callable[[int], None] = lambda _: None) -> bool:
        """Look once a second; return whether the worker goes on."""
        for second in range(seconds):
            self.now += 1.0
            change(second)
            if not self.dog.look():
                return False
        return True


@pytest.fixture
def bench() -> Bench:
    """Give a watchdog with a clock that the test moves."""
    return Bench()


def _silent(bench: Bench, field: str) -> Callable[[int], None]:
    begun = bench.now

    def change(_second: int) -> None:
        bench.signs = Signs(**{"progress": (0,), "is_waiting": True, field: bench.now - begun})

    return change


@pytest.mark.parametrize(
    ("field", "seconds"), [("loop_silence_seconds", 30), ("poll_silence_seconds", 90), ("oldest_call_seconds", 120)]
)
def test_what_is_silent_too_long_ends_the_worker(bench, field, seconds) -> None:
    """A blocked event loop, a hung poll thread and a call that never returns end it, and not a second before."""
    change = _silent(bench, field)
    assert bench.pass_time(seconds, change)
    assert bench.health.liveness().is_ok
    assert not bench.pass_time(2, change)
    assert "watchdog" in bench.health.liveness().reasons
    assert bench.ended.wait(5)
    assert bench.codes == [EXIT_STALLED] == [75]


def test_open_records_without_progress_end_the_worker(bench) -> None:
    """A worker that is busy and settles nothing is a stall, whatever else looks healthy."""
    assert bench.pass_time(121)
    assert not bench.pass_time(1)


def test_progress_starts_the_time_anew(bench) -> None:
    """Slow is not still."""

    def change(second: int) -> None:
        bench.signs = Signs(progress=(second // 100,))

    assert bench.pass_time(1_000, change)


@pytest.mark.parametrize("signs", [Signs(), Signs(progress=(0,), is_waiting=True)])
def test_nothing_to_do_and_waiting_for_a_target_are_no_stall(bench, signs) -> None:
    """An idle night, an outage, a used-up budget and a planned window may last for days."""
    bench.signs = signs
    assert bench.pass_time(10_000)


def test_time_spent_waiting_does_not_count_afterwards(bench) -> None:
    """When the target is back, the worker has the whole time to move again."""
    bench.signs = Signs(progress=(0,), is_waiting=True)
    assert bench.pass_time(500)
    bench.signs = Signs(progress=(0,))
    assert bench.pass_time(120)
    assert not bench.pass_time(2)


@pytest.mark.parametrize("field", ["poll_silence_seconds", "oldest_call_seconds", None])
def test_a_broker_that_is_away_never_ends_a_worker_but_makes_it_not_ready(bench, field) -> None:
    """A restart cannot bring the broker back; once it is there the time counts from then."""
    bench.broker_is_there = False
    change = _silent(bench, field) if field else lambda _: None
    assert bench.pass_time(1_000, change)
    assert bench.health.liveness().is_ok
    assert "kafka" in bench.health.readiness().reasons
    bench.broker_is_there = True
    assert bench.pass_time(90, change)
    assert not bench.pass_time(45, change)


def test_a_blocked_loop_ends_the_worker_also_without_its_broker(bench) -> None:
    """No broker blocks an event loop: this is a defect of the worker."""
    bench.broker_is_there = False
    assert bench.pass_time(200)
    assert not bench.pass_time(40, _silent(bench, "loop_silence_seconds"))


def test_a_process_that_was_frozen_gets_its_time_again(bench) -> None:
    """After SIGCONT or a sleeping machine every heartbeat is old, and nobody is to blame."""
    assert bench.pass_time(100)
    bench.now += 3_600
    bench.signs = Signs(progress=(0,), loop_silence_seconds=3_600, poll_silence_seconds=3_600)
    assert bench.pass_time(1)
    assert bench.pass_time(25)
    assert not bench.pass_time(10)


def test_a_stop_that_hangs_is_ended(bench) -> None:
    """A worker that was told to stop must not keep its place for ever; progress is not asked for meanwhile."""
    bench.signs = Signs(is_stopping=True)
    assert bench.pass_time(61)
    assert not bench.pass_time(1)


def test_a_poll_thread_that_has_gone_ends_the_worker(bench) -> None:
    """It tells what ended it; when nobody has stopped a moment later, nobody heard."""
    bench.signs = Signs(is_poll_thread_gone=True)
    assert not bench.pass_time(3)


def test_signs_that_change_while_they_are_read_are_read_again(bench) -> None:
    """One collision with the event loop says nothing; signs that can never be read are a stall of the watchdog."""
    bench.signs = RuntimeError("dictionary changed size during iteration")
    assert bench.pass_time(5)
    bench.signs = Signs()
    assert bench.pass_time(1)
    bench.signs = RuntimeError("dictionary changed size during iteration")
    assert not bench.pass_time(11)


def test_a_disabled_watchdog_does_not_run() -> None:
    """Debugging stops a process for longer than any stall."""
    dog = Watchdog(WatchdogSettings(enabled=False), Signs, lambda: True, Health(FakeClock()))
    dog.start()
    assert not dog._thread.is_alive()
    dog.stop()
