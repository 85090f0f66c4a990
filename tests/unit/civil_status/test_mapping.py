"""Rows of the scan in the hub's words, value for value."""

from typing import Any

import pytest

from lienthong_connectors.civil_status.mapping import result_of, update_of
from lienthong_connectors.civil_status.simulated_rows import rows_of
from lienthong_connectors.civil_status.wire import STATES
from lienthong_schemas.generator.life_events import life_events


def _row(kind: str, **result: Any) -> dict[str, Any]:
    event = next(each for each in life_events(99) if each.kind == kind and each.result)
    row = rows_of(event)[-1][1]
    return {**row, "ketQuaXuLy": {**row["ketQuaXuLy"], **result}}


def _document(kind: str, **result: Any) -> dict[str, Any]:
    found = result_of(_row(kind, **result), kind)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("number", "identifiers"),
    [
        ("000226000017", [{"type": "personal_id", "value": "000226000017"}]),
        ("000 226 000 017", [{"type": "personal_id", "value": "000226000017"}]),
        ("00226000017", [{"type": "personal_id", "value": "00226000017"}]),
        ("99900017", [{"type": "cmnd", "value": "99900017"}]),
        ("999000017", [{"type": "cmnd", "value": "999000017"}]),
        ("c1234567", [{"type": "passport", "value": "C1234567"}]),
    ],
)
def test_a_number_keeps_its_digits(number: str, identifiers: list[dict[str, str]]) -> None:
    """Spaces go, a lost leading zero is never put back: the schema names it."""
    assert _document("death", nktSoGiayToTuyThan=number)["identifiers"] == identifiers


@pytest.mark.parametrize(
    ("text", "day"),
    [("08/10/2026", "2026-10-08"), ("00/00/1950", "1950"), ("08/10/2026 00:00:00", "2026-10-08"), ("1950", "1950")],
)
def test_days_are_read_as_the_register_writes_them(text: str, day: str) -> None:
    """00/00 stands for a year alone."""
    assert _document("death", nktNgayChet=text)["died_on"] == day


def test_what_is_not_known_is_left_out() -> None:
    """An entry without father, place and hour has no such fields, and no filler."""
    birth = _document("birth", chaHoTen="", soDinhDanh=None)
    death = _document("death", nktGioPhutChet=None, nktNoiChet="  ", ndkksMaXa="", ndkksMaTinh="")

    assert [parent["role"] for parent in birth["parents"]] == ["mother"]
    assert "identifiers" not in birth
    assert {"died_at_time", "death_place"}.isdisjoint(death)
    assert "place" not in death["registration"]


def test_the_cause_of_death_is_not_taken_along() -> None:
    """Neither its value nor its field leaves the connector."""
    assert "Nguyên nhân thử nghiệm" not in str(_document("death", nktNguyenNhanChet="Nguyên nhân thử nghiệm"))


def test_states_have_an_answer_for_every_code() -> None:
    """3 is accepted or processing; a code that nobody knows stays, for the schema to refuse."""
    row = _row("birth")
    states = {code: update_of({**row, "trangThai": code}, "birth")["status"] for code in (1, 2, 3, 4, 5, 6, "9")}

    assert states == {**{int(code): state for code, state in STATES.items()}, 5: "5", "9": "9"}
    assert states[3] == "accepted_or_processing"


@pytest.mark.parametrize("state", [1, 2, 3, 6])
def test_only_a_finished_dossier_is_a_life_event(state: int) -> None:
    """A birth that is still looked at has made nobody."""
    assert result_of({**_row("birth"), "trangThai": state}, "birth") is None


def test_a_marriage_is_no_life_event() -> None:
    """Nobody is told of a marriage here."""
    assert result_of(_row("birth"), "marriage") is None


def test_a_finished_dossier_without_result_is_told() -> None:
    """Its event lacks what it must have, so it becomes a dead letter instead of passing in silence."""
    found = result_of({**_row("birth"), "ketQuaXuLy": None}, "birth")

    assert found is not None
    assert "full_name" not in found[1]
