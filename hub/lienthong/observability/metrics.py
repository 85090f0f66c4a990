"""The facade that the engine counts with."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from lienthong.observability.histogram import BatchHistogram
from lienthong.observability.metric_table import TABLE
from lienthong.observability.vitals import Vitals

_MAX_SERIES = 2_000
# Long runs of digits are identifiers; everything that the hub itself names has none.
_LABEL = re.compile(r"(?!.*\d{6})[A-Za-z0-9_.:/{}\- ]{0,120}")


log = structlog.get_logger(__name__)


class Metrics:
    """What the engine counts; one object a process, with a registry of its own.

    Values of labels are names of the hub's own parts. A value that has another form is counted under ``other``, and so
    is whatever comes after 2,000 series of one metric: a metric never holds a key, an id or a URL.

    Args:
        with_process: Whether memory, CPU and open files of the process are shown too.
    """

    def __init__(self, *, with_process: bool = True) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._counter_of: dict[str, Counter] = {}
        self._gauge_of: dict[str, Gauge] = {}
        self._histograms: dict[str, BatchHistogram] = {}
        self._counters: dict[tuple[str, ...], Counter] = {}
        self._gauges: dict[tuple[str, ...], Gauge] = {}
        self._target_calls: dict[tuple[str, str, str], tuple[Counter, Callable[[float], None]]] = {}
        #: What the worker waits for; the watchdog reads it.
        self.vitals = Vitals()
        self._alerts: set[tuple[str, str, str]] = set()
        self._parked_reasons: dict[str, set[str]] = {}
        self._cleaned: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {spec.name: {} for spec in TABLE}
        for spec in TABLE:
            if spec.kind == "histogram":
                histogram = BatchHistogram(spec.name, spec.help, spec.labels, spec.bounds)
                self._histograms[spec.name] = histogram
                self.registry.register(histogram)
            elif spec.kind == "counter":
                self._counter_of[spec.name] = Counter(spec.name, spec.help, spec.labels, registry=self.registry)
            else:
                self._gauge_of[spec.name] = Gauge(spec.name, spec.help, spec.labels, registry=self.registry)
        if with_process:
            ProcessCollector(registry=self.registry)

    def count_records(self, pipeline: str, outcome: str, number: int = 1) -> None:
        """Count settled records.

        Args:
            pipeline: Name of the pipeline.
            outcome: Value of an :class:`~lienthong.outcome.OutcomeKind`.
            number: How many.
        """
        self._count("lienthong_records_total", (pipeline, outcome), number)

    def set_lag(self, pipeline: str, topic: str, partition: int, records: int) -> None:
        """Set what is not yet settled of a partition.

        Args:
            pipeline: Name of the pipeline.
            topic: Name of the topic.
            partition: Number of the partition.
            records: Last stable offset minus watermark.
        """
        self._set("lienthong_lag_records", (pipeline, topic, str(partition)), records)

    def observe_latency(self, pipeline: str, seconds: float, number: int = 1) -> None:
        """Count how long records took from Kafka's timestamp to settlement.

        Args:
            pipeline: Name of the pipeline.
            seconds: How long.
            number: How many records took that long.
        """
        name = "lienthong_record_latency_seconds"
        self._histograms[name].observe(self._clean(name, (pipeline,)), seconds, number)

    def observe_latencies(self, pipeline: str, seconds: Iterable[float]) -> None:
        """Count how long each record of a slice took.

        Args:
            pipeline: Name of the pipeline.
            seconds: How long, one for each record.
        """
        name = "lienthong_record_latency_seconds"
        self._histograms[name].observe_all(self._clean(name, (pipeline,)), seconds)

    def set_watermark_age(self, pipeline: str, topic: str, partition: int, seconds: float) -> None:
        """Set the age of the oldest unsettled record of a partition.

        Args:
            pipeline: Name of the pipeline.
            topic: Name of the topic.
            partition: Number of the partition.
            seconds: Its age; 0 when all records are settled.
        """
        self._set("lienthong_watermark_age_seconds", (pipeline, topic, str(partition)), seconds)

    def forget_partition(self, pipeline: str, topic: str, partition: int) -> None:
        """Drop the gauges of a partition that another worker owns now.

        Args:
            pipeline: Name of the pipeline.
            topic: Name of the topic.
            partition: Number of the partition.
        """
        for name in ("lienthong_lag_records", "lienthong_watermark_age_seconds"):
            labels = self._clean(name, (pipeline, topic, str(partition)))
            if self._gauges.pop((name, *labels), None) is not None:
                self._gauge_of[name].remove(*labels)

    def set_in_flight(self, pipeline: str, records: int) -> None:
        """Set how many records are read and not yet settled.

        Args:
            pipeline: Name of the pipeline.
            records: How many.
        """
        self._set("lienthong_in_flight_records", (pipeline,), records)

    def count_target_call(self, pipeline: str, target: str, result: str, seconds: float) -> None:
        """Count one call to a remote system.

        Args:
            pipeline: Name of the pipeline.
            target: Name of the connector.
            result: Class of the answer, such as ``ok`` or the code of an error.
            seconds: How long it took.
        """
        known = self._target_calls.get((pipeline, target, result))
        if known is None:
            known = self._of_target_calls(pipeline, target, result)
            if len(self._target_calls) < _MAX_SERIES:
                self._target_calls[pipeline, target, result] = known
        counter, observe = known
        counter.inc()
        observe(seconds)

    def set_review_oldest(self, pipeline: str, seconds: float) -> None:
        """Set the age of the oldest record in review.

        Args:
            pipeline: Name of the pipeline.
            seconds: Its age; 0 when none waits.
        """
        self._set("lienthong_review_oldest_seconds", (pipeline,), seconds)

    def set_parked(self, pipeline: str, counts: Mapping[str, int]) -> None:
        """Set how many records wait.

        Args:
            pipeline: Name of the pipeline.
            counts: Reason → records; a reason that was told before and is not told now has none left.
        """
        for reason in self._parked_reasons.setdefault(pipeline, set()) - counts.keys():
            self._set("lienthong_parked_records", (pipeline, reason), 0)
        self._parked_reasons[pipeline] |= counts.keys()
        for reason, number in counts.items():
            self._set("lienthong_parked_records", (pipeline, reason), number)

    def count_gateway_events(self, result: str, number: int = 1) -> None:
        """Count events at the gateway.

        Args:
            result: ``accepted`` or the code of a problem.
            number: How many.
        """
        self._count("lienthong_gateway_events_total", (result,), number)

    def count_gateway_lookups(self, target: str, result: str) -> None:
        """Count one question at the counter.

        Args:
            target: Name of the connector.
            result: Outcome, or code of a problem.
        """
        self._count("lienthong_gateway_lookups_total", (target, result), 1)

    def count_sign_in(self, provider: str, outcome: str) -> None:
        """Count a sign-in of a citizen.

        Args:
            provider: Name of the identity platform.
            outcome: How it ended.
        """
        self._count("lienthong_sign_ins_total", (provider, outcome), 1)

    def observe_gateway_request(self, route: str, seconds: float) -> None:
        """Count a request at the gateway.

        Args:
            route: Template of the route, never the path.
            seconds: How long it took.
        """
        name = "lienthong_gateway_request_seconds"
        self._histograms[name].observe(self._clean(name, (route,)), seconds)

    def count_commits(self, pipeline: str, result: str, number: int = 1) -> None:
        """Count offset commits.

        Args:
            pipeline: Name of the pipeline.
            result: ``ok`` or the code of an error.
            number: How many partitions.
        """
        self._count("lienthong_commits_total", (pipeline, result), number)

    def set_target_pause(self, pipeline: str, target: str, reason: str, reasons: Iterable[str]) -> None:
        """Set why a target is not called.

        Args:
            pipeline: Name of the pipeline.
            target: Name of the connector.
            reason: The reason; empty if it is called.
            reasons: All reasons that there are.
        """
        for each in reasons:
            if each:
                self._set("lienthong_target_paused", (pipeline, target, each), float(each == reason))

    def set_target_waiting(self, pipeline: str, target: str, priority: str, requests: int) -> None:
        """Set how many requests wait for their turn.

        Args:
            pipeline: Name of the pipeline.
            target: Name of the connector.
            priority: Of these requests.
            requests: How many.
        """
        self._set("lienthong_target_waiting_requests", (pipeline, target, priority), requests)

    def set_target_budget(self, pipeline: str, target: str, used: int, left: int, ends_seconds: float) -> None:
        """Set the state of a target's budget of the day.

        Args:
            pipeline: Name of the pipeline.
            target: Name of the connector.
            used: Requests that all workers have claimed.
            left: Requests that nobody has claimed.
            ends_seconds: Seconds until only the reserve is left; infinite if it outlasts the day.
        """
        self._set("lienthong_target_budget_used_requests", (pipeline, target), used)
        self._set("lienthong_target_budget_left_requests", (pipeline, target), left)
        self._set("lienthong_target_budget_ends_seconds", (pipeline, target), ends_seconds)

    def count_source_events(self, pipeline: str, result: str, number: int) -> None:
        """Count what polls found.

        Args:
            pipeline: Name of the pipeline.
            result: ``delivered``, ``dead_lettered`` or ``duplicate``.
            number: How many events.
        """
        self._count("lienthong_source_events_total", (pipeline, result), number)

    def count_source_batch(self, pipeline: str) -> None:
        """Count a batch that is durable and acknowledged.

        Args:
            pipeline: Name of the pipeline.
        """
        self._count("lienthong_source_batches_total", (pipeline,), 1)

    def set_source_polled(self, pipeline: str, target: str, seconds: float | None) -> None:
        """Say when a platform was last read to its end.

        Args:
            pipeline: Name of the pipeline.
            target: Name of the connector.
            seconds: Since 1970; None when another worker polls from now on.
        """
        name = "lienthong_source_polled_timestamp_seconds"
        if seconds is not None:
            self._set(name, (pipeline, target), seconds)
        elif self._gauges.pop((name, *self._clean(name, (pipeline, target))), None) is not None:
            self._gauge_of[name].remove(*self._clean(name, (pipeline, target)))

    def raise_alert(self, name: str, pipeline: str, target: str = "") -> None:
        """Tell that somebody should look; said again, it changes nothing.

        Args:
            name: What is wrong, such as ``target_unavailable``.
            pipeline: Name of the pipeline.
            target: Name of the connector; empty if none is concerned.
        """
        self._set("lienthong_alerts", (pipeline, name, target), 1)
        if (pipeline, name, target) not in self._alerts:
            self._alerts.add((pipeline, name, target))
            log.warning("alert_raised", alert=name, pipeline=pipeline, target=target)

    def clear_alert(self, name: str, pipeline: str, target: str = "") -> None:
        """Tell that the cause of an alert is gone; without an alert it changes nothing.

        Args:
            name: As in :meth:`raise_alert`.
            pipeline: As in :meth:`raise_alert`.
            target: As in :meth:`raise_alert`.
        """
        if (pipeline, name, target) in self._alerts:
            self._alerts.discard((pipeline, name, target))
            self._set("lienthong_alerts", (pipeline, name, target), 0)
            log.info("alert_cleared", alert=name, pipeline=pipeline, target=target)

    def alerts(self, pipeline: str) -> frozenset[tuple[str, str]]:
        """Return the alerts of a pipeline that are raised now, as name and target.

        Args:
            pipeline: Name of the pipeline.
        """
        return frozenset((name, target) for owner, name, target in tuple(self._alerts) if owner == pipeline)

    def expose(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics as text, and its content type.

        Args:
            accept: The ``Accept`` header of the scraper.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def value(self, name: str, **labels: str) -> float:
        """Return the value of one series; 0 if nothing was counted.

        Args:
            name: Name of the sample, such as ``lienthong_records_total``.
            **labels: All labels of the series.
        """
        return self.registry.get_sample_value(name, labels) or 0.0

    def _count(self, name: str, labels: tuple[str, ...], number: int) -> None:
        self._child(name, labels).inc(number)

    def _child(self, name: str, labels: tuple[str, ...]) -> Counter:
        cleaned = self._clean(name, labels)
        child = self._counters.get((name, *cleaned))
        if child is None:
            child = self._counters[name, *cleaned] = self._counter_of[name].labels(*cleaned)
        return child

    def _of_target_calls(self, pipeline: str, target: str, result: str) -> tuple[Counter, Callable[[float], None]]:
        name = "lienthong_target_call_seconds"
        observe = partial(self._histograms[name].observe, self._clean(name, (pipeline, target)))
        return self._child("lienthong_target_calls_total", (pipeline, target, result)), observe

    def _set(self, name: str, labels: tuple[str, ...], value: float) -> None:
        cleaned = self._clean(name, labels)
        child = self._gauges.get((name, *cleaned))
        if child is None:
            child = self._gauges[name, *cleaned] = self._gauge_of[name].labels(*cleaned)
        child.set(value)

    def _clean(self, name: str, labels: tuple[str, ...]) -> tuple[str, ...]:
        known = self._cleaned[name]
        cleaned = known.get(labels)
        if cleaned is None:
            if len(known) >= _MAX_SERIES:
                return tuple("other" for _ in labels)
            cleaned = tuple(label if _LABEL.fullmatch(label) else "other" for label in labels)
            known[labels] = cleaned
        return cleaned


def reference() -> str:
    """Return the reference page of all metrics, as Markdown."""
    lines = [
        "# Metrics",
        "",
        "Every process of the hub serves these at `/metrics` on its metrics port.",
        "Labels are names of the hub's own parts; none ever holds a key, an id, a URL or anything about a person.",
        "This page is generated from `lienthong.observability.metric_table.TABLE`.",
    ]
    for spec in TABLE:
        labels = ", ".join(f"`{label}`" for label in spec.labels)
        lines += [
            "",
            f"## `{spec.name}`",
            "",
            f"{spec.help}",
            "",
            f"{spec.kind.capitalize()}, in {spec.unit}; labels: {labels}.",
        ]
        if spec.bounds:
            lines.append(f"Buckets end at {', '.join(f'{bound:g}' for bound in spec.bounds)} seconds.")
    return "\n".join(lines) + "\n"
