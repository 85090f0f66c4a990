"""A quota and a window at the portal: what is told to whom, and what is made of the portal's count."""

from datetime import UTC, datetime, timedelta

import pytest

from lienthong.limits.policy import load_limits
from lienthong.testing.behaviour import Behaviour
from lienthong_connectors.demo.strain import Drain, Strain, measure, strain_checks

NOW = datetime(2026, 10, 5, 1, 0, 0, 500_000, UTC)
ENDS = datetime(2026, 10, 5, 1, 1, 12, tzinfo=UTC)


def _counted(requests_per_second, seconds, **more):
    begin = int(ENDS.timestamp())
    by_second = {str(begin + second): requests_per_second for second in range(seconds)}
    last = (ENDS + timedelta(seconds=seconds)).isoformat()
    return {"by_second": {str(begin - 60): 7} | by_second, "last": last, "violations": 0, "closed_calls": 0, **more}


def test_hub_and_portal_are_told_the_same():
    """The hub keeps to what the portal counts, and both mean the same window."""
    strain = Strain.plan(NOW, 60, 100)
    limits = load_limits("portal", strain.limits())
    quota = Behaviour().changed(strain.behaviour()).quota

    assert strain.ends == ENDS
    assert (limits.rate_limit.count, limits.rate_limit.interval) == (quota.count, quota.interval_seconds) == (6000, 60)
    (window,) = limits.maintenance
    assert (window.starts, window.ends) == (quota.closed_from, quota.closed_until) == (strain.starts, strain.ends)


@pytest.mark.parametrize(("window", "quota"), [(60, 0), (0, 50)])
def test_either_can_be_had_alone(window, quota):
    """A window without a quota, and a quota without a window."""
    strain = Strain.plan(NOW, window, quota)

    limits = load_limits("portal", strain.limits())
    assert (bool(limits.maintenance), limits.rate_limit is not None) == (bool(window), bool(quota))
    assert strain.seconds_for(100) == window + (4 if quota else 0)
    assert len(strain_checks(strain, _counted(40, 100), Drain(4000, 100, 80, 5))) == 2


def test_what_came_before_the_end_of_the_window_is_no_part_of_the_backlog():
    """The pace is that from the moment at which calls were allowed again to the last one."""
    assert measure(Strain(100, NOW, ENDS), _counted(97, 50), 9) == Drain(4850, 50.0, 97.0, 9)
    assert measure(Strain(100, NOW, ENDS), {"by_second": {}, "last": None}, 9) == Drain(0, 0.0, 0.0, 9)


@pytest.mark.parametrize(
    ("drain", "more", "agrees"),
    [
        (Drain(9500, 100, 95.0, 1), {}, True),
        (Drain(9499, 100, 94.9, 1), {}, False),
        (Drain(9500, 100, 95.0, 0), {}, False),
        (Drain(9500, 100, 95.0, 1), {"violations": 1}, False),
        (Drain(9500, 100, 95.0, 1), {"closed_calls": 1}, False),
        (Drain(1000, 20, 50.0, 1), {}, True),
    ],
)
def test_what_is_wrong_is_noticed(drain, more, agrees):
    """Too slow, nothing that waited, too many requests, a request in the window; a short run is not judged by pace."""
    checks = strain_checks(Strain(100, NOW, ENDS), _counted(95, 100, **more), drain)

    assert all(check.agrees for check in checks) is agrees
