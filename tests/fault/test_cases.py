"""The fastest cases of the fault suite; ``make fault`` runs all of them."""

import pytest
from scripts.fault.catalogue import CASES
from scripts.fault.runner import run_case
from scripts.fault.stage import Stages

from lienthong.clock import SystemClock

pytestmark = [pytest.mark.fault, pytest.mark.kafka, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def stages(tmp_path_factory, kafka_broker):
    """Brokers for the cases; the shared broker only tells whether jars and Java are there."""
    del kafka_broker
    found = Stages(tmp_path_factory.mktemp("fault"), SystemClock(), is_full=False)
    yield found
    found.close()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.is_quick])
def test_nothing_is_lost_repeated_or_out_of_order(stages, name):
    """A real fault under load; the simulators' ledgers and the reconciler account for every record."""
    result = run_case(CASES[name], stages, 7, is_timed=False)

    assert result.is_green, result.as_document()
    assert result.injected
    assert result.verdict.accepted == result.verdict.settled + result.verdict.open
