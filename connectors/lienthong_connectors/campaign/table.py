"""Reads a province's file of accounts row by row, and says by line and field what is wrong with it; never a value.

Source:
    ``domain-rules.md`` 14, 16 and 17: what spreadsheets do to numbers, dates and letters.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import IO, Final, NamedTuple

import orjson

from lienthong.errors import ConfigurationError
from lienthong.text import NFD_NORMALISED, is_plain, normalise
from lienthong_schemas.identifiers import classify_typed

#: Field → names that it goes by in exports, as lower-case letters.
NAMES: Final[Mapping[str, frozenset[str]]] = {
    "account": frozenset({"account", "mã tài khoản", "ma tai khoan", "id tài khoản"}),
    "personal_id": frozenset(
        {"personal_id", "số định danh cá nhân", "số định danh", "so dinh danh", "số cccd", "cccd", "số căn cước"}
    ),
    "cmnd": frozenset({"cmnd", "số cmnd", "so cmnd"}),
    "full_name": frozenset({"full_name", "họ và tên", "họ tên", "ho va ten", "ho ten"}),
    "birth_date": frozenset({"birth_date", "ngày sinh", "ngay sinh", "ngày tháng năm sinh"}),
    "gender": frozenset({"gender", "giới tính", "gioi tinh"}),
    "converted": frozenset({"converted", "tình trạng chuyển đổi", "tinh trang chuyen doi", "đã liên kết vneid"}),
}
_NEEDED: Final = ("account", "personal_id", "full_name", "birth_date")
_GENDERS: Final = {"nam": "male", "male": "male", "nữ": "female", "nu": "female", "female": "female"}
_YES: Final = frozenset({"đã chuyển đổi", "da chuyen doi", "đã liên kết", "có", "x", "1", "true"})
_DELIMITERS: Final = ",;\t|"
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
_PERSON_NUMBER: Final = re.compile(r"[0-9]{9}|[0-9]{12}")
_SCIENTIFIC: Final = re.compile(r"[0-9][.,]?[0-9]*[eE]\+?[0-9]+")
_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})[/.\-]([0-9]{1,2})[/.\-]([0-9]{4})")
_YEAR: Final = re.compile(r"(?:1[89]|20)[0-9]{2}")
_CONTROL: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
#: Bytes that are no UTF-8, kept as surrogates; and what another program wrote instead of such.
_BROKEN: Final = re.compile("[\udc80-\udcff\ufffd]")
_EMPTY_DATES: Final = frozenset({"1900-01-01", "01/01/1900", "1/1/1900"})
_MOST_NAME_CHARACTERS: Final = 200


class Finding(NamedTuple):
    """Something wrong in the file.

    Attributes:
        line: Where, from 1.
        field: Which column.
        rule: What is wrong; its remedy is in :mod:`lienthong_connectors.campaign.remedies`.
    """

    line: int
    field: str
    rule: str


class Account(NamedTuple):
    """One row as it can be worked on.

    Attributes:
        line: Where it stands in the file.
        account: Opaque id of the account.
        kind: ``personal_id``, ``cmnd``, or empty when the account has neither.
        number: The identifier.
        full_name: NFC.
        birth_date: ``yyyy-mm-dd`` or ``yyyy``.
        gender: ``male``, ``female`` or empty.
        is_converted: Whether the account was linked before.
    """

    line: int
    account: str
    kind: str
    number: str
    full_name: str
    birth_date: str
    gender: str
    is_converted: bool

    def __repr__(self) -> str:
        """Show where it stands only."""
        return f"Account(line={self.line})"


def read_accounts(path: Path) -> Iterator[Account | Finding]:
    """Yield rows and findings in the order of the file; a row with a finding is no row.

    Args:
        path: CSV with a header in Vietnamese or English; comma, semicolon, tab or bar between columns; UTF-8, with or
            without a mark at its beginning.

    Raises:
        ConfigurationError: If the file cannot be opened, or its header lacks a column: then nothing of it can be used.
    """
    try:
        with path.open("rb") as file:
            yield from _rows(file, path)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error


def _rows(file: IO[bytes], path: Path) -> Iterator[Account | Finding]:
    header = file.readline().removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    delimiter = max(_DELIMITERS, key=header.count)
    names = [_column(name) for name in next(csv.reader([header], delimiter=delimiter), [])]
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        known = "; ".join(f"{name}: {', '.join(sorted(NAMES[name]))}" for name in missing)
        raise ConfigurationError(f"{path}: line 1 lacks columns; name them as one of: {known}")
    # What is no UTF-8 must not end the reading: the row is found, not the file refused.
    reader = csv.reader((line.decode("utf-8", "surrogateescape") for line in file), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # A quote that is never closed swallows what follows it.
            yield Finding(line + 1, "", "quotes")
            return
        line = reader.line_num + 1
        if any(cells):
            yield _row(line, cells, names)


def _row(line: int, cells: list[str], names: list[str]) -> Account | Finding:
    if len(cells) != len(names):
        return Finding(line, "", "columns")
    row = {name: " ".join(cell.split()) for name, cell in zip(names, cells, strict=True)}
    problem = _text_problem(row)
    if problem is not None:
        return Finding(line, *problem)
    try:
        kind, number = _identifier(row)
        return Account(
            line,
            _account(row["account"]),
            kind,
            number,
            _name(row["full_name"]),
            birth_date(row["birth_date"]),
            _GENDERS.get(row.get("gender", "").lower(), ""),
            row.get("converted", "").lower() in _YES,
        )
    except _Wrong as wrong:
        return Finding(line, wrong.field, wrong.rule)


class _Wrong(Exception):  # noqa: N818 - a signal inside this module
    def __init__(self, field: str, rule: str) -> None:
        super().__init__(rule)
        self.field = field
        self.rule = rule


def _column(name: str) -> str:
    plain = " ".join(name.strip().lower().split())
    return next((field for field, names in NAMES.items() if plain in names), plain)


def _text_problem(row: dict[str, str]) -> tuple[str, str] | None:
    """Return field and rule of the first text that is not what its author wrote; compose the others."""
    joined = "\n".join(row.values())
    if not _CONTROL.search(joined) and (joined.isascii() or _is_good(joined)):
        return None
    for name, cell in row.items():
        if _is_broken(cell):
            return name, "not_utf8"
        if _CONTROL.search(cell):
            return name, "control_character"
        text, found = normalise(orjson.dumps({"text": cell}))
        if any(finding.rule != NFD_NORMALISED for finding in found):
            return name, found[0].rule
        row[name] = orjson.loads(text)["text"]
    return None


def _is_good(joined: str) -> bool:
    """Return whether a closer look would find nothing; costs a fifth of it."""
    return not _is_broken(joined) and is_plain([joined.encode()])


def _is_broken(cell: str) -> bool:
    return _BROKEN.search(cell) is not None


def _account(text: str) -> str:
    if not text:
        raise _Wrong("account", "merged_cell")
    if _PERSON_NUMBER.fullmatch(text):
        raise _Wrong("account", "account_is_person_number")
    if not _ACCOUNT.fullmatch(text):
        raise _Wrong("account", "account_form")
    return text


def _identifier(row: Mapping[str, str]) -> tuple[str, str]:
    # The 12 digits first, CMND only without them; either may stand in either column.
    for field in ("personal_id", "cmnd"):
        text = row.get(field, "").lstrip("'")
        if not text:
            continue
        if _SCIENTIFIC.fullmatch(text):
            raise _Wrong(field, "scientific_number")
        kind = classify_typed(text)
        if kind in {"personal_id", "cmnd"}:
            return str(kind), text.replace(" ", "").replace(".", "")
        raise _Wrong(field, kind or "identifier_form")
    return "", ""


def _name(text: str) -> str:
    if not text:
        raise _Wrong("full_name", "missing")
    if len(text) > _MOST_NAME_CHARACTERS:
        raise _Wrong("full_name", "too_long")
    return text


def birth_date(text: str) -> str:
    """Return a typed date as ``yyyy-mm-dd`` or ``yyyy``.

    Args:
        text: Day first, ISO 8601, or a year; ``00/00/yyyy`` is a year too.
    """
    if not text:
        raise _Wrong("birth_date", "missing")
    if text in _EMPTY_DATES:
        raise _Wrong("birth_date", "empty_date_marker")
    if _YEAR.fullmatch(text):
        return text
    day_first = _DAY_FIRST.fullmatch(text)
    try:
        if day_first is None:
            return date.fromisoformat(text).isoformat()
        day, month, year = (int(part) for part in day_first.groups())
        return str(year) if (day, month) == (0, 0) else date(year, month, day).isoformat()
    except ValueError:
        raise _Wrong("birth_date", "not_a_date") from None
