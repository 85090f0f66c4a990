"""Dead letters: complete, readable again, and without personal data in headers."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.delivery.dead_letter import dead_letter_id, parse, to_dead_letter
from lienthong.delivery.hygiene import identity
from lienthong.errors import (
    DecodeError,
    RejectedByTargetError,
    ValidationFailedError,
    Violation,
)
from lienthong.record import Record

FAILED_AT = datetime(2026, 10, 5, 1, 2, 3, tzinfo=UTC)
PERSONAL_ID = "000199012345"
HEADERS = [
    ("ce_id", b"e-1"),
    ("ce_source", b"/hue/one-stop"),
    ("ce_type", b"dossier.snapshot"),
    ("ce_dataschema", b"urn:lienthong:schemas:dossier.snapshot:1"),
    ("content-type", b"application/json"),
]
RECORD = Record("hue.records.dossier", 2, 77, 5, b"H57.12-250101-0001", b'{"a":1}', HEADERS)


def _letter(record=RECORD, error=None, **options):
    options = {"topic": "hue.deadletters.x", "pipeline": "x", "stage": "sink_write", **options}
    return to_dead_letter(
        record, error=error or RejectedByTargetError("refused", reason="-3"), first_failed_at=FAILED_AT, **options
    )


def _read(outgoing, offset=0):
    return Record(outgoing.topic, 0, offset, 1, outgoing.key, outgoing.value, outgoing.headers)


def test_a_dead_letter_is_the_record_with_origin_and_reason():
    """Whoever repairs it finds the value as it was and where, when and why it failed."""
    outgoing = _letter(attempts=3, connector="portal")
    letter = parse(_read(outgoing))

    assert (outgoing.key, outgoing.value, letter.headers) == (RECORD.key, RECORD.value, HEADERS)
    assert (letter.topic, letter.partition, letter.offset) == ("hue.records.dossier", 2, 77)
    assert (letter.pipeline, letter.connector, letter.stage, letter.attempts) == ("x", "portal", "sink_write", 3)
    assert (letter.code, letter.type, letter.reason) == ("rejected_by_target", "RejectedByTargetError", "-3")
    assert (letter.first_failed_at, letter.detail) == (FAILED_AT, "refused")
    assert (letter.dataschema, letter.truncated) == ("urn:lienthong:schemas:dossier.snapshot:1", False)
    assert letter.id == dead_letter_id("x", RECORD)


def test_header_names_are_the_documented_ones():
    """Operators and other tools read these names, so none may change unnoticed."""
    names = {name for name, _ in _letter(connector="portal").headers if name.startswith("lt-")}

    assert names == {
        f"lt-error-{name}"
        for name in (
            "id", "topic", "partition", "offset", "pipeline", "connector", "stage", "code", "type", "reason",
            "attempts", "first-failed-at", "detail", "dataschema", "timestamp-ms",
        )
    }  # fmt: skip


def test_the_id_follows_the_record_and_not_its_place():
    """A record that fails again after a replay has the same id; in another pipeline it has another."""
    moved = RECORD._replace(topic="hue.replay.x", partition=0, offset=1)

    assert dead_letter_id("x", moved) == dead_letter_id("x", RECORD)
    assert dead_letter_id("y", RECORD) != dead_letter_id("x", RECORD)


def test_violations_are_named_by_field_and_rule():
    """The detail of a broken schema is fields and rules, never values."""
    violations = [Violation("owner.full_name", "missing"), Violation("steps.0.at", "timezone_aware")]
    letter = parse(_read(_letter(error=ValidationFailedError("text", violations=violations))))

    assert letter.detail == "owner.full_name:missing, steps.0.at:timezone_aware"


def test_text_of_foreign_errors_is_not_kept():
    """A library's message may quote the record."""
    outgoing = _letter(error=KeyError("Nguyen Van A"))
    letter = parse(_read(outgoing))

    assert (letter.code, letter.type) == ("unknown", "KeyError")
    assert not any(b"Nguyen" in raw for _, raw in outgoing.headers)


def test_nothing_personal_reaches_key_or_headers():
    """A publisher's mistake in key and attributes, or a target's talkative answer, does not spread."""
    record = RECORD._replace(
        key=PERSONAL_ID.encode(), headers=[*HEADERS, ("ce_subject", PERSONAL_ID.encode()), ("x-name", b"Nguyen Van A")]
    )
    outgoing = _letter(record, RejectedByTargetError(f"number {PERSONAL_ID} unknown", reason=f"E-{PERSONAL_ID}"))

    assert outgoing.key == dead_letter_id("x", record).encode()
    for _, raw in outgoing.headers:
        assert PERSONAL_ID.encode() not in raw
        assert b"Nguyen" not in raw
    assert "Nguyen" not in repr(parse(_read(outgoing)))


@pytest.mark.parametrize("value", [None, b"", b"\xff\xfe", b"{", "NFD ệ".encode()])
def test_any_value_is_kept_as_it_is(value):
    """What is no JSON, no UTF-8 or nothing at all is set aside unchanged."""
    assert parse(_read(_letter(RECORD._replace(value=value)))).value == value


def test_what_is_too_large_is_kept_without_value():
    """A record that the topic would refuse leaves its place, hash and size, so the pipeline does not stop."""
    record = RECORD._replace(value=b"x" * 5000)
    letter = parse(_read(_letter(record, max_bytes=2000)))

    assert (letter.truncated, letter.value, letter.value_bytes) == (True, b"", 5000)
    assert len(letter.value_sha256) == 64
    assert not parse(_read(_letter(record, max_bytes=20_000))).truncated


@pytest.mark.parametrize("missing", ["id", "topic", "partition", "stage", "code", "attempts", "first-failed-at"])
def test_what_is_no_dead_letter_is_refused(missing):
    """A reader says so instead of inventing an origin."""
    record = _read(_letter())
    headers = [pair for pair in record.headers if pair[0] != f"lt-error-{missing}"]

    with pytest.raises(DecodeError):
        parse(record._replace(headers=headers))


@given(
    st.lists(st.tuples(st.text(max_size=30), st.binary(max_size=60)), max_size=8),
    st.one_of(st.none(), st.binary(max_size=40)),
    st.text(max_size=200),
)
def test_every_record_can_be_set_aside(headers, key, message):
    """No header, key or message of any kind keeps a record from becoming a dead letter that can be read."""
    record = RECORD._replace(headers=headers, key=key)
    letter = parse(_read(_letter(record, RejectedByTargetError(message, reason=message))))

    assert letter.value == record.value
    assert letter.offset == record.offset


def test_a_structured_record_is_named_by_its_content():
    """Decided on without its value, it must get a receipt of the same name as when it was set aside or delivered."""
    body = b'{"specversion":"1.0","id":"e-9","source":"/hue/one-stop","type":"x.y","data":{}}'
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8"), ("ce_id", b"another")]
    record = RECORD._replace(value=body, headers=headers)
    letter = parse(_read(_letter(record)))

    assert identity(record) == ("/hue/one-stop", "e-9")
    assert identity(record._replace(value=None, headers=letter.headers)) == ("/hue/one-stop", "e-9")
    assert identity(record._replace(value=letter.value, headers=letter.headers)) == ("/hue/one-stop", "e-9")
    assert letter.id == dead_letter_id("x", record)
    assert identity(record._replace(value=b"{")) == ("", record.place_id)
