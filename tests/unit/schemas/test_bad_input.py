"""Every way in which a record can be wrong ends in a field and a rule, never in a value."""

import json
import traceback
import unicodedata

import pytest

from lienthong.errors import DecodeError, RecordError, ValidationFailedError
from lienthong.remedies import REMEDIES, remedy
from lienthong.text import normalise
from lienthong.validation import validate

SECRETS = ("Bùi Thị Bí Mật", "000190123456", "00190123456", "1987-06-05", "12 Lê Lợi")


def _change(document, path, value):
    *outer, last = path.split(".")
    for name in outer:
        document = document[int(name)] if name.isdigit() else document[name]
    if value is None:
        del document[last]
    else:
        document[last] = value


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("status", None, "missing"),
        ("owner.full_name", None, "missing"),
        ("sequence", "3", "int_type"),
        ("sequence", 0, "greater_than_equal"),
        ("sequence", True, "int_type"),
        ("has_digitised_components", "yes", "bool_type"),
        ("owner.full_name", 5, "string_type"),
        ("owner.full_name", "Bùi Thị Bí Mật\nx", "string_pattern_mismatch"),
        ("status", "dang_xu_ly", "literal_error"),
        ("summary", "Bùi Thị Bí Mật " * 80, "string_too_long"),
        ("dossier_code", "H57.21-261308-0001", "string_pattern_mismatch"),
        ("procedure.code", "G15-TP110", "string_pattern_mismatch"),
        ("handling_unit.code", "H5", "string_pattern_mismatch"),
        ("occurred_at", "20261008083000", "date_format"),
        ("occurred_at", "20261008", "date_format"),
        ("occurred_at", "08/10/2026", "date_format"),
        ("occurred_at", "08/10/2026 08:30:00", "date_format"),
        ("occurred_at", "2026-10-08 08:30:00+07:00", "date_format"),
        ("occurred_at", "2026-10-08T08:30:00", "timezone_aware"),
        ("occurred_at", "2026-02-30T08:30:00+07:00", "datetime_from_date_parsing"),
        ("occurred_at", 1760000000, "date_format"),
        ("owner.birth_date", "19870605", "date_format"),
        ("owner.birth_date", "19870605083000", "date_format"),
        ("owner.birth_date", "05/06/1987", "date_format"),
        ("owner.birth_date", "05/06/1987 08:30:00", "date_format"),
        ("owner.birth_date", "1900-01-01", "empty_date_marker"),
        ("owner.birth_date", "1987-02-30", "not_a_date"),
        ("owner.birth_date", "00/00/1987", "date_format"),
        ("owner.identifiers.0.value", "00190123456", "leading_zero_lost"),
        ("owner.identifiers.0.value", "0001901234567", "identifier_form"),
        ("owner.identifiers.0.value", "00019012345٣", "identifier_form"),
        ("owner.identifiers.0.type", "cccd", "literal_error"),
        ("owner.bi_mat", "Bùi Thị Bí Mật", "extra_forbidden"),
        ("owner", "Bùi Thị Bí Mật", "model_type"),
    ],
)
def test_a_wrong_field_is_named_with_its_rule_and_remedy(document, spec, path, value, rule):
    """The publisher learns field, rule and remedy, and nobody learns a value."""
    _change(document, path, value)

    with pytest.raises(ValidationFailedError) as caught:
        validate(spec, json.dumps(document).encode())

    violation = caught.value.violations[0]
    assert path.startswith(violation.field) if rule == "model_type" else violation.field == path
    assert violation.rule == rule == caught.value.reason
    assert violation.remedy
    assert rule in REMEDIES
    everything = str(caught.value) + repr(caught.value.violations) + "".join(traceback.format_exception(caught.value))
    assert not [secret for secret in SECRETS if secret in everything]


def test_a_cmnd_that_lost_its_zero_is_not_padded(document, spec):
    """Eight digits are refused as such, not taken for a number with a zero in front."""
    document["owner"]["identifiers"] = [{"type": "cmnd", "value": "99123456"}]

    with pytest.raises(ValidationFailedError) as caught:
        validate(spec, json.dumps(document).encode())

    assert caught.value.reason == "leading_zero_lost"


def test_an_unknown_field_name_that_may_be_personal_is_not_shown(document, spec):
    """A name in the place of a field name is personal data, so the path ends in a star."""
    document["owner"]["Bùi Thị Bí Mật"] = 1

    with pytest.raises(ValidationFailedError) as caught:
        validate(spec, json.dumps(document).encode())

    assert [(each.field, each.rule) for each in caught.value.violations] == [("owner.*", "extra_forbidden")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [(None, "no_value"), (b"", "no_value"), (b" \n", "no_value"), (b"{", "json"), (b"not json", "json")],
)
def test_what_is_no_json_is_a_decode_error(spec, data, reason):
    """A tombstone, an empty body and broken JSON are told apart from a record that breaks its schema."""
    with pytest.raises(DecodeError) as caught:
        validate(spec, data)

    assert caught.value.reason == reason
    assert caught.value.__context__ is None


@pytest.mark.parametrize("data", [b"null", b"[]", b'"x"', b"1"])
def test_json_that_is_no_object_breaks_the_schema(spec, data):
    """JSON null is no record."""
    with pytest.raises(ValidationFailedError) as caught:
        validate(spec, data)

    assert [(each.field, each.rule) for each in caught.value.violations] == [("", "model_type")]


