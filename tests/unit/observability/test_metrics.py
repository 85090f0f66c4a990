"""Metrics count what the engine says, and their labels stay bounded and free of personal data."""

from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from lienthong.observability.metric_table import TABLE
from lienthong.observability.metrics import Metrics, reference

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
CALLS: dict[str, Callable[[Metrics], None]] = {
    "lienthong_records_total": lambda metrics: metrics.count_records("intake", "delivered", 3),
    "lienthong_lag_records": lambda metrics: metrics.set_lag("intake", "hue.inbound.dossier.one-stop", 0, 7),
    "lienthong_record_latency_seconds": lambda metrics: metrics.observe_latency("intake", 0.2, 4),
    "lienthong_watermark_age_seconds": lambda metrics: metrics.set_watermark_age("intake", "t", 1, 2.5),
    "lienthong_in_flight_records": lambda metrics: metrics.set_in_flight("intake", 9),
    "lienthong_target_calls_total": lambda metrics: metrics.count_target_call("deliver", "portal", "ok", 0.3),
    "lienthong_target_call_seconds": lambda metrics: metrics.count_target_call("deliver", "portal", "ok", 0.3),
    "lienthong_review_oldest_seconds": lambda metrics: metrics.set_review_oldest("verify", 60),
    "lienthong_parked_records": lambda metrics: metrics.set_parked("verify", {"review": 2}),
    "lienthong_gateway_events_total": lambda metrics: metrics.count_gateway_events("accepted", 2),
    "lienthong_gateway_lookups_total": lambda metrics: metrics.count_gateway_lookups("population", "found"),
    "lienthong_sign_ins_total": lambda metrics: metrics.count_sign_in("vneid", "linked"),
    "lienthong_gateway_request_seconds": lambda metrics: metrics.observe_gateway_request("/v1/events", 0.01),
    "lienthong_commits_total": lambda metrics: metrics.count_commits("intake", "ok"),
    "lienthong_target_paused": lambda metrics: metrics.set_target_pause("deliver", "portal", "window", ["window"]),
    "lienthong_target_waiting_requests": lambda metrics: metrics.set_target_waiting("deliver", "portal", "live", 4),
    "lienthong_target_budget_used_requests": lambda metrics: metrics.set_target_budget("deliver", "portal", 9, 1, 60.0),
    "lienthong_target_budget_left_requests": lambda metrics: metrics.set_target_budget("deliver", "portal", 9, 1, 60.0),
    "lienthong_target_budget_ends_seconds": lambda metrics: metrics.set_target_budget("deliver", "portal", 9, 1, 60.0),
    "lienthong_source_polled_timestamp_seconds": lambda metrics: metrics.set_source_polled("poll", "feed", 9.0),
    "lienthong_source_events_total": lambda metrics: metrics.count_source_events("poll", "duplicate", 3),
    "lienthong_source_batches_total": lambda metrics: metrics.count_source_batch("poll"),
    "lienthong_alerts": lambda metrics: metrics.raise_alert("target_unavailable", "deliver", "portal"),
}


@pytest.mark.parametrize("spec", TABLE, ids=lambda spec: spec.name)
def test_every_metric_is_exposed_with_all_its_labels(spec: object) -> None:
    """Every row of the table can be counted and scraped."""
    metrics = Metrics(with_process=False)

    CALLS[spec.name](metrics)  # type: ignore[attr-defined]

    text = metrics.expose()[0].decode()
    sample = next(line for line in text.splitlines() if line.startswith(f"{spec.name}"))  # type: ignore[attr-defined]
    for label in spec.labels:  # type: ignore[attr-defined]
        assert f"{label}=" in sample


def test_counts_add_up_and_gauges_replace() -> None:
    """Counters take batches, gauges the newest value."""
    metrics = Metrics(with_process=False)

    metrics.count_records("intake", "delivered", 3)
    metrics.count_records("intake", "delivered", 4)
    metrics.set_in_flight("intake", 9)
    metrics.set_in_flight("intake", 2)

    assert metrics.value("lienthong_records_total", pipeline="intake", outcome="delivered") == 7
    assert metrics.value("lienthong_in_flight_records", pipeline="intake") == 2


