"""Whether two spellings are one person."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.outcome import AnswerStatus, Finding
from lienthong_connectors.population.matching import Citizen, compare_births, compare_names, judge, name_key
from lienthong_schemas.identity import PersonIdentityQuery


def citizen(**changes):
    """Return a generated person as the database knows her."""
    known = {
        "personal_id": "000190000001",
        "old_id": "",
        "full_name": "TRẦN THỊ HÒA",
        "birth": "19900131",
        "gender": "female",
        "fields": ("SoDinhDanh", "HoVaTen"),
    }
    return Citizen(**{**known, **changes})


def question(**changes):
    """Return a question about a generated person."""
    asked = {
        "identifiers": [{"type": "personal_id", "value": "000190000001"}],
        "full_name": "Trần Thị Hòa",
        "birth_date": "1990-01-31",
        "gender": "female",
        "procedure_code": "2.000488",
        "unit_code": "H57.01",
    }
    return PersonIdentityQuery.model_validate({**asked, **changes}, strict=False)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Trần Thị Hòa", "TRANTHIHOA"),
        ("đặng  Đức ", "DANGDUC"),
        ("H’Hen Niê", "H'HENNIE"),
        ("Nguyễn Thị Ươm", "NGUYENTHIUOM"),
        ("LE VAN A", "LEVANA"),
    ],
)
def test_key_has_no_accents_and_no_spaces(name, key):
    """Names are sent and compared in the form that the known clients use, in both Unicode forms."""
    assert name_key(name) == key
    assert name_key(unicodedata.normalize("NFD", name)) == key


@given(st.text(max_size=40))
def test_key_is_stable(name):
    """A key made from a key is the same key, whatever was typed."""
    assert name_key(name_key(name)) == name_key(name)


@pytest.mark.parametrize(
    ("asked", "known", "rule"),
    [
        ("Trần Thị Hòa", "TRẦN THỊ HÒA", None),
        (unicodedata.normalize("NFD", "Trần Thị Hòa"), "Trần  Thị Hòa", None),
        ("Trần Thị Hoà", "TRẦN THỊ HÒA", "tone_place"),
        ("TRAN THI HOA", "TRẦN THỊ HÒA", "accents"),
        ("Trần Thị Hoá", "TRẦN THỊ HÒA", "accents"),
        ("Đặng Văn An", "Dang Van An", "accents"),
        ("Nguyễn Thị Lý", "Nguyễn Thị Lí", "i_y"),
        ("Nguyen Thi Ly", "NGUYỄN THỊ LÍ", "i_y"),
        ("Trần Thị Hòa", "TRẦN THỊ HOAN", "differs"),
        ("Trần Thị Hòa", "", "differs"),
    ],
)
def test_spelling_is_a_finding_and_another_name_a_difference(asked, known, rule):
    """A tone mark in another place does not send a citizen home, another person's number does."""
    finding = compare_names(asked, known)
    assert finding == (None if rule is None else Finding("full_name", rule))


@pytest.mark.parametrize(
    ("asked", "known", "rule"),
    [
        ("1990-01-31", "19900131", None),
        ("1990", "1990", None),
        ("1990", "19900131", "year_only"),
        ("1990-01-31", "1990", "year_only"),
        ("1991", "19900131", "differs"),
        ("1990-01-30", "19900131", "differs"),
        ("1990-01-31", "", "unknown"),
        (None, "19900131", "unknown"),
    ],
)
def test_year_only_births_compare_the_year(asked, known, rule):
    """Old people whose register holds only a year can be verified."""
    finding = compare_births(asked, known)
    assert finding == (None if rule is None else Finding("birth_date", rule))


def test_nobody_found_is_no_match():
    """An unknown number is an answer, not an error."""
    assert judge(question(), [], "a1").status is AnswerStatus.NO_MATCH


def test_same_person_is_a_match_without_findings():
    """The ordinary case costs no official a look."""
    answer = judge(question(), [citizen()], "a1")
    assert (answer.status, answer.findings, answer.attempt_ids) == (AnswerStatus.MATCH, (), ("a1",))
    assert answer.fields == ("SoDinhDanh", "HoVaTen")


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"gender": "male"}, Finding("gender", "gender_differs")),
        ({"personal_id": "000190000002"}, Finding("identifiers", "reissued")),
        ({"birth": ""}, Finding("birth_date", "unknown")),
    ],
)
def test_discrepancies_are_findings(changes, finding):
    """A corrected register or a re-issued number is shown, and the dossier goes on."""
    answer = judge(question(), [citizen(**changes)], "a1")
    assert (answer.status, answer.findings) == (AnswerStatus.MATCH, (finding,))


@pytest.mark.parametrize("changes", [{"full_name": "LÊ VĂN BA"}, {"birth": "19900201"}])
def test_another_name_or_birth_is_a_mismatch(changes):
    """Somebody else's number is not accepted."""
    assert judge(question(), [citizen(**changes)], "a1").status is AnswerStatus.MISMATCH


def test_number_of_several_people_takes_the_one_that_fits():
    """An old number may have been given out in two provinces."""
    asked = question(identifiers=[{"type": "cmnd", "value": "000000001"}])
    answer = judge(asked, [citizen(full_name="LÊ VĂN BA"), citizen()], "a1")
    assert answer.status is AnswerStatus.MATCH
    assert answer.findings == (Finding("identifiers", "several_found"),)
    assert answer.data.full_name == "TRẦN THỊ HÒA"


def test_nothing_personal_is_shown():
    """Neither a citizen nor an answer prints what the database disclosed."""
    shown = f"{citizen()!r} {judge(question(), [citizen()], 'a1')!r} {question()!r}"
    for value in ("HÒA", "Hòa", "000190000001", "19900131"):
        assert value not in shown
