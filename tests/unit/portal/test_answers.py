"""Meaning of the portal's answers."""

import unicodedata

import pytest

from lienthong_connectors.portal.answers import Meaning, judge


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (0, "", Meaning.SUCCESS),
        ("00", "", Meaning.SUCCESS),
        (0, None, Meaning.SUCCESS),
        (0, "Đồng bộ hồ sơ thành công", Meaning.SUCCESS),
        (0, "Success", Meaning.SUCCESS),
        (-1, "Hồ sơ đã được tiếp nhận", Meaning.SUCCESS),
        (0, "Hồ sơ đã tồn tại", Meaning.EXISTS),
        ("3", "Mã hồ sơ đã tồn tại trên hệ thống", Meaning.EXISTS),
        (-1, "Hồ sơ không tồn tại", Meaning.UNKNOWN_DOSSIER),
        (0, "Không tìm thấy hồ sơ", Meaning.UNKNOWN_DOSSIER),
        (-1, "Hồ sơ chưa được đồng bộ", Meaning.UNKNOWN_DOSSIER),
        (-1, "Mã thủ tục không tồn tại", Meaning.REJECTED),
        (-1, "Phiên làm việc đã hết hạn", Meaning.SESSION),
        (0, "Session expired", Meaning.SESSION),
        (-1, "Thủ tục chưa được cấu hình cho đơn vị", Meaning.PROCEDURE),
        (-1, "Sai mật khẩu", Meaning.CREDENTIALS),
        (-1, "Đơn vị không có quyền gọi dịch vụ", Meaning.CREDENTIALS),
        (-1, "Hệ thống đang bảo trì", Meaning.BUSY),
        (0, "Hệ thống quá tải, vui lòng thử lại sau", Meaning.BUSY),
        (0, "Cập nhật thất bại: thiếu trường bắt buộc TrichYeuHoSo", Meaning.REJECTED),
        (0, "Cập nhật không thành công", Meaning.REJECTED),
        (0, "Chưa thành công", Meaning.REJECTED),
        (-3, "Đồng bộ không thành công, hồ sơ không hợp lệ", Meaning.REJECTED),
        (-3, "", Meaning.REJECTED),
        (0, "Một câu chưa ai biết", Meaning.REJECTED),
    ],
)
def test_the_text_decides_before_the_code(code: object, message: object, expected: Meaning) -> None:
    """Code 0 with a failing text is no success, and a known text needs no code."""
    assert judge({"error_code": code, "message": message}).meaning is expected


def test_text_in_decomposed_form_and_upper_case_is_the_same_text() -> None:
    """An answer in NFD, as some servers send it, is judged like one in NFC."""
    message = unicodedata.normalize("NFD", "HỒ SƠ ĐÃ TỒN TẠI")

    assert judge({"error_code": 0, "message": message}).meaning is Meaning.EXISTS


def test_a_configured_phrase_means_success() -> None:
    """The wording of a real portal can be added without a release."""
    answer = {"error_code": 0, "message": "Đã ghi nhận dữ liệu"}

    assert judge(answer).reason == "unknown_text:0"
    assert judge(answer, ("đã ghi nhận",)).meaning is Meaning.SUCCESS


def test_a_reason_holds_no_text_of_the_portal() -> None:
    """A message that repeats a name or number does not reach receipts through the reason."""
    judgement = judge({"error_code": "Nguyễn Văn A 000123456789", "message": "Sai số 000123456789"})

    assert judgement.reason == "code:none"


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("0", "Cập nhật thành công", Meaning.SUCCESS),
        ("0", unicodedata.normalize("NFD", "Thêm mới thành công"), Meaning.SUCCESS),
        ("3", "Hồ sơ đã được tiếp nhận", Meaning.SUCCESS),
        ("-3", "Hồ sơ đã được tiếp nhận", Meaning.SUCCESS),
        ("3", "Hồ sơ đã tồn tại", Meaning.EXISTS),
        ("0", "", Meaning.REJECTED),
        ("0", "OK", Meaning.REJECTED),
        ("0", "Không thành công", Meaning.REJECTED),
        ("3", "Thành công", Meaning.REJECTED),
        ("-3", "Cập nhật thành công", Meaning.REJECTED),
        ("-3", "", Meaning.REJECTED),
    ],
)
def test_three_urls_need_code_and_text(code: str, message: str, expected: Meaning) -> None:
    """Neither code 0 nor "thành công" alone is a success; "đã được tiếp nhận" is one with any code."""
    assert judge({"error_code": code, "message": message}, needs_code_and_text=True).meaning is expected
