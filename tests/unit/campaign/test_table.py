"""A file of a province: what can be worked on, and what is wrong by line, field and rule."""

import pytest

from lienthong.errors import ConfigurationError
from lienthong_connectors.campaign.loading import describe
from lienthong_connectors.campaign.remedies import REMEDIES
from lienthong_connectors.campaign.table import Account, Finding, read_accounts

HEADER = "Mã tài khoản,Số CCCD,Họ và tên,Ngày sinh,Giới tính,Tình trạng chuyển đổi"
GOOD = "tk-1,000190123456,Nguyễn Thị Thuận,03/02/1990,Nữ,Chưa chuyển đổi"


@pytest.fixture
def read(tmp_path):
    """Give a function that reads rows under the usual header."""

    def rows(*lines, header=HEADER, encoding="utf-8"):
        path = tmp_path / "accounts.csv"
        parts = [line if isinstance(line, bytes) else line.encode(encoding) for line in (header, *lines)]
        path.write_bytes(b"\n".join(parts) + b"\n")
        return list(read_accounts(path))

    return rows


def test_a_good_row_is_read_in_full(read):
    """Day first, Vietnamese words, twelve digits."""
    assert read(GOOD) == [
        Account(2, "tk-1", "personal_id", "000190123456", "Nguyễn Thị Thuận", "1990-02-03", "female", False)
    ]


@pytest.mark.parametrize(
    "header",
    [
        "account;personal_id;full_name;birth_date",
        "MÃ TÀI KHOẢN\tSố  định danh\tHọ tên\tNgày sinh",
        "\ufeffMã tài khoản|Số định danh cá nhân|Họ và tên|Ngày sinh",
    ],
)
def test_headers_go_by_many_names_and_delimiters(read, header):
    """Exports differ in words, case, spaces, delimiter and byte order mark."""
    delimiter = next(each for each in ";\t|" if each in header)
    row = delimiter.join(("tk-1", "000190123456", "Nguyễn Thị Thuận", "1990"))

    (found,) = read(row, header=header)

    assert (found.account, found.birth_date) == ("tk-1", "1990")


def test_a_file_without_a_needed_column_is_refused_whole(read):
    """Nothing can be done without names; the message says how columns are called."""
    with pytest.raises(ConfigurationError, match="họ và tên"):
        read(GOOD, header="Mã tài khoản,Số CCCD,Tên gì đó,Ngày sinh,Giới tính,Tình trạng chuyển đổi")


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        (GOOD.replace("000190123456", "190123456000"[:11]), "personal_id", "leading_zero_lost"),
        (GOOD.replace("000190123456", '"1,90123E+11"'), "personal_id", "scientific_number"),
        (GOOD.replace("000190123456", "00019012345X"), "personal_id", "identifier_form"),
        (GOOD.replace("tk-1", ""), "account", "merged_cell"),
        (GOOD.replace("tk-1", "000190123456"), "account", "account_is_person_number"),
        (GOOD.replace("tk-1", "tk 1"), "account", "account_form"),
        (GOOD.replace("Nguyễn Thị Thuận", ""), "full_name", "missing"),
        (GOOD.replace("03/02/1990", ""), "birth_date", "missing"),
        (GOOD.replace("03/02/1990", "30/02/1990"), "birth_date", "not_a_date"),
        (GOOD.replace("03/02/1990", "1900-01-01"), "birth_date", "empty_date_marker"),
        (GOOD + ",x", "", "columns"),
        (GOOD.replace("Nguyễn Thị Thuận", "NguyÔn ThÞ ThuËn"), "full_name", "legacy_encoding_suspected"),
        (GOOD.replace("Nguyễn Thị Thuận", "Nguyá»…n Thá»‹ Thuáº­n"), "full_name", "legacy_encoding_suspected"),
        (GOOD.replace("Nguyễn Thị Thuận", "A" * 201), "full_name", "too_long"),
        (GOOD.replace("Nguyễn Thị Thuận", "Nguyen\x07"), "full_name", "control_character"),
    ],
)
def test_what_is_wrong_is_named_by_line_field_and_rule(read, row, field, rule):
    """The rows around it are read as if nothing were wrong."""
    other = GOOD.replace("tk-1", "tk-2")
    found = read(other, row, other)

    assert [each.line for each in found] == [2, 3, 4]
    assert isinstance(found[0], Account)
    assert found[1] == Finding(3, field, rule)
    assert isinstance(found[2], Account)


def test_one_line_of_another_encoding_is_found_among_good_ones(read):
    """Two files were joined: the line that is no UTF-8 is named, and the reading goes on."""
    found = read(GOOD, "tk-2,000190123457,Nguyên Văn Ân,1990,Nam,".encode("cp1258"), GOOD)

    assert found[1] == Finding(3, "full_name", "not_utf8")
    assert isinstance(found[2], Account)


def test_a_quote_that_is_never_closed_ends_the_file_with_a_finding(read):
    """What follows cannot be told from what is quoted; it is not read as one name of a million lines."""
    found = read(GOOD, 'tk-2,000190123457,"Nguyễn', GOOD)

    assert found[-1].rule in {"quotes", "columns"}
    assert [each for each in found if isinstance(each, Account)] == [found[0]]


def test_nothing_is_padded_and_twelve_digits_go_before_nine(read):
    """Typed spaces and dots go, a CMND counts only without a personal ID, an account without both is a row."""
    header = "Mã tài khoản,Số CCCD,Số CMND,Họ và tên,Ngày sinh"
    found = read(
        "a,000 190 123 456,999123456,A B,1990",
        "b,,999.123.456,A B,00/00/1990",
        "c,,,A B,1990-02-03",
        header=header,
    )

    assert [(each.kind, each.number, each.birth_date) for each in found] == [
        ("personal_id", "000190123456", "1990"),
        ("cmnd", "999123456", "1990"),
        ("", "", "1990-02-03"),
    ]


def test_decomposed_text_is_composed(read):
    """An export of another machine may hold NFD; it is the same name."""
    (found,) = read(GOOD.replace("Nguyễn", "Nguye\u0302\u0303n"))

    assert found.full_name == "Nguyễn Thị Thuận"


@pytest.mark.parametrize("rule", sorted(REMEDIES))
def test_every_rule_has_a_remedy_and_no_finding_shows_a_value(rule):
    """Line, field, rule, and what to do, in both languages."""
    text = describe(Finding(7, "account", rule))

    assert "7" in text
    assert rule in text
    assert len(text) > 60


def test_neither_rows_nor_findings_show_a_person(read):
    """They may end up in a log."""
    (found,) = read(GOOD)

    assert "Thuận" not in repr(found)
    assert "000190123456" not in repr(found)
