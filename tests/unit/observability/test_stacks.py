"""Where everything stands, without a value."""

import asyncio
import threading

from lienthong.observability.stacks import stacks


async def _waits_for_ever(personal_name: str) -> None:
    held = personal_name
    await asyncio.Event().wait()
    del held


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
