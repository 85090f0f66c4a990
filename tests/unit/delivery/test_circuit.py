"""The circuit breaker as tables of states, and how many lanes share it."""

import asyncio

import pytest

from lienthong.delivery.circuit import Cause, CircuitBreaker, CircuitState
from lienthong.delivery.policy import CircuitPolicy
from lienthong.errors import (
    OutcomeUnknownError,
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetSuspendedError,
    TargetUnavailableError,
    TokenExpiredError,
)

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN


@pytest.fixture
def breaker(clock):
    """Return a circuit that opens at the third failure and is probed after 1, 2, 4, 8, 10, 10 … seconds."""
    policy = {"failures": 3, "initial_interval": "1s", "max_interval": "10s", "multiplier": 2, "retry_after_cap": "60s"}
    return CircuitBreaker(CircuitPolicy.model_validate(policy), clock)


async def _through(breaker, function):
    with breaker.judging(breaker.admit_at_once() or await breaker.admit()):
        return await function()


def _call(breaker, error=None):
    async def function():
        if error is not None:
            raise error
        return "done"

    return asyncio.ensure_future(_through(breaker, function))


async def _fail(breaker, clock, error, times=1):
    for _ in range(times):
        task = _call(breaker, error)
        await clock.step()
        with pytest.raises(type(error)):
            await task


AWAY = TargetUnavailableError("away")
REFUSED = RejectedByTargetError("refused")


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([AWAY, AWAY], CLOSED),
        ([AWAY, AWAY, AWAY], OPEN),
        ([AWAY, AWAY, None, AWAY, AWAY], CLOSED),
        ([AWAY, AWAY, REFUSED, AWAY, AWAY], CLOSED),
        ([AWAY, AWAY, ScopeError("no", scope_kind="officer", scope="o1"), AWAY, AWAY], CLOSED),
        ([AWAY, AWAY, TokenExpiredError("expired"), AWAY, AWAY], CLOSED),
        ([TargetConfigurationError("certificate")], OPEN),
        ([TargetSuspendedError("cut off")], CircuitState.SUSPENDED),
        ([AWAY, AWAY, RuntimeError("bug"), AWAY], OPEN),
        ([AWAY, AWAY, OutcomeUnknownError("reset")], OPEN),
        ([REFUSED] * 10, CLOSED),
        ([RateLimitedError("slow down")], OPEN),
    ],
    ids=lambda value: str(value) if isinstance(value, CircuitState) else None,
)
async def test_what_opens_a_closed_circuit(breaker, clock, results, expected):
    """Only failures of the target in a row open it; a refusal is an answer, and a foreign error says nothing."""
    for result in results:
        if result is None:
            await _call(breaker)
        else:
            await _fail(breaker, clock, result)

    assert breaker.state is expected


async def test_an_open_circuit_lets_lanes_wait_and_one_probe(breaker, clock):
    """While the target is away nothing is called; then exactly one lane finds out that it is back."""
    await _fail(breaker, clock, AWAY, times=3)
    calls, release = [], asyncio.Event()

    async def function():
        """Call the target until released."""
        calls.append(clock.monotonic())
        await release.wait()

    lanes = [asyncio.ensure_future(_through(breaker, function)) for _ in range(50)]
    await clock.step(0.9)
    assert (calls, breaker.state, breaker.waiting) == ([], OPEN, 50)

    await clock.step(0.1)
    assert (len(calls), breaker.state, breaker.waiting) == (1, HALF_OPEN, 49)

    release.set()
    await asyncio.gather(*lanes)
    assert (len(calls), breaker.state, breaker.waiting) == (50, CLOSED, 0)


async def test_after_an_outage_twice_as_many_are_let_in_in_each_round(breaker, clock):
    """A target that has just come back is not knocked over by everything that waited."""
    await _fail(breaker, clock, AWAY, times=3)
    rounds = await _rounds(breaker, clock, lanes=300)

    assert rounds == [1, 1, 2, 4, 8, 16, 32, 64, 172]


