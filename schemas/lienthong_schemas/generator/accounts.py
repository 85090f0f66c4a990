"""A province's old accounts as a spreadsheet holds them, who stands behind them, and what must become of each.

Every person is made up. The truth is written beside the file before anybody asks about them.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from lienthong_schemas.generator.names import full_name, respelled
from lienthong_schemas.generator.people import Person, person, register_row
from lienthong_schemas.names import name_key

#: Of Huế's accounts before the campaign; a parameter of the scenario, no published figure was found.
FULL_SIZE: Final = 944_620
CONVERTED_OF_FULL_SIZE: Final = 229_991
COLUMNS: Final = (
    "Mã tài khoản",
    "Số định danh cá nhân",
    "Số CMND",
    "Họ và tên",
    "Ngày sinh",
    "Giới tính",
    "Tình trạng chuyển đổi",
)
CONVERTED, NOT_CONVERTED = "Đã chuyển đổi", "Chưa chuyển đổi"
SET_ASIDE: Final = "set_aside"
_SHARES: Final[Mapping[str, float]] = {
    "linked": 0.86,
    "accents": 0.04,
    "cmnd": 0.02,
    "year_only": 0.01,
    "not_found": 0.015,
    "mismatch": 0.015,
    "deceased": 0.012,
    "id_changed": 0.01,
    "minor_guardian": 0.008,
    "no_id": 0.004,
    "two_accounts": 0.003,
    "two_numbers": 0.002,
    "cmnd_of_another": 0.001,
}
_CONVERTIBLE: Final = frozenset({"linked", "accents", "cmnd", "two_accounts"})
_AHEAD: Final = 100
_DEFECTS: Final = ("lost_zero", "merged_cell", "legacy_text", "duplicate", "scientific", "no_birth")
#: Numbers of people that only appear as a re-issued number or a second identity.
_OTHERS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One row of the file, who is behind it, and its truth.

    Attributes:
        cells: As in :data:`COLUMNS`.
        state: What must become of the account.
        is_converted: Whether it was linked before the campaign.
        person: As the population database has them; None for nobody it knows, or somebody it was given already.
    """

    cells: tuple[str, ...]
    state: str
    is_converted: bool
    person: Mapping[str, Any] | None

    def __repr__(self) -> str:
        """Show nothing of the person."""
        return f"AccountRow(state={self.state!r})"


def accounts(records: int, seed: int, *, has_defects: bool = False) -> Iterator[AccountRow]:
    """Yield exactly so many rows, the same ones for the same arguments.

    Args:
        records: Rows, at most a million.
        seed: What everything follows from.
        has_defects: Whether one row in two hundred is damaged as spreadsheets damage them.
    """
    draw = Random(seed)
    kinds, weights = tuple(_SHARES), tuple(_SHARES.values())
    made = converted = 0
    while made < records:
        kind = draw.choices(kinds, weights)[0]
        if has_defects and draw.random() < 0.005:
            kind = draw.choice(_DEFECTS)
        rows = _MAKERS.get(kind, _plain)(draw, made, kind)
        if made + len(rows) > records:
            kind, rows = "linked", _plain(draw, made, "linked")
        # Somewhat ahead of its share, so that the share is exact at the end whatever the last rows are.
        wanted = CONVERTED_OF_FULL_SIZE * min(made + _AHEAD, records) // FULL_SIZE
        if kind in _CONVERTIBLE and converted < wanted and draw.random() < 0.5:
            rows[0] = _converted(rows[0])
            converted += 1
        yield from rows
        made += len(rows)


