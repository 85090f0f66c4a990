"""Starts the target and asks it what came in."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.harness import ROOT

_START_SECONDS = 15.0


@dataclass(frozen=True)
class TargetClient:
    """The running target.

    Attributes:
        port: Where it listens.
    """

    port: int

    @property
    def url(self) -> str:
        """Where records are posted."""
        return f"http://127.0.0.1:{self.port}/effects"

    def ask(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        """Ask or tell the target something.

        Args:
            method: HTTP method.
            path: Such as ``/counts``.
            body: What it is told.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer


@contextmanager
def running_target(folder: Path) -> Iterator[TargetClient]:
    """Run the target.

    Args:
        folder: For its port file.
    """
    port_file = folder / "target-port"
    port_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "scripts.bench.target_server", str(port_file)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not port_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("the target of the benchmark does not start")
            time.sleep(0.05)  # noqa: TID251 - waits for another process
        yield TargetClient(int(port_file.read_text(encoding="ascii")))
    finally:
        process.terminate()
        process.wait()
