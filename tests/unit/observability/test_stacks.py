"""Where everything stands, without a value."""

import asyncio
import threading
from collections.abc import Generator
from typing import Any

from lienthong.observability.stacks import stacks


async def _waits_for_ever(personal_name: str) -> None:
    held = personal_name
    await asyncio.Event().wait()
    del held


class _Actor:
    """What Faust makes of an agent: awaitable, but no coroutine."""

    def __await__(self) -> Generator[Any, None, None]:
        return _waits_for_ever("Nguyễn Thị Thuận").__await__()


async def _through_an_actor() -> None:
    await _Actor()


async def test_what_hides_behind_an_awaitable_of_a_library_is_found() -> None:
    """The engine runs inside such an object: without its frames a stall says nothing."""
    task = asyncio.create_task(_through_an_actor())
    await asyncio.sleep(0)
    lines = stacks([asyncio.get_running_loop()])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert any("_through_an_actor" in line and "_waits_for_ever test_stacks.py" in line for line in lines)


async def test_threads_and_tasks_are_told_by_function_and_line_only() -> None:
    """The last lines of a worker say where it hung; a citizen's name in a local variable must not be among them."""
    tasks = [asyncio.create_task(_waits_for_ever("Nguyễn Thị Thuận")) for _ in range(3)]
    await asyncio.sleep(0)
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="a-thread")
    thread.start()
    lines = stacks([asyncio.get_running_loop()])
    release.set()
    thread.join()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    told = "\n".join(lines)
    assert any(line.startswith("3 × task _waits_for_ever: _waits_for_ever test_stacks.py:") for line in lines)
    assert any(line.startswith("thread a-thread: ") for line in lines)
    assert "Thuận" not in told
