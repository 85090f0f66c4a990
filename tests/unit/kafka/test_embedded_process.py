"""Recognising, signalling and describing one process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lienthong.errors import ConfigurationError
from lienthong.kafka.embedded_process import (
    ProcessIdentity,
    environment_for_java,
    last_lines,
    read_identity,
    send,
    spawn,
    start_ticks,
    write_identity,
)

STARTED_AT = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for a signal."""
    process = spawn(["sleep", "60"], tmp_path / "output", die_with_parent=False)
    yield process
    process.kill()
    process.wait()


def identity_of(process: subprocess.Popen[bytes]) -> ProcessIdentity:
    """Return the identity of a running process."""
    ticks = start_ticks(process.pid)
    assert ticks is not None
    return ProcessIdentity(process.pid, ticks, STARTED_AT, "sleep")


def test_process_is_recognised_by_its_start_and_command(child: subprocess.Popen[bytes]) -> None:
    """A later process with the same number, or another program, is not taken for the broker."""
    identity = identity_of(child)

    assert identity.is_alive()
    assert not replace(identity, start_ticks=identity.start_ticks - 1).is_alive()
    assert not replace(identity, marker="server.properties").is_alive()


def test_signal_never_reaches_another_process_with_the_same_number(child: subprocess.Popen[bytes]) -> None:
    """A stale pid file cannot make stop kill a stranger."""
    stale = replace(identity_of(child), start_ticks=1)

    assert send(stale, signal.SIGKILL)
    assert child.poll() is None


def test_process_that_ended_but_was_not_collected_counts_as_ended(child: subprocess.Popen[bytes]) -> None:
    """A broker that was ended from another process is seen as ended by the one that started it."""
    identity = replace(identity_of(child), marker="")
    child.send_signal(signal.SIGKILL)
    send(identity, wait_seconds=10)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not identity.is_alive()
    assert child.returncode is None


def test_send_waits_for_the_end(child: subprocess.Popen[bytes]) -> None:
    """The answer tells whether the process has ended within the time given."""
    identity = replace(identity_of(child), marker="")

    assert not send(identity, signal.SIGSTOP, wait_seconds=0)
    assert send(identity, signal.SIGTERM, signal.SIGCONT, wait_seconds=10)
    assert child.wait(10) == -signal.SIGTERM


def test_pid_file_is_read_as_written_and_damage_means_no_process(tmp_path: Path) -> None:
    """A torn pid file never stops a start."""
    identity = ProcessIdentity(1, 2, STARTED_AT, "marker")
    write_identity(tmp_path / "broker.pid", identity)
    assert read_identity(tmp_path / "broker.pid") == identity

    (tmp_path / "broker.pid").write_text("12", encoding="utf-8")
    assert read_identity(tmp_path / "broker.pid") is None
    assert read_identity(tmp_path / "missing.pid") is None


def test_child_gets_no_secrets_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that Java does not need stay with the hub."""
    monkeypatch.setenv("LIENTHONG_SECRET", "do not hand on")
    monkeypatch.setenv("PATH", os.environ["PATH"])

    assert set(environment_for_java()) <= {"LC_ALL", "PATH", "HOME", "TZ", "LD_LIBRARY_PATH"}
    assert environment_for_java()["PATH"] == os.environ["PATH"]


def test_launcher_keeps_number_and_arguments(tmp_path: Path) -> None:
    """With die_with_parent the process is the program itself, so signals and pid file mean it."""
    command = [sys.executable, "-c", "import os, sys; print(os.getpid(), sys.argv[1:])", "a b", "ệ"]
    process = spawn(command, tmp_path / "output", die_with_parent=True)

    assert process.wait(20) == 0
    assert (tmp_path / "output").read_text(encoding="utf-8") == f"{process.pid} ['a b', 'ệ']\n"


def test_missing_program_is_a_clear_error(tmp_path: Path) -> None:
    """A Java that vanished is named."""
    with pytest.raises(ConfigurationError, match=r"/no/java cannot be started: No such file"):
        spawn(["/no/java"], tmp_path / "output", die_with_parent=False)


def test_last_lines_leave_out_stack_traces(tmp_path: Path) -> None:
    """An operator reads causes, not frames; nothing at all is said to be nothing."""
    (tmp_path / "log").write_text("one\ntwo\n\tat org.example.Main\nthree\n", encoding="utf-8")

    assert last_lines(tmp_path / "log", tmp_path / "missing", count=2) == "  two\n  three"
    assert "wrote nothing" in last_lines(tmp_path / "missing")
