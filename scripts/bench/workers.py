"""Starts, kills and stops workers of the hub."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scripts.bench.harness import ROOT, SideError
from scripts.bench.worker_process import Job

_READY_SECONDS = 60.0
_STOP_SECONDS = 40.0


class Worker:
    """One process.

    Args:
        job: What it does.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.log = Path(job.folder) / f"{job.name}.log"
        job.ready_file.unlink(missing_ok=True)
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(job.command, cwd=ROOT, stdout=sink, stderr=subprocess.STDOUT)

    def await_ready(self) -> dict[str, Any]:
        """Wait until it owns partitions and return what it says of itself.

        Raises:
            SideError: If it ends or is not ready in time.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while not self.job.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SideError(f"the worker {self.job.name} is not ready:\n{self.last_words()}")
            pause(0.02)
        told: dict[str, Any] = json.loads(self.job.ready_file.read_text(encoding="utf-8"))
        return told

    def metrics(self) -> str:
        """Return its metrics page."""
        port = json.loads(self.job.ready_file.read_text(encoding="utf-8"))["metrics_port"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Let it drain, and kill it if that takes too long."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-1500:]


class Crew:
    """Workers that end with the suite, whatever happens.

    Args:
        job: What all of them do; each gets a name of its own.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._workers: list[Worker] = []

    def start(self, **different: Any) -> Worker:
        """Start one more worker.

        Args:
            **different: Fields of its job that differ.
        """
        number = len(self._workers)
        job = replace(self._job, name=f"{self._job.group}-{number}-{os.getpid()}", **different)
        worker = Worker(job)
        self._workers.append(worker)
        return worker

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.kill()


def pause(seconds: float) -> None:
    """Wait for other processes.

    Args:
        seconds: How long.
    """
    time.sleep(seconds)  # noqa: TID251 - a benchmark waits for other processes, not for a clock of the hub
