"""Which dossier gets how many events, and which of them are defective: exact numbers, drawn once from the seed."""

from dataclasses import dataclass, field
from random import Random

from lienthong.errors import ConfigurationError


def stream(seed: int, *parts: object) -> Random:
    """Return a source of chance of its own for one purpose, so that purposes do not disturb each other.

    Args:
        seed: Seed of the whole scenario.
        *parts: What it is for.
    """
    return Random(":".join(map(str, (seed, *parts))))


@dataclass(frozen=True, slots=True)
class DefectRates:
    """How much is wrong and how much is merely unusual, as shares from 0 to 1.

    Attributes:
        invalid: Events that break their schema or are no record at all.
        mismatch: Dossiers whose owner the population database knows otherwise or not at all.
        repeated: Events that are sent again with the same source, id and body.
        late: Snapshots that arrive after a newer one, as a share of all events.
        nfd: Events with decomposed text (harmless: normalised).
        accent_only: Dossiers whose owner's name differs only in accents (harmless: a match).
        year_only: Dossiers where only the year of birth is known on one side (harmless: a match).
        no_identifier: Dossiers of citizens without any paper (nothing to verify).
        enterprise: Dossiers of enterprises (nothing to verify).
        old_identifier: Dossiers with a 9-digit CMND only (harmless: a match).
    """

    invalid: float = 0.02
    mismatch: float = 0.03
    repeated: float = 0.01
    late: float = 0.01
    nfd: float = 0.02
    accent_only: float = 0.01
    year_only: float = 0.02
    no_identifier: float = 0.02
    enterprise: float = 0.05
    old_identifier: float = 0.01


@dataclass(slots=True)
class Plan:
    """What is drawn before the first event.

    Attributes:
        sizes: Events of each dossier, without repeats.
        invalid: Dossier → positions of its invalid events; never the first event, so that no step precedes its dossier.
        repeated: Dossier → positions of events that are sent twice.
        late: Dossiers with one snapshot that arrives too late.
        mismatch: Dossiers with an owner who cannot be confirmed.
    """

    sizes: list[int]
    invalid: dict[int, set[int]] = field(default_factory=dict)
    repeated: dict[int, set[int]] = field(default_factory=dict)
    late: set[int] = field(default_factory=set)
    mismatch: set[int] = field(default_factory=set)


def make_plan(records: int, dossiers: int, seed: int, rates: DefectRates) -> Plan:
    """Return the plan of a scenario.

    Args:
        records: Events in all, including repeats.
        dossiers: Dossiers in all.
        seed: Seed of the scenario.
        rates: Shares of defects; with very few events per dossier not all can be placed.

    Raises:
        ConfigurationError: If there are more dossiers than events.
    """
    if dossiers < 1 or records < dossiers:
        raise ConfigurationError(f"{records} events are not enough for {dossiers} dossiers; ask for one each at least")
    repeats = min(round(records * rates.repeated), records - dossiers)
    base = records - repeats
    draw = stream(seed, "plan")
    each, rest = divmod(base, dossiers)
    sizes = [each] * dossiers
    for index in draw.sample(range(dossiers), rest):
        sizes[index] += 1
    plan = Plan(sizes)
    able = [index for index, size in enumerate(sizes) if size >= 2]
    plan.late = set(draw.sample(able, min(round(records * rates.late), len(able))))
    plan.mismatch = set(draw.sample(range(dossiers), round(dossiers * rates.mismatch)))
    calm = [index for index in range(dossiers) if index not in plan.late]
    taken = _place(draw, [(i, p) for i in calm for p in range(1, sizes[i])], round(records * rates.invalid))
    for index, position in taken:
        plan.invalid.setdefault(index, set()).add(position)
    free = [(i, p) for i in calm for p in range(sizes[i]) if (i, p) not in taken]
    chosen = _place(draw, free, repeats)
    for index, position in chosen:
        plan.repeated.setdefault(index, set()).add(position)
    # What could not be repeated for want of events is sent as one more event of the first dossiers.
    for index in range(repeats - len(chosen)):
        plan.sizes[index % dossiers] += 1
    return plan


def _place(draw: Random, places: list[tuple[int, int]], count: int) -> set[tuple[int, int]]:
    return set(draw.sample(places, min(count, len(places))))
