"""The simulator's wire format, as a client that knows nothing of the connector sees it."""

from typing import Any

import pytest

from lienthong.errors import ConfigurationError
from lienthong_connectors.portal.simulator import SIMULATOR

HEADERS = {"dstcode": "VN:DVCQG"}


async def log_in(portal: Any, tools: Any) -> str:
    """Log in and return the session."""
    answer = await portal.control.post("/login", json={"username": "tinh", "password": tools.password}, headers=HEADERS)
    return str(answer.json()["session"])


async def test_login_needs_account_and_destination(portal: Any, tools: Any) -> None:
    """A wrong password and a missing dstcode are refused by code and text."""
    wrong = await portal.control.post("/login", json={"username": "tinh", "password": "x"}, headers=HEADERS)
    astray = await portal.control.post("/login", json={"username": "tinh", "password": tools.password})
    right = await portal.control.post("/login", json={"username": "tinh", "password": tools.password}, headers=HEADERS)

    assert (wrong.json()["error_code"], astray.json()["error_code"], right.json()["error_code"]) == (-1, -1, 0)
    assert set(right.json()) == {"error_code", "session"}


async def test_a_service_needs_session_and_unit(portal: Any, tools: Any) -> None:
    """Without a session or madonvi nothing is answered."""
    session = await log_in(portal, tools)
    body = {"service": "TraCuuHoSo", "mahoso": "H57-261008-0001"}
    good = await portal.control.post(
        "/integration", json={"session": session, "madonvi": "H57", **body}, headers=HEADERS
    )
    no_unit = await portal.control.post("/integration", json={"session": session, **body}, headers=HEADERS)
    no_session = await portal.control.post("/integration", json={"madonvi": "H57", **body}, headers=HEADERS)
    no_json = await portal.control.post("/integration", content=b"{", headers=HEADERS)

    assert good.json() == {"error_code": 0, "message": "", "result": []}
    assert [answer.json()["error_code"] for answer in (no_unit, no_session, no_json)] == [-1, -1, -1]


async def test_raw_calls_and_effects_are_counted_apart(sink: Any, portal: Any, tools: Any) -> None:
    """A refused call is a call without an effect."""
    await tools.deliver(sink, tools.snapshot())
    await portal.control.post("/integration", json={"service": "DongBoHoSoMC"}, headers=HEADERS)
    summary = (await portal.control.get("/_control/ledger")).json()

    assert summary["raw_calls"] == {"DongBoHoSoMC": {"200": 2}, "TraCuuHoSo": {"200": 1}, "login": {"200": 1}}
    assert summary["effects"] == {"create": 1}
    assert [call.key for call in portal.ledger.calls] == ["", tools.code, tools.code, ""]


async def test_wrong_options_are_refused(portal: Any) -> None:
    """A misspelt option is an error at the start and while running."""
    with pytest.raises(ConfigurationError):
        SIMULATOR.create_application({"sesion_calls": "1"})
    answer = await portal.control.put("/_control/options", json={"session_calls": -1})

    assert answer.status_code == 400


def test_options_may_be_text() -> None:
    """The command line gives texts only."""
    assert SIMULATOR.create_application({"session_calls": "5", "single_session": "true", "strict": "false"})


async def test_a_call_is_a_bare_array_of_at_most_ten(portal: Any, tools: Any) -> None:
    """The simulated portal refuses eleven steps, and an object around them."""
    step = {"MaHoSo": tools.code, "NguoiXuLy": "A", "ThoiDiemXuLy": "1", "NoiDungXuLy": "B", "TrangThai": "4"}
    too_many = await portal.control.post("/DongBoTienTrinh", json=[step] * 11, headers=HEADERS)
    wrapped = await portal.control.post("/DongBoTienTrinh", json={"data": [step]}, headers=HEADERS)

    assert [answer.json()["error_code"] for answer in (too_many, wrapped)] == ["-3", "-3"]
    assert portal.effects() == []
