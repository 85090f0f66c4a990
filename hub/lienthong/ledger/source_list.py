"""Reads what a provincial system says it holds: codes and states of its dossiers, as CSV or NDJSON."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

import orjson

from lienthong.errors import ConfigurationError

_CODE = re.compile(r"[^\s\x00-\x1f\x7f]{1,128}")
#: What a spreadsheet makes of a long number.
_SPREADSHEET_NUMBER = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+?[0-9]+")
_STATE = re.compile(r"[a-z][a-z0-9_]{0,63}")
#: Column → names it goes by in exports, as lower-case letters.
_COLUMNS: Mapping[str, frozenset[str]] = {
    "dossier_code": frozenset({"dossier_code", "mã hồ sơ", "ma ho so", "ma_ho_so", "mahoso"}),
    "state": frozenset({"state", "status", "trạng thái", "trang thai", "trang_thai", "trangthai"}),
}
_DELIMITERS = ",;\t|"
_MOST_REPORTED = 20
_MAX_LINE_CHARACTERS = 1_000_000


class ListedDossier(NamedTuple):
    """One row.

    Attributes:
        line: Where it stands in the file, from 1.
        code: The dossier code.
        state: State in the hub's words; empty if the file does not say.
    """

    line: int
    code: str
    state: str


class SourceListError(ConfigurationError):
    """The file cannot be used.

    Args:
        path: The file.
        findings: Line, field and remedy of rows that cannot be read; never a value.
        total: How many there are in all; None for those that are given.
    """

    def __init__(self, path: Path, findings: Sequence[str], total: int | None = None) -> None:
        shown = list(findings)
        self.total = len(shown) if total is None else total
        if self.total > len(shown):
            shown.append(f"and {self.total - len(shown)} more")
        super().__init__(f"{path} cannot be compared, nothing was: " + "; ".join(shown))
        self.findings = tuple(findings)


@dataclass(slots=True)
class _Findings:
    """What is wrong with a file: all is counted, the first is kept, so that a wrong column costs no memory."""

    total: int = 0
    first: list[str] = field(default_factory=list)
    #: Number of digits → line of the first code that has so many and nothing else.
    digits: dict[int, int] = field(default_factory=dict)

    def add(self, text: str) -> None:
        self.total += 1
        if len(self.first) < _MOST_REPORTED:
            self.first.append(text)

    def compare_digits(self) -> None:
        """Add codes that are shorter than others of the same file: spreadsheets drop zeros in front of numbers."""
        most = max(self.digits, default=0)
        for number, line in sorted(self.digits.items(), key=lambda item: item[1]):
            if number < most:
                self.add(
                    f"line {line}: dossier_code: {number} digits where line {self.digits[most]} has {most}; "
                    "zeros in front were lost, export the column as text"
                )


def read_list(path: Path) -> Iterator[ListedDossier]:
    """Yield the rows of a file; a file with an unusable row is refused at its end, with all findings.

    Args:
        path: ``.csv`` with a header (comma, semicolon, tab or bar between columns), or ``.ndjson`` / ``.jsonl``. The
            code is ``dossier_code`` or ``Mã hồ sơ``, the state ``state``, ``status`` or ``Trạng thái``; UTF-8, with or
            without a mark at its beginning. A file of any length is read in constant memory.

    Raises:
        SourceListError: Naming line, field and remedy.
    """
    findings = _Findings()
    rows = _of_csv if path.suffix.lower() in {".csv", ".tsv"} else _of_ndjson
    try:
        # Bytes that are no UTF-8 become lone surrogates, so that the line can be named.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            for line, row in rows(_lines(file, findings), findings):
                found = _checked(line, row, findings)
                if found is not None:
                    yield found
    except OSError as error:
        raise SourceListError(path, [f"cannot be read ({error.strerror})"]) from error
    findings.compare_digits()
    if findings.total:
        raise SourceListError(path, findings.first, findings.total)


def _lines(file: IO[str], findings: _Findings) -> Iterator[str]:
    number = 0
    while line := file.readline(_MAX_LINE_CHARACTERS):
        number += 1
        if len(line) == _MAX_LINE_CHARACTERS:
            findings.add(f"line {number}: it is far too long for a row; export the file again as text, a row a line")
            return
        try:
            line.encode()
        except UnicodeEncodeError:
            findings.add(f"line {number}: it is no UTF-8 text; export the whole file as UTF-8")
            line = line.encode(errors="replace").decode()
        yield line


def _of_csv(lines: Iterator[str], findings: _Findings) -> Iterator[tuple[int, Mapping[str, object]]]:
    header = next(lines, "")
    delimiter = max(_DELIMITERS, key=header.count)
    names = [_column(name) for name in next(csv.reader([header], delimiter=delimiter), [])]
    if "dossier_code" not in names:
        findings.add("line 1: dossier_code: there is no such column; name one dossier_code or Mã hồ sơ")
        return
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            line = reader.line_num + 1
            if not any(row):
                continue
            if len(row) != len(names):
                findings.add(f"line {line}: {len(row)} columns instead of {len(names)}; put quotes around texts")
                continue
            yield line, dict(zip(names, row, strict=True))
    except csv.Error:
        findings.add(
            f"line {reader.line_num + 1}: the row cannot be taken apart; export the file again with one delimiter"
        )


def _of_ndjson(lines: Iterator[str], findings: _Findings) -> Iterator[tuple[int, Mapping[str, object]]]:
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            row = orjson.loads(text)
        except orjson.JSONDecodeError:
            row = None
        if not isinstance(row, dict):
            findings.add(f"line {line}: it is no JSON object; write one object on each line")
            continue
        yield line, {_column(name): value for name, value in row.items()}


def _column(name: str) -> str:
    plain = " ".join(name.strip().lower().split())
    return next((column for column, names in _COLUMNS.items() if plain in names), plain)


def _checked(line: int, row: Mapping[str, object], findings: _Findings) -> ListedDossier | None:
    code, state = row.get("dossier_code"), row.get("state")
    code = code.strip() if isinstance(code, str) else code
    state = state.strip() if isinstance(state, str) else state
    if code in {"", None}:
        findings.add(f"line {line}: dossier_code: it is empty; take merged cells apart, each row needs its code")
        return None
    if not isinstance(code, str) or not _CODE.fullmatch(code) or _SPREADSHEET_NUMBER.fullmatch(code):
        findings.add(f"line {line}: dossier_code: it is no code; export the column as text")
        return None
    if code.isdecimal():
        findings.digits.setdefault(len(code), line)
    if state == "":
        findings.add(f"line {line}: state: it is empty; take merged cells apart, or leave the whole column out")
        return None
    if state is not None and not (isinstance(state, str) and _STATE.fullmatch(state)):
        findings.add(f"line {line}: state: it is no state of the hub; translate it, such as processing")
        return None
    return ListedDossier(line, code, state or "")