def write_accounts(folder: Path, records: int, seed: int, *, has_defects: bool = False) -> tuple[Path, Path, Path]:
    """Write the province's file, the population database's people and the truth, row by row.

    Args:
        folder: Where to; made when it is missing.
        records: Rows.
        seed: What everything follows from.
        has_defects: Whether some rows are damaged.

    Returns:
        The three files: ``accounts.csv``, ``people.jsonl`` and ``truth.jsonl``. The truth names lines, accounts and
        states, nobody's number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "accounts.csv", folder / "people.jsonl", folder / "truth.jsonl"
    with (
        paths[0].open("w", encoding="utf-8", newline="") as table,
        paths[1].open("w", encoding="utf-8") as people,
        paths[2].open("w", encoding="utf-8") as truth,
    ):
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(COLUMNS)
        for line, row in enumerate(accounts(records, seed, has_defects=has_defects), start=2):
            writer.writerow(row.cells)
            if row.person is not None:
                people.write(json.dumps(row.person, ensure_ascii=False) + "\n")
            known = {"line": line, "account": row.cells[0], "state": row.state, "before": row.is_converted}
            truth.write(json.dumps(known) + "\n")
    return paths


def _cells(someone: Person, number: int, **changes: str) -> tuple[str, ...]:
    found = {
        "account": f"tk-{number:07}",
        "personal_id": someone.personal_id,
        "cmnd": "",
        "full_name": someone.full_name,
        "birth": someone.birth.strftime("%d/%m/%Y"),
        "gender": "Nam" if someone.gender == "male" else "Nữ",
        "converted": NOT_CONVERTED,
    } | changes
    return tuple(found.values())


def _plain(draw: Random, number: int, kind: str) -> list[AccountRow]:
    someone = person(draw, number)
    known: dict[str, Any] | None = register_row(someone)
    changes: dict[str, str] = {}
    state = kind if kind not in {"accents", "cmnd", "year_only"} else "linked"
    if kind == "accents":
        changes["full_name"] = respelled(someone.full_name)
    elif kind == "cmnd":
        changes |= {"personal_id": "", "cmnd": someone.old_id}
    elif kind == "year_only":
        changes["birth"] = str(someone.birth.year)
    elif kind == "not_found":
        known = None
    elif kind == "mismatch":
        known = register_row(someone, full_name_there=_another_name(draw, someone))
    elif kind == "deceased":
        known = register_row(someone) | {"vital_status": "deceased"}
    elif kind == "id_changed":
        issued = person(draw, _OTHERS + number).personal_id
        known = register_row(someone) | {"personal_id": issued, "superseded_ids": [someone.personal_id]}
    elif kind == "no_id":
        changes["personal_id"], known = "", None
    return [AccountRow(_cells(someone, number, **changes), state, is_converted=False, person=known)]


def _minor(draw: Random, number: int, kind: str) -> list[AccountRow]:
    someone = person(draw, number)
    # Everybody made is born before 2008; these are children for years to come.
    born = someone.birth.replace(year=2018, day=1) + timedelta(days=int(draw.random() * 1_000))
    known = register_row(someone, birth_there=born.strftime("%Y%m%d"))
    return [
        AccountRow(_cells(someone, number, birth=born.strftime("%d/%m/%Y")), kind, is_converted=False, person=known)
    ]


def _two_accounts(draw: Random, number: int, _kind: str) -> list[AccountRow]:
    someone = person(draw, number)
    known = register_row(someone)
    return [
        AccountRow(_cells(someone, number), "conflict", is_converted=False, person=known),
        AccountRow(_cells(someone, number + 1), "conflict", is_converted=False, person=None),
    ]


def _two_numbers(draw: Random, number: int, _kind: str) -> list[AccountRow]:
    people = person(draw, number), person(draw, number + 1)
    return [
        AccountRow(_cells(each, number), "conflict", is_converted=False, person=register_row(each)) for each in people
    ]


def _cmnd_of_another(draw: Random, number: int, _kind: str) -> list[AccountRow]:
    someone = person(draw, number)
    old = _cells(someone, number + 1, personal_id="", cmnd=someone.old_id)
    return [
        AccountRow(_cells(someone, number), "linked", is_converted=False, person=register_row(someone)),
        AccountRow(old, "conflict", is_converted=False, person=None),
    ]


def _damaged(draw: Random, number: int, kind: str) -> list[AccountRow]:
    someone = person(draw, number)
    whole = _cells(someone, number)
    changes = {
        "lost_zero": {"personal_id": someone.personal_id[1:]},
        "merged_cell": {"account": ""},
        "legacy_text": {"full_name": "NguyÔn V¨n ¸nh"},
        "scientific": {"personal_id": "1,90123E+11"},
        "no_birth": {"birth": ""},
    }
    known = register_row(someone)
    if kind == "duplicate":
        return [
            AccountRow(whole, "linked", is_converted=False, person=known),
            AccountRow(whole, SET_ASIDE, is_converted=False, person=None),
        ]
    return [AccountRow(_cells(someone, number, **changes[kind]), SET_ASIDE, is_converted=False, person=known)]


def _converted(row: AccountRow) -> AccountRow:
    return AccountRow((*row.cells[:-1], CONVERTED), "linked", is_converted=True, person=row.person)


def _another_name(draw: Random, someone: Person) -> str:
    while True:
        other = full_name(draw, female=someone.gender == "female")
        if name_key(other).replace("Y", "I") != name_key(someone.full_name).replace("Y", "I"):
            return other


_MAKERS: Final[Mapping[str, Callable[[Random, int, str], list[AccountRow]]]] = {
    "minor_guardian": _minor,
    "two_accounts": _two_accounts,
    "two_numbers": _two_numbers,
    "cmnd_of_another": _cmnd_of_another,
    **dict.fromkeys(_DEFECTS, _damaged),
}
