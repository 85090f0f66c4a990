"""Watches why a target is not called: what metrics show, and when somebody should know."""

from enum import StrEnum

from lienthong.clock import Clock
from lienthong.delivery.circuit import Cause, CircuitBreaker
from lienthong.limits.gate import Gate, GateState
from lienthong.limits.policy import Priority
from lienthong.observability.metrics import Metrics

#: Names of alerts.
UNAVAILABLE = "target_unavailable"
CONFIGURATION = "target_configuration"
SUSPENDED = "target_suspended"
BUDGET = "target_budget"
STORE_AWAY = "limits_store_away"

_LOOK_SECONDS = 1.0
#: What ends by itself within this time needs nobody.
_PATIENCE_SECONDS = 60.0


class PauseReason(StrEnum):
    """Why no calls are made, the most important first."""

    NONE = ""
    WINDOW = "window"
    SUSPENDED = "suspended"
    CONFIGURATION = "configuration"
    OUTAGE = "outage"
    STORE_AWAY = "limits_store_away"
    LIMITS = "limits"


_OF_CAUSE = {
    Cause.SUSPENDED: PauseReason.SUSPENDED,
    Cause.CONFIGURATION: PauseReason.CONFIGURATION,
    Cause.OUTAGE: PauseReason.OUTAGE,
}
_OF_GATE = {GateState.STORE_AWAY: PauseReason.STORE_AWAY, GateState.WAITING: PauseReason.LIMITS}


class TargetWatch:
    """Looks at a target's circuit and gate once a second.

    Args:
        pipeline: Name of the pipeline.
        name: Name of the connector.
        circuit: Its circuit.
        gate: Its calendar and limits; None for a target without.
        clock: Where to read the time and wait.
        metrics: What operators see.
    """

    def __init__(
        self, pipeline: str, name: str, circuit: CircuitBreaker, gate: Gate | None, clock: Clock, metrics: Metrics
    ) -> None:
        self._pipeline = pipeline
        self._name = name
        self._circuit = circuit
        self._gate = gate
        self._clock = clock
        self._metrics = metrics
        self._open_since: float | None = None
        self._away_since: float | None = None

    @property
    def pause_reason(self) -> PauseReason:
        """Why no calls are made; what is planned comes before what is not."""
        state = self._gate.state if self._gate is not None else GateState.OPEN
        if state is GateState.MAINTENANCE:
            return PauseReason.WINDOW
        return _OF_CAUSE.get(self._circuit.cause) or _OF_GATE.get(state, PauseReason.NONE)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await self._clock.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Set metrics and alerts."""
        reason = self.pause_reason
        self._metrics.set_target_pause(self._pipeline, self._name, reason.value, [each.value for each in PauseReason])
        pauses = self._metrics.vitals.pauses
        pauses.difference_update(each.value for each in PauseReason)
        # Waiting for one's turn is no pause: calls go on, and each that waits says so itself.
        if reason not in {PauseReason.NONE, PauseReason.LIMITS}:
            pauses.add(reason.value)
        self._look_at_circuit(is_planned=reason is PauseReason.WINDOW)
        if self._gate is not None and self._gate.allocator is not None:
            self._look_at_limits(self._gate)

    def _look_at_circuit(self, *, is_planned: bool) -> None:
        cause = self._circuit.cause
        if cause is Cause.NONE:
            for alert in (CONFIGURATION, SUSPENDED):
                self._tell(alert, is_raised=False)
        # The end of a window begins a new count: the target gets its time to come back.
        is_away = cause is Cause.OUTAGE and not is_planned
        self._open_since = self._since(self._open_since, is_so=is_away)
        self._tell(UNAVAILABLE, is_raised=self._lasts(self._open_since))

    def _look_at_limits(self, gate: Gate) -> None:
        allocator = gate.allocator
        if allocator is None:
            return
        for priority, calls in zip(Priority, allocator.waiting, strict=True):
            self._metrics.set_target_waiting(self._pipeline, self._name, priority.name.lower(), calls)
        self._away_since = self._since(self._away_since, is_so=allocator.is_store_away)
        self._tell(STORE_AWAY, is_raised=self._lasts(self._away_since))
        forecast = gate.forecast()
        if forecast is not None:
            left = (forecast.ends_at - self._clock.now()).total_seconds() if forecast.ends_at else float("inf")
            self._metrics.set_target_budget(self._pipeline, self._name, forecast.used, forecast.left, max(0.0, left))
        self._tell(BUDGET, is_raised=forecast is not None and forecast.is_alert)

    def _since(self, since: float | None, *, is_so: bool) -> float | None:
        if not is_so:
            return None
        return self._clock.monotonic() if since is None else since

    def _lasts(self, since: float | None) -> bool:
        return since is not None and self._clock.monotonic() - since >= _PATIENCE_SECONDS

    def _tell(self, alert: str, *, is_raised: bool) -> None:
        if is_raised:
            self._metrics.raise_alert(alert, self._pipeline, self._name)
        else:
            self._metrics.clear_alert(alert, self._pipeline, self._name)
