"""Runs the demonstration as a user does."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

_CODE = "from lienthong.cli.main import main; main()"


class Demo:
    """One run of ``lienthong demo`` with a folder for temporary files of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.report_file = folder / "report.json"
        self.temporary = Path(tempfile.mkdtemp(dir=folder))
        command = [sys.executable, "-c", _CODE, "demo", "--report", str(self.report_file), *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            start_new_session=True,
        )

    def finish(self, timeout_seconds=150):
        """Wait for the end and return exit code and output."""
        output, _ = self.process.communicate(timeout=timeout_seconds)
        return self.process.returncode, output

    def interrupt(self):
        """Do what Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    @property
    def report(self):
        """What the run wrote as JSON."""
        return json.loads(self.report_file.read_text(encoding="utf-8"))

    def processes(self):
        """Return number → command line of all processes of this run but the first."""
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            # All of them name the work directory.
            if str(self.temporary) in line:
                found[int(folder.name)] = line
        return found

    def await_process(self, marker):
        """Return the number of the process with a text in its command line, once it is there."""
        pause = threading.Event()
        while self.process.poll() is None:
            for number, line in self.processes().items():
                if marker in line:
                    return number
            pause.wait(0.1)
        raise AssertionError(f"no process {marker}: {self.process.communicate()[0]}")

    def left_behind(self):
        """Return processes and files that still are there."""
        return [*map(str, self.temporary.iterdir()), *(line[:200] for line in self.processes().values())]


@pytest.fixture
def run_demo(tmp_path, kafka_broker):
    """Give a function that starts the demonstration; whatever happens, it is gone afterwards.

    The shared broker is not used: it only tells whether jars and Java are there.
    """
    del kafka_broker
    started = []

    def start(*arguments):
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Demo(folder, *arguments))
        return started[-1]

    yield start
    for demo in started:
        if demo.process.poll() is None:
            demo.process.terminate()
            demo.process.communicate(timeout=60)
