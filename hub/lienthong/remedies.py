"""What a publisher can do about a broken rule, in English and Vietnamese, without any value of the record."""

from collections.abc import Mapping
from typing import Any, Final, Literal

Language = Literal["en", "vi"]

#: Rule → (English, Vietnamese); names in braces are limits of the schema.
REMEDIES: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("add the field", "bổ sung trường này"),
    "extra_forbidden": (
        "remove the field or check its spelling; the schema does not have it",
        "bỏ trường này hoặc kiểm tra tên; lược đồ không có trường này",
    ),
    "json_invalid": ("send one valid JSON document", "gửi một tài liệu JSON hợp lệ"),
    "model_type": ("send a JSON object here", "gửi một đối tượng JSON ở đây"),
    "string_type": ("send JSON text here", "gửi chuỗi ký tự ở đây"),
    "int_type": ("send a JSON number without quotes or fraction", "gửi số nguyên, không đặt trong dấu nháy"),
    "bool_type": ("send true or false without quotes", "gửi true hoặc false, không đặt trong dấu nháy"),
    "tuple_type": ("send a JSON array here", "gửi một mảng JSON ở đây"),
    "literal_error": ("send one of: {expected}", "gửi một trong các giá trị: {expected}"),
    "string_pattern_mismatch": ("the text must match {pattern}", "chuỗi phải khớp mẫu {pattern}"),
    "string_too_long": (
        "send at most {max_length} characters; the hub never truncates",
        "gửi tối đa {max_length} ký tự; hệ thống không tự cắt bớt",
    ),
    "string_too_short": ("send at least {min_length} characters", "gửi ít nhất {min_length} ký tự"),
    "too_long": ("send at most {max_length} items", "gửi tối đa {max_length} phần tử"),
    "too_short": ("send at least {min_length} items", "gửi ít nhất {min_length} phần tử"),
    "greater_than_equal": ("send a number of at least {ge}", "gửi số không nhỏ hơn {ge}"),
    "less_than_equal": ("send a number of at most {le}", "gửi số không lớn hơn {le}"),
    "timezone_aware": (
        "add the offset to the time, such as +07:00",
        "thêm múi giờ vào thời điểm, ví dụ +07:00",
    ),
    "date_format": (
        "write dates as ISO 8601 (yyyy-mm-dd), times as yyyy-mm-ddThh:mm:ss+07:00",
        "viết ngày theo ISO 8601 (yyyy-mm-dd), thời điểm theo dạng yyyy-mm-ddThh:mm:ss+07:00",
    ),
    "not_a_date": (
        "send a day of the calendar as yyyy-mm-dd, or yyyy when only the year is known",
        "gửi ngày có thật dạng yyyy-mm-dd, hoặc yyyy nếu chỉ biết năm",
    ),
    "date_from_datetime_parsing": ("send a day of the calendar as yyyy-mm-dd", "gửi ngày có thật dạng yyyy-mm-dd"),
    "date_parsing": ("send a day of the calendar as yyyy-mm-dd", "gửi ngày có thật dạng yyyy-mm-dd"),
    "datetime_from_date_parsing": ("send a moment that the calendar has", "gửi thời điểm có thật trong lịch"),
    "datetime_parsing": ("send a moment that the calendar has", "gửi thời điểm có thật trong lịch"),
    "empty_date_marker": (
        "omit the field: 1900-01-01 is how a database writes an empty date",
        "bỏ trống trường này: 1900-01-01 là giá trị rỗng của cơ sở dữ liệu",
    ),
    "leading_zero_lost": (
        "send all digits as text: a spreadsheet has removed the leading zero, and the hub never pads",
        "gửi đủ chữ số dạng văn bản: bảng tính đã làm mất số 0 ở đầu, hệ thống không tự thêm",
    ),
    "identifier_form": (
        "check the identifier and its type: a personal ID has 12 digits, a CMND 9",
        "kiểm tra số và loại giấy tờ: số định danh cá nhân có 12 chữ số, CMND có 9",
    ),
    "control_character": ("remove the control characters", "xóa các ký tự điều khiển"),
}
_FALLBACK: Final = (
    "compare the field with the published JSON Schema",
    "đối chiếu trường này với lược đồ JSON đã công bố",
)


def remedy(rule: str, limits: Mapping[str, Any] | None = None, language: Language = "en") -> str:
    """Return what to do about a broken rule.

    Args:
        rule: Name of the rule.
        limits: Limits of the schema that the rule names, such as ``max_length``.
        language: ``en`` or ``vi``.

    Returns:
        One sentence; a general one for a rule without its own.
    """
    template = REMEDIES.get(rule, _FALLBACK)[0 if language == "en" else 1]
    try:
        return template.format_map(dict(limits or {}))
    except (KeyError, ValueError, IndexError):
        return _FALLBACK[0 if language == "en" else 1]
