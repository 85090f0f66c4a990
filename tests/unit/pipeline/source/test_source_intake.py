"""What a source finds is checked as what a publisher sends."""

from types import SimpleNamespace

import pytest
from tests.unit.pipeline.source.conftest import CATALOGUE, NAMES, POLL, REGISTRY, body_of, event_of

from lienthong.delivery.dead_letter import parse
from lienthong.kafka.fenced_producer import Written
from lienthong.ledger.identity import candidates_of
from lienthong.outcome import OutcomeKind
from lienthong.pipeline.definitions import Pipeline, PipelineDefinition
from lienthong.pipeline.source_intake import SourceIntake
from lienthong.receipt import decode
from lienthong.record import PIPELINE_HEADER, Record
from lienthong.testing.clock import FakeClock

WRITTEN = Written("hue.records.dossier", 1, 7)


@pytest.fixture
def intake():
    """Give the intake of a polling pipeline."""
    document = {"name": "intake", "description": {"vi": "Thử", "en": "Test"}, "poll": POLL}
    definition = PipelineDefinition.model_validate(document)
    pipeline = Pipeline(definition, ("hue.cursors",), "group", NAMES)
    cursors = SimpleNamespace(partition=2)
    return SourceIntake(pipeline, definition.poll, REGISTRY, CATALOGUE, FakeClock(), cursors)


def _header(record, name):
    return dict(record.headers).get(name)


def test_a_good_event_says_why_it_was_read_and_who_brought_it_in(intake) -> None:
    """Purpose and legal basis of the pipeline stand on the record, the schema version is named."""
    made = intake.admit(event_of("1")).outgoing

    assert (made.topic, made.key) == ("hue.records.dossier", b"H57.21-1")
    assert _header(made, "ce_purpose") == b"p"
    assert _header(made, "ce_legalbasis") == b"l"
    assert _header(made, "ce_dataschema") == b"urn:lienthong:schemas:dossier.progress:1"
    assert _header(made, "content-type") == b"application/json"
    assert _header(made, PIPELINE_HEADER) == b"intake"


def test_text_is_composed_and_that_is_a_finding(intake) -> None:
    """A platform that writes decomposed Vietnamese is understood."""
    admitted = intake.admit(event_of("1", body_of("1", department="Tru\u031b\u0323c")))

    assert admitted.kind is OutcomeKind.DELIVERED
    assert [finding.rule for finding in admitted.findings] == ["nfd_normalised"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (event_of("1", b"{}"), "validation_failed.missing"),
        (event_of("1", b"<html>"), "decode.json"),
        (event_of("1", b""), "decode.no_value"),
        (event_of("1", body_of("1", surprise=1)), "validation_failed.extra_forbidden"),
        (event_of("1", b"x" * 2_000_000), "record_too_large"),
        (event_of("1", id=None), "decode.missing_id"),
        (event_of("1", type="dossier.unheard"), "unknown_subject.unknown_type"),
        (event_of("1", datacontenttype="text/xml"), "decode.datacontenttype"),
        (event_of("1", subjectref="000190123456"), "validation_failed.personal_id_in_attribute"),
        (event_of("1", source="\ud800"), "decode.attribute_source"),
        (event_of("1")._replace(key=""), "validation_failed.key"),
        (event_of("1")._replace(key="000190123456"), "validation_failed.key"),
    ],
)
def test_an_event_at_fault_is_a_dead_letter_with_its_reason(intake, event, reason) -> None:
    """One bad record never holds a poll up, and nothing of it stands in a header or key."""
    admitted = intake.admit(event)
    made = admitted.outgoing
    letter = parse(Record(made.topic, 0, 0, -1, made.key, made.value, made.headers))

    assert (admitted.kind, admitted.reason) == (OutcomeKind.DEAD_LETTERED, reason)
    assert made.topic == "hue.deadletters.intake"
    # Where the owner of the cursor looks for what operators decide.
    assert (letter.topic, letter.partition, letter.connector) == ("hue.cursors", 2, "feed")
    assert b"000190123456" not in b"".join([made.key or b"", *(raw for _, raw in made.headers)])


def test_the_receipt_knows_a_record_by_the_name_that_the_record_has(intake) -> None:
    """The reconciler finds record and receipt together, also for an event without a usable id."""
    for event in (event_of("1"), event_of("2", b"{}"), event_of("3", id=None), event_of("4", id="000190123456")):
        admitted = intake.admit(event)
        (record,) = intake.receipts([admitted], [WRITTEN])
        (receipt,) = decode(record[2]).receipts
        written = Record(*WRITTEN, -1, None, admitted.outgoing.value, admitted.outgoing.headers)
        assert (receipt.source, receipt.id) in candidates_of(written)
        assert (receipt.offset, receipt.kind, receipt.reason) == (7, admitted.kind.value, admitted.reason)


async def test_a_dead_letter_is_checked_again_when_an_operator_asks_for_it(intake) -> None:
    """Replayed as it is it fails again; mended it becomes the record that it should have been."""
    letter = intake.admit(event_of("1", b"{}")).outgoing
    known = parse(Record(letter.topic, 0, 0, -1, letter.key, letter.value, letter.headers))
    record = Record(known.topic, known.partition, known.offset, -1, known.record_key, known.value, known.headers)

    again = await intake.replay(None, record, lambda each: each)
    mended = await intake.replay(None, record, lambda each: each._replace(value=body_of("1")))

    assert again.counts == {"dead_lettered": 1}
    assert mended.counts == {"delivered": 1}
    made, fresh = mended.records[0], intake.admit(event_of("1")).outgoing
    assert (made[:3], sorted(made.headers)) == (fresh[:3], sorted(fresh.headers))
    assert mended.receipts[0][1:6] == ("/national/feed", "1", "dossier.progress", "H57.21-1", "delivered")
