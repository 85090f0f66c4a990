"""Counters of failing records: durable before the next call, gone with their record."""

import asyncio
import random
from datetime import timedelta

import pytest

from lienthong.delivery.policy import RetryPolicy
from lienthong.delivery.retry import Retrier
from lienthong.errors import RecordError, RetriableError
from lienthong.pipeline.key_state import decode, mark_of
from lienthong.record import Record

CODE = b"H57.21-261008-0001"


class _Waits:
    """A clock whose waits last until the test lets time pass."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.waiting: list[tuple[float, asyncio.Future]] = []

    def now(self):
        """Return the test's time."""
        return self.clock.now()

    async def sleep(self, seconds) -> None:
        """Wait for :meth:`step`."""
        woken = asyncio.get_running_loop().create_future()
        self.waiting.append((seconds, woken))
        await woken

    def step(self) -> None:
        """Let the waits pass."""
        for seconds, woken in self.waiting:
            self.clock.advance(seconds)
            woken.set_result(None)
        self.waiting = []


class _Calls:
    """Takes the place of a step's handling: calls that fail as often as told."""

    def __init__(self, lab, clock, **policy) -> None:
        values = {"initial_interval": "1s", "max_interval": "8s", "multiplier": 2, "jitter": "0s"}
        self.waits = _Waits(clock)
        self.lab = lab
        self.retrier = Retrier(RetryPolicy.model_validate({**values, **policy}), self.waits, random.Random(1))
        self.failures = 0
        self.made = 0
        self.inner = lab.step.handle
        lab.step.handle = self.handle

    async def step(self) -> None:
        """Let the waits pass and everything go on."""
        self.waits.step()
        await self.lab.turns()

    async def handle(self, item, state):
        """Call until it works or is given up."""

        async def call(_number: int) -> None:
            self.made += 1
            if self.made <= self.failures:
                raise RetriableError("failed on its merits")

        try:
            await self.retrier.run(call, item.attempts)
        except RecordError as error:
            error.attempts = item.attempts.made
            raise
        return await self.inner(item, state)


@pytest.fixture
def known(producer):
    """Give a function that reads the state of the key as a restarted worker would."""

    def read():
        records = producer.of("state.deliver")
        if not records:
            return None
        last = records[-1]
        return decode(Record(last.topic, last.partition, 0, 0, last.key, last.value, last.headers))

    return read


async def test_a_failure_is_durable_before_the_next_call(lab, source, clock, known) -> None:
    """A worker that is redeployed in the middle of a retry loses neither attempts nor time."""
    calls = _Calls(lab, clock)
    calls.failures = 2
    await lab.engine.submit(source.slice(source.progress(1)))
    await lab.turns()
    assert calls.made == 1
    failing = known().failing
    assert (failing.mark, failing.made, failing.counted) == (mark_of("/hue/one-stop", "p-1"), 1, 1)
    first = failing.first_failed_at
    await calls.step()
    assert (known().failing.counted, known().failing.first_failed_at) == (2, first)
    await calls.step()
    assert lab.receipts() == [("p-1", "delivered")]
    assert known().failing is None


async def test_a_restarted_worker_goes_on_counting(make_lab, producer, make_bench, clock) -> None:
    """max_attempts and max_elapsed hold over restarts, and the dead letter tells when it all began."""
    counted = []
    for _ in range(3):
        lab = make_lab()
        calls = _Calls(lab, clock, max_attempts=6)
        calls.failures = 99
        await lab.engine.start()
        bench = make_bench("records.dossier")
        await lab.engine.on_assigned([bench.assignment])
        await lab.engine.submit(bench.slice(bench.progress(1)))
        await lab.turns()
        await calls.step()
        counted.append(calls.made)
        await lab.engine.stop()
    assert counted == [2, 2, 2]
    (letter,) = producer.of("deadletters.deliver")
    headers = dict(letter.headers)
    assert headers["lt-error-attempts"] == b"6"
    begun = clock.now() - timedelta(seconds=13)
    assert headers["lt-error-first-failed-at"] == begun.isoformat().encode()


async def test_a_failing_state_never_runs_ahead_of_what_ended_before(lab, source, producer, clock) -> None:
    """A state that is durable before an earlier outcome of its key would hide that outcome after a crash."""
    calls = _Calls(lab, clock)
    await lab.engine.submit(source.slice(source.progress(1)))
    producer.is_held = True
    await lab.turns()
    calls.made, calls.failures = 0, 1
    await lab.engine.submit(source.slice(source.progress(2)))
    await lab.turns()
    assert calls.made == 0
    for _ in range(6):
        producer.acknowledge()
        await lab.turns(20)
    topics = [each.split(" ")[1] for each in producer.log]
    assert topics[:3] == ["state.deliver", "receipts", "state.deliver"]
    assert [b'"f"' in each.value for each in producer.of("state.deliver")] == [False, True]


async def test_the_counters_of_another_record_are_not_inherited(lab, source, clock, known) -> None:
    """What one record used up is not taken from the next one of its key."""
    calls = _Calls(lab, clock, max_attempts=2)
    calls.failures = 2
    await lab.engine.submit(source.slice(source.progress(1), source.progress(2)))
    await lab.turns()
    await calls.step()
    assert lab.receipts() == [("p-1", "dead_lettered"), ("p-2", "delivered")]
    assert known().failing is None


async def test_records_without_key_count_for_themselves(lab, source, clock, producer) -> None:
    """They have no order and no state; only their counter is kept while they fail."""
    calls = _Calls(lab, clock)
    calls.failures = 1
    message = source.progress(1)
    message.key_ = None
    await lab.engine.submit(source.slice(message))
    await lab.turns()
    assert [each.key for each in producer.of("state.deliver")] == [b""]
    await calls.step()
    assert b'"f"' not in producer.of("state.deliver")[-1].value
