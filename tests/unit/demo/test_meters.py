"""Progress is read from the pages that every operator sees."""

import pytest

from lienthong.observability.metrics import Metrics
from lienthong_connectors.demo.meters import Stage, read_page, read_parked


def test_a_page_of_the_hub_is_read():
    """Outcomes and partitions of one pipeline are added up, those of others are not."""
    metrics = Metrics(with_process=False)
    metrics.count_records("intake", "delivered", 40)
    metrics.count_records("intake", "dead_lettered", 2)
    metrics.count_records("other", "delivered", 7)
    metrics.set_lag("intake", "hue.inbound.dossier.bulk", 0, 3)
    metrics.set_lag("intake", "hue.inbound.dossier.bulk", 1, 4)

    assert read_page(metrics.expose("")[0].decode(), "intake") == (42, 7)


def test_what_is_parked_is_read_by_reason():
    """A record that made way for others goes on by itself, so nothing is compared before it has."""
    metrics = Metrics(with_process=False)
    metrics.set_parked("deliver-dossier", {"window": 2, "behind_parked_key": 1})

    assert read_parked(metrics.expose("")[0].decode()) == {
        ("deliver-dossier", "window"): 2,
        ("deliver-dossier", "behind_parked_key"): 1,
    }


def test_speed_is_measured_between_the_first_and_the_last_record():
    """Waiting before the first record does not count, nor does idling after the last."""
    stage = Stage("intake", "intake", 100)
    stage.see(0, now=1.0, before=0.0)
    stage.see(50, now=3.0, before=2.0)
    stage.see(100, now=4.0, before=3.0)
    stage.see(100, now=9.0, before=4.0)

    assert stage.records_per_second == pytest.approx(50.0)


def test_a_stage_without_records_has_no_speed():
    """Nothing is divided by zero."""
    assert Stage("intake", "intake", 100).records_per_second == 0
