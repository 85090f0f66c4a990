"""Asks a target whether it holds what was delivered: what was never there, and what it shows differently."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import BaseModel

from lienthong.envelope import Event
from lienthong.errors import ConfigurationError, FatalError, LienthongError
from lienthong.holding import Holding
from lienthong.ledger.probe_sample import Chosen

#: A key and its delivered records → what the target holds, as :meth:`lienthong.holding.TellsHolding.holding` says it.
Ask = Callable[[str, Sequence[tuple[Event, BaseModel]]], Awaitable[Holding | None]]


class Verdict(StrEnum):
    """What was found of one dossier."""

    AGREES = "agrees"
    #: The target says that it holds nothing.
    MISSING = "missing"
    DIFFERS = "differs"
    #: The target gave no answer: nobody knows.
    UNAVAILABLE = "unavailable"
    #: It differs, but something of it is still on its way.
    MOVING = "moving"
    #: It is there, but nothing is left to compare it with.
    FORGOTTEN = "forgotten"


class Probed(NamedTuple):
    """One dossier of the sample; nothing of it is personal.

    Attributes:
        dossier_code: Its code.
        verdict: What was found.
        rules: Names of the target's fields that differ, or why there was no answer.
        theirs: State at the target; empty if it does not say.
        ours: State that was delivered; empty for none.
    """

    dossier_code: str
    verdict: Verdict
    rules: tuple[str, ...] = ()
    theirs: str = ""
    ours: str = ""


@dataclass(slots=True)
class ProbeReport:
    """What the sample of one pipeline shows.

    Attributes:
        pipeline: Name of the pipeline.
        seed: What the choice followed from.
        probed: The dossiers, in the order in which they were asked for.
    """

    pipeline: str
    seed: int
    probed: list[Probed] = field(default_factory=list)

    def count(self, verdict: Verdict) -> int:
        """Return how many dossiers have a verdict.

        Args:
            verdict: Which.
        """
        return sum(each.verdict is verdict for each in self.probed)

    @property
    def has_findings(self) -> bool:
        """Whether something is not there, or differs."""
        return any(each.verdict in {Verdict.MISSING, Verdict.DIFFERS} for each in self.probed)

    @property
    def is_answered(self) -> bool:
        """Whether the target answered every question."""
        return not self.count(Verdict.UNAVAILABLE)

    def as_document(self) -> dict[str, Any]:
        """Return the report as a JSON document: every dossier that does not agree, by code and rule."""
        return {
            "pipeline": self.pipeline,
            "seed": self.seed,
            "sampled": len(self.probed),
            **{verdict.value: self.count(verdict) for verdict in Verdict},
            "dossiers": [each._asdict() for each in self.probed if each.verdict is not Verdict.AGREES],
        }


async def probe(
    report: ProbeReport,
    chosen: Iterable[Chosen],
    ask: Ask,
    states_of: Callable[[str], object],
    *,
    patience_seconds: float,
    why_silent: Callable[[], str] = str,
) -> None:
    """Ask for each dossier of a sample, one after the other, and write down what is found.

    Args:
        report: Where to; also holds what was found when this is broken off.
        chosen: The sample.
        ask: One question; it may wait for the target's limits and repeat a call.
        states_of: What the ledger says of a key now; asked again before a difference is believed.
        patience_seconds: How long one question may stay without an answer. After that no more questions are asked, and
            all that are left count as unavailable: a target that is away is not missing anything.
        why_silent: Why the target is not called at the moment; empty if nobody knows.

    Raises:
        FatalError: If something is wrong that the next question would meet too.
        ConfigurationError: Likewise.
    """
    silence = ""
    for each in chosen:
        if silence:
            report.probed.append(Probed(each.key, Verdict.UNAVAILABLE, (silence,)))
            continue
        try:
            async with asyncio.timeout(patience_seconds):
                found = await ask(each.key, each.records)
        except TimeoutError:
            silence = why_silent() or "no_answer"
            report.probed.append(Probed(each.key, Verdict.UNAVAILABLE, (silence,)))
        except (FatalError, ConfigurationError):
            raise
        except LienthongError as error:
            # It said something, but not whether it holds the dossier.
            report.probed.append(Probed(each.key, Verdict.UNAVAILABLE, (error.reason or error.code,)))
        else:
            report.probed.append(_judged(each, found, states_of))


def _judged(chosen: Chosen, found: Holding | None, states_of: Callable[[str], object]) -> Probed:
    if found is None:
        return Probed(chosen.key, Verdict.MISSING, ("not_held",))
    if not chosen.records:
        return Probed(chosen.key, Verdict.FORGOTTEN, theirs=found.state)
    if not found.differing:
        return Probed(chosen.key, Verdict.AGREES, theirs=found.state, ours=found.expected)
    is_moving = chosen.is_moving or states_of(chosen.key) != chosen.states
    verdict = Verdict.MOVING if is_moving else Verdict.DIFFERS
    return Probed(chosen.key, verdict, found.differing, found.state, found.expected)
