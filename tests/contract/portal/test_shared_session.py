"""One session for the workers of several processes, over real HTTP."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from lienthong.errors import TargetConfigurationError


@pytest.fixture
async def workers(make_sink: Any, portal: Any, tmp_path: Path) -> list[Any]:
    """Build three connectors, as three processes would, at a portal where a login ends all earlier sessions."""
    await portal.set_options(single_session=True)
    return [await make_sink(session_file=tmp_path / "session") for _ in range(3)]


def _records(tools: Any, prefix: str, count: int) -> list[Any]:
    return [tools.snapshot(f"{prefix}-261008-{number:04}") for number in range(1, count + 1)]


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_workers_log_in_once_between_them(workers: list[Any], portal: Any, tools: Any) -> None:
    """Three workers that start together do not end each other's session."""
    jobs = [
        tools.deliver(worker, record)
        for number, worker in enumerate(workers)
        for record in _records(tools, f"H57.0{number}", 10)
    ]
    await asyncio.gather(*jobs)

    assert await portal.logins() == 1
    assert portal.effects() == ["create"] * 30


async def test_a_session_that_ends_in_the_middle_costs_one_login(workers: list[Any], portal: Any, tools: Any) -> None:
    """All workers are busy when the portal forgets the session: no dossier and no step is lost or doubled."""
    for number, worker in enumerate(workers):
        await tools.deliver(worker, tools.snapshot(f"H57.0{number}-261007-0001"))
    await portal.end_sessions()
    jobs = []
    for number, worker in enumerate(workers):
        jobs += [tools.deliver(worker, record) for record in _records(tools, f"H57.0{number}", 10)]
        jobs.append(tools.deliver(worker, tools.progress(f"H57.0{number}-261007-0001")))
    await asyncio.gather(*jobs)

    assert await portal.logins() == 2
    assert sorted(portal.effects()) == [*["create"] * 33, *["progress"] * 3]


async def test_a_session_of_few_calls_is_renewed_for_everybody(workers: list[Any], portal: Any, tools: Any) -> None:
    """Workers take the session that another one has renewed, one login for each lifetime."""
    await portal.set_options(session_calls=10)
    for record in _records(tools, "H57", 15):
        await tools.deliver(workers[int(record.dossier_code[-1]) % 3], record)

    assert portal.effects() == ["create"] * 15
    assert await portal.logins() == 3


async def test_the_session_is_for_the_workers_eyes_only(workers: list[Any], tools: Any, tmp_path: Path) -> None:
    """Nobody else on the machine can read the session or hold its lock."""
    await tools.deliver(workers[0], tools.snapshot())

    assert _modes(tmp_path) == {"session": 0o600, "session.lock": 0o600}


async def test_a_session_file_that_cannot_be_used_pauses(
    make_sink: Any, portal: Any, tools: Any, tmp_path: Path
) -> None:
    """A folder that is not there is about the configuration; no record is at fault and nobody logs in."""
    sink = await make_sink(session_file=tmp_path / "absent" / "session")
    with pytest.raises(TargetConfigurationError) as caught:
        await tools.deliver(sink, tools.snapshot())

    assert caught.value.reason == "session_file"
    assert await portal.logins() == 0
