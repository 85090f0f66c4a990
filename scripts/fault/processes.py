"""The hub's processes of one province: started, broken, watched, and started again as a cluster does."""

import os
import re
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lienthong.clock import Clock
from lienthong.errors import FatalError
from lienthong_connectors.demo.ask import ask
from lienthong_connectors.demo.crew import Crew
from lienthong_connectors.demo.place import Place

ROOT = Path(__file__).resolve().parents[2]
_LAUNCH = "scripts.fault.launch"
_TICK_SECONDS = 0.05
_RESTART_SECONDS = 0.3
_STOP_SECONDS = 40
_STACKS_SECONDS = 1.0
_MAX_RESTARTS = 25
_OWNED = re.compile(r'^lienthong_lag_records\{[^}]*partition="(\d+)"[^}]*\} ', re.MULTILINE)


class Processes:
    """Starts, ends and watches processes.

    Args:
        place: Where they live.
        clock: Keeps the time.
        mutant: Mechanism that is switched off; empty for none.
        environment: Further variables.
    """

    def __init__(self, place: Place, clock: Clock, mutant: str, environment: Mapping[str, str] | None) -> None:
        self.place = place
        self.clock = clock
        self.crew = Crew(place.directory, clock)
        self._mutant = mutant
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._environment = {"PYTHONPATH": path, **(environment or {})}
        self._pause = threading.Event()
        self._down: set[str] = set()
        self._pipelines_of_workers: dict[str, str] = {}
        self._others: dict[str, Sequence[str]] = {}
        #: Processes that ended by themselves and were started again.
        self.restarts = 0
        self.injected = False
        self.injection = ""
        self.healed_at: float | None = None

    def start_worker(self, pipeline: str, number: int = 1) -> str:
        """Start one process of a pipeline and return its name.

        Args:
            pipeline: Its name.
            number: Which of its processes.
        """
        name = f"{pipeline}-{number}"
        (self.place.directory / "ready" / f"{name}.json").unlink(missing_ok=True)
        self._down.discard(name)
        self._pipelines_of_workers[name] = pipeline
        arguments = [self._mutant, "--config", str(self.place.config_file), "pipelines", "run", pipeline]
        self.crew.start(name, "hub", arguments, self._environment, program=_LAUNCH)
        return name

    def workers(self, pipeline: str) -> list[str]:
        """Return the names of the processes of a pipeline.

        Args:
            pipeline: Its name.
        """
        return [name for name, owner in self._pipelines_of_workers.items() if owner == pipeline]

    def set_variable(self, name: str, value: str) -> None:
        """Give processes of the hub that start from now on a variable.

        Args:
            name: Of the variable.
            value: Its value.
        """
        self._environment[name] = value

    def hold(self, name: str) -> None:
        """Leave a worker that ends by itself as it is.

        Args:
            name: The worker.
        """
        self._down.add(name)

    def start_process(self, name: str, arguments: Sequence[str]) -> None:
        """Start a further process of the hub; it is started again when it ends by itself.

        Args:
            name: What it is.
            arguments: Arguments of ``lienthong``.
        """
        self._others[name] = arguments
        self._down.discard(name)
        launched = [self._mutant, "--config", str(self.place.config_file), *arguments]
        self.crew.start(name, "hub", launched, self._environment, tells_ready=False, program=_LAUNCH)

    def start_again(self, name: str) -> None:
        """Start a worker that was stopped or killed.

        Args:
            name: The worker.
        """
        if name in self._others:
            self.start_process(name, self._others[name])
        else:
            self.start_worker(self._pipelines_of_workers[name], int(name.rpartition("-")[2]))

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process.

        Args:
            name: The process.
            number: Which signal.
        """
        self.crew.members[name].process.send_signal(number)

    def kill(self, name: str) -> None:
        """End a worker at once; it stays away until it is started again.

        Args:
            name: The worker.
        """
        self._down.add(name)
        process = self.crew.members[name].process
        process.kill()
        if process.wait() == -signal.SIGKILL:
            self.inject(f"{name} killed")

    def kill_all(self) -> None:
        """End every worker at once; before, each writes into its log what it is doing."""
        for name in self._pipelines_of_workers:
            self.crew.members[name].process.send_signal(signal.SIGUSR1)
        self._pause.wait(_STACKS_SECONDS)
        for name in self._pipelines_of_workers:
            self._down.add(name)
            self.crew.members[name].process.kill()
            self.crew.members[name].process.wait()

    def stop_worker(self, name: str) -> int:
        """Ask a worker to stop, wait for it and return its exit code; it stays away until it is started again.

        Args:
            name: The worker.
        """
        self._down.add(name)
        process = self.crew.members[name].process
        process.send_signal(signal.SIGTERM)
        return process.wait(_STOP_SECONDS)

    def partitions_of(self, name: str) -> set[int]:
        """Return the partitions that a worker says it owns.

        Args:
            name: The worker.
        """
        port = self.crew.await_ready(name)[name]["metrics_port"]
        return {int(number) for number in _OWNED.findall(ask(f"http://127.0.0.1:{port}/metrics").decode())}

    def inject(self, what: str) -> None:
        """Note that the fault was really there.

        Args:
            what: The evidence.
        """
        self.injected = True
        self.injection = what

    def heal(self) -> None:
        """Note that the fault is over; recovery is measured from here."""
        self.healed_at = self.clock.monotonic()

    def wait(self, seconds: float) -> None:
        """Let time pass; workers that end by themselves are started again.

        Args:
            seconds: How long.
        """
        deadline = self.clock.monotonic() + seconds
        while self.clock.monotonic() < deadline:
            self.tick()
            self._pause.wait(_TICK_SECONDS)

    def wait_until(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Wait for something.

        Args:
            condition: Whether it is so.
            seconds: How long at most.
            what: In words, for the error.

        Raises:
            FatalError: If it does not come in time.
        """
        deadline = self.clock.monotonic() + seconds
        while not condition():
            if self.clock.monotonic() > deadline:
                raise FatalError(f"{what}: not within {seconds:g} s")
            self.tick()
            self._pause.wait(_TICK_SECONDS)

    def tick(self) -> None:
        """Start workers again that ended by themselves."""
        for name, member in list(self.crew.members.items()):
            if name in self._down or member.process.poll() is None:
                continue
            if name not in self._pipelines_of_workers and name not in self._others:
                raise FatalError(f"{name} ended with {member.process.returncode}; see its log")
            self.restarts += 1
            if self.restarts > _MAX_RESTARTS:
                raise FatalError(f"{name} ends again and again ({member.process.returncode}); see its log")
            self._pause.wait(_RESTART_SECONDS)
            self.start_again(name)
