"""How far every stage is, read from the processes' own metrics pages."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lienthong.clock import Clock
from lienthong.errors import FatalError
from lienthong_connectors.demo.ask import ask

_SAMPLE = re.compile(
    r'^(lienthong_records_total|lienthong_lag_records)\{(?:[^}]*,)?pipeline="([^"]*)"[^}]*\} (\S+)$', re.MULTILINE
)
_PARKED = re.compile(r'^lienthong_parked_records\{pipeline="([^"]*)",reason="([^"]*)"\} (\S+)$', re.MULTILINE)
#: Reason of records that made way and are tried again by the worker itself.
_WINDOW = "window"


@dataclass(slots=True)
class Stage:
    """One row of the progress display.

    Attributes:
        name: Short name, also in the report.
        title: Vietnamese, then English.
        expected: Records that must come.
        observed: Records so far.
        began: Monotonic seconds of the last look before the first record.
        ended: Monotonic seconds of the last look that found more.
    """

    name: str
    title: str
    expected: int
    observed: int = 0
    began: float | None = None
    ended: float = 0.0

    def see(self, observed: int, now: float, before: float) -> None:
        """Note what was counted.

        Args:
            observed: Records so far.
            now: Monotonic seconds.
            before: Monotonic seconds of the look before.
        """
        if observed > self.observed:
            if self.began is None:
                self.began = before
            self.observed, self.ended = observed, now

    @property
    def records_per_second(self) -> float:
        """Records for each second between the first and the last."""
        if self.began is None or self.ended <= self.began:
            return 0.0
        return self.observed / (self.ended - self.began)


class Meters:
    """Reads the metrics pages of the pipelines.

    Args:
        ports: Pipeline → port of its metrics page.
        clock: Tells when.
    """

    def __init__(self, ports: Mapping[str, int], clock: Clock) -> None:
        self._ports = ports
        self._clock = clock
        self._looked = clock.monotonic()
        self.lags: dict[str, int] = {}
        self._parked: dict[tuple[str, str], int] = {}
        self._is_still = False

    def look(self, stages: Mapping[str, Stage], others: Mapping[str, Callable[[], int]]) -> None:
        """Bring stages up to date.

        Args:
            stages: Name → stage; the pipelines among them are asked.
            others: Name of a stage → how to count it.
        """
        before = self._looked
        parked: dict[tuple[str, str], int] = {}
        for name, port in self._ports.items():
            page = ask(f"http://127.0.0.1:{port}/metrics").decode()
            records, lag = read_page(page, name)
            self.lags[name] = lag
            parked |= read_parked(page)
            stages[name].see(records, self._clock.monotonic(), before)
        for name, count in others.items():
            stages[name].see(count(), self._clock.monotonic(), before)
        self._is_still = parked == self._parked and not any(parked[each] for each in parked if each[1] == _WINDOW)
        self._parked = parked
        self._looked = self._clock.monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether no pipeline reported a lag when it was last asked, and nothing goes on by itself after a while."""
        return self._is_still and not any(self.lags.values())

    def pages(self, more: Mapping[str, int]) -> dict[str, bytes]:
        """Return the metrics pages as they are.

        Args:
            more: Further processes → ports.
        """
        return {name: ask(f"http://127.0.0.1:{port}/metrics") for name, port in {**self._ports, **more}.items()}


def read_parked(page: str) -> dict[tuple[str, str], int]:
    """Return how many records are parked, by pipeline and reason.

    Args:
        page: Metrics in Prometheus' text format.
    """
    return {(owner, reason): int(float(value)) for owner, reason, value in _PARKED.findall(page)}


def read_page(page: str, pipeline: str) -> tuple[int, int]:
    """Return the records that a pipeline settled and its lag.

    Args:
        page: Metrics in Prometheus' text format.
        pipeline: Its name.

    Raises:
        FatalError: If a value is no number.
    """
    sums = {"lienthong_records_total": 0.0, "lienthong_lag_records": 0.0}
    try:
        for name, owner, value in _SAMPLE.findall(page):
            if owner == pipeline:
                sums[name] += float(value)
    except ValueError as error:
        raise FatalError(f"the metrics page of {pipeline} cannot be read") from error
    return int(sums["lienthong_records_total"]), int(sums["lienthong_lag_records"])
