"""The last net of the logs catches identifiers, contacts and credentials, and leaves the hub's own numbers alone."""

import pytest

from lienthong.observability.redaction import MARK, redact, redact_value, redacting_processor

PERSONAL_ID = "000" + "099" + "012345"
OLD_ID = "999" + "012" + "345"


@pytest.mark.parametrize(
    "text",
    [
        f"người {PERSONAL_ID} không khớp",
        f"ID{PERSONAL_ID}X",
        f"[{PERSONAL_ID}]",
        "000 099 012 345",
        f"CMND {OLD_ID}.",
        "call 0912345678 now",
        "call +84 912 345 678 now",
        "mail nguyen.a@example.vn",
        "Authorization: Bearer abcdefghijklmnop",
        "basic dXNlcjpwYXNzd29yZA==",
        "token eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl",
        "https://user:hunter22@broker:9093/",
        "GET /x?a=1&access_token=hunter22 HTTP",
        '{"full_name": "Nguyễn Văn Thử", "x": 1}',
        "full_name='Nguyễn Văn Thử'",
        "client_secret=hunter22,x=1",
    ],
)
def test_text_that_looks_personal_or_secret_is_marked(text: str) -> None:
    """What looks like an identifier, contact or credential never reaches the line."""
    shown = redact(text)

    assert MARK in shown
    for part in (PERSONAL_ID, OLD_ID, "345 678", "912345678", "nguyen.a", "hunter22", "Nguyễn", "abcdefgh", "dXNlcj"):
        assert part not in shown


@pytest.mark.parametrize(
    "text",
    [
        "000.00.22.H57-251123-0001 was delivered",
        "Record(hue.records.dossier[3]@123456789, value_bytes=12)",
        "Record(hue.records.dossier[3]@123456789012, value_bytes=12)",
        "2026-11-23T01:36:10.123456+07:00",
        "took 0.123456789 s",
        "3f2b8c1e-0d4a-4b7e-9f00-1c2d3e4f5a6b",
        "see https://lienthong.example/problems/validation_failed",
        "1763861770 seconds since 1970",
    ],
)
def test_places_times_and_codes_stay_readable(text: str) -> None:
    """An operator can still read dossier codes, offsets, times and addresses of pages."""
    assert redact(text) == text


def test_values_under_personal_names_are_never_written() -> None:
    """A name of a field is enough to withhold its value, at any depth."""
    event = {
        "event": "record_seen",
        "owner": "Nguyễn Văn Thử",
        "detail": {"birth_date": "1990-01-01", "offset": 123456789012, "number": 999012345},
        "items": [{"ho_ten": "Nguyễn Văn Thử"}, PERSONAL_ID],
        "raw": b"Nguy",
        "Authorization": "x",
        "personal": int("9" * 12),
        "error": ValueError(f"bad {PERSONAL_ID}"),
        "_hidden": 1,
    }

    shown = redacting_processor(None, "info", event)

    assert shown["owner"] == MARK
    assert shown["detail"] == {"birth_date": MARK, "offset": 123456789012, "number": 999012345}
    assert shown["items"] == [{"ho_ten": MARK}, MARK]
    assert shown["raw"] == "‹4 bytes›"
    assert (shown["Authorization"], shown["personal"], shown["error"]) == (MARK, MARK, f"bad {MARK}")
    assert "_hidden" not in shown


def test_nesting_without_end_is_cut() -> None:
    """A structure that contains itself does not hang the logger."""
    loop: list[object] = []
    loop.append(loop)

    assert "nested too deeply" in str(redact_value(loop))
