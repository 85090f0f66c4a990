"""Values of national platforms in the hub's words."""

from datetime import UTC, datetime

import pytest

from lienthong.clock import VIETNAM
from lienthong.errors import (
    ConfigurationError,
    TargetConfigurationError,
    TargetSuspendedError,
    TargetUnavailableError,
    TokenExpiredError,
)
from lienthong_connectors.national_dossiers.answers import check_code, items_of
from lienthong_connectors.national_dossiers.position import Position
from lienthong_connectors.national_dossiers.wording import filled, moment, named, number, working_days_after


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("20261008103000", "%Y%m%d%H%M%S", "2026-10-08T10:30:00+07:00"),
        (" 08/10/2026 10:30:00 ", "%d/%m/%Y %H:%M:%S", "2026-10-08T10:30:00+07:00"),
        ("", "%Y%m%d%H%M%S", None),
        (None, "%Y%m%d%H%M%S", None),
        ("20261308103000", "%Y%m%d%H%M%S", "20261308103000"),
    ],
)
def test_a_time_is_of_viet_nam_and_what_is_none_stays(value, form, expected):
    """No time is guessed: an unreadable one stays, so that its field is named."""
    assert moment(value, form) == expected


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [("2026-10-08", 0, "2026-10-08"), ("2026-10-08", 1, "2026-10-09"), ("2026-10-09", 1, "2026-10-12")],
)
def test_weekends_are_no_working_days(start, days, end):
    """A term that begins on a Friday ends after the weekend, at the end of the day."""
    found = working_days_after(datetime.fromisoformat(f"{start}T08:00:00+07:00"), days)

    assert found == datetime.fromisoformat(f"{end}T17:00:00+07:00")


def test_codes_and_numbers_that_nobody_knows_stay():
    """What is unknown is never turned into something known."""
    assert named("1", {"1": "citizen"}) == "citizen"
    assert named(9, {"1": "citizen"}) == "9"
    assert (number("50000"), number("năm mươi"), number(None)) == (50000, "năm mươi", None)
    assert filled((("a", ""), ("b", None), ("c", False), ("d", 0))) == {"c": False, "d": 0}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error_code": "-1", "message": "Phiên làm việc đã hết hạn"}, TokenExpiredError),
        ({"error_code": -1, "message": "SAI MẬT KHẨU"}, TargetConfigurationError),
        ({"error_code": -1, "message": "Tài khoản đã bị khóa"}, TargetSuspendedError),
        ({"error_code": 77, "message": "Nguyễn Văn A không hợp lệ"}, TargetUnavailableError),
        ({"message": "Thành công"}, TargetUnavailableError),
        ({}, TargetUnavailableError),
    ],
)
def test_an_answer_that_is_no_success_says_what_to_do(answer, error):
    """Text in any Unicode form is understood, and never repeated."""
    with pytest.raises(error) as caught:
        check_code(answer)

    assert "Nguyễn" not in str(caught.value) + str(caught.value.reason)
    check_code({"error_code": "00", "message": "bất kỳ"})


def test_a_list_that_is_none_is_no_empty_list():
    """An answer without a list must not look like nothing to do."""
    assert items_of([{"a": 1}, "x"]) == [{"a": 1}, {}]
    with pytest.raises(TargetUnavailableError):
        items_of(None)


def test_a_position_never_goes_back_and_reads_the_overlap_again():
    """The cursor of each platform rises by itself; the next poll begins before it."""
    now = datetime(2026, 10, 8, 3, 0, tzinfo=UTC)
    position = Position("")
    first = datetime(2026, 9, 8, tzinfo=UTC)

    assert position.since("portal", first, 600) == first
    assert position.advance("portal", now)
    assert not position.advance("portal", now.replace(hour=2))
    assert not position.advance("portal", None)
    again = Position(str(position))
    assert again.since("portal", first, 600) == datetime(2026, 10, 8, 9, 50, tzinfo=VIETNAM)
    assert again.since("linked", first, 600) == first
    for broken in ("x", "[]", '{"portal": 1}'):
        with pytest.raises(ConfigurationError):
            Position(broken)