async def _rounds(breaker, clock, lanes):
    """Return how many calls are under way in each round, when each answer takes one second."""
    under_way = 0

    async def function():
        """Take a second."""
        nonlocal under_way
        under_way += 1
        await clock.sleep(1)

    tasks = [asyncio.ensure_future(_through(breaker, function)) for _ in range(lanes)]
    await clock.step()
    rounds = []
    while not all(task.done() for task in tasks):
        under_way, before = 0, under_way
        rounds.append(before)
        await clock.step(1)
    return [number for number in rounds if number]


async def test_the_first_calls_of_all_can_be_let_in_slowly(clock):
    """A worker that starts with wrong credentials makes one call, not one for each lane."""
    breaker = CircuitBreaker(CircuitPolicy(), clock, starts_slowly=True)
    calls = []

    async def function():
        """Be refused."""
        calls.append(clock.monotonic())
        await clock.sleep(0.1)
        raise TargetConfigurationError("http_401")

    lanes = [asyncio.ensure_future(_through(breaker, function)) for _ in range(50)]
    await clock.step()
    await clock.step(0.1)

    assert (len(calls), breaker.state, breaker.cause, breaker.waiting) == (1, OPEN, Cause.CONFIGURATION, 49)
    for lane in lanes:
        lane.cancel()
    await asyncio.gather(*lanes, return_exceptions=True)


async def test_failures_while_the_target_is_let_in_slowly_halve_what_is_let_in(breaker, clock):
    """A target that staggers is relieved before the circuit has to open again."""
    breaker.begin_slowly()
    for _ in range(7):
        breaker.succeeded(await breaker.admit())
    breaker.failed(await breaker.admit())
    running = [await breaker.admit() for _ in range(4)]
    fifth = asyncio.ensure_future(breaker.admit())
    await clock.step()

    assert not fifth.done()
    breaker.succeeded(running[0])
    breaker.succeeded(await fifth)


async def test_a_target_that_falls_over_after_each_probe_is_probed_ever_more_rarely(breaker, clock):
    """One good answer does not prove that the target is back for good."""
    await _fail(breaker, clock, AWAY, times=3)
    waits = []
    for _ in range(3):
        waits.append(breaker.seconds_to_probe)
        probe = _call(breaker, AWAY)
        await clock.step()
        await clock.step(breaker.seconds_to_probe)
        await asyncio.gather(probe, return_exceptions=True)
        probe = _call(breaker)
        await clock.step()
        await clock.step(breaker.seconds_to_probe)
        await probe
        await _fail(breaker, clock, AWAY, times=3)

    assert waits == [1, 2, 4]


async def test_refused_credentials_are_tried_ever_more_rarely(breaker, clock):
    """One probe after 30 s, then 60, 120, 240 and 300 s: no storm that locks the account, and no end."""
    refusal = TargetConfigurationError("http_401")
    await _fail(breaker, clock, refusal)
    waits = []
    for _ in range(5):
        waits.append(breaker.seconds_to_probe)
        probe = _call(breaker, refusal)
        await clock.step()
        await clock.step(breaker.seconds_to_probe)
        await asyncio.gather(probe, return_exceptions=True)

    assert waits == [30, 60, 120, 240, 300]
    probe = _call(breaker)
    await clock.step()
    await clock.step(breaker.seconds_to_probe)
    await probe
    assert (breaker.cause, breaker.open_seconds) == (Cause.NONE, 0)


async def test_who_cuts_us_off_is_not_called_again(breaker, clock):
    """Not even a probe, however long it lasts, and also when the news comes from a call that began before."""
    early = await breaker.admit()
    await _fail(breaker, clock, AWAY, times=3)
    breaker.refused(early, is_suspended=True)
    calls = []

    async def function():
        """Write a call down."""
        calls.append(clock.monotonic())

    lanes = [asyncio.ensure_future(_through(breaker, function)) for _ in range(3)]
    for _ in range(5):
        await clock.step(86_400)

    assert (calls, breaker.state, breaker.waiting) == ([], CircuitState.SUSPENDED, 3)
    for lane in lanes:
        lane.cancel()
    await asyncio.gather(*lanes, return_exceptions=True)


