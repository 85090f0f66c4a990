"""Births, deaths and what the ministry says of their dossiers: generated, valid and marked as personal."""

import json

import pytest

from lienthong_schemas import SCHEMAS
from lienthong_schemas.base import personal_paths
from lienthong_schemas.civil_status import CivilStatusUpdatedV1
from lienthong_schemas.findings import of_birth, of_death
from lienthong_schemas.generator.life_events import life_events
from lienthong_schemas.life_event import PersonCreatedV1, PersonDeceasedV1

MODELS = {"birth": PersonCreatedV1, "death": PersonDeceasedV1}
FINDINGS = {"birth": of_birth, "death": of_death}


def _read(kind, document):
    return MODELS[kind].model_validate_json(json.dumps(document))


def _first(kind):
    return json.loads(json.dumps(next(each.result for each in life_events(99) if each.kind == kind and each.result)))


def test_generated_events_are_valid_and_say_nothing_odd() -> None:
    """Every update and result passes its contract; the numbers of newborns fit their sex and century."""
    identifiers = []
    for each in life_events(200, seed=3):
        updates = [CivilStatusUpdatedV1.model_validate_json(json.dumps(update)) for update in each.updates]
        assert [update.kind for update in updates] == [each.kind] * len(updates)
        assert (updates[-1].status == "finished") is (each.result is not None)
        if each.result is not None:
            model = _read(each.kind, each.result)
            assert FINDINGS[each.kind](model) == ()
            identifiers += [identifier.value for identifier in model.identifiers]
    assert len(identifiers) == len(set(identifiers)) > 50
    assert {value[:3] for value in identifiers} <= {"000", "999"}
    assert list(life_events(5, seed=3)) == list(life_events(200, seed=3))[:5]


@pytest.mark.parametrize("kind", ["birth", "death"])
def test_a_person_without_number_is_flagged(kind) -> None:
    """A recipient must not look for somebody by name alone."""
    rules = [finding.rule for finding in FINDINGS[kind](_read(kind, {**_first(kind), "identifiers": []}))]

    assert rules == ["identifier_or_reason_missing"]


@pytest.mark.parametrize(
    ("born", "died", "is_odd"),
    [
        ("1950-05-01", "1950-04-30", True),
        ("1950-05-01", "1950-05-01", False),
        ("1950", "1950-01-01", False),
        ("1950-05-01", "1950", False),
        ("1951-05-01", "1950", True),
    ],
)
def test_nobody_dies_before_birth(born, died, is_odd) -> None:
    """Days are compared as far as both are known."""
    death = _read("death", {**_first("death"), "birth_date": born, "died_on": died, "identifiers": []})

    assert ("died_before_born" in {finding.rule for finding in of_death(death)}) is is_odd


def test_the_cause_of_death_has_no_place() -> None:
    """What nobody was promised is not taken along, and an unknown field is refused."""
    with pytest.raises(ValueError, match="cause"):
        _read("death", {**_first("death"), "cause": "x"})


def test_who_was_born_and_who_died_is_marked_personal() -> None:
    """No tool may show these fields."""
    specs = {spec.type: spec for spec in SCHEMAS}
    born, died = personal_paths(PersonCreatedV1), personal_paths(PersonDeceasedV1)

    assert {"full_name", "identifiers[].value", "parents[].full_name", "parents[].identifiers[].value"} <= set(born)
    assert {"full_name", "identifiers[].value", "died_on", "death_place"} <= set(died)
    assert {specs[name].classification for name in ("person.created", "person.deceased")} == {"personal"}
