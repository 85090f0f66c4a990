"""Where every thread and task of the process stands: functions, files and lines, never a value."""

import asyncio
import gc
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

_FRAMES = 12
_LINES = 60
#: Where coroutines, generators and asynchronous generators keep their frame and what they wait for.
_KINDS = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))
_WRAPPERS = frozenset({"coroutine_wrapper", "async_generator_asend", "async_generator_athrow"})


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
        kind = next((kind for kind in _KINDS if hasattr(coroutine, kind[0])), None)
        if kind is None:
            # What `__await__` and `asend` return keeps the coroutine to itself; the garbage collector knows it.
            inner = gc.get_referents(coroutine) if type(coroutine).__name__ in _WRAPPERS else []
            coroutine = next((each for each in inner if any(hasattr(each, frame) for frame, _ in _KINDS)), None)
            continue
        frame = getattr(coroutine, kind[0])
        if frame is None:
            break
        frames.append(frame)
        coroutine = getattr(coroutine, kind[1])
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