@pytest.mark.parametrize("spoiled", ["full_name", "key"])
def test_invalid_utf8_is_refused_without_its_bytes(document, spec, spoiled):
    """Bytes of another encoding are no text, and the error does not carry them along."""
    data = json.dumps(document, ensure_ascii=False).encode()
    where = b"full_name" if spoiled == "key" else "Nguyễn".encode()
    data, findings = normalise(data.replace(where, where + b"\xf9\xde", 1))

    with pytest.raises(DecodeError) as caught:
        validate(spec, data)

    assert findings == ()
    assert caught.value.reason == "utf8"
    assert caught.value.__context__ is None


def test_clean_text_comes_back_as_the_same_object(document):
    """The hot path neither copies nor parses."""
    data = json.dumps(document, ensure_ascii=False).encode()

    normalised, findings = normalise(data)

    assert normalised is data
    assert findings == ()


@pytest.mark.parametrize("escaped", [False, True], ids=["raw", "escaped"])
def test_decomposed_vietnamese_is_composed_with_a_finding(document, spec, escaped):
    """NFD text is accepted, rewritten as NFC and flagged by field, also inside JSON escapes."""
    document["owner"]["full_name"] = unicodedata.normalize("NFD", document["owner"]["full_name"])
    data = json.dumps(document, ensure_ascii=escaped).encode()

    normalised, findings = normalise(data)

    assert validate(spec, normalised).owner.full_name == "Nguyễn Thị Thuận"
    assert [(each.field, each.rule) for each in findings] == [("owner.full_name", "nfd_normalised")]


@pytest.mark.parametrize("escape", ["\\u0000", "\\u001b", "\\b", "\\u007f", "\\u0085", "\x7f", "\x85"])
def test_control_characters_are_refused_by_field(escape):
    """A control character has no meaning in a record and breaks XML targets."""
    data = ('{"owner":{"full_name":"Lê ' + escape + '"}}').encode()

    with pytest.raises(ValidationFailedError) as caught:
        normalise(data)

    assert [(each.field, each.rule) for each in caught.value.violations] == [("owner.full_name", "control_character")]


@pytest.mark.parametrize("escape", ["\\n", "\\t", "\\r", "\\u00e0", '\\"', "\\\\u0301"])
def test_harmless_escapes_pass(escape):
    """Line breaks, quotes and escaped Vietnamese letters are text."""
    data = ('{"summary":"Lê ' + escape + '"}').encode()

    assert normalise(data) == (data, ())


@pytest.mark.parametrize(
    "text", ["TrÇn V¨n B×nh", "Nguyá»…n VÄƒn", "NGUYEÃN VAÊN AN Ñình", "Thaønh phoá Hueá", "NguyêÞn"]
)
def test_legacy_encodings_are_a_finding(text):
    """TCVN3, VNI, CP1258 and double-encoded UTF-8 are accepted, but an official should look."""
    _, findings = normalise(json.dumps({"summary": text}, ensure_ascii=False).encode())

    assert [(each.field, each.rule) for each in findings] == [("summary", "legacy_encoding_suspected")]


@pytest.mark.parametrize("text", ["Hoà quý loà xoà hoặc", "Thừa Thiên Huế, ở đường Nguyễn Huệ", "20 °C, «Huế»"])
def test_ordinary_vietnamese_is_no_legacy_encoding(text):
    """Both places of the tone are ordinary text."""
    assert normalise(json.dumps({"summary": text}, ensure_ascii=False).encode())[1] == ()


def test_a_byte_order_mark_is_removed_with_a_finding(document, spec):
    """Windows tools write one; JSON must not have it."""
    data, findings = normalise(b"\xef\xbb\xbf" + json.dumps(document, ensure_ascii=False).encode())

    assert validate(spec, data).sequence == 3
    assert [each.rule for each in findings] == ["byte_order_mark"]


def test_broken_json_passes_normalising_unchanged():
    """The schema says better what is wrong with JSON, so normalising does not judge it."""
    data = b'{"summary":"\\u0000'

    assert normalise(data) == (data, ())


def test_models_show_no_values(document, read):
    """A model in a log line or a traceback shows its name only."""
    model = read(document)

    assert repr(model) == str(model) == "DossierSnapshotV1(…)"
    assert "Thuận" not in f"{model.owner} {model.owner.identifiers!r}"


def test_an_error_of_pydantic_itself_shows_no_values(document, read):
    """Also where somebody prints pydantic's own error."""
    document["owner"]["full_name"] = "Bùi Thị Bí Mật\n"

    with pytest.raises(ValueError, match="string_pattern_mismatch") as caught:
        read(document)

    assert "Bí Mật" not in str(caught.value)


def test_many_violations_are_capped(document, spec):
    """A hostile record cannot make an error without end."""
    document |= {f"x{number}": 1 for number in range(500)}

    with pytest.raises(RecordError) as caught:
        validate(spec, json.dumps(document).encode())

    assert len(caught.value.violations) == 50
    assert "and 47 more" in str(caught.value)


@pytest.mark.parametrize("rule", [*REMEDIES, "a_rule_without_a_remedy"])
def test_every_remedy_reads_well_in_both_languages(rule):
    """No rule leaves a publisher with a raw template, with or without limits."""
    limits = {"expected": "'a'", "pattern": "^a$", "max_length": 1, "min_length": 1, "ge": 0, "le": 9}

    for language in ("en", "vi"):
        assert "{" not in remedy(rule, limits, language)
        assert remedy(rule, None, language)
        assert "{" not in remedy(rule, None, language)
    assert remedy(rule, limits, "en") != remedy(rule, limits, "vi")
