"""The oldest unsettled record against the retention of its topic."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from lienthong.errors import BrokerUnavailableError, CatalogError
from lienthong.pipeline.retention import RetentionGuard
from lienthong.record import Place
from lienthong.transport.assignment import Assignment

TOPIC = "hue.records.dossier"
DAY_MS = 86_400_000


class _Cluster:
    """A cluster with one topic."""

    def __init__(self, retention_ms: int) -> None:
        self.retention_ms = retention_ms
        self.asked = 0
        self.error: Exception | None = None
        self.set_error: Exception | None = None

    def describe(self, names) -> dict[str, object]:
        """Return the topic with its retention."""
        self.asked += 1
        if self.error is not None:
            raise self.error
        return {name: SimpleNamespace(configs={"retention.ms": str(self.retention_ms)}) for name in names}

    def set_configs(self, changes) -> None:
        """Take another retention."""
        if self.set_error is not None:
            raise self.set_error
        self.retention_ms = int(changes[TOPIC]["retention.ms"])


@pytest.fixture
def guard(metrics, clock):
    """Give a guard over one partition whose topic keeps records for 100 days."""
    cluster = _Cluster(100 * DAY_MS)
    assignment = Assignment(Place(TOPIC, 0), 0)
    made = RetentionGuard("deliver", lambda: [assignment], lambda: nullcontext(cluster), metrics, clock)
    made.cluster, made.assignment = cluster, assignment

    def fetch(days_old: float) -> None:
        assignment.deliver([0], int(clock.now().timestamp() * 1000 - days_old * DAY_MS))

    made.fetch = fetch
    return made


def _alerts(metrics) -> set[str]:
    return {name for name, _ in metrics.alerts("deliver")}


async def test_nothing_old_costs_no_question_a_minute(guard, metrics, clock) -> None:
    """A healthy pipeline asks the broker every ten minutes only."""
    guard.fetch(1)
    for _ in range(40):
        await guard.look()
        clock.advance(30)
    assert guard.cluster.asked == 2
    assert _alerts(metrics) == set()


async def test_half_of_the_retention_is_an_alarm_until_it_is_settled(guard, metrics) -> None:
    """There is still time then for what a person has to mend."""
    guard.fetch(51)
    await guard.look()
    assert _alerts(metrics) == {"unsettled_near_retention"}
    assert guard.cluster.retention_ms == 100 * DAY_MS
    guard.assignment.settle([0])
    await guard.look()
    assert _alerts(metrics) == set()


async def test_near_the_end_the_retention_is_extended_and_never_shortened(guard, metrics, clock) -> None:
    """An outage longer than the retention must not delete what was accepted."""
    guard.fetch(81)
    await guard.look()
    assert guard.cluster.retention_ms == pytest.approx(162 * DAY_MS)
    assert _alerts(metrics) == {"unsettled_near_retention"}
    clock.advance(86_400 * 60)
    await guard.look()
    assert guard.cluster.retention_ms == pytest.approx(282 * DAY_MS)
    guard.assignment.settle([0])
    await guard.look()
    assert guard.cluster.retention_ms == pytest.approx(282 * DAY_MS)


async def test_what_somebody_else_extended_is_left(guard, metrics, clock) -> None:
    """Workers of several pipelines look at the same topic."""
    guard.fetch(70)
    await guard.look()
    guard.cluster.retention_ms = 400 * DAY_MS
    clock.advance(86_400 * 20)
    await guard.look()
    assert guard.cluster.retention_ms == 400 * DAY_MS
    assert _alerts(metrics) == set()


async def test_an_unlimited_retention_is_no_concern(guard, metrics) -> None:
    """Nothing expires there."""
    guard.cluster.retention_ms = -1
    guard.fetch(10_000)
    await guard.look()
    assert guard.cluster.retention_ms == -1
    assert _alerts(metrics) == set()


@pytest.mark.parametrize("error", [BrokerUnavailableError("away"), CatalogError("refused")])
async def test_a_retention_that_cannot_be_extended_is_an_alert_and_no_failure(guard, metrics, error) -> None:
    """Without the right to change topics a person must do it, in time."""
    guard.fetch(85)
    guard.cluster.set_error = error
    await guard.look()
    assert _alerts(metrics) == {"unsettled_near_retention", "retention_not_extended"}
    guard.cluster.set_error = None
    await guard.look()
    assert _alerts(metrics) == {"unsettled_near_retention"}


async def test_a_broker_that_is_away_is_asked_again(guard, metrics) -> None:
    """Not knowing the retention is no alarm."""
    guard.fetch(85)
    guard.cluster.error = BrokerUnavailableError("away")
    await guard.look()
    assert _alerts(metrics) == set()
