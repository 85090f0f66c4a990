"""What to do about each finding in a file, in Vietnamese and English."""

from collections.abc import Mapping
from typing import Final

#: Rule → what to do.
REMEDIES: Final[Mapping[str, str]] = {
    "quotes": "dấu ngoặc kép không đóng; xuất lại tệp CSV (a quote is never closed; export the file again)",
    "columns": "số cột khác dòng tiêu đề; đặt văn bản có dấu phẩy trong ngoặc kép (put texts with commas in quotes)",
    "not_utf8": "dòng không phải UTF-8; lưu tệp dạng CSV UTF-8, không ghép tệp khác bảng mã "
    "(save the file as UTF-8; do not join files of different encodings)",
    "legacy_encoding_suspected": "chữ theo bảng mã TCVN3, VNI hoặc CP1258; chuyển mã sang Unicode rồi xuất lại "
    "(text of an old code page; convert it to Unicode)",
    "control_character": "có ký tự điều khiển; xóa ký tự lạ trong ô (remove control characters)",
    "byte_order_mark": "có dấu thứ tự byte giữa tệp; các tệp đã bị ghép (a byte order mark inside the file)",
    "merged_cell": "ô mã tài khoản trống, có thể do gộp ô; bỏ gộp ô và điền từng dòng "
    "(no account: unmerge the cells and fill every row)",
    "account_is_person_number": "mã tài khoản là số định danh hoặc CMND; xuất mã nội bộ của tài khoản "
    "(the account id is a person's number; export the internal id)",
    "account_form": "mã tài khoản có dấu cách hoặc ký tự lạ; xuất mã nội bộ (export the internal id)",
    "leading_zero_lost": "mất số 0 đầu; định dạng cột là Văn bản rồi xuất lại từ hệ thống gốc, không tự thêm số 0 "
    "(a leading zero was lost; export again with the column as text, never pad)",
    "scientific_number": "số ở dạng 1,23E+11, các chữ số cuối đã mất; xuất lại với cột dạng Văn bản "
    "(the last digits are gone; export again with the column as text)",
    "identifier_form": "không phải 12 số định danh hay 9 số CMND; kiểm tra hồ sơ gốc (neither 12 nor 9 digits)",
    "missing": "ô trống; bổ sung từ hồ sơ gốc (fill it from the original file)",
    "too_long": "quá 200 ký tự; kiểm tra ô (longer than 200 characters)",
    "empty_date_marker": "01/01/1900 là ô trống của SQL Server; bổ sung ngày hoặc năm sinh (stands for an empty field)",
    "not_a_date": "không phải ngày; viết dd/mm/yyyy, yyyy-mm-dd hoặc yyyy (write dd/mm/yyyy or yyyy)",
    "duplicate_row": "trùng tài khoản và người; chỉ dòng đầu được xử lý (only the first of equal rows is worked on)",
    "spreadsheet_limit": "tệp dừng đúng giới hạn 1.048.576 dòng của bảng tính; xuất thẳng từ cơ sở dữ liệu "
    "(the file ends at the limit of spreadsheets; export it from the database)",
    "refused_by_target": "cơ sở dữ liệu từ chối câu hỏi; kiểm tra dòng này (the database refuses the question)",
}