async def test_calls_that_hang_since_before_the_outage_hold_up_nobody(breaker, clock):
    """They end by their own time limit, maybe a minute after the target was back."""
    for _ in range(50):
        await breaker.admit()
    await _fail(breaker, clock, AWAY, times=3)
    probe = _call(breaker)
    await clock.step()
    await clock.step(1)
    await probe
    later = [_call(breaker) for _ in range(10)]
    await clock.step()

    assert [await each for each in later] == ["done"] * 10


async def test_a_lane_that_is_cancelled_when_its_turn_comes_hands_it_on(breaker, clock):
    """Room that nobody takes would stay empty until the next answer, which may never come."""
    breaker.begin_slowly()
    first = await breaker.admit()
    second, third = (asyncio.ensure_future(breaker.admit()) for _ in range(2))
    await clock.step()

    breaker.released(first)
    second.cancel()
    await clock.step()

    assert third.done()
    await asyncio.gather(second, third, return_exceptions=True)


async def test_probes_become_rarer_while_the_target_stays_away(breaker, clock):
    """The interval doubles up to its limit, and begins anew after the target was back."""
    await _fail(breaker, clock, AWAY, times=3)
    waits = []
    for _ in range(6):
        waits.append(breaker.seconds_to_probe)
        task = _call(breaker, AWAY)
        await clock.step()
        await clock.step(breaker.seconds_to_probe)
        with pytest.raises(TargetUnavailableError):
            await task

    assert waits == [1, 2, 4, 8, 10, 10]
    assert breaker.openings_total == 1

    task = _call(breaker)
    await clock.step()
    await clock.step(10)
    await task
    for _ in range(150):
        await _call(breaker)
    await _fail(breaker, clock, AWAY, times=3)

    assert breaker.seconds_to_probe == 1
    assert breaker.openings_total == 2


@pytest.mark.parametrize(("asked", "expected"), [(30, 30), (0.1, 1), (3600, 60), (-1, 1), (None, 1)])
async def test_the_targets_own_wait_moves_the_probe(breaker, clock, asked, expected):
    """After "too many requests" nobody calls before the moment the target named, within the cap."""
    await _fail(breaker, clock, RateLimitedError("slow down", retry_after_seconds=asked))

    assert breaker.seconds_to_probe == expected


async def test_a_late_failure_can_only_postpone_the_probe(breaker, clock):
    """Calls that began before the circuit opened do not count twice, but their Retry-After is heard."""
    admissions = [await breaker.admit() for _ in range(5)]
    for admission in admissions[:3]:
        breaker.failed(admission)
    breaker.failed(admissions[3])
    assert breaker.seconds_to_probe == 1

    breaker.failed(admissions[4], 20)

    assert breaker.seconds_to_probe == 20
    assert breaker.openings_total == 1


async def test_a_late_success_does_not_close_an_open_circuit(breaker, clock):
    """An answer to a call from before the outage says nothing about now."""
    early = await breaker.admit()
    await _fail(breaker, clock, AWAY, times=3)

    breaker.succeeded(early)

    assert (breaker.state, breaker.consecutive_failures) == (OPEN, 3)


async def test_a_probe_without_result_is_followed_by_another(breaker, clock):
    """A cancelled lane must not leave the circuit half-open for ever."""
    await _fail(breaker, clock, AWAY, times=3)
    gate = asyncio.Event()

    async def function():
        """Call a target that hangs."""
        await gate.wait()

    probe = asyncio.ensure_future(_through(breaker, function))
    other = _call(breaker)
    await clock.step()
    await clock.step(1)
    assert breaker.state is HALF_OPEN

    probe.cancel()
    await clock.step()

    assert await other == "done"
    assert breaker.state is CLOSED
    await asyncio.gather(probe, return_exceptions=True)


async def test_a_lane_that_stops_waiting_is_not_counted(breaker, clock):
    """The number of waiting lanes stays right when a partition is revoked."""
    await _fail(breaker, clock, AWAY, times=3)
    lane = _call(breaker)
    await clock.step()
    assert breaker.waiting == 1

    lane.cancel()
    await asyncio.gather(lane, return_exceptions=True)

    assert breaker.waiting == 0
