"""What a worker knows about the store's clock, and when a permit is good."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.limits.bucket import Bucket, StoreTime
from lienthong.limits.leases import NO_CALLS, Block, Grant, Terms
from lienthong.limits.policy import Priority, TargetLimits
from lienthong.limits.store import ClockSample

DAY = date(2026, 10, 5)
TERMS = Terms.of(TargetLimits.model_validate({"rate_limit": {"count": 10, "interval": "1s"}}))


def _grant(*blocks, ends_us=10**12):
    return Grant(DAY, blocks, ends_us, NO_CALLS, NO_CALLS)


class TestStoreTime:
    """An interval that surely holds the store's time."""

    @given(
        offset=st.integers(-(10**9), 10**9),
        trips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**5)), min_size=1),
        drift=st.integers(-400, 400),
    )
    def test_always_holds_the_true_time(self, offset, trips, drift):
        """Whatever round trips took, and with clocks that drift within the bound."""
        known, now = StoreTime(), 0

        def store_at(moment):
            return offset + moment + moment * drift // 1_000_000

        for pause, there, back in trips:
            now += pause
            agrees = known.observe(ClockSample(now, store_at(now + there), now + there + back))
            now += there + back

            assert agrees
            assert known.earliest(now) - 2 <= store_at(now) <= known.latest(now) + 2

    def test_a_short_round_trip_sharpens_it(self):
        """One slow answer does not spoil what is known."""
        known = StoreTime()
        known.observe(ClockSample(0, 500, 10))
        known.observe(ClockSample(1_000, 1_700, 90_000))

        assert known.latest(90_000) - known.earliest(90_000) <= 10 + 2 * 90

    def test_a_clock_that_was_set_is_noticed(self):
        """Then only the newest reading counts."""
        known = StoreTime()
        known.observe(ClockSample(0, 500, 10))

        assert not known.observe(ClockSample(1_000, 9_000_000, 1_010))
        assert known.earliest(1_010) >= 8_999_990


class TestBucket:
    """Leased calls of one worker."""

    def test_a_permit_is_good_from_its_slot_to_its_expiry(self):
        """Neither before nor long after."""
        bucket = Bucket(TERMS)
        bucket.fill(_grant(Block(Priority.LIVE, 100_000, 1)), ClockSample(0, 0, 0))

        assert bucket.take(Priority.LIVE, 99_000) is None
        assert bucket.wait_us(Priority.LIVE, 90_000) == pytest.approx(10_000, abs=100)
        assert bucket.take(Priority.LIVE, 125_000) is None
        assert bucket.wait_us(Priority.LIVE, 125_000) is None

    def test_an_unsure_clock_narrows_the_time_from_both_sides(self):
        """A permit is spent only when every possible time of the store is right."""
        bucket = Bucket(TERMS)
        bucket.fill(_grant(Block(Priority.LIVE, 100_000, 1)), ClockSample(0, 0, 15_000))

        assert bucket.take(Priority.LIVE, 110_000) is None
        assert bucket.take(Priority.LIVE, 116_000) is not None

    def test_a_permit_that_was_spent_too_early_is_late(self):
        """A worker that was stopped between its turn and its call notices it."""
        bucket = Bucket(TERMS)
        bucket.fill(_grant(Block(Priority.LIVE, 100_000, 1)), ClockSample(0, 0, 0))
        permit = bucket.take(Priority.LIVE, 101_000)

        assert not bucket.is_late(permit, 115_000)
        assert bucket.is_late(permit, 125_000)

    def test_urgent_calls_use_any_permit_and_bulk_only_its_own(self):
        """The reserve cannot leak downwards."""
        bucket = Bucket(TERMS)
        bucket.fill(
            _grant(Block(Priority.INTERACTIVE, 0, 1), Block(Priority.LIVE, 0, 1), Block(Priority.BULK, 0, 1)),
            ClockSample(0, 0, 0),
        )

        assert bucket.take(Priority.BULK, 1).priority is Priority.BULK
        assert bucket.take(Priority.BULK, 1) is None
        assert bucket.take(Priority.INTERACTIVE, 1) is not None
        assert bucket.take(Priority.INTERACTIVE, 1) is not None

    def test_keeps_counts_what_was_used_and_what_may_still_be(self):
        """What expired or was given up is neither."""
        bucket = Bucket(TERMS)
        bucket.fill(_grant(Block(Priority.LIVE, 0, 3)), ClockSample(0, 0, 0))
        spent = bucket.take(Priority.LIVE, 1)

        assert bucket.keeps(2) == (0, 3, 0)
        bucket.give_up(spent)
        assert bucket.keeps(2) == (0, 2, 0)
        assert bucket.keeps(10**9) == NO_CALLS

    def test_nothing_is_spent_after_the_end_of_the_day(self):
        """A grant ends before midnight, whatever its slots say."""
        bucket = Bucket(TERMS)
        bucket.fill(_grant(Block(Priority.LIVE, 100_000, 1), ends_us=100_500), ClockSample(0, 0, 0))

        assert bucket.take(Priority.LIVE, 100_600) is None

    def test_permits_are_dropped_when_the_stores_clock_was_set(self):
        """Their slots mean another time now, at which somebody else may call."""
        bucket = Bucket(TERMS)
        bucket.fill(_grant(Block(Priority.LIVE, 100_000, 5)), ClockSample(0, 0, 0))
        bucket.fill(_grant(), ClockSample(1_000, -60_000_000, 1_000))

        assert bucket.held(1_000) == NO_CALLS
