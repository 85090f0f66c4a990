"""What must become of every generated event, known before the first one is published.

Expected outcomes:

- An invalid event is ``rejected`` by the gateway and never enters; over Kafka, intake sets it aside: ``dead_lettered``.
- A valid event is ``accepted`` by the gateway (over Kafka there is no gateway) and ``delivered`` by intake, also when
  the same (source, id) comes a second time: the same record is known at the effect, not at the door.
- ``verify-dossier``: the first snapshot with an identity is ``delivered`` when the population database confirms it and
  goes to ``review`` when it does not or knows nobody; every later record of a dossier in review is ``parked``,
  progress too, because nothing overtakes; every record of a dossier whose officer or procedure the database does not
  allow is ``parked`` as well, until it is released. Everything else is ``filtered``: progress, owners without personal
  ID or CMND, and snapshots that ask the same question again.
- ``deliver-dossier``: ``delivered``; a second arrival is a ``duplicate``; a snapshot older than one already delivered
  is ``superseded``. Steps of progress are always delivered.
- The portal shows one create for each dossier, one update for each further delivered snapshot, all steps in order, and
  a link to the population database when the owner was confirmed. ``updates`` does not count the link.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lienthong.errors import ConfigurationError
from lienthong_schemas.generator.bodies import SOURCES
from lienthong_schemas.generator.dossiers import Dossier


@dataclass(frozen=True, slots=True)
class EventTruth:
    """What must become of one arrival of one event.

    Attributes:
        source: CloudEvents source.
        id: CloudEvents id.
        arrival: 1, or 2 when the same event is sent again.
        dossier_code: Dossier code.
        type: ``dossier.snapshot`` or ``dossier.progress``, as it would be without a defect.
        sequence: Publisher's sequence among events of its type.
        defect: What is special about it; empty for nothing.
        route: ``gateway`` or ``kafka``.
        gateway: ``accepted``, ``rejected``, or None when it does not pass there.
        intake: Outcome in ``intake``, or None when it does not get there.
        verify: Outcome in ``verify-dossier``, or None.
        deliver: Outcome in ``deliver-dossier``, or None.
        status: State of the dossier that the event tells.
        occurred_at: When it happened, ISO 8601; with the state it names one step at a target that knows no sequence.
    """

    source: str
    id: str
    arrival: int
    dossier_code: str
    type: str
    sequence: int
    defect: str
    route: str
    gateway: str | None
    intake: str | None
    verify: str | None
    deliver: str | None
    status: str
    occurred_at: str


@dataclass(frozen=True, slots=True)
class DossierTruth:
    """What the portal must show of one dossier at the end.

    Attributes:
        dossier_code: Dossier code.
        verification: ``match``, ``mismatch``, ``no_match``, ``not_allowed``, or ``none`` when nobody is looked up.
        creates: Times that the dossier was created: 1.
        updates: Times that a newer snapshot replaced it.
        last_sequence: Sequence of the last delivered snapshot.
        last_status: Its state.
        snapshots: Sequences of delivered snapshots in order of arrival.
        steps: Sequences of delivered steps in order of arrival.
        verification_link: Whether the portal shows the link to the population database.
    """

    dossier_code: str
    verification: str
    creates: int
    updates: int
    last_sequence: int
    last_status: str
    snapshots: tuple[int, ...]
    steps: tuple[int, ...]
    verification_link: bool


@dataclass(slots=True)
class _State:
    asked: bool = False
    in_review: bool = False


def expect(dossier: Dossier) -> tuple[list[EventTruth], DossierTruth]:
    """Return what must become of a dossier's events, in order of arrival, and of the dossier.

    Args:
        dossier: The dossier.
    """
    state = _State()
    events: list[EventTruth] = []
    snapshots: list[int] = []
    steps: list[int] = []
    status = ""
    for event in dossier.events:
        gateway = ("rejected" if event.is_invalid else "accepted") if dossier.route == "gateway" else None
        intake: str | None = "dead_lettered" if event.is_invalid else "delivered"
        verify = deliver = None
        if gateway == "rejected":
            intake = None
        if not event.is_invalid:
            verify = _verify(dossier, state, is_snapshot=event.kind == "snapshot")
            deliver = "delivered"
            if event.arrival > 1:
                deliver = "duplicate"
            elif event.kind == "progress":
                steps.append(event.number)
            elif snapshots and event.number < snapshots[-1]:
                deliver = "superseded"
            else:
                snapshots.append(event.number)
                status = event.status
        events.append(
            EventTruth(
                source=SOURCES[dossier.system],
                id=event.event_id,
                arrival=event.arrival,
                dossier_code=dossier.code,
                type=f"dossier.{event.kind}",
                sequence=event.number,
                defect=event.defect,
                route=dossier.route,
                gateway=gateway,
                intake=intake,
                verify=verify,
                deliver=deliver,
                status=event.status,
                occurred_at=event.moment.isoformat(),
            )
        )
    return events, DossierTruth(
        dossier_code=dossier.code,
        verification=dossier.verification,
        creates=1,
        updates=len(snapshots) - 1,
        last_sequence=snapshots[-1],
        last_status=status,
        snapshots=tuple(snapshots),
        steps=tuple(steps),
        verification_link=dossier.verification == "match",
    )


def _verify(dossier: Dossier, state: _State, *, is_snapshot: bool) -> str:
    if state.in_review or dossier.verification == "not_allowed":
        return "parked"
    if not is_snapshot or dossier.verification == "none" or state.asked:
        return "filtered"
    state.asked = True
    if dossier.verification == "match":
        return "delivered"
    state.in_review = True
    return "review"


def write_truth(path: Path, dossiers: Iterable[Dossier]) -> None:
    """Write the truth file, one JSON object a line: ``event`` lines of a dossier, then its ``dossier`` line.

    Args:
        path: File to write; it holds no personal data.
        dossiers: What will be published.
    """
    with path.open("w", encoding="utf-8") as file:
        for dossier in dossiers:
            events, whole = expect(dossier)
            for event in events:
                file.write(json.dumps({"kind": "event", **asdict(event)}) + "\n")
            file.write(json.dumps({"kind": "dossier", **asdict(whole)}) + "\n")


def read_truth(path: Path) -> Iterator[EventTruth | DossierTruth]:
    """Yield the lines of a truth file.

    Args:
        path: File to read.

    Raises:
        ConfigurationError: If a line is no truth.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield _line(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise ConfigurationError(f"line {number} of the truth file is damaged; write it again") from error


def _line(document: dict[str, Any]) -> EventTruth | DossierTruth:
    kind = document.pop("kind")
    if kind == "event":
        return EventTruth(**document)
    return DossierTruth(**{**document, "snapshots": tuple(document["snapshots"]), "steps": tuple(document["steps"])})
