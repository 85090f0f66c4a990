"""Records: what they show of themselves."""

import pytest

from lienthong.record import OutgoingRecord, Record

SECRET = b"000199012345"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Record("t", 1, 2, 3, SECRET, SECRET, [("h", SECRET)]), "Record(t[1]@2, value_bytes=12)"),
        (Record("t", 1, 2, 3, None, None, []), "Record(t[1]@2, value_bytes=None)"),
        (OutgoingRecord("t", SECRET, SECRET, [("h", SECRET)], 4), "OutgoingRecord(t[4], value_bytes=12)"),
        (OutgoingRecord("t", None, None, []), "OutgoingRecord(t[-1], value_bytes=None)"),
    ],
)
def test_a_record_shows_its_place_and_size_only(record, expected):
    """A record in a log line or traceback gives nothing away."""
    assert repr(record) == expected


def test_the_last_header_of_a_name_counts():
    """Whoever writes last wins, and a missing header is None."""
    record = Record("t", 0, 0, 0, None, None, [("a", b"1"), ("b", b"2"), ("a", b"3")])

    assert (record.header("a"), record.header("b"), record.header("c")) == (b"3", b"2", None)
