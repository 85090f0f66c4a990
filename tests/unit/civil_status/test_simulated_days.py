"""Made-up dossiers of the simulated ministry: recent enough to be found, whenever it runs."""

from datetime import date, timedelta

from lienthong.clock import SystemClock
from lienthong.testing.simulator import Ledger
from lienthong_connectors.civil_status.config import CivilStatusConfig
from lienthong_connectors.civil_status.simulator import CivilStatusSimulator, SimulatorOptions
from lienthong_connectors.civil_status.wire import read_moment


def _days(options: SimulatorOptions) -> list[date]:
    rows = CivilStatusSimulator(options, Ledger()).rows.values()
    return [moment.date() for row in rows if (moment := read_moment(row["thoiGianThucHien"])) is not None]


def test_dossiers_begin_on_the_day_that_was_asked_for() -> None:
    """A demonstration writes down its truth before, so it must know the days."""
    first = date(2031, 3, 30)
    days = _days(SimulatorOptions(dossiers=40, first_day=first))
    assert first <= min(days) <= max(days) < first + timedelta(days=6)


def test_without_a_day_they_are_within_what_a_first_poll_reads() -> None:
    """A simulated ministry whose dossiers are years old shows nothing at all."""
    now = SystemClock().now().date()
    days = _days(SimulatorOptions(dossiers=40))
    reach = CivilStatusConfig.model_fields["first_days"].default
    assert now - timedelta(days=reach) < min(days) <= max(days) <= now
