"""Faults come in the middle of the run, one after the other, and go again."""

from types import SimpleNamespace

import pytest

from lienthong.testing.clock import FakeClock
from lienthong_connectors.demo import weather as weather_module
from lienthong_connectors.demo.weather import OUTAGE_SECONDS, STORM_SECONDS, Weather


@pytest.fixture
def portal(monkeypatch):
    """Give a portal that counts effects and notes how it is switched."""
    state = SimpleNamespace(effects=0, switched=[])

    def ask_json(url, method="GET", body=None):
        if method == "PUT":
            state.switched.append(body)
        return {"effect_count": state.effects}

    monkeypatch.setattr(weather_module, "ask_json", ask_json)
    return state


def test_outage_and_storm_come_after_their_shares_and_end(portal):
    """Each fault begins after its share of effects, lasts its seconds and is switched off."""
    clock = FakeClock()
    weather = Weather("http://portal", 100, clock)
    weather.tick()
    assert weather.name == ""
    portal.effects = 36
    weather.tick()
    assert weather.name == "outage"
    clock.advance(OUTAGE_SECONDS)
    weather.tick()
    weather.tick()
    assert weather.name == ""
    portal.effects = 61
    weather.tick()
    assert weather.name == "too_many_requests"
    clock.advance(STORM_SECONDS)
    weather.tick()

    assert weather.is_over
    assert portal.switched[0] == {"outage": "unavailable"}
    assert portal.switched[1::2] == [{"outage": None}, {"too_many_requests": None}]
