"""Calls to a target: what they wait for, what operators are told, and that nothing is given up."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

from lienthong.connector import CallContext
from lienthong.delivery.circuit import CircuitState
from lienthong.delivery.retry import Attempts
from lienthong.errors import (
    RateLimitedError,
    TargetConfigurationError,
    TargetSuspendedError,
    TargetUnavailableError,
    TokenExpiredError,
)
from lienthong.limits.forecast import Forecast
from lienthong.limits.gate import GateState
from lienthong.limits.leases import Counts
from lienthong.testing.clock import START, FakeClock

CONTEXT = CallContext("deliver", "e-1", 0, "", "p", "l", "officer-1", "", "k")
AWAY = TargetUnavailableError("away")
REFUSED = TargetConfigurationError("refused", reason="http_401")


def _alerts(metrics):
    return {name for name, _ in metrics.alerts("deliver")}


class TestOutage:
    """A target that is away."""

    async def test_however_long_it_lasts_nothing_is_given_up(self, make_target, clock, make_remote):
        """After the circuit has opened there is one probe at a time, ever more rarely, until the target is back."""
        remote = make_remote(*[AWAY] * 12)
        circuit = {"failures": 3, "initial_interval": "1s", "max_interval": "60s"}
        retry = {"max_attempts": 2, "initial_interval": "1s", "max_interval": "2s", "jitter": "0ms"}
        found, made = await make_target(circuit=circuit, retry=retry).call(CONTEXT, remote, Attempts())

        waits = [after - before for before, after in zip(remote.times, remote.times[1:], strict=False)]
        assert found == "done"
        assert waits == [1, 2, 2, 2, 4, 8, 16, 32, 60, 60, 60, 60]
        assert len(set(made)) == 13

    async def test_the_wait_that_the_target_asks_for_is_kept_and_capped(self, make_target, clock, make_remote):
        """Retry-After wins over the policy's own waits, up to the cap of each."""
        remote = make_remote(*[RateLimitedError("slow", retry_after_seconds=each) for each in (30, 7200)])
        policy = {"circuit": {"retry_after_cap": "10m"}, "retry": {"retry_after_cap": "5m", "jitter": "0ms"}}
        await make_target(**policy).call(CONTEXT, remote, Attempts())

        assert remote.times == [0, 30, 630]

    async def test_somebody_is_told_after_a_minute_and_when_it_is_over(self, make_target, clock, metrics, make_remote):
        """What ends by itself within a minute wakes nobody."""
        target = make_target(circuit={"failures": 1, "initial_interval": "300s", "max_interval": "300s"})
        call = asyncio.ensure_future(target.call(CONTEXT, remote := make_remote(AWAY), Attempts()))
        told = []
        clock.sleep = _never
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for _ in range(4):
            target.watch.look()
            told.append((_alerts(metrics), target.pause_reason))
            clock.advance(20)
        assert told == [(set(), "outage")] * 3 + [({"target_unavailable"}, "outage")]
        assert metrics.value("lienthong_target_paused", pipeline="deliver", target="portal", reason="outage") == 1

        call.cancel()
        clock.sleep = FakeClock.sleep.__get__(clock)
        await target.call(CONTEXT, remote, Attempts())
        target.watch.look()

        assert (_alerts(metrics), target.pause_reason) == (set(), "")
        assert metrics.value("lienthong_target_paused", pipeline="deliver", target="portal", reason="outage") == 0


async def _never(_seconds):
    await asyncio.Event().wait()


class TestRefusal:
    """A target that refuses us, whatever the record."""

    async def test_credentials_are_probed_ever_more_rarely_until_they_are_mended(
        self, make_target, clock, metrics, make_remote
    ):
        """No retry storm: 30 s, then twice as long each time up to five minutes; the record waits."""
        remote = make_remote(*[REFUSED] * 6)
        found, _ = await (target := make_target()).call(CONTEXT, remote, Attempts())

        waits = [after - before for before, after in zip(remote.times, remote.times[1:], strict=False)]
        assert (found, waits) == ("done", [30, 60, 120, 240, 300, 300])
        assert _alerts(metrics) == {"target_configuration"}
        target.watch.look()
        assert _alerts(metrics) == set()

    async def test_many_lanes_make_one_call_with_refused_credentials(self, make_target, clock, metrics, make_remote):
        """A worker that starts with a wrong password must not lock the account."""
        target = make_target()
        clock.sleep = _never
        remote = make_remote(*[REFUSED] * 50)
        lanes = [asyncio.ensure_future(target.call(CONTEXT, remote, Attempts())) for _ in range(50)]
        for _ in range(10):
            await asyncio.sleep(0)

        assert len(remote.times) == 1
        assert target.pause_reason == "configuration"
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)

    async def test_tokens_that_expire_at_once_again_and_again_pause_the_pipeline(
        self, make_target, clock, metrics, make_remote
    ):
        """A worker stays alive and probes: it neither ends nor calls without end."""
        remote = make_remote(*[TokenExpiredError("expired")] * 4)
        await make_target(retry={"max_token_refreshes": 3, "initial_interval": "1s", "jitter": "0ms"}).call(
            CONTEXT, remote, Attempts()
        )

        assert remote.times == [0, 0, 2, 32, 92]
        assert "target_configuration" in _alerts(metrics)

    async def test_who_has_cut_us_off_is_left_alone(self, make_target, clock, metrics, make_remote):
        """No probe, whatever time passes; an operator has to start the worker again."""
        target = make_target()
        remote = make_remote(TargetSuspendedError("locked"))
        lanes = [asyncio.ensure_future(target.call(CONTEXT, remote, Attempts())) for _ in range(5)]
        for _ in range(100):
            clock.advance(3600)
            await asyncio.sleep(0)
        target.watch.look()

        assert len(remote.times) == 1
        assert (target.pause_reason, target.circuit.state) == ("suspended", CircuitState.SUSPENDED)
        assert _alerts(metrics) == {"target_suspended"}
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


