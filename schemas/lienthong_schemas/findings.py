"""Soft rules across the fields of a record: it is accepted, and an official should look.

Source:
    ``domain-rules.md`` 10-16; QĐ 766 (what counts as late or online).
"""

from datetime import date
from typing import Final

from lienthong.outcome import Finding
from lienthong_schemas.dossier import DossierProgressV1, DossierSnapshotV1, DossierStatus
from lienthong_schemas.identifiers import dossier_code_day_exists, personal_id_discrepancies
from lienthong_schemas.life_event import PersonCreatedV1, PersonDeceasedV1
from lienthong_schemas.party import Address, Party
from lienthong_schemas.person import PersonV1

_NEW_UNITS_SINCE: Final = date(2025, 7, 1)
#: Fillers that dossier systems write when an owner has no paper.
_FILLERS: Final = frozenset({"000000000", "000000001", "123456789", "000000000000", "000000000001"})
#: Length of a name in the population database's request.
_POPULATION_NAME_CHARACTERS: Final = 100
#: State → states that may follow without anybody asking; the same state may always repeat.
USUAL_NEXT: Final[dict[DossierStatus, frozenset[DossierStatus]]] = {
    "submitted": frozenset({"accepted", "refused", "withdrawn", "supplement"}),
    "accepted": frozenset({"processing", "supplement", "payment", "withdrawn", "stopped", "finished"}),
    "refused": frozenset(),
    "processing": frozenset({"supplement", "payment", "withdrawn", "stopped", "finished"}),
    "supplement": frozenset({"accepted", "processing", "withdrawn", "stopped"}),
    "payment": frozenset({"accepted", "processing", "finished", "withdrawn", "stopped"}),
    "withdrawn": frozenset(),
    "stopped": frozenset(),
    "finished": frozenset({"returned", "processing"}),
    "returned": frozenset(),
}
_ENDS: Final = frozenset({"refused", "stopped", "finished", "returned"})


def of_snapshot(model: DossierSnapshotV1) -> tuple[Finding, ...]:
    """Return what is odd about a dossier snapshot.

    Args:
        model: The snapshot.
    """
    found: list[Finding] = []
    citizen = model.subject_kind == "citizen"
    _party(found, model.owner, "owner", citizen=citizen)
    if model.submitter is not None:
        _party(found, model.submitter, "submitter", citizen=False)
    received_at = model.received_at
    if received_at < model.submitted_at:
        found.append(Finding("received_at", "received_before_submitted"))
    if model.due_at < received_at:
        found.append(Finding("due_at", "due_before_received"))
    if model.tech_id is None and model.channel == "online":
        found.append(Finding("tech_id", "missing_for_online"))
    if model.supplements and len(model.supplements) > 1:
        found.append(Finding("supplements", "second_round_counts_as_late"))
    for index, paper in enumerate(model.attachments):
        if paper.file_problem is not None:
            found.append(Finding(f"attachments.{index}.reference", "file_missing"))
    code = model.dossier_code
    end_of_day = code.rindex("-")
    if code[end_of_day - 2 : end_of_day] > "28" and not dossier_code_day_exists(code):
        found.append(Finding("dossier_code", "day_not_in_calendar"))
    if model.status in _ENDS:
        _end(found, model)
    return tuple(found)


def _end(found: list[Finding], model: DossierSnapshotV1) -> None:
    if model.status in {"refused", "stopped"}:
        if model.status_reason is None:
            found.append(Finding("status_reason", "missing_for_status"))
        return
    if model.finished_at is None:
        found.append(Finding("finished_at", "missing_for_status"))
    if model.status == "returned":
        if model.returned_at is None:
            found.append(Finding("returned_at", "missing_for_status"))
        if model.channel == "online" and not any(each.result_code and each.reference for each in model.results):
            found.append(Finding("results", "not_counted_as_online"))


