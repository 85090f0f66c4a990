"""Commands of a pure pipeline: carried out by the owner of the source, in order, with progress written last."""

from datetime import UTC, datetime

import pytest

from lienthong import receipt
from lienthong.config.models import KafkaSettings
from lienthong.delivery.command import Action, Command, to_command
from lienthong.errors import BrokerUnavailableError, DeadLetterWriteError, RecordTooLargeError
from lienthong.pipeline.forward import Forward
from lienthong.pipeline.messages import ReplayedMessage
from lienthong.pipeline.pure import PureEngine
from lienthong.pipeline.pure_replay import PureReplay
from lienthong.record import Place, Record
from lienthong.transport.assignment import Slice

SOURCE = "hue.inbound.dossier.one-stop"
OTHER = "hue.inbound.dossier.bulk"


@pytest.fixture
def replay(make_pipeline, producer, clock, metrics, monkeypatch):
    """Give the replay of a pipeline that hands records on, with nothing carried out yet."""
    pipeline = make_pipeline(forward={"topic": "records.dossier"})
    step = Forward(pipeline, "hue.records.dossier")
    made = PureReplay(pipeline, KafkaSettings(), _at_once(step.process), producer, clock, metrics)
    monkeypatch.setattr(made, "_read_progress", lambda _numbers: {})
    return made


def _at_once(process):
    async def replay(assignment, record, prepare):
        return process(Slice(assignment, record.offset, [ReplayedMessage(prepare(record))]))

    return replay


def _command(at, action, offset, make_headers, topic=SOURCE):
    command = Command(
        action=action,
        review_id="",
        pipeline="intake",
        actor="operator-3",
        reason="mended",
        decided_at=datetime(2026, 10, 5, tzinfo=UTC),
        topic=topic,
        partition=0,
        offset=offset,
        key=b"key",
        value=b"{}" if action is Action.REPLAY else None,
        headers=make_headers("dossier.progress", f"p-{offset}"),
        timestamp_ms=1_000,
    )
    out = to_command(command, "hue.replay.intake")
    return Record(out.topic, out.partition, at, 1, out.key, out.value, out.headers)


async def test_a_replayed_record_is_processed_at_its_own_place(replay, bench, producer, make_headers):
    """The receipt names the place and id of the record, so that the ledger replaces the dead letter's."""
    await replay.on_assigned([bench.assignment])
    commands = [_command(7, Action.REPLAY, 41, make_headers), _command(8, Action.DISCARD, 42, make_headers)]
    await replay.carry_out(commands)
    assert [dict(each.headers)["ce_id"] for each in producer.of("records.dossier")] == [b"p-41"]
    batch = receipt.decode(producer.of("receipts")[0].value)
    assert [(each.offset, each.id, each.kind) for each in batch.receipts] == [
        (41, "p-41", "delivered"),
        (42, "p-42", "cancelled"),
    ]
    assert producer.log == ["write records.dossier", "write receipts", "write state.intake"]


async def test_what_was_carried_out_is_not_repeated(replay, bench, producer, make_headers):
    """A command that is read again, because another partition came along, changes nothing."""
    await replay.on_assigned([bench.assignment])
    commands = [_command(7, Action.REPLAY, 41, make_headers)]
    await replay.carry_out(commands)
    await replay.carry_out(commands)
    assert len(producer.of("records.dossier")) == 1
    assert len(producer.of("state.intake")) == 1


async def test_commands_of_other_owners_are_left_to_them(replay, bench, producer, make_headers):
    """Partition 0 of two source topics may belong to two workers; each carries out its own."""
    await replay.on_assigned([bench.assignment])
    await replay.carry_out([_command(7, Action.REPLAY, 41, make_headers, topic=OTHER)])
    assert producer.of("records.dossier") == []
    bench.assignment.is_leaving = True
    await replay.carry_out([_command(8, Action.REPLAY, 41, make_headers)])
    assert producer.of("records.dossier") == []
    assert Place(SOURCE, 0) == bench.assignment.place


async def test_progress_is_written_only_after_what_a_command_made(replay, bench, producer, make_headers):
    """A crash or refusal in between repeats the command; the other way round it would be lost."""
    await replay.on_assigned([bench.assignment])
    producer.refuse = lambda record: BrokerUnavailableError("away") if record.topic == "hue.receipts" else None
    with pytest.raises(BrokerUnavailableError):
        await replay.carry_out([_command(7, Action.REPLAY, 41, make_headers)])
    assert producer.of("state.intake") == []


@pytest.mark.parametrize(("topic", "expected"), [("deadletters.intake", DeadLetterWriteError), ("receipts", None)])
async def test_a_refused_dead_letter_stops_the_pipeline(
    make_pipeline, producer, clock, metrics, bench, topic, expected
):
    """What could not be set aside must not be passed: nothing but its source would hold it."""
    pipeline = make_pipeline(forward={"topic": "deadletters.intake"})
    engine = PureEngine(pipeline, Forward(pipeline, "hue.deadletters.intake"), producer, clock, metrics)
    producer.refuse = lambda record: RecordTooLargeError("large") if record.topic == f"hue.{topic}" else None
    await engine.submit(bench.slice(bench.progress(1)))
    with pytest.raises(expected or RecordTooLargeError):
        await engine.wait_failed()
    assert bench.assignment.position == 0
