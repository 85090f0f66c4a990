"""A simulator that counts who breaks what it announced."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from lienthong.testing.clock import START, FakeClock
from lienthong.testing.quota import Quota, QuotaMeter


def _arrivals(quota, *seconds):
    clock = FakeClock()
    meter = QuotaMeter(clock)
    found = []
    for second in seconds:
        clock.advance(second - clock.monotonic())
        found.append(meter.is_over(quota))
    return found, meter.summary()


def test_no_interval_may_hold_more_wherever_it_begins():
    """A sliding interval sees what two fixed seconds do not."""
    found, summary = _arrivals(Quota(count=3), 0.8, 0.9, 1.1, 1.2, 2.5, 2.6, 2.7)

    assert found == [False, False, False, True, False, False, False]
    assert (summary["violations"], summary["busiest_interval"], summary["requests"]) == (1, 4, 7)


def test_the_day_is_that_of_the_target():
    """It ends at midnight in Viet Nam, which is 17:00 UTC."""
    until_midnight = (24 - 8) * 3600
    found, summary = _arrivals(Quota(daily=2), 0, 1, 2, until_midnight, until_midnight + 1)

    assert found == [False, False, True, False, False]
    assert summary["by_day"] == {"2026-10-05": 3, "2026-10-06": 2}


def test_requests_in_a_window_are_counted_apart():
    """The proof that planned maintenance was left alone is a zero here."""
    clock = FakeClock()
    meter = QuotaMeter(clock)
    quota = Quota(closed_from=START + timedelta(seconds=10), closed_until=START + timedelta(seconds=20))
    found = []
    for second in (9, 10, 19.9, 20):
        clock.advance(second - clock.monotonic())
        found.append(meter.is_closed(quota))

    assert found == [False, True, True, False]
    assert meter.summary()["closed_calls"] == 2


def test_half_a_window_is_refused():
    """A window has two ends."""
    with pytest.raises(ValidationError):
        Quota(closed_from=START)
