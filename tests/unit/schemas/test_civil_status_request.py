"""Civil-status dossiers: what the generator makes is right, and what nobody documents is refused by a named rule."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from lienthong_schemas import SCHEMAS
from lienthong_schemas.base import personal_paths
from lienthong_schemas.civil_status_request import CivilStatusRequestedV1
from lienthong_schemas.generator.civil_status import civil_status_requests

SPEC = next(each for each in SCHEMAS if each.type == "civil-status.requested")


def _document(kind: str) -> dict[str, Any]:
    return next(each.document for each in civil_status_requests(20) if each.truth.kind == kind)


def _rules(document: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        CivilStatusRequestedV1.model_validate_json(json.dumps(document))
    return [each["type"] for each in caught.value.errors()]


def test_generated_dossiers_are_valid_repeatable_and_nobody_s() -> None:
    """The same seed gives the same dossiers, every one valid, of people whose numbers cannot exist."""
    requests = list(civil_status_requests(60, seed=3))
    models = [CivilStatusRequestedV1.model_validate_json(json.dumps(each.document)) for each in requests]
    subjects = [pair for model in models if SPEC.subject is not None for pair in SPEC.subject(model)]

    assert requests == list(civil_status_requests(60, seed=3))
    assert [SPEC.key(model) for model in models] == [each.truth.dossier_code for each in requests]
    assert len(subjects) == len(models)
    assert {value[:3] for _, value in subjects} <= {"000", "999"}


def test_a_death_is_about_the_person_who_died_and_a_birth_about_who_asks() -> None:
    """A newborn has no number to be known by; pseudonym and encryption follow the applicant then."""
    assert SPEC.subject is not None
    for kind, path in (("birth", ("applicant",)), ("death", ("death", "person"))):
        document = _document(kind)
        person: Any = document
        for name in path:
            person = person[name]
        model = CivilStatusRequestedV1.model_validate_json(json.dumps(document))

        assert SPEC.subject(model) == (("personal_id", person["identifiers"][0]["value"]),)


def test_a_marriage_is_refused_by_a_rule_that_says_what_to_do() -> None:
    """A form that is not carried is never taken in and then lost."""
    assert _rules({**_document("birth"), "kind": "marriage"}) == ["form_not_carried"]


@pytest.mark.parametrize(("kind", "other"), [("birth", "death"), ("death", "birth")])
def test_a_dossier_has_the_form_of_its_kind_and_no_other(kind: str, other: str) -> None:
    """A birth with the form of a death, with both or with none would be entered wrongly."""
    document, foreign = _document(kind), _document(other)[other]
    without = {name: value for name, value in document.items() if name != kind}

    assert _rules({**document, other: foreign}) == ["form_of_kind"]
    assert _rules({**without, other: foreign}) == ["form_of_kind"]
    assert _rules(without) == ["form_of_kind"]


def test_a_newborn_can_have_no_number() -> None:
    """There is no field that a filler such as 000000001 could be put into."""
    document = _document("birth")
    child = {**document["birth"]["child"], "identifiers": [{"type": "personal_id", "value": "000000000001"}]}

    assert _rules({**document, "birth": {**document["birth"], "child": child}}) == ["extra_forbidden"]


def test_what_is_sensitive_is_marked() -> None:
    """Ethnic group and cause of death are sensitive personal data wherever they stand."""
    paths = personal_paths(CivilStatusRequestedV1)
    sensitive = {path for path, kind in paths.items() if kind == "sensitive"}

    assert sensitive == {
        "birth.child.ethnicity",
        "birth.mother.ethnicity",
        "birth.father.ethnicity",
        "death.person.ethnicity",
        "death.person.death_cause",
    }
