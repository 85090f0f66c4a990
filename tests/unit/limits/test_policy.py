"""Limits as they are written in YAML."""

import pytest

from lienthong.errors import ConfigurationError
from lienthong.limits.leases import Terms
from lienthong.limits.policy import load_limits


class TestLoadLimits:
    """What is accepted, and what is said about the rest."""

    def test_reads_everything_a_target_may_have(self):
        """The names are those of the design."""
        limits = load_limits(
            "population",
            {
                "rate_limit": {"count": 100, "interval": "1s"},
                "budget": {"daily": 20_000, "reserve": 500, "priority": "interactive"},
                "maintenance": [{"daily": "22:00-05:00"}],
            },
        )

        assert limits.rate_limit.interval == 1.0
        assert limits.rate_limit.guard_seconds == pytest.approx(0.04)
        assert limits.budget.reserve == 500

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"budget": {"daily": 10, "reserve": 11}}, "reserve must be from 0 to daily, which is 10"),
            ({"budget": {"daily": 0}}, "greater than or equal to 1"),
            ({"budget": {"daily": 10, "priority": "bulk"}}, "'interactive' or 'live'"),
            ({"rate_limit": {"count": 0, "interval": "1s"}}, "greater than or equal to 1"),
            ({"rate_limit": {"count": True, "interval": "1s"}}, "valid integer"),
            ({"rate_limit": {"count": 10, "interval": 1}}, "with its unit"),
            ({"rate_limit": {"count": 10, "interval": "60"}}, "with its unit"),
            ({"rate_limit": {"count": 10, "interval": "0s"}}, "from 10ms to 1d"),
            ({"rate_limit": {"count": 10, "interval": "2d"}}, "budget.daily"),
            ({"rate_limit": {"count": 10, "interval": "1s", "guard": "1s"}}, "shorter than interval"),
            ({"rate_limit": {"count": 1_000_000, "interval": "1s"}}, "100000 calls"),
            ({"rate_limit": {"count": 10}}, "rate_limit.interval: Field required"),
            ({"rate_limit": {"count": 10, "intervall": "1s"}}, "rate_limit.intervall"),
            ({"quota": 10}, "quota: Extra inputs"),
        ],
    )
    def test_refuses_contradictions_with_the_allowed_values(self, values, said):
        """The message names target, key and what is allowed."""
        with pytest.raises(ConfigurationError) as refused:
            load_limits("population", values)

        assert said in str(refused.value)
        assert "population" in str(refused.value)


class TestTerms:
    """The arithmetic that the promise rests on."""

    @pytest.mark.parametrize("count", [1, 3, 7, 100, 999, 5_000])
    @pytest.mark.parametrize("interval", ["10ms", "1s", "1m", "1h"])
    def test_slots_of_an_interval_and_its_guard_are_never_more_than_the_count(self, count, interval):
        """``count`` gaps between slots are longer than interval and guard together."""
        if interval == "10ms" and count > 1_000:
            pytest.skip("faster than anything is allowed to be")
        limits = load_limits("portal", {"rate_limit": {"count": count, "interval": interval}})
        terms = Terms.of(limits)
        whole_us = (limits.rate_limit.interval + limits.rate_limit.guard_seconds) * 1_000_000

        assert count * terms.spacing_us > whole_us - 1
        assert terms.lateness_us <= limits.rate_limit.guard_seconds * 500_000 + 1
