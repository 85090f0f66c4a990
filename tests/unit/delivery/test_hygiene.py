"""What may be copied out of a record that nobody vouches for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.delivery.hygiene import identity, looks_personal, safe_headers, safe_key, scrub
from lienthong.record import Record

PERSONAL_ID = "000199012345"


@pytest.mark.parametrize(
    "text",
    [PERSONAL_ID, f"urn:person:{PERSONAL_ID}", f"/citizens/{PERSONAL_ID}/x", "000 199 012 345", "000.199.012.345",
     f"dossier-{PERSONAL_ID}"],
)  # fmt: skip
def test_a_personal_id_is_seen_wherever_it_stands(text):
    """Separators and prefixes do not hide twelve digits."""
    assert looks_personal(text)


@pytest.mark.parametrize(
    "text",
    ["H57.12-250101-0001", "123e4567-e89b-12d3-a456-426614174000", "20261005080000", "a" * 12, "1" * 13,
     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "2026-10-05T08:00:00+07:00", "1" * 32],
)  # fmt: skip
def test_codes_and_traces_are_no_personal_id(text):
    """Dossier codes, UUIDs, times and trace ids stay."""
    assert not looks_personal(text)


def test_personal_attributes_are_not_copied():
    """An attribute that holds a person's number or name stays in the record and goes into no header."""
    headers = [
        ("ce_id", b"e-1"),
        ("ce_source", b"/hue/one-stop"),
        ("ce_type", b"dossier.snapshot"),
        ("ce_subject", PERSONAL_ID.encode()),
        ("ce_actor", "Nguyễn Văn A".encode()),
        ("ce_onbehalfof", b"NGUYEN VAN A"),
        ("ce_dossiercode", b"H57.12-250101-0001"),
        ("ce_subjectref", b"0912345678"),
        ("ce_purpose", "Xác thực thông tin công dân".encode()),
        ("ce_legalbasis", b"\xff\xfe"),
        ("ce_nickname", b"anything"),
        ("ce_tracestate", b"x" * 2000),
        ("x-forwarded-user", b"somebody"),
        ("content-type", b"application/json; charset=utf-8"),
        ("lt-key-id", b"0a1b2c"),
    ]

    kept = [name for name, _ in safe_headers(headers)]

    assert kept == [
        "ce_id", "ce_source", "ce_type", "ce_dossiercode", "ce_purpose", "content-type", "lt-key-id",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "expected"),
    [(None, None), (b"H57.12-250101-0001", b"H57.12-250101-0001"), (PERSONAL_ID.encode(), None), (b"\xff", None),
     (b"012345678", None), ("Nguyễn Văn A".encode(), None)],
)  # fmt: skip
def test_personal_keys_are_not_copied(key, expected):
    """A publisher that keys by a person's number does not spread it further."""
    assert safe_key(key) == expected


def test_texts_for_headers_are_scrubbed():
    """Numbers of persons and line breaks leave a message, and it is cut."""
    assert scrub(f"a\nb {PERSONAL_ID} and 012345678, call 0912345678") == "a b [removed] and [removed], call [removed]"
    assert scrub("x" * 50, 10) == "x" * 10


@given(st.text())
def test_scrubbed_texts_never_look_personal(text):
    """Whatever a message says, nothing of the form of a personal ID is left."""
    assert not looks_personal(scrub(text))


def test_a_record_without_cloudevents_is_known_by_its_place():
    """Even what is no CloudEvent has an identity."""
    place = Record("t", 3, 14, -1, None, b"", [])

    assert identity(place) == ("", "t:3:14")
    assert identity(place._replace(headers=[("ce_source", b"s"), ("ce_id", b"i")])) == ("s", "i")
    assert identity(place._replace(headers=[("ce_source", b"\xff"), ("ce_id", b"i")])) == ("", "t:3:14")
