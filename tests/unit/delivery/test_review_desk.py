"""What officials can see and decide, and what is checked and written down before."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from pydantic import BaseModel, ConfigDict

from lienthong import access_log
from lienthong.access_log import AccessPhase
from lienthong.cli import review as command_line
from lienthong.codec import RecordCodec
from lienthong.delivery.command import Action, parse_command
from lienthong.delivery.review_desk import ReviewDesk
from lienthong.delivery.review_record import review_id, to_review
from lienthong.errors import LienthongError, RecordError, ValidationFailedError
from lienthong.keys import FileKeyProvider
from lienthong.outcome import Finding
from lienthong.record import Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.schema import SchemaSpec, dataschema
from lienthong.testing.clock import FakeClock
from lienthong.topic_names import TopicNames

NAME = "Nguyễn Văn Thử"
CODE = "H57.12-250101-0001"
VALUE = orjson.dumps({"dossier_code": CODE, "full_name": NAME})
SECRET = b"k" * 32


class Sample(BaseModel):
    """The smallest dossier."""

    model_config = ConfigDict(extra="forbid")
    dossier_code: str
    full_name: str


SPEC = SchemaSpec(
    type="sample",
    version=1,
    domain="sample",
    producer_model=Sample,
    consumer_model=Sample,
    key=lambda model: model.dossier_code,
    classification="personal",
    title_vi="mẫu",
)


def _read(outgoing):
    return Record(outgoing.topic, outgoing.partition, 0, 0, outgoing.key, outgoing.value, outgoing.headers)


@pytest.fixture
def provider(tmp_path):
    """Return a key file."""
    keys = FileKeyProvider(tmp_path / "keys", FakeClock())
    yield keys
    keys.close()


@pytest.fixture
def source(provider):
    """Return an encrypted record of one person."""
    headers = [
        ("ce_id", b"e-1"),
        ("ce_source", b"/hue/one-stop"),
        ("ce_type", b"sample"),
        ("ce_dataschema", dataschema("sample", 1).encode()),
        ("ce_dossiercode", CODE.encode()),
    ]
    new_headers, value = RecordCodec(provider, enabled=True).encrypt("s-1", headers, VALUE)
    return Record("hue.records.sample", 3, 77, 5, CODE.encode(), value, new_headers)


@pytest.fixture
def topic(source):
    """Return the topic with one open review and one record that is none."""
    clock = FakeClock()
    asked = to_review(
        source,
        topic="hue.review",
        pipeline="verify-sample",
        reason="mismatch",
        opened_at=clock.now() - timedelta(hours=50),
        findings=[Finding("full_name", "mismatch")],
    )
    return [_read(asked), Record("hue.review", 0, 1, 0, b"k", b"?", [])]


@pytest.fixture
def desk(topic, provider):
    """Return the desk over that topic."""
    codec = RecordCodec(provider, enabled=False)
    return ReviewDesk(topic, TopicNames("hue"), codec, SchemaRegistry([SPEC]), FakeClock())


@pytest.fixture
def review(desk):
    """Return the open review."""
    return desk.all()[0]


def test_a_foreign_record_hides_no_review(desk):
    """One record that cannot be read is counted, and the others are still shown."""
    assert (len(desk.all()), desk.unreadable) == (1, 1)


def test_a_review_is_found_by_the_beginning_of_its_id(desk, review, source):
    """Officials copy ids from a list; too short or unknown ones are refused."""
    assert review.id == review_id("verify-sample", source)
    assert desk.find(review.id) == desk.find(review.id[:8]) == review
    for wrong in ("", review.id[:3], "0" * 32):
        with pytest.raises(LienthongError):
            desk.find(wrong)


@pytest.mark.parametrize("action", [Action.APPROVE, Action.CANCEL])
def test_a_decision_names_its_record(desk, review, action):
    """The owner of the source partition gets the decision with actor and reason."""
    outgoing = desk.decide(review, action, actor="officer-17", reason="đã đối chiếu bản gốc")
    command = parse_command(_read(outgoing))

    assert (outgoing.topic, outgoing.partition, outgoing.key) == ("hue.replay.verify-sample", 3, CODE.encode())
    assert (command.action, command.review_id, command.actor) == (action, review.id, "officer-17")
    assert (command.reason, command.offset, command.value) == ("đã đối chiếu bản gốc", 77, None)


def test_a_correction_is_checked_and_encrypted_like_the_record(desk, review, source, provider):
    """What an official corrects is as well protected as what the publisher sent."""
    corrected = orjson.dumps({"dossier_code": CODE, "full_name": "Trần Thị Thử"})
    outgoing = desk.decide(review, Action.CORRECT, actor="officer-17", reason="sửa họ tên", corrected=corrected)
    command = parse_command(_read(outgoing))

    assert "Trần".encode() not in outgoing.value
    codec = RecordCodec(provider, enabled=False)
    assert codec.decrypt(source._replace(value=command.value)) == corrected
    assert command.key_id.encode() == source.header("lt-key-id")


@pytest.mark.parametrize(
    "corrected",
    [b"", b"{", b"\xff", {"dossier_code": CODE}, {"dossier_code": CODE, "full_name": "x", "more": 1},
     {"dossier_code": "H57.12-250101-0002", "full_name": "x"}],
)  # fmt: skip
def test_a_wrong_correction_is_refused(desk, review, corrected):
    """A correction obeys the same schema as the publisher and stays with its dossier."""
    body = corrected if isinstance(corrected, bytes) else orjson.dumps(corrected)

    with pytest.raises(RecordError):
        desk.decide(review, Action.CORRECT, actor="officer-17", reason="sửa", corrected=body)


def test_a_correction_for_another_dossier_says_so(desk, review):
    """An official who took the wrong file learns it."""
    other = orjson.dumps({"dossier_code": "H57.12-250101-0002", "full_name": "x"})

    with pytest.raises(ValidationFailedError) as caught:
        desk.decide(review, Action.CORRECT, actor="officer-17", reason="sửa", corrected=other)
    assert caught.value.reason == "other_key"


@pytest.mark.parametrize(
    ("actor", "reason"),
    [
        ("", "x"),
        ("officer-17", " "),
        ("000199012345", "x"),
        ("012345678", "x"),
        ("officer-17", "số 000199012345"),
    ],
)
def test_nobody_decides_without_name_and_reason(desk, review, actor, reason):
    """An official's own personal ID is no actor, and a citizen's is no reason."""
    with pytest.raises(LienthongError) as caught:
        desk.decide(review, Action.APPROVE, actor=actor, reason=reason)
    assert "000199012345" not in str(caught.value)


def test_a_look_is_written_down_without_the_data(desk, review):
    """Intent and result name who, why and which fields, never a value."""
    intent = desk.access(review, actor="officer-17", purpose="đối chiếu", legal_basis="Luật 91/2025", secret=SECRET)
    result = desk.seen(intent, desk.reveal(review))
    records = [desk.access_record(entry) for entry in (intent, result)]

    found = [access_log.decode(record.value) for record in records]
    assert [entry.phase for entry in found] == [AccessPhase.INTENT, AccessPhase.RESULT]
    assert (found[0].key, found[0].purpose, found[0].legal_basis) == (CODE, "đối chiếu", "Luật 91/2025")
    assert found[1].fields == ("dossier_code", "full_name")
    assert found[0].verification_id == found[1].verification_id
    assert not any(NAME.encode() in record.value for record in records)


@pytest.mark.parametrize("missing", [{"actor": ""}, {"purpose": ""}, {"legal_basis": ""}, {"actor": "000199012345"}])
def test_there_is_no_look_without_purpose_and_legal_basis(desk, review, missing):
    """Whoever wants to see a citizen's data says who they are, why and on what legal basis."""
    options: dict[str, Any] = {"actor": "officer-17", "purpose": "x", "legal_basis": "y", **missing}

    with pytest.raises(LienthongError):
        desk.access(review, secret=SECRET, **options)


