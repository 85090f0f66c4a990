"""The processes of a demonstration: started together, watched, and gone at the end whatever happens."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lienthong.clock import Clock
from lienthong.errors import ConfigurationError, FatalError

#: Asks the kernel to be killed when the demonstration ends, even by SIGKILL, and then is the program itself.
#: Source: prctl(2), PR_SET_PDEATHSIG = 1.
_LAUNCHER = (
    "import ctypes, importlib, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)\n"
    "if os.getppid() != int(sys.argv[1]): sys.exit(1)\n"
    "module = importlib.import_module(sys.argv[2])\n"
    "sys.argv[:3] = ['lienthong']\n"
    "module.main()\n"
)
#: The command line of the hub.
LIENTHONG = "lienthong.cli.main"
_POLL_SECONDS = 0.05
_READY_SECONDS = 120.0
_STOP_SECONDS = 15.0
_LAST_LINES = 15


@dataclass(slots=True)
class Member:
    """One long-running process.

    Attributes:
        name: What it is, also the name of its files.
        side: ``hub``, ``simulator`` or ``demo``: whose CPU time it is.
        process: The process.
        log: What it wrote to either output.
        ready: File that it writes when it is at work.
    """

    name: str
    side: str
    process: "subprocess.Popen[bytes]"
    log: Path
    ready: Path


class Crew:
    """Starts processes of the command line in one work directory.

    Call :meth:`start` from the main thread: the kernel ties a process to the thread that started it.

    Args:
        directory: The work directory; ``lienthong.yaml`` lies in it.
        clock: Tells deadlines.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._pause = threading.Event()
        self.members: dict[str, Member] = {}
        self._commands: dict[str, subprocess.Popen[bytes]] = {}
        self.logs = directory / "logs"
        self._ready = directory / "ready"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._ready.mkdir(exist_ok=True)

    def start(
        self,
        name: str,
        side: str,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        tells_ready: bool = True,
        program: str = LIENTHONG,
    ) -> Member:
        """Start a long-running command.

        Args:
            name: What it is.
            side: Whose CPU time it is.
            arguments: Arguments of the program.
            environment: Further variables.
            tells_ready: Whether it takes ``--ready-file``, which is then added.
            program: Module whose ``main`` is the program.
        """
        log, ready = self.logs / f"{name}.log", self._ready / f"{name}.json"
        more = ["--ready-file", str(ready)] if tells_ready else []
        with log.open("ab") as sink:
            process = subprocess.Popen(
                self._command(program, [*arguments, *more]),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
                env=_environment(environment or {}),
                start_new_session=True,
            )
        member = self.members[name] = Member(name, side, process, log, ready)
        return member

    def begin(self, name: str, arguments: Sequence[str]) -> None:
        """Start a command that ends by itself.

        Args:
            name: Name of its log, for :meth:`finish`.
            arguments: Arguments of ``lienthong``.
        """
        with (self.logs / f"{name}.log").open("wb") as sink:
            self._commands[name] = subprocess.Popen(
                self._command(LIENTHONG, arguments),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
                env=_environment({}),
                start_new_session=True,
            )

    def finish(self, name: str) -> tuple[int, str]:
        """Wait for a command.

        Args:
            name: As it was begun.

        Returns:
            Its exit code and what it printed.
        """
        code = self._commands[name].wait()
        del self._commands[name]
        return code, (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def await_ready(self, *names: str) -> dict[str, dict[str, Any]]:
        """Wait until processes are at work.

        Args:
            *names: Which.

        Returns:
            Name → what its ready file says.

        Raises:
            FatalError: If one ended.
            ConfigurationError: If one is not ready in time.
        """
        deadline = self._clock.monotonic() + _READY_SECONDS
        waiting = list(names)
        found: dict[str, dict[str, Any]] = {}
        while waiting:
            self.check()
            for name in [each for each in waiting if self.members[each].ready.exists()]:
                found[name] = json.loads(self.members[name].ready.read_text(encoding="utf-8"))
                waiting.remove(name)
            if waiting and self._clock.monotonic() > deadline:
                raise ConfigurationError(
                    f"{', '.join(waiting)}: not ready after {_READY_SECONDS:g} s\n{self._last_lines(waiting[0])}"
                )
            if waiting:
                self._pause.wait(_POLL_SECONDS)
        return found

    def check(self) -> None:
        """Look whether all processes live.

        Raises:
            FatalError: If one ended by itself, with its last lines.
        """
        for name, member in self.members.items():
            code = member.process.poll()
            if code is not None:
                raise FatalError(
                    f"tiến trình {name} đã dừng giữa chừng (the process ended with {code})\n{self._last_lines(name)}"
                )

    def measure(self) -> dict[str, tuple[str, float]]:
        """Return process → side and CPU seconds, of those that run.

        Source:
            proc_pid_stat(5): fields 14 and 15 are user and system time in clock ticks.
        """
        return {name: (member.side, cpu_seconds(member.process.pid) or 0.0) for name, member in self.members.items()}

    def stop(self, *, patience_seconds: float = _STOP_SECONDS) -> None:
        """End all processes; those that do not end in time are killed.

        Args:
            patience_seconds: How long they may take.
        """
        for command in self._commands.values():
            command.kill()
            command.wait()
        self._commands = {}
        members, self.members = self.members, {}
        for member in members.values():
            if member.process.poll() is None:
                member.process.send_signal(signal.SIGTERM)
        deadline = self._clock.monotonic() + patience_seconds
        for member in members.values():
            try:
                member.process.wait(max(0.0, deadline - self._clock.monotonic()))
            except subprocess.TimeoutExpired:
                member.process.kill()
                member.process.wait()

    def _command(self, program: str, arguments: Sequence[str]) -> list[str]:
        config = ["--config", str(self._directory / "lienthong.yaml")] if program == LIENTHONG else []
        return [sys.executable, "-c", _LAUNCHER, str(os.getpid()), program, *config, *arguments]

    def _last_lines(self, name: str) -> str:
        lines = (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_LAST_LINES:]) or "  (it wrote nothing)"


def cpu_seconds(pid: int) -> float | None:
    """Return the CPU time of a process, or None if it has ended.

    Args:
        pid: Number of the process.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    # Settings of the user's own hub must not reach the demonstration's.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
    return {**kept, "PYTHONUTF8": "1", **more}
