"""Where every thread and task of the process stands: functions, files and lines, never a value."""

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

_FRAMES = 12
_LINES = 60


def stacks(loops: Iterable[asyncio.AbstractEventLoop] = ()) -> list[str]:
    """Return one line for each thread and each group of tasks that stand at the same place.

    Args:
        loops: Event loops whose tasks are told, too.
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()  # noqa: SLF001 - documented; the name says that it is for such purposes only
    lines = [f"thread {names.get(ident, 'unnamed')}: {_path(_outwards(frame))}" for ident, frame in frames.items()]
    tasks = Counter(_of_task(task) for loop in loops for task in asyncio.all_tasks(loop))
    lines += [f"{number} × task {told}" for told, number in tasks.most_common()]
    return lines[:_LINES]


def _of_task(task: "asyncio.Task[Any]") -> str:
    name = getattr(task.get_coro(), "__qualname__", "unknown")
    return f"{name}: {_path(_chain(task.get_coro()))}"


def _chain(coroutine: Any) -> list[FrameType]:
    """Return the frames of a task that waits, from the outermost to what it awaits."""
    frames: list[FrameType] = []
    while coroutine is not None and len(frames) < _FRAMES:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            break
        frames.append(frame)
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return frames


def _outwards(frame: FrameType | None) -> list[FrameType]:
    frames: list[FrameType] = []
    while frame is not None and len(frames) < _FRAMES:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


def _path(frames: list[FrameType]) -> str:
    return " → ".join(
        f"{frame.f_code.co_name} {Path(frame.f_code.co_filename).name}:{frame.f_lineno}" for frame in frames
    )
