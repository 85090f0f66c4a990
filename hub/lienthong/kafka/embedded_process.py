"""The operating system's side of the embedded broker: start, recognise, signal and await one process."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lienthong.errors import ConfigurationError
from lienthong.kafka.embedded_state import write_atomically

#: Variables that Java or its libraries may need; the rest, secrets among them, is not handed on.
_INHERITED = ("PATH", "HOME", "TZ", "LD_LIBRARY_PATH")
#: Becomes the broker after asking the kernel to kill it when its parent ends. Running Python code between fork and
#: exec (``preexec_fn``) could deadlock in a parent with threads; this cannot.
#: Source: prctl(2), PR_SET_PDEATHSIG = 1; it survives exec.
_LAUNCHER = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)\n"
    "if os.getppid() != int(sys.argv[1]): sys.exit(1)\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """Tells one process from any later one with the same number.

    Attributes:
        pid: Number of the process.
        start_ticks: When it started, in clock ticks since the machine's start.
        started_at: The same as an ISO 8601 time, for people.
        marker: Text in its command line.
    """

    pid: int
    start_ticks: int
    started_at: str
    marker: str

    def is_alive(self) -> bool:
        """Return whether this very process still runs; one that only awaits its parent does not."""
        return start_ticks(self.pid) == self.start_ticks and self.marker in command_line(self.pid)


def start_ticks(pid: int) -> int | None:
    """Return when a process started, or None if it has ended.

    Args:
        pid: Number of the process.

    Source:
        proc_pid_stat(5): field 3 is the state, field 22 the start time; field 2 may hold spaces and brackets.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def command_line(pid: int) -> str:
    """Return the command line of a process, empty if it has ended.

    Args:
        pid: Number of the process.
    """
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", errors="replace")
    except OSError:
        return ""


def read_identity(path: Path) -> ProcessIdentity | None:
    """Return the process that a pid file names, whether or not it still runs; None without a usable file.

    Args:
        path: The pid file.
    """
    try:
        return ProcessIdentity(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_identity(path: Path, identity: ProcessIdentity) -> None:
    """Write a pid file.

    Args:
        path: The pid file.
        identity: The process.
    """
    write_atomically(path, json.dumps(asdict(identity)) + "\n")


def environment_for_java() -> dict[str, str]:
    """Return the few variables of this process that the broker gets."""
    # Java reads file names in the encoding of the locale, and Vietnamese ones exist.
    return {"LC_ALL": "C.UTF-8", **{name: os.environ[name] for name in _INHERITED if name in os.environ}}


def spawn(command: Sequence[str], output: Path, *, die_with_parent: bool) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that Ctrl-C in the terminal does not reach it.

    Args:
        command: Program and arguments.
        output: File that gets what it prints.
        die_with_parent: Whether the kernel kills it when the calling *thread* ends, however that happens.

    Raises:
        ConfigurationError: If the program cannot be started.
    """
    if die_with_parent:
        command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]
    try:
        with output.open("ab") as sink:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=environment_for_java(),
                start_new_session=True,
            )
    except OSError as error:
        raise ConfigurationError(f"{command[0]} cannot be started: {error.strerror}; check the Java runtime") from error


def send(identity: ProcessIdentity, *signals: signal.Signals, wait_seconds: float = 0) -> bool:
    """Send signals to exactly this process and wait for its end.

    Args:
        identity: The process; one that has ended is left alone.
        signals: What to send, in order.
        wait_seconds: How long to wait for its end.

    Returns:
        Whether it has ended.
    """
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return True
    try:
        # The descriptor is bound to the process from here on: its number cannot pass to another one unnoticed.
        if not identity.is_alive():
            return True
        for number in signals:
            signal.pidfd_send_signal(descriptor, number)
        watcher = select.poll()
        watcher.register(descriptor, select.POLLIN)
        return bool(watcher.poll(wait_seconds * 1000))
    except ProcessLookupError:
        return True
    finally:
        os.close(descriptor)


def last_lines(*files: Path, count: int = 20) -> str:
    """Return the ends of log files without Java's stack traces, each on lines of its own.

    Args:
        files: Those that exist are read.
        count: Lines of each.
    """
    found = []
    for file in files:
        if file.exists():
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [line for line in lines if not line.startswith("\tat ")][-count:]
    return "\n".join(f"  {line}" for line in found) or "  (the broker wrote nothing)"
