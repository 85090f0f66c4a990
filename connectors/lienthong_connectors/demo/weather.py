"""Bad weather at the portal: an outage and a storm of "too many requests", in the middle of the run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lienthong.clock import Clock
from lienthong_connectors.demo.ask import ask_json

OUTAGE_SECONDS = 5.0
STORM_SECONDS = 3.0
RETRY_AFTER_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Spell:
    """One fault for some seconds.

    Attributes:
        name: What it is.
        share: Effects at the portal, as a share of all, after which it begins.
        seconds: How long it lasts.
        on: Switches of the simulator that start it.
        off: Switches that end it.
    """

    name: str
    share: float
    seconds: float
    on: dict[str, Any]
    off: dict[str, Any]


#: 503 rather than broken connections: whether a step of the progress arrived before a connection broke cannot be known,
#: and such a step waits for a person, rightly.
SPELLS = (
    Spell("outage", 0.35, OUTAGE_SECONDS, {"outage": "unavailable"}, {"outage": None}),
    Spell(
        "too_many_requests",
        0.60,
        STORM_SECONDS,
        {"too_many_requests": {"retry_after_seconds": RETRY_AFTER_SECONDS, "share": 1.0}},
        {"too_many_requests": None},
    ),
)


class Weather:
    """Switches the portal's faults on and off.

    Args:
        portal: Base URL of the simulated portal.
        effects: Effects that the portal will have in all.
        clock: Tells how long a fault lasts.
        spells: The faults that come, in order.
    """

    def __init__(self, portal: str, effects: int, clock: Clock, spells: Sequence[Spell] = SPELLS) -> None:
        self._portal = portal
        self._effects = effects
        self._clock = clock
        self._coming = list(spells)
        self._now: tuple[Spell, float] | None = None
        #: Names of the faults that were switched on.
        self.seen: list[str] = []

    @property
    def is_over(self) -> bool:
        """Whether all faults came and went."""
        return not self._coming and self._now is None

    @property
    def name(self) -> str:
        """The fault of the moment; empty for none."""
        return self._now[0].name if self._now else ""

    def tick(self) -> None:
        """Look whether a fault begins or ends; call it often."""
        if self._now is not None:
            spell, since = self._now
            if self._clock.monotonic() - since >= spell.seconds:
                self._switch(spell.off)
                self._now = None
        elif self._coming:
            done = ask_json(f"{self._portal}/_control/ledger")["effect_count"]
            if done >= self._coming[0].share * self._effects:
                spell = self._coming.pop(0)
                self._switch(spell.on)
                self.seen.append(spell.name)
                self._now = (spell, self._clock.monotonic())

    def _switch(self, switches: dict[str, Any]) -> None:
        ask_json(f"{self._portal}/_control/behaviour", "PUT", switches)
