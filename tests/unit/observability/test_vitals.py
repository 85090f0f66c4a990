"""Waiting is told from hanging."""

from lienthong.observability.vitals import Vitals


def test_a_record_between_its_calls_waits_and_one_in_a_call_does_not() -> None:
    """Backoff and open circuits may last for hours, a call may not."""
    now = 0.0
    vitals = Vitals(lambda: now)
    assert not vitals.is_waiting
    with vitals.record():
        assert vitals.is_waiting
        number = vitals.begin_call()
        now = 7.0
        assert not vitals.is_waiting
        assert vitals.oldest_call_seconds == 7.0
        with vitals.record():
            assert vitals.is_waiting
        vitals.end_call(number)
        assert vitals.is_waiting
    assert not vitals.is_waiting
    assert vitals.oldest_call_seconds == 0.0


def test_a_call_that_waits_for_its_turn_is_not_under_way() -> None:
    """A budget may be used up until tomorrow: the time counts from the moment the call is let through."""
    now = 0.0
    vitals = Vitals(lambda: now)
    with vitals.record():
        number = vitals.begin_call()
        with vitals.waiting(number):
            now = 50_000.0
            assert vitals.is_waiting
            assert vitals.oldest_call_seconds == 0.0
        now += 3.0
        assert not vitals.is_waiting
        assert vitals.oldest_call_seconds == 3.0


def test_a_pause_of_everything_is_waiting() -> None:
    """In a planned window nothing is even begun."""
    vitals = Vitals()
    vitals.pauses = {"window"}
    assert vitals.is_waiting