def _party(found: list[Finding], party: Party, path: str, *, citizen: bool) -> None:
    for index, identifier in enumerate(party.identifiers):
        value = identifier.value
        rules: tuple[str, ...] = ()
        if value in _FILLERS:
            rules = ("filler",)
        elif identifier.type == "personal_id":
            rules = personal_id_discrepancies(value, party.birth_date, party.gender)
        if rules:
            found += [Finding(f"{path}.identifiers.{index}.value", rule) for rule in rules]
    if citizen:
        if not party.identifiers and party.no_identifier_reason is None:
            found.append(Finding(f"{path}.identifiers", "identifier_or_reason_missing"))
        if len(party.full_name) > _POPULATION_NAME_CHARACTERS:
            found.append(Finding(f"{path}.full_name", "longer_than_population_record"))
    if party.address is not None:
        _address(found, party.address, path)


def _address(found: list[Finding], address: Address, path: str) -> None:
    unit = address.unit
    if (unit.code_system == "GSO-34") != (unit.as_of >= _NEW_UNITS_SINCE):
        found.append(Finding(f"{path}.address.unit.as_of", "outside_code_system"))
    if unit.code_system == "GSO-34" and len(unit.code) == 3:
        found.append(Finding(f"{path}.address.unit.code", "districts_were_abolished"))


def of_progress(model: DossierProgressV1) -> tuple[Finding, ...]:
    """Return what is odd about a step of progress.

    Args:
        model: The step.
    """
    if model.due_at is not None and model.due_at < model.started_at:
        return (Finding("due_at", "due_before_started"),)
    return ()


def of_person(model: PersonV1) -> tuple[Finding, ...]:
    """Return what is odd about a person.

    Args:
        model: The person.
    """
    found: list[Finding] = []
    for index, identifier in enumerate(model.identifiers):
        if identifier.type == "personal_id" and identifier.valid_to is None:
            found.extend(
                Finding(f"identifiers.{index}.value", rule)
                for rule in personal_id_discrepancies(identifier.value, model.birth_date, model.gender)
            )
    if not model.identifiers and model.no_identifier_reason is None:
        found.append(Finding("identifiers", "identifier_or_reason_missing"))
    return tuple(found)


def of_birth(model: PersonCreatedV1) -> tuple[Finding, ...]:
    """Return what is odd about an entered birth.

    Args:
        model: The event.
    """
    found = _numbers(model)
    if not model.identifiers and model.no_identifier_reason is None:
        found.append(Finding("identifiers", "identifier_or_reason_missing"))
    if not model.parents:
        found.append(Finding("parents", "missing"))
    return tuple(found)


def of_death(model: PersonDeceasedV1) -> tuple[Finding, ...]:
    """Return what is odd about an entered death.

    Args:
        model: The event.
    """
    found = _numbers(model)
    if not model.identifiers:
        # Nobody can be found by a name alone, so a recipient must not guess.
        found.append(Finding("identifiers", "identifier_or_reason_missing"))
    # Text of both forms compares by year first, so a year alone is never before a day of it.
    if model.birth_date is not None and model.died_on < model.birth_date[: len(model.died_on)]:
        found.append(Finding("died_on", "died_before_born"))
    return tuple(found)


def _numbers(model: PersonCreatedV1 | PersonDeceasedV1) -> list[Finding]:
    return [
        Finding(f"identifiers.{index}.value", rule)
        for index, identifier in enumerate(model.identifiers)
        if identifier.type == "personal_id"
        for rule in personal_id_discrepancies(identifier.value, model.birth_date, model.gender)
    ]


def of_transition(
    previous: DossierStatus | None, current: DossierStatus, *, has_reason: bool = False
) -> tuple[Finding, ...]:
    """Return what is odd about a dossier going from one state to the next.

    Args:
        previous: State of the snapshot before; None when the dossier is seen for the first time.
        current: State now.
        has_reason: Whether a reason was given: a finished dossier may be reopened with one.

    Returns:
        Warnings only; any first state is legal (``joined_late``), and states may be passed within a minute.
    """
    if previous is None:
        return () if current in {"submitted", "accepted"} else (Finding("status", "joined_late"),)
    if current == previous:
        return ()
    if current not in USUAL_NEXT[previous]:
        return (Finding("status", "unusual_transition"),)
    if previous == "finished" and current == "processing" and not has_reason:
        return (Finding("status_reason", "missing_for_reopening"),)
    return ()
