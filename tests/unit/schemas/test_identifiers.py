"""Identifiers: the form is an error, everything else is a finding."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lienthong_schemas import identifiers

GENDERS = st.sampled_from(["male", "female"])
BIRTHS = st.dates(date(1901, 1, 1), date(2399, 12, 31))


def _personal_id(part, birth, gender, serial):
    century = (birth.year // 100 - 19) * 2 + (gender == "female")
    return f"{part}{century}{birth.year % 100:02}{serial:06}"


@given(BIRTHS, GENDERS, st.integers(0, 999_999), st.sampled_from(sorted(identifiers.GENERATED_PARTS)))
def test_a_consistent_number_has_no_discrepancy(birth, gender, serial, part):
    """Sex, century and year as the number says: nothing to report."""
    number = _personal_id(part, birth, gender, serial)

    assert identifiers.personal_id_discrepancies(number, birth.isoformat(), gender) == ()
    assert identifiers.personal_id_discrepancies(number, str(birth.year), gender) == ()
    assert identifiers.personal_id_discrepancies(number, None, None) == ()


@given(BIRTHS, GENDERS, st.integers(0, 999_999))
def test_each_contradiction_is_a_finding_of_its_own(birth, gender, serial):
    """Another sex, another year and an unknown province are told apart."""
    number = _personal_id("998", birth, gender, serial)
    other_gender = "male" if gender == "female" else "female"
    other_year = birth.year + 1 if birth.year % 100 != 99 else birth.year - 1

    assert identifiers.personal_id_discrepancies(number, str(other_year), other_gender) == (
        "unknown_province_part",
        "gender_mismatch",
        "birth_year_mismatch",
    )


def test_another_century_is_a_finding():
    """2001 is written with 2 or 3, not with 0 or 1."""
    assert identifiers.personal_id_discrepancies("000101000000", "2001-01-01", "female") == ("century_mismatch",)


@pytest.mark.parametrize("part", ["001", "015", "046", "082", "096"])
def test_old_province_parts_are_valid_for_ever(part):
    """A number from a province that was merged stays what it is."""
    assert part in identifiers.PROVINCE_PARTS
    assert identifiers.personal_id_discrepancies(f"{part}090000000", "1990", "male") == ()


def test_there_are_63_old_provinces():
    """The table is whole, and no generated part is in it."""
    assert len(identifiers.PROVINCE_PARTS) == 63
    assert not identifiers.PROVINCE_PARTS & identifiers.GENERATED_PARTS


@given(st.text(alphabet="0123456789 .", max_size=20))
def test_typed_digits_are_classified_and_never_padded(text):
    """9 is a CMND, 12 a personal ID, 8 and 11 have lost a zero, anything else is nothing."""
    digits = len(re.sub("[ .]", "", text))
    expected = {9: "cmnd", 12: "personal_id", 8: "leading_zero_lost", 11: "leading_zero_lost"}.get(digits)

    assert identifiers.classify_typed(text) == expected


def test_other_digits_than_ascii_are_no_digits():
    """Arabic-Indic digits look like a number but are refused."""
    assert identifiers.classify_typed("٠٠٠١٩٠١٢٣٤٥٦") is None


@given(st.dates(date(1800, 1, 1), date(2999, 12, 31)))
def test_every_calendar_date_but_the_marker_is_a_partial_date(day):
    """Real days pass; SQL Server's empty date does not."""
    text = day.isoformat()
    adapter = TypeAdapter(identifiers.PartialDate)
    if text == identifiers.EMPTY_DATE_MARKER:
        with pytest.raises(ValidationError, match="empty_date_marker"):
            adapter.validate_python(text)
    else:
        assert adapter.validate_python(text) == text
    assert adapter.validate_python(str(day.year)) == str(day.year)


@given(st.integers(1, 12), st.integers(29, 31), st.integers(1901, 2100))
def test_days_that_no_calendar_has_are_refused(month, day, year):
    """30 February passes nowhere, 29 February only in leap years."""
    text = f"{year}-{month:02}-{day}"
    try:
        date.fromisoformat(text)
        exists = True
    except ValueError:
        exists = False
    adapter = TypeAdapter(identifiers.PartialDate)

    if exists:
        assert adapter.validate_python(text) == text
    else:
        with pytest.raises(ValidationError, match="not_a_date"):
            adapter.validate_python(text)


@pytest.mark.parametrize(
    ("code", "normal"),
    [
        ("000.17.22.H56", "H56.22.17"),
        ("000.00.00.H57", "H57"),
        ("000.00.04.G14", "G14.04"),
        ("H57.21", "H57.21"),
        ("H15.50.05.13", "H15.50.05.13"),
    ],
)
def test_organisation_codes_of_both_orders_become_one(code, normal):
    """Old reversed codes are turned top-down, new ones stay."""
    assert TypeAdapter(identifiers.OrganisationCode).validate_python(code) == code
    assert identifiers.normalise_organisation_code(code) == normal
    assert identifiers.normalise_organisation_code(normal) == normal


@pytest.mark.parametrize(
    "code",
    ["1.004194", "3.000181.000.00.00.H22", "2.002621.H56", "2.000815.000.00.00.H55.02", "2.000488.000.00.00.H56"],
)
def test_real_procedure_codes_pass(code):
    """All spellings that circulate are known."""
    assert TypeAdapter(identifiers.ProcedureCode).validate_python(code) == code
    assert identifiers.national_procedure_code(code) == code[:8]


@pytest.mark.parametrize("code", ["G15-TP110", "1.00419", "1.004194.", "1.004194\n", "٢.004194"])
def test_other_procedure_codes_fail(code):
    """A service code of another list is no procedure code."""
    with pytest.raises(ValidationError):
        TypeAdapter(identifiers.ProcedureCode).validate_python(code)


@pytest.mark.parametrize(
    "code", ["H15.50.05.13-261008-0975", "H56.14-240823-0001", "000.17.22.H56-210531-0001", "G22-261008-0600001"]
)
def test_real_dossier_codes_pass(code):
    """Old and new organisation parts, four to seven digits at the end."""
    assert TypeAdapter(identifiers.DossierCode).validate_python(code) == code
    assert identifiers.dossier_code_day_exists(code)


def test_a_day_that_the_calendar_lacks_is_noticed_in_a_dossier_code():
    """The form alone lets 31 February pass; that is a finding, not an error."""
    code = TypeAdapter(identifiers.DossierCode).validate_python("H56.14-260231-0001")

    assert not identifiers.dossier_code_day_exists(code)


@given(st.from_regex(r"[0-9]{12}", fullmatch=True))
def test_a_masked_personal_id_keeps_only_length_and_end(number):
    """Enough to tell two apart on a screen, not enough to use."""
    masked = identifiers.mask("personal_id", number)

    assert masked == "•" * 10 + number[-2:]


def test_short_identifiers_are_masked_whole():
    """The end of a short number would be too much of it; codes of agencies are no secret."""
    assert identifiers.mask("temporary_student_id", "TAM-1") == "•••••"
    assert identifiers.mask("organisation_code", "H57.21") == "H57.21"
    assert identifiers.is_identifier_type("passport")
    assert not identifiers.is_identifier_type("organisation_code")
