"""The search for personal data finds generated people in every form, and nothing in what merely looks similar."""

import base64
import json
import unicodedata
from urllib.parse import quote, quote_plus

import pytest

from lienthong_connectors.demo import evidence as evidence_module
from lienthong_connectors.demo.evidence import evidence
from lienthong_connectors.demo.leaks import LeakScanner, Wanted, search, wanted_of, words_of
from lienthong_connectors.demo.observe import Topics

NAME = "Nguyễn Thị Thu Hường"
PERSONAL_ID = "000187123456"
CMND = "999123456"
PHONE = "0000123456"
UNACCENTED = "NGUYEN THI THU HUONG"


@pytest.fixture
def wanted():
    """Give one made-up person."""
    return Wanted({number.encode() for number in (PERSONAL_ID, CMND, PHONE)}, {words_of(NAME)})


@pytest.fixture
def scanner(wanted):
    """Give a scanner for one made-up person."""
    return LeakScanner(wanted)


def forms_of_a_name():
    """Return the name in all forms in which it could leak."""
    raw = NAME.encode()
    decomposed = unicodedata.normalize("NFD", NAME)
    forms = {
        "raw": raw,
        "nfd": decomposed.encode(),
        "unaccented": UNACCENTED.encode(),
        "lower case": NAME.lower().encode(),
        "json": json.dumps(NAME).encode(),
        "json of nfd": json.dumps(decomposed).encode(),
        "url": quote(NAME).encode(),
        "url with plus": quote_plus(NAME).encode(),
        "url of nfd": quote(decomposed).encode(),
        "file name": UNACCENTED.lower().replace(" ", "-").encode(),
    }
    for before in range(3):
        forms[f"base64 {before}"] = base64.b64encode(b"'" * before + raw + b"', ")
        forms[f"base64 of nfd {before}"] = base64.b64encode(b"'" * before + decomposed.encode())
        forms[f"base64 unaccented {before}"] = base64.urlsafe_b64encode(b"?" * before + UNACCENTED.encode())
    return forms


def forms_of_numbers():
    """Return the numbers in all forms in which they could leak."""
    forms = {}
    for kind, number in (("personal id", PERSONAL_ID), ("cmnd", CMND), ("phone", PHONE)):
        raw = number.encode()
        forms[f"{kind} raw"] = raw
        forms[f"{kind} after an escape"] = b'"a\\n' + raw + b'"'
        forms[f"{kind} after a quoted blank"] = b"q=a%20" + raw
        for before in range(3):
            forms[f"{kind} base64 {before}"] = base64.b64encode(b"-" * before + raw + b"-")
    forms["personal id inside a longer run"] = b"84" + PERSONAL_ID.encode() + b"7"
    forms["personal id in groups"] = b"000 187 123 456"
    forms["cmnd in groups"] = b"999.123.456"
    forms["cmnd with hyphens"] = b"999-123-456"
    return forms


@pytest.mark.parametrize("form", forms_of_a_name())
def test_a_name_is_found_in_every_form(scanner, form):
    """No usual encoding hides a full name."""
    found = scanner.scan("a log", b'{"event":"x","detail":"' + forms_of_a_name()[form] + b'"}\n')

    assert [leak.kind for leak in found] == ["name"]


@pytest.mark.parametrize("form", forms_of_numbers())
def test_a_number_is_found_in_every_form(scanner, form):
    """No usual encoding hides a personal ID, a CMND or a telephone number."""
    found = scanner.scan("a log", b"detail=" + forms_of_numbers()[form] + b";")

    assert [leak.kind for leak in found] == ["number"]


def test_a_name_inside_a_longer_base64_text_is_found(scanner):
    """A whole encoded document is looked into, wherever the name stands in it."""
    document = json.dumps({"a": 1, "owner": NAME}, ensure_ascii=False).encode()

    assert scanner.scan("header", b"token=" + base64.b64encode(document))


@pytest.mark.parametrize(
    "innocent",
    [
        b"0f3a999123456b00",  # nine digits inside a hash
        b"5f2c1b9a-1111-4222-8333-999123456abc",
        b"Nguyen Thi",
        b"NGUYEN THI THU VAN HUONG",
        b"offset 1795400643832",
        "Cán bộ tiếp nhận 21".encode(),
    ],
)
def test_what_only_looks_similar_is_no_find(scanner, innocent):
    """A search that cries wolf would be switched off."""
    assert scanner.scan("a log", innocent) == []


def test_a_find_does_not_repeat_what_was_found(scanner):
    """The report of a leak is no second leak."""
    found = scanner.scan("logs/intake.log", NAME.encode() + b" " + PERSONAL_ID.encode())

    assert [str(leak) for leak in found] == ["logs/intake.log: number (raw)", "logs/intake.log: name (raw)"]


def test_everything_that_names_a_person_is_searched(scenario):
    """Owners and what the population database has about them, under both spellings."""
    wanted = wanted_of(scenario.each_dossier())
    for dossier in scenario.each_dossier():
        assert words_of(dossier.owner["full_name"]) in wanted.names
        if dossier.registered:
            assert dossier.registered["personal_id"].encode() in wanted.numbers
            assert words_of(dossier.registered["full_name"]) in wanted.names


def test_a_find_is_told_once_for_each_place(wanted):
    """Thousands of equal finds in one log are one line of the report."""
    pieces = [("log", NAME.encode())] * 3 + [("topic", NAME.encode())]

    found, total = search(wanted, pieces)

    assert [leak.place for leak in found] == ["log", "topic"]
    assert total == 4 * len(NAME.encode())


def test_a_leak_is_found_wherever_others_can_read(wanted, tmp_path):
    """Logs, names of files, keys, headers, open values and metrics pages are all searched."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "intake.log").write_text(NAME, encoding="utf-8")
    (tmp_path / f"{PERSONAL_ID}.txt").touch()
    topics = Topics()
    topics.metadata["records.dossier"].add(PHONE.encode())
    topics.open_values["receipts"].add(CMND.encode())

    found, _ = search(wanted, evidence(tmp_path, topics, {"intake": PERSONAL_ID.encode()}))

    assert {leak.place for leak in found} == {
        "metrics of intake",
        "keys and headers of records.dossier",
        "values of receipts",
        "file logs/intake.log",
        "names of files",
    }


def test_records_and_the_register_of_people_are_left_out(wanted, tmp_path):
    """Where personal data belongs, it is no leak."""
    (tmp_path / "kafka" / "records" / "hue.records.dossier-0").mkdir(parents=True)
    (tmp_path / "kafka" / "records" / "hue.records.dossier-0" / "0.log").write_text(NAME, encoding="utf-8")
    (tmp_path / "people.jsonl").write_text(NAME, encoding="utf-8")

    assert search(wanted, evidence(tmp_path, Topics(), {}))[0] == []


def test_a_leak_between_two_pieces_of_a_file_is_found(wanted, tmp_path, monkeypatch):
    """Large files are read in pieces that overlap."""
    monkeypatch.setattr(evidence_module, "_CHUNK_BYTES", 2_000)
    text = "." * 1_995 + NAME + "." * 3_000
    (tmp_path / "big.log").write_text(text, encoding="utf-8")

    assert search(wanted, evidence(tmp_path, Topics(), {}))[0]