class TestWindow:
    """Planned maintenance."""

    async def test_inside_a_window_nothing_is_called_and_afterwards_all_is(
        self, make_target, clock, make_remote, make_closed_gate
    ):
        """Records wait for the end and are then delivered."""
        remote = make_remote()
        target = make_target(make_closed_gate(-10, 3600))
        await target.call(CONTEXT, remote, Attempts())

        assert remote.times == [3600]
        assert target.circuit.state is CircuitState.CLOSED

    async def test_a_probe_whose_time_comes_in_a_window_waits_for_its_end(
        self, make_target, clock, make_remote, make_closed_gate
    ):
        """An outage just before the window is not probed inside it."""
        remote = make_remote(AWAY, AWAY)
        circuit = {"failures": 1, "initial_interval": "20s", "max_interval": "20s"}
        await make_target(make_closed_gate(30, 1000), circuit=circuit).call(CONTEXT, remote, Attempts())

        assert remote.times == [0, 20, 1000]

    async def test_a_window_is_no_reason_to_wake_anybody(self, make_target, clock, metrics, make_closed_gate):
        """An alert raised before ends with the window's begin, and after its end the target gets its minute again."""
        target = make_target(make_closed_gate(100, 1000), circuit={"failures": 1})
        admission = await target.circuit.admit()
        target.circuit.failed(admission)
        metrics.vitals.pauses.add("another")
        told = {}
        for second in (0, 59, 60, 97, 98, 999, 1000, 1059, 1060):
            clock.advance(second - clock.monotonic())
            target.watch.look()
            told[second] = (bool(_alerts(metrics)), target.pause_reason)

        quiet, raised = (False, "outage"), (True, "outage")
        assert told == {
            **dict.fromkeys((0, 59), quiet),
            **dict.fromkeys((60, 97), raised),
            **dict.fromkeys((98, 999), (False, "window")),
            **dict.fromkeys((1000, 1059), quiet),
            1060: raised,
        }
        assert metrics.vitals.pauses == {"outage", "another"}

    async def test_after_a_window_the_target_is_let_in_slowly(self, make_target, clock, make_remote, make_closed_gate):
        """What waited all night does not arrive in one moment."""
        remote = make_remote()
        most = []
        target = make_target(make_closed_gate(-10, 60))

        async def function(context):
            """Take a moment."""
            most.append(target.circuit.waiting)
            await asyncio.sleep(0)
            return await remote(context)

        await asyncio.gather(*(target.call(CONTEXT, function, Attempts()) for _ in range(20)))

        assert most[0] == 0 or most[0] >= 18
        assert len(remote.times) == 20


class CountedGate:
    """A gate whose allocator is in a state that the test chooses."""

    is_in_maintenance = False

    def __init__(self, forecast):
        self.told = forecast
        self.state = GateState.OPEN
        self.allocator = SimpleNamespace(waiting=Counts(0, 7, 2), is_store_away=False)

    def forecast(self):
        """Return what the test chose."""
        return self.told


class TestLimits:
    """What operators see of a target's limits."""

    def test_a_budget_that_ends_long_before_the_day_is_told(self, make_target, clock, metrics):
        """Somebody should know hours before the last call of the day is gone."""
        ends_at = START + timedelta(hours=2)
        gate = CountedGate(Forecast(START.date(), 900, 100, 0.1, ends_at, is_alert=True))
        target = make_target(gate)
        target.watch.look()

        labels = {"pipeline": "deliver", "target": "portal"}
        assert _alerts(metrics) == {"target_budget"}
        assert metrics.value("lienthong_target_budget_used_requests", **labels) == 900
        assert metrics.value("lienthong_target_budget_left_requests", **labels) == 100
        assert metrics.value("lienthong_target_budget_ends_seconds", **labels) == 7200
        assert metrics.value("lienthong_target_waiting_requests", priority="live", **labels) == 7

        gate.told = Forecast(START.date(), 900, 100, 0.0, None, is_alert=False)
        target.watch.look()
        assert _alerts(metrics) == set()
        assert metrics.value("lienthong_target_budget_ends_seconds", **labels) == float("inf")

    def test_a_store_that_is_away_for_long_is_told(self, make_target, clock, metrics):
        """Calls stop without it; a restart of the database within a minute is nobody's business."""
        gate = CountedGate(None)
        gate.allocator.is_store_away = True
        gate.state = GateState.STORE_AWAY
        target = make_target(gate)
        told = []
        for _ in range(3):
            target.watch.look()
            told.append((_alerts(metrics), target.pause_reason))
            clock.advance(30)

        assert told == [(set(), "limits_store_away")] * 2 + [({"limits_store_away"}, "limits_store_away")]
        gate.allocator.is_store_away = False
        gate.state = GateState.WAITING
        target.watch.look()
        assert (_alerts(metrics), target.pause_reason, metrics.vitals.pauses) == (set(), "limits", set())
