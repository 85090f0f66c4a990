"""A Prometheus histogram that takes a whole slice of records at once."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector


class BatchHistogram(Collector):
    """A histogram with one label set for each series and weighted observations.

    ``prometheus_client.Histogram`` takes one value a call, which would cost intake more than validating does.

    Args:
        name: Full name of the metric.
        help_text: What it measures.
        labels: Names of its labels.
        bounds: Upper bounds of the buckets in ascending order, without infinity.
    """

    def __init__(self, name: str, help_text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self._name = name
        self._help = help_text
        self._labels = tuple(labels)
        self._bounds = tuple(bounds)
        self._names = [*(repr(float(bound)) for bound in self._bounds), "+Inf"]
        self._lock = threading.Lock()
        self._series: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def observe(self, labels: tuple[str, ...], value: float, number: int = 1) -> None:
        """Count a value.

        Args:
            labels: Values of the labels, in their order.
            value: What was measured.
            number: How many records had this value.
        """
        with self._lock:
            counts, total = self._of(labels)
            counts[bisect_left(self._bounds, value)] += number
            total[0] += value * number

    def observe_all(self, labels: tuple[str, ...], values: Iterable[float]) -> None:
        """Count many values.

        Args:
            labels: Values of the labels, in their order.
            values: What was measured.
        """
        bounds = self._bounds
        with self._lock:
            counts, total = self._of(labels)
            for value in values:
                counts[bisect_left(bounds, value)] += 1
                total[0] += value

    def _of(self, labels: tuple[str, ...]) -> tuple[list[int], list[float]]:
        found = self._series.get(labels)
        if found is None:
            found = self._series[labels] = ([0] * (len(self._bounds) + 1), [0.0])
        return found

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """Return the metric without values, for the registry's check of names."""
        return [HistogramMetricFamily(self._name, self._help, labels=self._labels)]

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Return the metric with its values."""
        family = HistogramMetricFamily(self._name, self._help, labels=self._labels)
        with self._lock:
            for labels, (counts, total) in self._series.items():
                running = 0
                buckets = []
                for name, count in zip(self._names, counts, strict=True):
                    running += count
                    buckets.append((name, float(running)))
                family.add_metric(list(labels), buckets, total[0])
        return [family]
