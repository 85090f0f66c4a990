"""A password that is replaced, and an account that is locked."""

from pathlib import Path
from typing import Any

import pytest

from lienthong.errors import TargetConfigurationError, TargetSuspendedError


@pytest.fixture
def files(tmp_path: Path, tools: Any) -> list[Path]:
    """Give the files of the present password and of the next, which is still empty."""
    present, following = tmp_path / "present", tmp_path / "next"
    present.write_text(tools.password)
    following.write_text("")
    return [present, following]


async def test_a_replaced_password_is_found_without_a_restart(
    make_sink: Any, portal: Any, tools: Any, files: list[Path]
) -> None:
    """The next password lies beside the present one; when the portal changes over, deliveries go on."""
    sink = await make_sink(password=None, password_files=files)
    await tools.deliver(sink, tools.snapshot())

    files[1].write_text("m4t-khau-moi")
    await portal.set_options(password="m4t-khau-moi")
    await portal.end_sessions()
    await tools.deliver(sink, tools.snapshot(sequence=2, status="processing"))
    await portal.end_sessions()
    await tools.deliver(sink, tools.snapshot(sequence=3, status="finished"))

    assert len([call for call in portal.ledger.calls if call.operation == "login"]) == 4
    assert await portal.logins() == 3


async def test_two_refused_passwords_are_a_refusal(make_sink: Any, portal: Any, tools: Any, files: list[Path]) -> None:
    """Two logins, then the circuit decides when to try again."""
    files[1].write_text("cung-sai")
    await portal.set_options(password="khac-han")
    sink = await make_sink(password=None, password_files=files)
    with pytest.raises(TargetConfigurationError):
        await tools.deliver(sink, tools.snapshot())

    assert len(portal.ledger.calls) == 2


@pytest.mark.parametrize("when", ["login", "service"])
async def test_a_locked_account_is_suspended_and_no_other_password_is_tried(
    make_sink: Any, portal: Any, tools: Any, files: list[Path], when: str
) -> None:
    """Trying on makes it worse."""
    files[1].write_text("mat-khau-khac")
    sink = await make_sink(password=None, password_files=files)
    if when == "service":
        await tools.deliver(sink, tools.snapshot())
    calls = len(portal.ledger.calls)
    await portal.set_options(suspended=True)
    with pytest.raises(TargetSuspendedError):
        await tools.deliver(sink, tools.snapshot(sequence=2, status="processing"))

    assert len(portal.ledger.calls) == calls + 1


async def test_a_password_is_given_in_one_way(make_sink: Any, tools: Any, files: list[Path]) -> None:
    """Two places for one secret would be one too many."""
    for wrong in ({"password": None}, {"password": tools.password, "password_files": files}):
        with pytest.raises(ValueError, match="either password or password_files"):
            await make_sink(**wrong)
