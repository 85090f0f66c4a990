"""Judges one case: every accepted record has an end or is listed open, effects happened once, in order."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lienthong.ledger.report import Report
from lienthong_connectors.demo.compare import PORTAL_STATUS, wire_moment
from lienthong_connectors.demo.week import PIPELINES, Expectation, Name
from lienthong_schemas.generator import EventTruth
from scripts.fault.evidence import OPEN, Evidence

DELIVER = "deliver-dossier"
#: (``state`` or ``step``, the portal's code of the state, moment of the step) of one effect.
Item = tuple[str, str, str]
_MAX_PROBLEMS = 12
#: Outcomes that a record must not have while an earlier one of its key waits.
_HANDLED = frozenset({"delivered", "superseded", "dead_lettered"})


@dataclass(slots=True)
class Verdict:
    """What the oracle found.

    Attributes:
        accepted: Records that Kafka acknowledged to the publishers.
        settled: Of these, records with an end in every pipeline.
        open: Of these, records that the reconciler lists as parked, in review or in flight.
        missing: Records without an outcome that the reconciler does not list either.
        expired: Records that Kafka deleted unsettled, as the reconciler tells.
        lost: Records without an outcome, delivered ones without an effect, and what Kafka deleted unsettled.
        effects_repeated: Effects beyond one of operations that declare one effect.
        steps_repeated: Repeated effects of the operation that declares none.
        repeats_unshown: Of these, those whose receipt does not say ``repeat_possible``.
        repeat_possible: Receipts that say so.
        inversions: Effects of one dossier out of order, older states written over newer ones among them.
        unexpected: Records with an outcome that the truth file does not allow.
        problems: In words, with ids; nothing personal.
    """

    accepted: int = 0
    settled: int = 0
    open: int = 0
    missing: int = 0
    expired: int = 0
    lost: int = 0
    effects_repeated: int = 0
    steps_repeated: int = 0
    repeats_unshown: int = 0
    repeat_possible: int = 0
    inversions: int = 0
    unexpected: int = 0
    problems: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Keep a problem in words, as far as a reader wants to see them.

        Args:
            text: What is wrong.
        """
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(text)


def judge(
    expected: Expectation,
    accepted: int,
    evidence: Evidence,
    dossiers: Mapping[str, Mapping[str, Any]],
    report: Report,
    deaths: int = 0,
) -> Verdict:
    """Return what became of everything that was accepted.

    Args:
        expected: What the truth file says.
        accepted: Records that Kafka acknowledged.
        evidence: What Kafka holds.
        dossiers: What the portal holds, by dossier code.
        report: What the reconciler says.
        deaths: How often a worker died: each may repeat what one receipt shows as repeatable.
    """
    verdict = Verdict(accepted=accepted, repeat_possible=evidence.repeat_possible(DELIVER))
    if accepted != len(expected.events):
        verdict.tell(f"only {accepted} of {len(expected.events)} records were accepted")
    _reconciled(verdict, report)
    flying = {(item.pipeline, row.source, row.id) for item in report.pipelines for row in item.open["in_flight"].listed}
    by_dossier: dict[str, list[EventTruth]] = {code: [] for code in expected.dossiers}
    for event in expected.events:
        by_dossier[event.dossier_code].append(event)
    for code, events in by_dossier.items():
        for event in events:
            _outcome(verdict, evidence, event, flying)
        _effects(verdict, evidence, events, dossiers.get(code, {}), code, max(1, deaths))
    _overtaken(verdict, evidence)
    for code in dossiers.keys() - by_dossier.keys():
        verdict.effects_repeated += 1
        verdict.tell(f"the portal holds {code}, which nobody sent")
    return verdict


def _reconciled(verdict: Verdict, report: Report) -> None:
    if not report.is_ledger_current or report.unreadable:
        verdict.lost += 1
        verdict.tell("the ledger is not current or holds what cannot be read")
    for item in report.pipelines:
        if item.pipeline not in PIPELINES or item.is_balanced:
            continue
        gaps = sum(gap.last - gap.first + 1 for gap in item.expired)
        verdict.expired += gaps
        verdict.lost += item.lost.total if gaps else max(1, item.lost.total)
        lost = ", ".join(f"{row.topic}[{row.partition}]@{row.offset}" for row in item.lost.listed[:3])
        verdict.tell(
            f"{item.pipeline} is not balanced: {item.lost.total} lost ({lost}), {item.unknown.total} unknown, "
            f"{gaps} expired"
        )


def _outcome(verdict: Verdict, evidence: Evidence, event: EventTruth, flying: Collection[tuple[str, str, str]]) -> None:
    name: Name = (event.source, event.id)
    intake = evidence.kinds("intake", name)
    if event.intake == "dead_lettered":
        if intake and set(intake) == {"dead_lettered"}:
            verdict.settled += 1
        else:
            _missing(verdict, event, "intake", intake)
        return
    verify, deliver = evidence.kinds("verify-dossier", name), evidence.kinds(DELIVER, name)
    seen = dict(zip(PIPELINES, (intake, verify, ["-"], deliver), strict=True))
    absent = [pipeline for pipeline, kinds in seen.items() if not kinds]
    if any((pipeline, *name) in flying for pipeline in absent):
        verdict.open += 1
    elif absent:
        _missing(verdict, event, ", ".join(absent), [*intake, *verify, *deliver])
    elif OPEN & {*verify, *deliver}:
        verdict.open += 1
    else:
        verdict.settled += 1
    wrong = ({*verify, *deliver} & {"dead_lettered", "cancelled"}) | ({*deliver} & {"filtered"})
    if wrong:
        verdict.unexpected += 1
        reasons = {row.reason for row in evidence.receipts[DELIVER].get(name, {}).values()}
        verdict.tell(f"{event.source} {event.id} became {', '.join(sorted(wrong))} ({', '.join(sorted(reasons))})")


