"""Progress bars, one for each stage."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lienthong.clock import Clock
from lienthong_connectors.demo.meters import Stage

_LINE_SECONDS = 10.0


class Display:
    """Shows stages as bars on a terminal, and as a line now and then elsewhere.

    Args:
        console: Where to.
        clock: Tells when the next line is due.
        is_shown: Whether anything is shown.
    """

    def __init__(self, console: Console, clock: Clock, *, is_shown: bool) -> None:
        self._console = console
        self._clock = clock
        self._has_bars = is_shown and console.is_terminal
        self._has_lines = is_shown and not console.is_terminal
        self._next_line = clock.monotonic() + _LINE_SECONDS
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=4,
        )

    def __enter__(self) -> Self:
        if self._has_bars:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._has_bars:
            self._progress.stop()

    def show(self, stages: Mapping[str, Stage], note: str) -> None:
        """Show how far the stages are.

        Args:
            stages: The stages.
            note: What happens at the moment; empty for nothing.
        """
        if self._has_bars:
            self._bars(stages, note)
        elif self._has_lines and self._clock.monotonic() >= self._next_line:
            self._next_line = self._clock.monotonic() + _LINE_SECONDS
            parts = [f"{stage.name} {stage.observed:,}/{stage.expected:,}" for stage in stages.values()]
            self._console.print("  ".join([*parts, note]).rstrip(), highlight=False)

    def _bars(self, stages: Mapping[str, Stage], note: str) -> None:
        for name, stage in stages.items():
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(stage.title, total=stage.expected, rate="")
            rate = f"{stage.records_per_second:,.0f}/s" if stage.observed else ""
            if note and name == "deliver-dossier":
                rate = note
            self._progress.update(self._tasks[name], completed=stage.observed, rate=rate)
