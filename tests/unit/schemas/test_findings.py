"""Soft rules: the record passes, and an official is told where to look."""

import pytest

from lienthong_schemas.dossier import DossierProgressV1
from lienthong_schemas.findings import USUAL_NEXT, of_person, of_progress, of_snapshot, of_transition
from lienthong_schemas.person import PersonV1


def _rules(model):
    return [(each.field, each.rule) for each in of_snapshot(model)]


def test_a_good_snapshot_has_no_finding(document, read):
    """Findings are worth reading only if ordinary records have none."""
    assert _rules(read(document)) == []


def test_times_out_of_order_are_findings(document, read):
    """Reception before submission and a due time before reception are odd, not wrong."""
    document["received_at"] = "2026-10-08T07:00:00+07:00"
    document["due_at"] = "2026-10-08T06:00:00+07:00"

    assert _rules(read(document)) == [
        ("received_at", "received_before_submitted"),
        ("due_at", "due_before_received"),
    ]


def test_a_second_supplement_counts_as_late(document, read):
    """QĐ 766 counts a dossier with two rounds as late."""
    one = {
        "supplement_id": "bs-1",
        "requested_by": "Cán bộ 1",
        "content": "Bổ sung",
        "requested_at": "2026-10-08T09:00:00+07:00",
        "status": "requested",
    }
    document["supplements"] = [one]
    assert _rules(read(document)) == []

    document["supplements"] = [one, {**one, "supplement_id": "bs-2"}]
    assert _rules(read(document)) == [("supplements", "second_round_counts_as_late")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"gender": "male"}, ("owner.identifiers.0.value", "gender_mismatch")),
        ({"birth_date": "1991"}, ("owner.identifiers.0.value", "birth_year_mismatch")),
        ({"identifiers": []}, ("owner.identifiers", "identifier_or_reason_missing")),
        ({"identifiers": [{"type": "cmnd", "value": "000000001"}]}, ("owner.identifiers.0.value", "filler")),
        ({"full_name": "A" * 101}, ("owner.full_name", "longer_than_population_record")),
        (
            {"address": {"unit": {"code_system": "GSO-34", "code": "474", "as_of": "2025-07-01"}}},
            ("owner.address.unit.code", "districts_were_abolished"),
        ),
        (
            {"address": {"unit": {"code_system": "GSO-63", "code": "19753", "as_of": "2025-07-01"}}},
            ("owner.address.unit.as_of", "outside_code_system"),
        ),
    ],
)
def test_what_is_odd_about_an_owner_is_a_finding(document, read, change, expected):
    """The record is accepted with the one finding that says what is odd."""
    document["owner"] |= change

    assert _rules(read(document)) == [expected]


def test_a_person_without_a_paper_needs_only_a_reason(document, read):
    """A newborn has no number yet; no filler is asked for."""
    document["owner"] |= {"identifiers": [], "no_identifier_reason": "newborn"}

    assert _rules(read(document)) == []


def test_an_enterprise_needs_no_personal_id(document, read):
    """LoaiDoiTuong 2 to 4 have no person to identify."""
    document["subject_kind"] = "enterprise"
    document["owner"] = {"full_name": "Công ty " + "A" * 100}

    assert _rules(read(document)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": "refused"}, [("status_reason", "missing_for_status")]),
        ({"status": "refused", "status_reason": "x"}, []),
        ({"status": "finished"}, [("finished_at", "missing_for_status")]),
        ({"channel": "online"}, [("tech_id", "missing_for_online")]),
        ({"dossier_code": "H57.21-260231-0001"}, [("dossier_code", "day_not_in_calendar")]),
        (
            {"status": "returned", "channel": "online", "tech_id": "t", "finished_at": "2026-10-09T08:00:00+07:00"},
            [("returned_at", "missing_for_status"), ("results", "not_counted_as_online")],
        ),
    ],
)
def test_a_state_asks_for_its_fields(document, read, change, expected):
    """What a state needs to count is told when it is missing."""
    assert _rules(read(document | change)) == expected


def test_a_submitter_is_looked_at_too(document, read):
    """Somebody else's number may be as odd as the owner's."""
    document["submitter"] = {**document["owner"], "gender": "male", "address": None}

    assert _rules(read(document)) == [("submitter.identifiers.0.value", "gender_mismatch")]


@pytest.mark.parametrize(
    ("previous", "current", "has_reason", "rules"),
    [
        (None, "submitted", False, []),
        (None, "processing", False, ["joined_late"]),
        ("submitted", "accepted", False, []),
        ("supplement", "processing", False, []),
        ("supplement", "supplement", False, []),
        ("finished", "processing", True, []),
        ("finished", "processing", False, ["missing_for_reopening"]),
        ("submitted", "finished", False, ["unusual_transition"]),
        ("returned", "processing", False, ["unusual_transition"]),
    ],
)
def test_unusual_steps_in_the_life_cycle_are_warnings(previous, current, has_reason, rules):
    """Any first state is legal, rounds repeat, reopening needs a reason."""
    assert [each.rule for each in of_transition(previous, current, has_reason=has_reason)] == rules


def test_every_state_has_its_successors():
    """No state is forgotten in the life cycle."""
    states = set(USUAL_NEXT)

    assert len(states) == 10
    assert set().union(*USUAL_NEXT.values()) <= states


def test_progress_that_must_end_before_it_starts_is_a_finding():
    """A step's own times are compared."""
    model = DossierProgressV1.model_validate_json(
        '{"dossier_code":"H57.21-261008-0001","step_id":"1","sequence":1,"occurred_at":"2026-10-08T08:00:00+07:00",'
        '"handler_name":"Cán bộ 1","handler_title":"x","department":"x","content":"x","status":"processing",'
        '"started_at":"2026-10-08T08:00:00+07:00","due_at":"2026-10-07T08:00:00+07:00"}'
    )

    assert [each.rule for each in of_progress(model)] == ["due_before_started"]


def test_a_replaced_number_is_not_compared():
    """A corrected birth year leads to a new number; the old one contradicts the person and stays."""
    model = PersonV1.model_validate_json(
        '{"person_reference":"p-1","sequence":1,"occurred_at":"2026-10-08T08:00:00+07:00","full_name":"Lê An",'
        '"birth_date":"1991","gender":"female","identifiers":['
        '{"type":"personal_id","value":"000190000001","valid_to":"2025-01-01"},'
        '{"type":"personal_id","value":"000190000002"}]}'
    )

    assert [(each.field, each.rule) for each in of_person(model)] == [("identifiers.1.value", "birth_year_mismatch")]
