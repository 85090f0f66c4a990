"""Watches the portal's own ledger while a case runs: when did which dossier get an effect."""

import threading
from bisect import bisect_left
from collections.abc import Collection
from itertools import pairwise
from typing import NamedTuple

from lienthong.clock import Clock
from lienthong.errors import FatalError
from lienthong_connectors.demo.ask import ask_json

_LOOK_SECONDS = 0.05
_PAGE = 5_000


class Seen(NamedTuple):
    """One effect at the portal.

    Attributes:
        at: Monotonic seconds of the look that found it.
        code: Dossier code.
        kind: ``create``, ``update``, ``link`` or ``progress``.
    """

    at: float
    code: str
    kind: str


class Watch:
    """Reads new effects every 50 ms from a thread of its own.

    Args:
        portal: Base URL of the simulated portal.
        clock: Tells when.
    """

    def __init__(self, portal: str, clock: Clock) -> None:
        self._portal = portal
        self._clock = clock
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.seen: list[Seen] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    @property
    def effects(self) -> int:
        """Effects so far."""
        return len(self.seen)

    def first_after(self, moment: float, codes: Collection[str] | None = None) -> float | None:
        """Return when the first effect after a moment was seen, or None.

        Args:
            moment: Monotonic seconds.
            codes: Only effects of these dossiers; None for any.
        """
        for one in self.seen[bisect_left(self.seen, (moment,)) :]:
            if one.at > moment and (codes is None or one.code in codes):
                return one.at
        return None

    def longest_silence(self, begin: float, end: float, codes: Collection[str]) -> float:
        """Return the longest time between two effects of some dossiers.

        Args:
            begin: Monotonic seconds from which it counts.
            end: Monotonic seconds until which it counts.
            codes: Which dossiers.
        """
        moments = [begin, *(one.at for one in self.seen if begin < one.at < end and one.code in codes), end]
        return max(after - before for before, after in pairwise(moments))

    def _run(self) -> None:
        after = 0
        while not self._stopped.wait(_LOOK_SECONDS):
            try:
                page = ask_json(f"{self._portal}/_control/effects?after={after}&limit={_PAGE}")
            except FatalError:
                continue
            now = self._clock.monotonic()
            self.seen.extend(Seen(now, item["key"], item["operation"]) for item in page)
            if page:
                after = page[-1]["number"]