def test_an_erased_person_cannot_be_shown(desk, review, provider):
    """After an erasure nobody sees the data any more, and the review can only be cancelled."""
    provider.destroy("s-1")

    with pytest.raises(RecordError):
        desk.reveal(review)
    assert desk.decide(review, Action.CANCEL, actor="officer-17", reason="đã xóa dữ liệu")


@pytest.fixture
def run(monkeypatch, desk, tmp_path):
    """Return a function that runs the command on the desk and keeps what it writes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command_line, "_desk", lambda _settings: desk)
    written: list[Any] = []

    def send(_settings, _client_id, records):
        """Keep what is written."""
        written.extend(records)

    monkeypatch.setattr(command_line, "send", send)

    def invoke(*arguments):
        result = CliRunner().invoke(command_line.review, arguments, obj=None)
        return result, written

    return invoke


def test_the_list_has_no_personal_data(run, review):
    """The list shows id, pipeline, dossier, reason, findings and age, in Vietnamese."""
    result, written = run("list")

    assert result.exit_code == 0
    for part in (review.id, "verify-sample", CODE, "không khớp", "full_name:mismatch", "2 ngày 2 giờ"):
        assert part in result.output
    assert NAME not in result.output
    assert written == []


def test_the_list_can_be_read_by_programs(run, review):
    """The same as JSON."""
    result, _ = run("list", "--json")
    document = orjson.loads(result.stdout)

    assert [(each["id"], each["age_seconds"]) for each in document] == [(review.id, 180_000)]


def test_one_review_is_shown_without_its_value(run, review):
    """Looking at a review shows where it came from; the value only on demand."""
    result, written = run("show", review.id)

    assert "hue.records.sample[3]@77" in result.output
    assert NAME not in result.output
    assert written == []


def test_the_value_is_shown_after_the_access_log(run, review):
    """Intent and result are acknowledged before the data is on the screen."""
    options = ("--reveal", "--actor", "officer-17", "--purpose", "đối chiếu", "--legal-basis", "Luật 91/2025")
    result, written = run("show", review.id, *options)

    assert result.exit_code == 0, result.output
    assert NAME in result.output
    assert [access_log.decode(record.value).phase.value for record in written] == ["intent", "result"]


def test_without_access_log_there_is_no_look(run, review, monkeypatch):
    """When Kafka does not acknowledge the intent, nothing is shown."""

    def refuse(_settings, _client_id, _records):
        """Refuse to write."""
        raise LienthongError("away")

    monkeypatch.setattr(command_line, "send", refuse)
    result, _ = run("show", review.id, "--reveal", "--actor", "o", "--purpose", "p", "--legal-basis", "l")

    assert isinstance(result.exception, LienthongError)
    assert NAME not in result.output


@pytest.mark.parametrize("action", ["approve", "cancel"])
def test_decisions_are_written(run, review, action):
    """An official decides with one command."""
    result, written = run(action, review.id, "--actor", "officer-17", "--reason", "đã đối chiếu")

    assert result.exit_code == 0, result.output
    assert [parse_command(_read(record)).action.value for record in written] == [action]


def test_a_correction_is_read_from_a_file(run, review, tmp_path):
    """The corrected record is a file, so that it is in no shell history."""
    file = tmp_path / "corrected.json"
    file.write_bytes(VALUE)
    options = ("--actor", "officer-17", "--reason", "sửa", "--file", str(file))
    result, written = run("correct", review.id, *options)

    assert result.exit_code == 0, result.output
    assert parse_command(_read(written[0])).action is Action.CORRECT


@pytest.mark.parametrize("options", [("--actor", "o"), ("--reason", "r"), ()])
def test_actor_and_reason_are_mandatory(run, review, options):
    """There is no anonymous decision."""
    result, written = run("approve", review.id, *options)

    assert result.exit_code == 2
    assert written == []