def test_a_reason_that_nothing_waits_for_any_more_is_told() -> None:
    """A gauge that is no longer set would show its last value for ever."""
    metrics = Metrics(with_process=False)

    metrics.set_parked("verify", {"review": 2, "behind_parked_key": 5})
    metrics.set_parked("verify", {"review": 1})

    assert metrics.value("lienthong_parked_records", pipeline="verify", reason="review") == 1
    assert metrics.value("lienthong_parked_records", pipeline="verify", reason="behind_parked_key") == 0


def test_latencies_of_a_slice_fall_into_their_buckets() -> None:
    """A slice and weighted single values give the same cumulative buckets as single observations."""
    metrics = Metrics(with_process=False)

    metrics.observe_latencies("intake", [0.005, 0.02, 0.3, 99_999.0])
    metrics.observe_latency("intake", 0.3, 2)

    name = "lienthong_record_latency_seconds"
    found = {bound: metrics.value(f"{name}_bucket", pipeline="intake", le=bound) for bound in ("0.005", "0.5", "+Inf")}
    assert found == {"0.005": 1, "0.5": 5, "+Inf": 6}
    assert metrics.value(f"{name}_count", pipeline="intake") == 6
    assert metrics.value(f"{name}_sum", pipeline="intake") == pytest.approx(99_999.925)


def test_an_alert_is_told_once_when_it_begins_and_once_when_it_ends() -> None:
    """However often a cause is seen, people read one line about its beginning and one about its end."""
    metrics = Metrics(with_process=False)
    labels = {"pipeline": "deliver", "alert": "target_unavailable", "target": "portal"}

    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            metrics.raise_alert("target_unavailable", "deliver", "portal")
        assert metrics.value("lienthong_alerts", **labels) == 1
        assert metrics.alerts("deliver") == {("target_unavailable", "portal")}
        for _ in range(3):
            metrics.clear_alert("target_unavailable", "deliver", "portal")

    assert metrics.value("lienthong_alerts", **labels) == 0
    assert [entry["event"] for entry in logs] == ["alert_raised", "alert_cleared"]


def test_an_alert_that_was_never_raised_makes_no_series() -> None:
    """Clearing at every success costs no time series."""
    metrics = Metrics(with_process=False)

    metrics.clear_alert("target_unavailable", "deliver", "portal")

    assert b"lienthong_alerts{" not in metrics.expose()[0]


@pytest.mark.parametrize("label", ["000" + "099012345", "a@b.vn", "Nguyễn Văn Thử", "x" * 200])
def test_a_label_that_is_no_name_of_the_hub_is_not_shown(label: str) -> None:
    """An identifier that reaches a label by mistake is counted under another name."""
    metrics = Metrics(with_process=False)

    metrics.count_records("intake", label)

    assert label not in metrics.expose()[0].decode()
    assert metrics.value("lienthong_records_total", pipeline="intake", outcome="other") == 1


def test_series_are_bounded() -> None:
    """However many label values come in, the number of series stays bounded."""
    metrics = Metrics(with_process=False)

    for number in range(2_500):
        metrics.count_gateway_events(f"result-{number}")

    assert metrics.expose()[0].count(b"\nlienthong_gateway_events_total{") == 2_001
    assert metrics.value("lienthong_gateway_events_total", result="other") == 500


def test_a_revoked_partition_is_no_longer_shown() -> None:
    """The old owner of a partition does not keep reporting its lag."""
    metrics = Metrics(with_process=False)
    metrics.set_lag("intake", "t", 0, 7)
    metrics.set_watermark_age("intake", "t", 0, 7)

    metrics.forget_partition("intake", "t", 0)
    metrics.forget_partition("intake", "t", 0)

    assert 'topic="t"' not in metrics.expose()[0].decode()


def test_process_metrics_are_shown_on_request() -> None:
    """Memory and CPU of the process can be scraped beside the hub's own metrics."""
    assert b"process_resident_memory_bytes" in Metrics().expose()[0]


def test_reference_page_is_up_to_date() -> None:
    """The committed page equals the table."""
    assert REFERENCE.read_text(encoding="utf-8") == reference()
