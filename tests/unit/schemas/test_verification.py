"""What is asked of the population database, once for each identity, and what is kept of the answer."""

import unicodedata

import pytest

from lienthong.outcome import Answer, AnswerStatus, Finding
from lienthong_schemas.base import personal_paths
from lienthong_schemas.dossier import DossierVerifiedV1
from lienthong_schemas.identity import PersonIdentityQuery
from lienthong_schemas.names import name_key


@pytest.fixture
def binding(spec):
    """Give the question that a dossier asks."""
    return spec.lookups["person_identity"]


def test_twelve_digits_go_first_and_cmnd_only_without_them(document, read, binding):
    """The population database takes a CMND only for people without a personal ID."""
    cmnd = {"type": "cmnd", "value": "999123456"}
    document["owner"]["identifiers"] = [cmnd, {"type": "personal_id", "value": "000190123456"}]
    query = binding.query(read(document))
    assert [each.type for each in query.identifiers] == ["personal_id"]

    document["owner"]["identifiers"] = [{"type": "passport", "value": "X0000000"}, cmnd]
    query = binding.query(read(document))
    assert [each.type for each in query.identifiers] == ["cmnd"]


@pytest.mark.parametrize("kind", ["enterprise", "state_agency", "organisation"])
def test_only_citizens_are_looked_up(document, read, binding, kind):
    """An enterprise's dossier is no reason to read a person's data."""
    document["subject_kind"] = kind

    assert binding.query(read(document)) is None


@pytest.mark.parametrize("identifiers", [[], [{"type": "passport", "value": "X0000000"}]])
def test_without_a_national_number_nothing_is_asked(document, read, binding, identifiers):
    """A dossier without ID goes on by its procedure, never with a filler."""
    document["owner"]["identifiers"] = identifiers

    assert binding.query(read(document)) is None


def test_the_question_is_a_valid_query(document, read, binding):
    """It is built without checking for speed, so this checks that it would pass."""
    query = binding.query(read(document))

    assert PersonIdentityQuery.model_validate_json(query.model_dump_json()) == query
    assert query.procedure_code == "1.004194"
    assert query.unit_code == "H57.21"


def test_the_same_identity_has_the_same_fingerprint(document, read, binding):
    """A later snapshot, another case or Unicode form of the name asks the same question."""
    first = binding.fingerprint(binding.query(read(document)))
    document["status"] = "finished"
    document["sequence"] = 9
    document["owner"]["full_name"] = unicodedata.normalize("NFD", document["owner"]["full_name"].upper())

    assert binding.fingerprint(binding.query(read(document))) == first


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", "Nguyễn Thị Thuân Anh"),
        ("birth_date", "1990"),
        ("identifiers", [{"type": "personal_id", "value": "000190123457"}]),
    ],
)
def test_another_identity_has_another_fingerprint(document, read, binding, field, value):
    """A corrected name, date or number is a new question."""
    first = binding.fingerprint(binding.query(read(document)))
    document["owner"][field] = value

    assert binding.fingerprint(binding.query(read(document))) != first


def test_without_a_birth_date_nothing_is_asked(document, read, binding):
    """The database demands one; asking without would only set the dossier aside."""
    document["owner"]["birth_date"] = None

    assert binding.query(read(document)) is None


@pytest.mark.parametrize("status", list(AnswerStatus))
def test_the_result_holds_no_personal_value(document, read, binding, status):
    """Other pipelines learn that and how, not who."""
    model = read(document)
    answer = Answer(status, (Finding("birth_date", "different"),), data={"full_name": "Nguyễn Thị Thuận"})

    result = binding.result(model, answer)

    assert isinstance(result, DossierVerifiedV1)
    assert (result.status, result.verification_id) == (status.value, "H57.21-261008-0001:3")
    assert binding.result(model, answer) == result
    assert personal_paths(DossierVerifiedV1) == {}
    text = result.model_dump_json()
    assert "Thuận" not in text
    assert "000190123456" not in text


def test_the_match_key_has_neither_accents_nor_spaces():
    """Upper case, Đ as D."""
    assert name_key("Đặng Thị Huệ") == name_key(unicodedata.normalize("NFD", "Đặng Thị Huệ")) == "DANGTHIHUE"
