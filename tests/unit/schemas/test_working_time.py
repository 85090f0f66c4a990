"""Terms of authorities: units, pauses, holidays, swapped days, and what neither a pause nor a holiday may ever do."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.clock import VIETNAM
from lienthong.errors import ConfigurationError
from lienthong_schemas.holidays import KNOWN_UNTIL, PUBLIC_HOLIDAYS, SWAPPED_DAYS
from lienthong_schemas.working_time import OFFICE_HOURS, VIETNAM_OFFICES, Pause, Term, TimeUnit, WorkCalendar, deadline


def at(text: str) -> datetime:
    """Return a time in Viet Nam."""
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("received", "amount", "unit", "end"),
    [
        ("2026-10-08T09:00", 2, TimeUnit.HOUR, "2026-10-08T11:00"),
        ("2026-10-08T10:30", 2, TimeUnit.HOUR, "2026-10-08T14:00"),
        ("2026-10-09T16:00", 2, TimeUnit.HOUR, "2026-10-12T08:30"),
        ("2026-10-08T09:00", 2, TimeUnit.WORKING_DAY, "2026-10-12T17:00"),
        ("2026-10-08T18:00", 2, TimeUnit.WORKING_DAY, "2026-10-13T17:00"),
        ("2026-10-10T09:00", 1, TimeUnit.WORKING_DAY, "2026-10-13T17:00"),
        ("2026-10-08T09:00", 5, TimeUnit.CALENDAR_DAY, "2026-10-13T17:00"),
        ("2026-10-08T09:00", 2, TimeUnit.CALENDAR_DAY, "2026-10-12T17:00"),
        ("2026-01-30T09:00", 1, TimeUnit.MONTH, "2026-03-02T17:00"),
        ("2026-10-08T09:00", 1, TimeUnit.MONTH, "2026-11-09T17:00"),
        ("2026-12-31T09:00", 1, TimeUnit.MONTH, "2027-02-01T17:00"),
        ("2026-11-30T09:00", 1, TimeUnit.MONTH, "2026-12-30T17:00"),
    ],
)
def test_a_term_ends_as_the_civil_code_says(received: str, amount: int, unit: TimeUnit, end: str) -> None:
    """The first day does not count, desks close, months have their last day, and days off move the end."""
    assert deadline(at(received), Term(amount, unit)) == at(end)


@pytest.mark.parametrize(
    ("received", "amount", "end"),
    [
        ("2026-02-13T09:00", 1, "2026-02-23T17:00"),
        ("2026-08-21T09:00", 1, "2026-08-22T17:00"),
        ("2026-08-28T09:00", 1, "2026-09-03T17:00"),
        ("2026-11-23T09:00", 1, "2026-11-25T17:00"),
    ],
)
def test_holidays_and_swapped_days_are_known(received: str, amount: int, end: str) -> None:
    """The lunar new year, 2 September and 24 November stand still; a Saturday that is worked for a Monday counts."""
    assert deadline(at(received), Term(amount, TimeUnit.WORKING_DAY)) == at(end)


def test_the_data_is_of_working_days_of_known_years() -> None:
    """A holiday on a weekend, or a swap that gives a weekday for a weekday, is a slip of the pen."""
    assert all(day.weekday() < 5 and day <= KNOWN_UNTIL for day in PUBLIC_HOLIDAYS | set(SWAPPED_DAYS))
    assert all(day.weekday() >= 5 for day in SWAPPED_DAYS.values())


def test_a_saturday_desk_closes_at_its_own_hour() -> None:
    """Hours are those of the agency."""
    calendar = WorkCalendar(hours={**OFFICE_HOURS, 5: ((time(7, 30), time(11, 30)),)})

    assert deadline(at("2026-10-09T09:00"), Term(1, TimeUnit.WORKING_DAY), calendar) == at("2026-10-10T11:30")


def test_an_open_pause_has_no_deadline_and_a_closed_one_moves_it() -> None:
    """While the citizen is asked nobody can be late; afterwards the days that were touched are added."""
    term = Term(2, TimeUnit.WORKING_DAY)
    begin = at("2026-10-09T10:00")

    assert deadline(at("2026-10-08T09:00"), term, pauses=[Pause(begin, None)]) is None
    assert deadline(at("2026-10-08T09:00"), term, pauses=[Pause(begin, at("2026-10-12T10:00"))]) == at(
        "2026-10-14T17:00"
    )


def test_a_pause_on_the_day_of_reception_takes_no_day() -> None:
    """That day does not count anyway, so it cannot be lost twice."""
    pause = Pause(at("2026-10-08T10:00"), at("2026-10-08T11:00"))

    for unit in (TimeUnit.WORKING_DAY, TimeUnit.CALENDAR_DAY, TimeUnit.MONTH):
        term = Term(1, unit)
        assert deadline(at("2026-10-08T09:00"), term, pauses=[pause]) == deadline(at("2026-10-08T09:00"), term)


def test_hours_stop_to_the_minute() -> None:
    """A term in hours loses exactly the open time of the pause; overlapping pauses are not counted twice."""
    pauses = [
        Pause(at("2026-10-08T09:00"), at("2026-10-08T10:00")),
        Pause(at("2026-10-08T09:30"), at("2026-10-08T10:15")),
    ]

    assert deadline(at("2026-10-08T08:00"), Term(2, TimeUnit.HOUR), pauses=pauses) == at("2026-10-08T11:15")


def test_a_calendar_without_working_days_is_an_error() -> None:
    """Nothing searches for ever."""
    with pytest.raises(ConfigurationError):
        deadline(at("2026-10-08T09:00"), Term(1, TimeUnit.WORKING_DAY), WorkCalendar(hours={}, worked=frozenset()))
    with pytest.raises(ValueError, match="1 or longer"):
        deadline(at("2026-10-08T09:00"), Term(0, TimeUnit.HOUR))


moments = st.timedeltas(timedelta(0), timedelta(days=880)).map(lambda each: at("2025-01-01T00:00") + each)
terms = st.builds(Term, st.integers(1, 25), st.sampled_from([unit for unit in TimeUnit if unit is not TimeUnit.MONTH]))
terms |= st.builds(Term, st.integers(1, 4), st.just(TimeUnit.MONTH))
lengths = st.timedeltas(timedelta(0), timedelta(days=40))


@st.composite
def cases(draw):
    """Draw a reception, a term, and pauses near it."""
    received = draw(moments)
    begins = draw(st.lists(st.tuples(st.timedeltas(timedelta(days=-5), timedelta(days=60)), lengths), max_size=3))
    return received, draw(terms), [Pause(received + begin, received + begin + length) for begin, length in begins]


@settings(max_examples=150, deadline=None)
@given(cases(), st.timedeltas(timedelta(days=-5), timedelta(days=60)), lengths)
def test_a_pause_never_shortens_a_term(case, begin, length) -> None:
    """Whoever asks back cannot make somebody else late."""
    received, term, pauses = case
    added = Pause(received + begin, received + begin + length)

    assert deadline(received, term, pauses=[*pauses, added]) >= deadline(received, term, pauses=pauses)


@settings(max_examples=150, deadline=None)
@given(cases(), st.sets(st.integers(-3, 90), max_size=8))
def test_a_holiday_never_brings_a_deadline_forward(case, days) -> None:
    """A day off that is decided later gives time and takes none."""
    received, term, pauses = case
    added = frozenset(received.date() + timedelta(days=number) for number in days)
    calendar = replace(VIETNAM_OFFICES, holidays=VIETNAM_OFFICES.holidays | added)

    assert deadline(received, term, calendar, pauses) >= deadline(received, term, pauses=pauses)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_a_deadline_lies_on_a_working_day_after_the_reception(case) -> None:
    """An end at which nobody is there would be nobody's."""
    received, term, pauses = case
    end = deadline(received, term, pauses=pauses)

    assert end > received
    assert VIETNAM_OFFICES.is_working_day(end.date())


def test_a_year_has_about_250_working_days() -> None:
    """The data of a year is whole."""
    for year in (2025, 2026, 2027):
        days = [date(year, 1, 1) + timedelta(days=number) for number in range(365)]
        assert 246 <= sum(map(VIETNAM_OFFICES.is_working_day, days)) <= 252
