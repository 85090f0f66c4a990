"""Planned windows in the target's own time."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lienthong.clock import VIETNAM
from lienthong.limits.policy import TargetLimits
from lienthong.limits.windows import DatedWindow, MaintenanceCalendar
from lienthong.testing.clock import FakeClock


def _calendar(*windows):
    return MaintenanceCalendar(TargetLimits.model_validate({"maintenance": windows}).maintenance)


def _at(text):
    return datetime.fromisoformat(f"{text}:00+07:00")


class TestMaintenanceCalendar:
    """When the target is left alone."""

    @pytest.mark.parametrize(
        ("now", "is_closed", "opens"),
        [
            ("2026-10-05T21:59", False, "2026-10-05T21:59"),
            ("2026-10-05T22:00", True, "2026-10-06T05:00"),
            ("2026-10-06T00:00", True, "2026-10-06T05:00"),
            ("2026-10-06T04:59", True, "2026-10-06T05:00"),
            ("2026-10-06T05:00", False, "2026-10-06T05:00"),
        ],
    )
    def test_a_night_reaches_across_midnight(self, now, is_closed, opens):
        """The end of the night belongs to the window that began the evening before."""
        calendar = _calendar({"daily": "22:00-05:00"})

        assert calendar.is_closed(_at(now)) is is_closed
        assert calendar.opens_at(_at(now)) == _at(opens)

    def test_a_window_of_some_days_starts_only_on_these(self):
        """A Saturday night ends on Sunday, although no window starts on Sunday."""
        calendar = _calendar({"daily": "22:00-05:00", "days": ["sat"]})

        assert calendar.is_closed(_at("2026-10-11T04:00"))
        assert not calendar.is_closed(_at("2026-10-11T23:00"))
        assert calendar.closes_at(_at("2026-10-11T23:00")) == _at("2026-10-17T22:00")

    def test_windows_that_follow_each_other_are_one(self):
        """Calls begin after the last of them, not between two."""
        calendar = _calendar(
            {"daily": "22:00-05:00"}, {"starts": "2026-10-06T05:00:00+07:00", "ends": "2026-10-06T23:00:00+07:00"}
        )

        assert calendar.opens_at(_at("2026-10-05T23:00")) == _at("2026-10-07T05:00")

    def test_dated_windows_are_closed_at_the_start_and_open_at_the_end(self):
        """Both ends mean the same moment in any zone."""
        calendar = _calendar({"starts": "2026-10-05T15:00:00Z", "ends": "2026-10-05T16:00:00Z"})

        assert calendar.is_closed(_at("2026-10-05T22:00"))
        assert not calendar.is_closed(_at("2026-10-05T23:00"))
        assert calendar.closes_at(_at("2026-10-05T20:00")) == _at("2026-10-05T22:00")
        assert calendar.closes_at(_at("2026-10-05T22:30")) == _at("2026-10-05T22:30")
        assert calendar.closes_at(_at("2026-10-06T00:00")) is None

    def test_every_minute_of_a_week_agrees_with_the_clock_on_the_wall(self):
        """The calendar is compared with the plain rule, minute by minute."""
        calendar = _calendar({"daily": "22:00-05:00"})
        start = datetime(2026, 10, 5, tzinfo=VIETNAM)
        minutes = [start + timedelta(minutes=number) for number in range(0, 7 * 1440, 7)]

        wrong = [each for each in minutes if calendar.is_closed(each) != (each.hour >= 22 or each.hour < 5)]

        assert wrong == []

    async def test_waiting_ends_when_the_window_does(self):
        """Long waits are cut, so that a corrected clock is noticed."""
        clock = FakeClock(_at("2026-10-05T22:00"))
        await _calendar({"daily": "22:00-05:00"}).wait_until_open(clock)

        assert clock.now() == _at("2026-10-06T05:00")
        assert max(clock.sleeps) <= 30

    @pytest.mark.parametrize(
        "windows",
        [
            [{"daily": "22:00-22:00"}],
            [{"daily": "24:00-05:00"}],
            [{"daily": 1320}],
            [{"daily": "22:00"}],
            [{"daily": "00:00-12:00"}, {"daily": "12:00-00:00"}],
            [{"daily": "22:00-05:00", "days": []}],
            [{"daily": "22:00-05:00", "days": ["monday"]}],
            [{"starts": "2026-10-05T22:00:00", "ends": "2026-10-05T23:00:00"}],
            [{"starts": "2026-10-05T23:00:00+07:00", "ends": "2026-10-05T22:00:00+07:00"}],
            [{"from": "22:00", "to": "05:00"}],
        ],
    )
    def test_windows_that_mean_nothing_or_everything_are_refused(self, windows):
        """A wrong calendar is found before the night, not in it."""
        with pytest.raises(ValidationError):
            _calendar(*windows)


@given(
    minutes=st.lists(st.integers(0, 14 * 24 * 60), min_size=1, max_size=30),
    windows=st.lists(
        st.sampled_from(
            [
                {"daily": "22:00-05:00"},
                {"daily": "12:00-13:00", "days": ["sat", "sun"]},
                {"starts": "2026-10-08T08:00:00+07:00", "ends": "2026-10-09T12:00:00+07:00"},
            ]
        ),
        max_size=3,
    ),
)
def test_a_calendar_that_is_asked_often_says_what_a_new_one_says(minutes, windows):
    """What it remembers is never older than the question, also when the clock is set back."""
    asked = _calendar(*windows)
    for minute in minutes:
        moment = _at("2026-10-05T00:00") + timedelta(minutes=minute)
        assert asked.is_closed(moment) is _calendar(*windows).is_closed(moment)


def test_a_call_that_would_arrive_inside_a_window_is_not_begun():
    """A request takes time to arrive, and nothing of ours may be found inside the maintenance of a target."""
    starts = datetime(2026, 10, 5, 22, 0, tzinfo=VIETNAM)
    window = DatedWindow(starts=starts, ends=starts + timedelta(hours=1))
    calendar = MaintenanceCalendar([window], lead=timedelta(seconds=2))

    assert not calendar.is_closed(starts - timedelta(seconds=2, microseconds=1))
    assert calendar.is_closed(starts - timedelta(seconds=2))
    assert calendar.opens_at(starts - timedelta(seconds=1)) == window.ends
    assert calendar.closes_at(starts - timedelta(minutes=1)) == starts - timedelta(seconds=2)
    assert not calendar.is_closed(window.ends)
