"""Every metric of the hub, in one table."""

from typing import Literal, NamedTuple

#: Seconds; a target takes about 0.3 s, a maintenance window several hours.
_LATENCY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0, 28_800.0)
_CALL_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class MetricSpec(NamedTuple):
    """One metric.

    Attributes:
        name: Full name, with unit.
        kind: ``counter``, ``gauge`` or ``histogram``.
        unit: What one is.
        labels: Names of the labels; all are bounded.
        help: What it tells an operator.
        bounds: Upper bounds of a histogram's buckets.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = ()


_PLACE = ("pipeline", "topic", "partition")
TABLE: tuple[MetricSpec, ...] = (
    MetricSpec(
        "lienthong_records_total",
        "counter",
        "records",
        ("pipeline", "outcome"),
        "Records that reached this outcome and whose receipt Kafka acknowledged.",
    ),
    MetricSpec(
        "lienthong_lag_records",
        "gauge",
        "records",
        _PLACE,
        "Last stable offset minus watermark: what is not yet settled.",
    ),
    MetricSpec(
        "lienthong_record_latency_seconds",
        "histogram",
        "seconds",
        ("pipeline",),
        "From the record's Kafka timestamp to its settlement in this pipeline.",
        _LATENCY_BOUNDS,
    ),
    MetricSpec(
        "lienthong_watermark_age_seconds",
        "gauge",
        "seconds",
        _PLACE,
        "Age of the oldest record that is not settled; 0 when all are. Alert at half of the topic's retention.",
    ),
    MetricSpec(
        "lienthong_in_flight_records", "gauge", "records", ("pipeline",), "Records read from Kafka and not yet settled."
    ),
    MetricSpec(
        "lienthong_target_calls_total",
        "counter",
        "calls",
        ("pipeline", "target", "result"),
        "Calls to a remote system; result is the class of the answer, such as ok or rate_limited.",
    ),
    MetricSpec(
        "lienthong_target_call_seconds",
        "histogram",
        "seconds",
        ("pipeline", "target"),
        "How long a call to a remote system took.",
        _CALL_BOUNDS,
    ),
    MetricSpec(
        "lienthong_review_oldest_seconds",
        "gauge",
        "seconds",
        ("pipeline",),
        "Age of the oldest record that waits for a person's decision; 0 when none waits.",
    ),
    MetricSpec(
        "lienthong_parked_records",
        "gauge",
        "records",
        ("pipeline", "reason"),
        "Records that wait in the partitions of this worker, by reason; those behind another have `behind_parked_key`.",
    ),
    MetricSpec(
        "lienthong_gateway_events_total",
        "counter",
        "events",
        ("result",),
        "Events at the gateway: accepted, or the code of the problem they were rejected with.",
    ),
    MetricSpec(
        "lienthong_gateway_lookups_total",
        "counter",
        "questions",
        ("target", "result"),
        "Questions of officials at the counter: found, not_found, mismatch, or the code of the problem.",
    ),
    MetricSpec(
        "lienthong_gateway_request_seconds",
        "histogram",
        "seconds",
        ("route",),
        "How long the gateway took for a request, by route template.",
        _CALL_BOUNDS,
    ),
    MetricSpec(
        "lienthong_sign_ins_total",
        "counter",
        "sign-ins",
        ("provider", "outcome"),
        "Sign-ins of citizens by how they ended. `completed`, `cancelled` and `refused` were decided; `unavailable`, "
        "`unreadable` and `misconfigured` were not; `state_unknown` and `other_browser` were nobody's sign-in.",
    ),
    MetricSpec(
        "lienthong_commits_total", "counter", "commits", ("pipeline", "result"), "Offset commits, by partition result."
    ),
    MetricSpec(
        "lienthong_target_paused",
        "gauge",
        "targets",
        ("pipeline", "target", "reason"),
        "1 for the reason for which a target is not called now, 0 for all others: a planned window, suspended by the "
        "other side, configuration, outage, limits_store_away, or limits (calls wait for their turn).",
    ),
    MetricSpec(
        "lienthong_target_waiting_requests",
        "gauge",
        "requests",
        ("pipeline", "target", "priority"),
        "Requests that wait for their turn in the target's rate or budget.",
    ),
    MetricSpec(
        "lienthong_target_budget_used_requests",
        "gauge",
        "requests",
        ("pipeline", "target"),
        "Requests of the target's present day that all workers together have claimed.",
    ),
    MetricSpec(
        "lienthong_target_budget_left_requests",
        "gauge",
        "requests",
        ("pipeline", "target"),
        "Requests of the target's present day that nobody has claimed, the reserve included.",
    ),
    MetricSpec(
        "lienthong_target_budget_ends_seconds",
        "gauge",
        "seconds",
        ("pipeline", "target"),
        "Seconds until only the reserve is left, at the rate of the last quarter of an hour; "
        "+Inf for longer than the day.",
    ),
    MetricSpec(
        "lienthong_source_polled_timestamp_seconds",
        "gauge",
        "seconds since 1970",
        ("pipeline", "target"),
        "When a poll last read a platform to its end; its age is `time()` minus this. "
        "Absent where another replica polls.",
    ),
    MetricSpec(
        "lienthong_source_events_total",
        "counter",
        "events",
        ("pipeline", "result"),
        "Events that polls found: delivered to the topic, dead_lettered, or duplicate "
        "(seen before, not written again).",
    ),
    MetricSpec(
        "lienthong_source_batches_total",
        "counter",
        "batches",
        ("pipeline",),
        "Batches that are durable and acknowledged to their platform.",
    ),
    MetricSpec(
        "lienthong_alerts",
        "gauge",
        "alerts",
        ("pipeline", "alert", "target"),
        "1 while somebody should look, 0 once the cause is gone. One alert for one cause, not one for each record.",
    ),
)
