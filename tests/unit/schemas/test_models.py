"""One model, two views: closed for publishers, open for readers; and what a record says about itself."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from lienthong.clock import VIETNAM
from lienthong.validation import validate
from lienthong_schemas import SCHEMAS
from lienthong_schemas.base import RecordModel, open_model, personal_paths
from lienthong_schemas.dossier import DossierSnapshotV1
from lienthong_schemas.person import PersonV1


def test_a_reader_keeps_unknown_fields_at_every_depth(document, spec):
    """A newer publisher's fields survive reading and writing by an older hub."""
    document["new"] = {"a": [1]}
    document["owner"]["new"] = "x"
    document["owner"]["identifiers"][0]["new"] = 2
    document["owner"]["address"]["unit"]["new"] = None

    model = validate(spec, json.dumps(document).encode(), reader=True)

    assert isinstance(model, DossierSnapshotV1)
    written = json.loads(model.model_dump_json(exclude_unset=True))
    assert written == document


def test_a_reader_still_checks_known_fields(document, spec):
    """Open means more fields, not other rules."""
    document["owner"]["identifiers"][0]["value"] = "12345"

    with pytest.raises(ValidationError, match="identifier_form"):
        spec.consumer_model.model_validate_json(json.dumps(document))


@pytest.mark.parametrize("spec", SCHEMAS, ids=lambda spec: spec.type)
def test_both_views_have_the_same_fields(spec):
    """The open view is derived, so nothing can be forgotten in it."""
    closed, opened = spec.producer_model, spec.consumer_model

    assert list(opened.model_fields) == list(closed.model_fields)
    assert open_model(closed) is opened
    for name, info in closed.model_fields.items():
        assert opened.model_fields[name].is_required() == info.is_required()
        assert opened.model_fields[name].json_schema_extra == info.json_schema_extra


def _models(model, seen):
    seen.add(model)
    for each in RecordModel.__subclasses__():
        seen.add(each)
    return seen


def test_every_field_has_an_english_description_and_a_vietnamese_title():
    """The published schema and the reference page are complete."""
    bare = [
        f"{model.__name__}.{name}"
        for model in _models(DossierSnapshotV1, set())
        for name, info in model.model_fields.items()
        if not info.description or not (info.json_schema_extra or {}).get("title_vi")
    ]

    assert bare == []


def test_personal_fields_are_tagged():
    """Masking and the access log know which fields are personal, at every depth."""
    paths = personal_paths(DossierSnapshotV1)

    assert paths["owner.identifiers[].value"] == "basic"
    assert paths["submitter.birth_date"] == "basic"
    assert "dossier_code" not in paths
    assert personal_paths(PersonV1)["ethnic_group"] == "sensitive"


@pytest.mark.parametrize("spec", SCHEMAS, ids=lambda spec: spec.type)
def test_the_class_of_a_record_is_that_of_its_fields(spec):
    """A type that holds personal fields cannot be declared as harmless."""
    classes = set(personal_paths(spec.producer_model).values())
    expected = "sensitive" if "sensitive" in classes else "personal" if classes else "none"

    assert spec.classification == expected


def test_times_are_written_with_the_offset_of_viet_nam(document, read):
    """Whatever offset a publisher used, readers see +07:00."""
    document["received_at"] = "2026-10-08T01:30:00Z"

    model = read(document)

    assert model.received_at == datetime(2026, 10, 8, 8, 30, tzinfo=VIETNAM)
    assert json.loads(model.model_dump_json())["received_at"] == "2026-10-08T08:30:00+07:00"


def test_a_model_can_be_built_from_python_values(document, read):
    """Code that makes records gives times as datetime objects."""
    model = read(document)

    again = DossierSnapshotV1.model_validate(dict(model) | {"finished_at": datetime(2026, 10, 9, tzinfo=UTC)})

    assert again.finished_at == datetime(2026, 10, 9, 7, tzinfo=VIETNAM)


def test_a_naive_python_time_is_refused(document, read):
    """Python code cannot bring in a time without offset either."""
    model = read(document)

    with pytest.raises(ValidationError):
        DossierSnapshotV1.model_validate(dict(model) | {"finished_at": datetime(2026, 10, 9)})  # noqa: DTZ001


def test_a_record_cannot_be_changed(document, read):
    """Steps that share a record cannot surprise each other."""
    model = read(document)

    with pytest.raises(ValidationError, match="frozen"):
        model.status = "finished"


def test_the_key_is_never_personal(document, read, spec):
    """Order holds for the dossier; the person is found through the subject only."""
    model = read(document)

    assert spec.key(model) == "H57.21-261008-0001"
    assert spec.sequence(model) == 3
    assert spec.subject(model) == (("personal_id", "000190123456"),)


def test_progress_is_always_delivered():
    """Only snapshots supersede each other."""
    by_type = {spec.type: spec for spec in SCHEMAS}

    assert by_type["dossier.progress"].sequence is None
    assert by_type["dossier.snapshot"].sequence is not None
