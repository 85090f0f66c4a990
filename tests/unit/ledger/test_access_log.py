"""Access-log entries: complete, and unable to hold a plain value."""

from datetime import datetime
from typing import Any

import pytest

from lienthong import access_log
from lienthong.access_log import AccessPhase
from lienthong.errors import DecodeError


def test_an_entry_survives_its_way_through_kafka(sqlite_feeder: Any) -> None:
    """What the engine wrote is what the auditor reads."""
    record = sqlite_feeder.entry(
        phase=AccessPhase.RESULT, result="mismatch", fields=("person.full_name", "documents[0].number"), attempt=2
    )
    entry = access_log.decode(record.value)

    assert (entry.phase, entry.result, entry.attempt) == (AccessPhase.RESULT, "mismatch", 2)
    assert entry.fields == ("person.full_name", "documents[0].number")
    assert entry.at == sqlite_feeder.start
    assert access_log.encode(entry, "hue.access-log").value == record.value


def test_entries_of_a_dossier_share_a_partition(sqlite_feeder: Any) -> None:
    """The Kafka key is the dossier code, so that the chain of a dossier is in order."""
    entry = access_log.decode(sqlite_feeder.entry().value)

    assert access_log.encode(entry, "hue.access-log").key == sqlite_feeder.dossier.encode()


@pytest.mark.parametrize(
    "fields",
    [
        {"query_hash": "a plain question"},
        {"query_hash": ""},
        {"phase": AccessPhase.RESULT, "result": "Nguyễn Văn A"},
        {"phase": AccessPhase.RESULT, "result": ""},
        {"phase": AccessPhase.INTENT, "result": "match"},
        {"fields": ("full name is A",)},
        {"verification_id": ""},
        {"at": datetime(2026, 10, 5, 8, 0)},  # noqa: DTZ001 - the missing offset is the point
    ],
)
def test_what_could_hold_a_plain_value_is_refused(sqlite_feeder: Any, fields: dict[str, Any]) -> None:
    """A question, a name or a sentence does not get into the log, and no result comes without a code."""
    with pytest.raises(ValueError):
        sqlite_feeder.entry(fields.pop("verification_id", "v1"), **fields)


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"v":9,"entry":{}}', b'{"v":1,"entry":{"actor":"secret"}}'])
def test_damaged_entries_are_decode_errors_without_values(value: bytes | None) -> None:
    """An auditor sees that something was there, not what."""
    with pytest.raises(DecodeError) as caught:
        access_log.decode(value)

    assert "secret" not in str(caught.value)
