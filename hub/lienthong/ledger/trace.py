"""The timeline of one record or one dossier over all pipelines."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from lienthong.clock import to_vietnam
from lienthong.ledger.projection import to_datetime
from lienthong.ledger.reader import listed
from lienthong.ledger.store import LedgerStore
from lienthong.outcome import OutcomeKind

#: Names that officials read beside the English ones.
OUTCOMES_VI = {
    OutcomeKind.DELIVERED: "đã chuyển",
    OutcomeKind.FILTERED: "không thuộc diện chuyển",
    OutcomeKind.SUPERSEDED: "đã có bản mới hơn",
    OutcomeKind.DUPLICATE: "trùng lặp",
    OutcomeKind.DEAD_LETTERED: "tách riêng do lỗi",
    OutcomeKind.CANCELLED: "đã hủy",
    OutcomeKind.IN_FLIGHT: "đang xử lý",
    OutcomeKind.PARKED: "tạm giữ",
    OutcomeKind.REVIEW: "chờ cán bộ xem xét",
}
_ACCESS_VI = {"intent": "yêu cầu tra cứu", "result": "kết quả tra cứu"}
#: Steps of one moment are shown in the order in which they happen.
_ACCEPTED, _ACCESS, _OUTCOME = range(3)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a timeline.

    Attributes:
        at: When.
        kind: ``accepted``, ``outcome`` or ``access``.
        where: The pipeline, or the target that was asked.
        what: The outcome, the phase of the access, or ``accepted``.
        what_vi: The same in Vietnamese.
        reason: Machine-readable detail.
        id: CloudEvents id, or the verification id of an access.
        key: The dossier code.
        attempts: Calls made.
        findings: ``field:rule`` pairs.
        details: Further facts, none of them personal.
    """

    at: datetime
    kind: str
    where: str
    what: str
    what_vi: str
    reason: str
    id: str
    key: str
    attempts: int = 0
    findings: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        """Return the step for JSON, with the time of Viet Nam."""
        return {
            "at": to_vietnam(self.at).isoformat(),
            "kind": self.kind,
            "where": self.where,
            "what": self.what,
            "what_vi": self.what_vi,
            "reason": self.reason,
            "id": self.id,
            "key": self.key,
            "attempts": self.attempts,
            "findings": list(self.findings),
            **self.details,
        }


def trace(store: LedgerStore, wanted: str) -> list[Step]:
    """Return everything that is known of a record or a dossier, by time.

    Args:
        store: The ledger.
        wanted: CloudEvents id, or dossier code; what is known under either is shown.

    Returns:
        The steps; empty when nothing is known.
    """
    of_event = store.find(wanted)
    of_dossier = store.by_key(wanted)
    rows = list({row["digest"]: row for row in (*of_event, *of_dossier)}.values())
    accesses = {_place(entry): entry for entry in store.accesses_of(wanted)}
    for key in {row["key"] for row in of_event if row["key"]}:
        accesses |= {_place(entry): entry for entry in store.accesses_of(key) if _belongs(entry, of_event)}
    steps = [
        *((_ACCEPTED, step) for step in _accepted(rows)),
        *((_ACCESS, _access(entry)) for entry in accesses.values()),
        *((_OUTCOME, step) for row in rows for step in _outcomes(row)),
    ]
    return [step for _, step in sorted(steps, key=lambda item: (item[1].at, item[0], item[1].where, item[1].id))]


def _place(entry: RowMapping) -> tuple[int, int]:
    return entry["partition_number"], entry["record_offset"]


def _belongs(entry: RowMapping, rows: list[RowMapping]) -> bool:
    return any(
        entry["verification_id"] == row["effect_key"] or entry["attempt_id"] in listed(row["attempt_ids"])
        for row in rows
    )


def _accepted(rows: list[RowMapping]) -> list[Step]:
    first: dict[tuple[str, str], RowMapping] = {}
    for row in sorted(rows, key=lambda row: (row["first_seen_us"], row["pipeline"])):
        first.setdefault((row["source"], row["id"]), row)
    return [
        Step(
            to_datetime(row["first_seen_us"]),
            "accepted",
            row["record_topic"],
            "accepted",
            "đã tiếp nhận",
            "",
            row["id"],
            row["key"],
            details={"source": row["source"], "type": row["type"], **_location(row)},
        )
        for row in first.values()
    ]


def _outcomes(row: RowMapping) -> list[Step]:
    kind = OutcomeKind(row["kind"])
    first = OutcomeKind(row["first_kind"])
    common = (row["id"], row["key"])
    steps = []
    if first is not kind:
        at = to_datetime(row["first_seen_us"])
        steps.append(Step(at, "outcome", row["pipeline"], first.value, OUTCOMES_VI[first], "", *common))
    details = {
        "arrivals": row["arrivals"],
        "repeat_possible": bool(row["repeat_possible"]),
        "attempt_ids": listed(row["attempt_ids"]),
        "effect_key": row["effect_key"],
        "target_reference": row["target_reference"],
        **_location(row),
    }
    steps.append(
        Step(
            to_datetime(row["last_at_us"]),
            "outcome",
            row["pipeline"],
            kind.value,
            OUTCOMES_VI[kind],
            row["reason"],
            *common,
            row["attempts"],
            tuple(listed(row["findings"])),
            details,
        )
    )
    return steps


def _access(entry: RowMapping) -> Step:
    names = ("actor", "on_behalf_of", "purpose", "legal_basis", "operation", "attempt_id")
    return Step(
        to_datetime(entry["at_us"]),
        "access",
        entry["target"],
        entry["phase"],
        _ACCESS_VI.get(entry["phase"], entry["phase"]),
        entry["result"],
        entry["verification_id"],
        entry["key"],
        entry["attempt"],
        details={name: entry[name] for name in names} | {"fields": listed(entry["fields"])},
    )


def _location(row: RowMapping) -> dict[str, Any]:
    return {"topic": row["record_topic"], "partition": row["record_partition"], "offset": row["record_offset"]}
