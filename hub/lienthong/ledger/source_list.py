"""Reads what a provincial system says it holds: codes and states of its dossiers, as CSV or NDJSON."""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import orjson

from lienthong.errors import ConfigurationError

_CODE = re.compile(r"[^\s\x00-\x1f\x7f]{1,128}")
_STATE = re.compile(r"[a-z][a-z0-9_]{0,63}")
#: Column → names it goes by in exports, as lower-case letters.
_COLUMNS: Mapping[str, frozenset[str]] = {
    "dossier_code": frozenset({"dossier_code", "mã hồ sơ", "ma ho so", "ma_ho_so", "mahoso"}),
    "state": frozenset({"state", "status", "trạng thái", "trang thai", "trang_thai", "trangthai"}),
}
_DELIMITERS = ",;\t|"
_MOST_REPORTED = 20


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
        findings: Line, field and remedy of each row that cannot be read; never a value.
    """

    def __init__(self, path: Path, findings: list[str]) -> None:
        shown = findings[:_MOST_REPORTED]
        if len(findings) > len(shown):
            shown.append(f"and {len(findings) - len(shown)} more")
        super().__init__(f"{path} cannot be compared, nothing was: " + "; ".join(shown))
        self.findings = findings


def read_list(path: Path) -> Iterator[ListedDossier]:
    """Yield the rows of a file; a file with an unusable row is refused at its end, with all findings.

    Args:
        path: ``.csv`` with a header (comma, semicolon, tab or bar between columns), or ``.ndjson`` / ``.jsonl``. The
            code is ``dossier_code`` or ``Mã hồ sơ``, the state ``state``, ``status`` or ``Trạng thái``; UTF-8, with or
            without a mark at its beginning.

    Raises:
        SourceListError: Naming line, field and remedy.
    """
    findings: list[str] = []
    rows = _of_csv if path.suffix.lower() in {".csv", ".tsv"} else _of_ndjson
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, row in rows(file, findings):
                found = _checked(line, row, findings)
                if found is not None:
                    yield found
    except OSError as error:
        raise SourceListError(path, [f"cannot be read ({error.strerror})"]) from error
    except UnicodeDecodeError:
        raise SourceListError(path, ["it is no UTF-8 text; export it as UTF-8"]) from None
    except csv.Error:
        findings.append("a row cannot be taken apart; export the file again with one header and one delimiter")
    if findings:
        raise SourceListError(path, findings)


def _of_csv(file: IO[str], findings: list[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    header = file.readline()
    delimiter = max(_DELIMITERS, key=header.count)
    names = [_column(name) for name in next(csv.reader([header], delimiter=delimiter), [])]
    if "dossier_code" not in names:
        findings.append("line 1: dossier_code: there is no such column; name one dossier_code or Mã hồ sơ")
        return
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    for row in reader:
        line = reader.line_num + 1
        if not any(row):
            continue
        if len(row) != len(names):
            findings.append(f"line {line}: {len(row)} columns instead of {len(names)}; put quotes around texts")
            continue
        yield line, dict(zip(names, row, strict=True))


def _of_ndjson(file: IO[str], findings: list[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            row = orjson.loads(text)
        except orjson.JSONDecodeError:
            row = None
        if not isinstance(row, dict):
            findings.append(f"line {line}: it is no JSON object; write one object on each line")
            continue
        yield line, {_column(name): value for name, value in row.items()}


def _column(name: str) -> str:
    plain = " ".join(name.strip().lower().split())
    return next((column for column, names in _COLUMNS.items() if plain in names), plain)


def _checked(line: int, row: Mapping[str, object], findings: list[str]) -> ListedDossier | None:
    code, state = row.get("dossier_code"), row.get("state") or ""
    code = code.strip() if isinstance(code, str) else ""
    state = state.strip() if isinstance(state, str) else "?"
    if not _CODE.fullmatch(code):
        findings.append(f"line {line}: dossier_code: it is missing or no code; give the code as text")
        return None
    if state and not _STATE.fullmatch(state):
        findings.append(f"line {line}: state: it is no state of the hub; translate it, such as processing")
        return None
    return ListedDossier(line, code, state)