def _missing(verdict: Verdict, event: EventTruth, where: str, kinds: Sequence[str]) -> None:
    verdict.lost += 1
    verdict.missing += 1
    verdict.tell(f"{event.source} {event.id} has no outcome in {where} (known: {', '.join(kinds) or 'nothing'})")


def _overtaken(verdict: Verdict, evidence: Evidence) -> None:
    """Count records that were handled although an earlier one of their key waits."""
    for pipeline in ("verify-dossier", DELIVER):
        by_key: dict[tuple[str, int, str], list[tuple[int, str]]] = defaultdict(list)
        for places in evidence.receipts[pipeline].values():
            for (topic, partition, offset), row in places.items():
                by_key[topic, partition, row.key].append((offset, row.kind))
        for (topic, partition, key), rows in by_key.items():
            kinds = [kind for _, kind in sorted(rows)]
            waiting = next((number for number, kind in enumerate(kinds) if kind in OPEN), len(kinds))
            count = sum(kind in _HANDLED for kind in kinds[waiting:])
            verdict.inversions += count
            if count:
                verdict.tell(f"{pipeline}: {count} records of {key} in {topic}[{partition}] overtook one that waits")


def _effects(
    verdict: Verdict,
    evidence: Evidence,
    events: Sequence[EventTruth],
    held: Mapping[str, Any],
    code: str,
    deaths: int,
) -> None:
    wanted: list[tuple[Item, bool]] = []
    flagged: Counter[Item] = Counter()
    for event in events:
        if event.deliver != "delivered":
            continue
        rows = evidence.receipts[DELIVER].get((event.source, event.id), {}).values()
        kinds = {row.kind for row in rows}
        item = _item(event)
        # Opened by a review, it may have had its effect or not; nobody can know.
        wanted.append((item, bool(kinds) and not kinds & OPEN))
        flagged[item] += sum(row.repeat_possible for row in rows)
    firsts, repeated = _firsts(verdict, held, code)
    for item, count in repeated.items():
        verdict.steps_repeated += count
        unshown = max(0, count - flagged[item] * deaths)
        verdict.repeats_unshown += unshown
        if unshown:
            verdict.tell(f"{code}: {item} was repeated {count} times, {flagged[item]} receipts say that it may be")
    missing = Counter(item for item, is_required in wanted if is_required)
    missing.subtract(firsts)
    gone = [item for item, count in missing.items() if count > 0]
    verdict.lost += len(gone)
    if gone:
        verdict.tell(f"{code}: {len(gone)} delivered by receipt, but not at the portal: {gone[0]}")
    extra = Counter(firsts)
    extra.subtract([item for item, _ in wanted])
    strange = sum(count for count in extra.values() if count > 0)
    if strange:
        verdict.inversions += strange
        verdict.tell(f"{code}: {strange} effects that must not have happened, such as a superseded snapshot")
    order = [item for item, _ in wanted]
    position = 0
    for item in firsts:
        if item in order[position:]:
            position += order[position:].index(item) + 1
        elif extra[item] <= 0:
            verdict.inversions += 1
            verdict.tell(f"{code}: {item} is out of order")


def _item(event: EventTruth) -> Item:
    if event.type == "dossier.progress":
        return ("step", PORTAL_STATUS[event.status], wire_moment(event.occurred_at))
    return ("state", PORTAL_STATUS[event.status], "")


def _firsts(verdict: Verdict, held: Mapping[str, Any], code: str) -> tuple[list[Item], Counter[Item]]:
    """Return the effects without their repeats, and the repeated steps."""
    firsts: list[Item] = []
    repeated: Counter[Item] = Counter()
    known: set[tuple[str, str]] = set()
    last, links = "", 0
    for _, kind, status, at, fingerprint in held.get("arrivals", ()):
        side = "step" if kind == "progress" else "state"
        is_new = (side, fingerprint) not in known
        known.add((side, fingerprint))
        if kind == "link":
            links += 1
        elif is_new:
            firsts.append((side, status, at))
        elif side == "step":
            repeated[side, status, at] += 1
        elif fingerprint != last:
            verdict.inversions += 1
            verdict.tell(f"{code}: an older state was written over a newer one")
        if side == "state":
            last = fingerprint
    if links > 1 or held.get("lost_links"):
        verdict.effects_repeated += max(links - 1, 1)
        verdict.tell(f"{code}: linked {links} times, lost links: {held.get('lost_links')}")
    creates = held.get("counts", {}).get("create", 0)
    if creates > 1:
        verdict.effects_repeated += creates - 1
    return firsts, repeated
