"""Every way in which a record can be wrong ends in a dead letter or a finding, and touches no other record."""

import json
import unicodedata

import pytest

from lienthong.config.models import PublisherSettings
from lienthong.delivery.dead_letter import parse
from lienthong.pipeline.intake import Intake
from lienthong.pipeline.publishers import Publishers
from lienthong.record import Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.topic_names import TopicNames

SECRETS = ("Thuận", "THUAN", "000190123456", "00190123456", "1990-02-03", "12 Lê Lợi", "Bí Mật")
REGISTRY = SchemaRegistry.installed()


@pytest.fixture
def intake(make_pipeline, clock):
    """Give the step with one publisher."""
    names = TopicNames("hue")
    settings = {"one-stop": PublisherSettings(sources=("/hue/one-stop",), domains=("dossier",))}
    pipeline = make_pipeline(forward={"validate_as_publisher": True, "topic": "records.{domain}"})
    return Intake(pipeline, "records.{domain}", REGISTRY, Publishers(settings, names), clock)


def _text(record) -> str:
    parts = [record.key or b"", *(name.encode() + b"=" + raw for name, raw in record.headers)]
    return b"\n".join(parts).decode()


def _letter(outgoing, offset=0):
    return parse(Record(outgoing.topic, 0, offset, 0, outgoing.key, outgoing.value, outgoing.headers))


def _owner(**changes):
    return lambda body: body["owner"].update(changes)


def _identifier(value):
    return lambda body: body["owner"]["identifiers"][0].update(value=value)


