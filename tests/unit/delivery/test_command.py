"""Decisions of officials on their way to a pipeline."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.delivery.command import Action, Command, parse_command, to_command
from lienthong.errors import DecodeError
from lienthong.record import Record

COMMAND = Command(
    action=Action.APPROVE,
    review_id="0" * 32,
    pipeline="verify-dossier",
    actor="officer-17",
    reason="đã đối chiếu bản gốc",
    decided_at=datetime(2026, 10, 5, 1, 2, 3, tzinfo=UTC),
    topic="hue.records.dossier",
    partition=3,
    offset=77,
    key=b"H57.12-250101-0001",
)


def _read(outgoing):
    return Record(outgoing.topic, outgoing.partition, 0, 1, outgoing.key, outgoing.value, outgoing.headers)


@given(st.binary(), st.sampled_from(["", "0a1b"]))
def test_a_correction_travels_byte_by_byte(value, key_id):
    """Whatever the corrected value is, encrypted or not, the worker gets exactly that."""
    command = replace(COMMAND, action=Action.CORRECT, value=value, key_id=key_id)

    assert parse_command(_read(to_command(command, "hue.replay.verify-dossier"))) == command


@given(st.none() | st.binary(), st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=9)), max_size=3))
def test_a_replayed_record_travels_whole(value, headers):
    """Value, tombstone or not, and headers arrive as they were in the source topic."""
    command = replace(COMMAND, action=Action.REPLAY, value=value, headers=headers, timestamp_ms=7)

    assert parse_command(_read(to_command(command, "hue.replay.verify-dossier"))) == command


@pytest.mark.parametrize("action", [Action.APPROVE, Action.CANCEL, Action.DISCARD])
def test_a_decision_goes_to_the_partition_of_its_record(action):
    """Only the owner of the source partition reads it, so the lane of the key stays one."""
    outgoing = to_command(replace(COMMAND, action=action), "hue.replay.verify-dossier")

    assert (outgoing.partition, outgoing.key) == (3, COMMAND.key)
    assert parse_command(_read(outgoing)) == replace(COMMAND, action=action)


def test_the_reason_is_in_no_header_and_no_repr():
    """An official may name a person in prose."""
    outgoing = to_command(COMMAND, "hue.replay.verify-dossier")

    assert not any("đối chiếu".encode() in raw for _, raw in outgoing.headers)
    assert "đối chiếu" not in repr(COMMAND)


@pytest.mark.parametrize(
    "change",
    [
        {"actor": " "},
        {"reason": ""},
        {"action": Action.CORRECT},
        {"value": b"{}"},
        {"scope": "portal|procedure|1.1"},
        {"action": Action.RELEASE},
    ],
)
def test_an_incomplete_decision_is_refused(change):
    """Nobody decides without name and reason, and a corrected value belongs to a correction."""
    with pytest.raises(ValueError):
        to_command(replace(COMMAND, **change), "t")


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"v":1}', b'{"v":2}', b'{"v":1,"action":"erase"}'])
def test_what_is_no_command_is_refused(value):
    """A worker carries nothing out that it does not fully understand."""
    with pytest.raises(DecodeError):
        parse_command(Record("t", 0, 0, 0, None, value, []))