BAD_FIELDS = {
    "leading zero lost": (_identifier("00190123456"), "validation_failed.leading_zero_lost"),
    "thirteen digits": (_identifier("0001901234567"), "validation_failed.identifier_form"),
    "dd/mm/yyyy": (_owner(birth_date="03/02/1990"), "validation_failed.date_format"),
    "dd/mm/yyyy hh:mm": (_owner(birth_date="03/02/1990 08:30"), "validation_failed.date_format"),
    "yyyymmdd": (_owner(birth_date="19900203"), "validation_failed.date_format"),
    "yyyymmddhhmmss": (lambda body: body.update(due_at="20261011170000"), "validation_failed.date_format"),
    "1900-01-01": (_owner(birth_date="1900-01-01"), "validation_failed.empty_date_marker"),
    "unknown field": (_owner(bi_mat="Bí Mật"), "validation_failed.extra_forbidden"),
    "missing field": (lambda body: body.pop("status"), "validation_failed.missing"),
    "wrong type": (lambda body: body.update(sequence="3"), "validation_failed.int_type"),
    "control character": (_owner(full_name="Bí Mật\x01"), "validation_failed.control_character"),
    "sequence beyond 64 bits": (lambda body: body.update(sequence=2**70), None),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_a_wrong_field_is_set_aside_alone(intake, bench, name) -> None:
    """The dead letter names origin, reason and field, holds no value outside the value, and its neighbours pass."""
    change, reason = BAD_FIELDS[name]
    messages = [bench.progress(1), bench.snapshot(change=change), bench.progress(2)]
    work = intake.process(bench.slice(*messages))
    assert [each.topic for each in work.records] == [
        "hue.records.dossier",
        "hue.deadletters.intake",
        "hue.records.dossier",
    ]
    letter = _letter(work.records[1])
    assert (letter.topic, letter.partition, letter.offset) == ("hue.inbound.dossier.one-stop", 0, 1)
    assert letter.stage == "validate"
    assert letter.value == messages[1].value()
    receipt = work.receipts[1]
    assert receipt.kind == "dead_lettered"
    assert (receipt.source, receipt.id) == ("/hue/one-stop", "s-3")
    if reason is not None:
        assert receipt.reason == reason
    shown = _text(work.records[1]) + repr(receipt)
    assert not [secret for secret in SECRETS if secret in shown]
    assert work.counts == {"delivered": 2, "dead_lettered": 1}


BAD_BYTES = {
    "null": (None, "decode.no_value"),
    "empty": (b"", "decode.no_value"),
    "not JSON": (b"Thu\xe1\xba\xadn, 000190123456", "decode.json"),
    "half a document": (b'{"dossier_code": "H57', "decode.json"),
    "invalid UTF-8": (b'{"dossier_code": "\xff\xfe"}', "decode.utf8"),
    "JSON null": (b"null", None),
    "array": (b"[]", None),
}


@pytest.mark.parametrize("name", BAD_BYTES)
def test_bytes_that_are_no_record_are_set_aside_alone(intake, bench, make_headers, name) -> None:
    """What cannot be read still ends with origin and reason."""
    value, reason = BAD_BYTES[name]
    bad = bench.message(value, make_headers("dossier.snapshot", "bad"))
    work = intake.process(bench.slice(bench.progress(1), bad, bench.progress(2)))
    assert [each.kind for each in work.receipts] == ["delivered", "dead_lettered", "delivered"]
    if reason is not None:
        assert work.receipts[1].reason == reason
        assert _letter(work.records[1]).stage == "decode"
    assert not [secret for secret in SECRETS if secret in _text(work.records[1])]


BAD_HEADERS = {
    "no headers": (None, "decode.missing_id"),
    "unknown type": ({"ce_type": b"dossier.unknown"}, "unknown_subject.unknown_type"),
    "unknown version": (
        {"ce_dataschema": b"urn:lienthong:schemas:dossier.progress:99"},
        "unknown_subject.unknown_version",
    ),
    "schema of another type": (
        {"ce_dataschema": b"urn:lienthong:schemas:dossier.snapshot:1"},
        "unknown_subject.unknown_version",
    ),
    "no id": ({"ce_id": None}, "decode.missing_id"),
    "empty source": ({"ce_source": b""}, "decode.missing_source"),
    "another version of CloudEvents": ({"ce_specversion": b"0.3"}, "decode.specversion"),
    "invalid UTF-8": ({"ce_subject": b"\xff"}, "decode.header_encoding"),
    "control character": ({"ce_subject": b"a\x01b"}, "decode.attribute_subject"),
    "endless": ({"ce_subject": b"x" * 2_000}, "decode.attribute_subject"),
    "personal ID": ({"ce_subject": b"000190123456"}, "validation_failed.personal_id_in_attribute"),
    "personal ID in groups": ({"ce_subject": b"000 190 123 456"}, "validation_failed.personal_id_in_attribute"),
    "personal ID in a path": ({"ce_subject": b"CCCD/000190123456/1"}, "validation_failed.personal_id_in_attribute"),
    "number of an old identity card": ({"ce_subject": b"000123456"}, "validation_failed.personal_id_in_attribute"),
    "personal ID as id": ({"ce_id": b"000190123456"}, "validation_failed.personal_id_in_attribute"),
    "foreign source": ({"ce_source": b"/hue/health"}, "decode.source_not_owned"),
    "source that only begins alike": ({"ce_source": b"/hue/one-stop-2"}, "decode.source_not_owned"),
    "XML": ({"content-type": b"application/xml"}, "decode.datacontenttype"),
    "a batch": ({"content-type": b"application/cloudevents-batch+json"}, "decode.content_type"),
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_wrong_headers_are_set_aside_alone(intake, bench, make_headers, name) -> None:
    """Attributes are checked as strictly as data, and what they hold is not shown."""
    changes, reason = BAD_HEADERS[name]
    headers = [] if changes is None else make_headers("dossier.progress", "bad", **changes)
    good = bench.progress(1)
    bad = bench.message(good.value(), headers)
    work = intake.process(bench.slice(good, bad, bench.progress(2)))
    assert [each.kind for each in work.receipts] == ["delivered", "dead_lettered", "delivered"]
    assert work.receipts[1].reason == reason
    shown = _text(work.records[1]) + repr(work.receipts[1])
    assert not [secret for secret in SECRETS if secret in shown]


ODD_HEADERS = {
    "upper case": lambda headers: [(name.upper(), raw) for name, raw in headers],
    "charset": lambda headers: [*headers[:-1], ("content-type", b"application/json; charset=utf-8")],
    "no content type": lambda headers: headers[:-1],
    "no dataschema": lambda headers: [each for each in headers if each[0] != "ce_dataschema"],
    "unknown header": lambda headers: [*headers, ("x-trace", b"1")],
    "unknown header without value": lambda headers: [*headers, ("x-trace", None)],
    "twice": lambda headers: [("ce_type", b"dossier.unknown"), *headers],
    "other order": lambda headers: headers[::-1],
}


@pytest.mark.parametrize("name", ODD_HEADERS)
def test_odd_headers_of_a_good_record_are_mended(intake, bench, name) -> None:
    """Publishers differ in what is of no meaning; what goes on has one form."""
    good, odd = bench.progress(1), bench.progress(1)
    odd.headers_ = ODD_HEADERS[name](good.headers())
    work = intake.process(bench.slice(good, odd))
    assert [each.kind for each in work.receipts] == ["delivered", "delivered"]
    first, second = work.records
    assert sorted(second.headers) == sorted(first.headers)
    assert (second.key, second.value) == (first.key, first.value)


@pytest.mark.parametrize("name", ["ce_subject", "content-type", "ce_id"])
def test_a_header_without_value_is_set_aside_or_mended(intake, bench, name) -> None:
    """Kafka allows headers without value; one such record must not stop the intake of everybody."""
    good, odd = bench.progress(1), bench.progress(2)
    odd.headers_ = [*[each for each in odd.headers() if each[0] != name], (name, None)]
    work = intake.process(bench.slice(good, odd))
    assert work.receipts[0].kind == "delivered"
    assert len(work.receipts) == 2


def test_structured_mode_goes_on_in_binary_mode(intake, bench) -> None:
    """One canonical form behind intake; the same record has the same key and bytes that mean the same."""
    binary = bench.progress(1)
    document = {
        "specversion": "1.0",
        "id": "p-1",
        "source": "/hue/one-stop",
        "type": "dossier.progress",
        "data": json.loads(binary.value()),
    }
    structured = bench.message(document, [("content-type", b"application/cloudevents+json; charset=UTF-8")])
    work = intake.process(bench.slice(binary, structured))
    first, second = work.records
    assert sorted(first.headers) == sorted(second.headers)
    assert first.key == second.key
    assert json.loads(first.value) == json.loads(second.value)
    assert work.receipts[0]._replace(offset=1) == work.receipts[1]


def test_decomposed_vietnamese_is_composed_and_noted(intake, bench) -> None:
    """A record typed on one system must equal the same record typed on another, and the mending is told."""
    message = bench.snapshot()
    composed = message.value()
    message.value_ = unicodedata.normalize("NFD", composed.decode()).encode()
    assert message.value() != composed
    work = intake.process(bench.slice(message))
    assert work.receipts[0].kind == "delivered"
    assert "owner.full_name:nfd_normalised" in work.receipts[0].findings
    assert json.loads(work.records[0].value) == json.loads(composed)


def test_findings_are_told_and_the_record_goes_on(intake, bench) -> None:
    """A soft rule informs officials and stops nobody."""
    work = intake.process(bench.slice(bench.snapshot(change=_owner(gender="male"))))
    assert work.receipts[0].kind == "delivered"
    assert work.receipts[0].findings
    assert not [secret for secret in SECRETS if secret in repr(work.receipts[0])]


def test_the_key_is_that_of_the_record_not_of_the_publisher(intake, bench) -> None:
    """A publisher that keys by something else, or by a personal ID, changes neither order nor privacy behind intake."""
    message = bench.progress(1)
    message.key_ = b"000190123456"
    work = intake.process(bench.slice(message))
    assert work.records[0].key == b"H57.21-261008-0001"
    bad = bench.snapshot(change=lambda body: body.pop("status"))
    bad.key_ = b"000190123456"
    work = intake.process(bench.slice(bad))
    assert b"000190123456" not in (work.records[0].key or b"")


def test_a_dead_letter_fits_into_its_topic(make_pipeline, clock, bench) -> None:
    """A record too large to be set aside whole is set aside without its value, not refused for ever."""
    pipeline = make_pipeline(forward={"validate_as_publisher": True, "topic": "records.{domain}"})
    step = Intake(
        pipeline,
        "records.{domain}",
        REGISTRY,
        Publishers({}, TopicNames("hue")),
        clock,
        max_bytes={"hue.deadletters.intake": 2_000},
    )
    message = bench.snapshot(change=lambda body: body.update(summary="x" * 5_000))
    work = step.process(bench.slice(message))
    assert sum(len(raw) for _, raw in work.records[0].headers) < 2_000
    assert _letter(work.records[0]).truncated


def test_a_type_of_another_domain_than_the_topic_is_set_aside(intake, bench, make_headers) -> None:
    """Its target topic may not exist, and waiting for a topic that never comes would stop everybody's records."""
    body = {
        "person_reference": "p-1",
        "sequence": 1,
        "occurred_at": "2026-10-08T08:30:00+07:00",
        "full_name": "Nguyễn Thị Thuận",
        "identifiers": [{"type": "personal_id", "value": "000190123456"}],
    }
    work = intake.process(bench.slice(bench.message(body, make_headers("person.snapshot"))))
    assert work.receipts[0].kind == "dead_lettered"
    assert work.receipts[0].reason.startswith(("unknown_subject", "decode"))


def test_a_record_that_is_larger_than_its_target_topic_is_set_aside(intake, bench) -> None:
    """A publisher's compression lets any size into the inbound topic; the write behind intake must not fail on it."""
    message = bench.progress(1)
    message.value_ = message.value() + b" " * 5_000_000
    work = intake.process(bench.slice(message))
    assert all(len(each.value or b"") < 4_000_000 for each in work.records)


def test_a_deeply_nested_document_is_set_aside(intake, bench, make_headers) -> None:
    """A few hundred brackets must not stop the intake of everybody."""
    bombs = [
        b"[" * depth + b'"a\xcc\x81"' + b"]" * depth for depth in (150, 250, 500, 900, 1_000, 1_020, 1_100, 10_000)
    ]
    messages = [bench.message(bomb, make_headers("dossier.progress", f"bomb-{n}")) for n, bomb in enumerate(bombs)]
    work = intake.process(bench.slice(*messages))
    assert {each.kind for each in work.receipts} == {"dead_lettered"}


def test_receipts_of_unreadable_records_stay_small(intake, bench, make_headers) -> None:
    """A slice of records with endless ids must not make a batch of receipts that no topic takes."""
    good = bench.progress(1)
    messages = [bench.message(good.value(), make_headers("dossier.progress", "x" * 900_000)) for _ in range(5)]
    work = intake.process(bench.slice(*messages))
    assert sum(len(each.id) + len(each.source) for each in work.receipts) < 100_000
