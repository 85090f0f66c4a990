"""Where one case runs: a province of its own on a real broker, real simulators, real workers, and a paced load."""

import asyncio
import os
import re
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lienthong.clock import Clock
from lienthong.config.models import HubSettings
from lienthong.errors import BrokerUnavailableError, FatalError
from lienthong.kafka.admin import connect
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.settings import client_configuration
from lienthong.ledger.rebuild import rebuild
from lienthong.ledger.reconcile import reconcile
from lienthong.ledger.report import Report
from lienthong.ledger.store import LedgerStore
from lienthong.pipeline.definitions import Pipeline, load_pipelines
from lienthong.registry.topics import TopicCatalogue
from lienthong_connectors.demo.ask import ask, ask_json
from lienthong_connectors.demo.crew import Crew
from lienthong_connectors.demo.observe import is_settled
from lienthong_connectors.demo.place import ACCOUNT, choose_place
from lienthong_connectors.demo.week import PIPELINES, read_expectation, write_people, write_truth
from scripts.fault.evidence import gather
from scripts.fault.load import Load, make_scenario
from scripts.fault.oracle import Verdict, judge
from scripts.fault.watch import Watch

ROOT = Path(__file__).resolve().parents[2]
_LAUNCH = "scripts.fault.launch"
_TICK_SECONDS = 0.05
_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 60.0
_RESTART_SECONDS = 0.3
_MAX_RESTARTS = 25
#: The reconciler lists every open record.
_ALL = 1_000_000
_OWNED = re.compile(r'^lienthong_lag_records\{[^}]*partition="(\d+)"[^}]*\} ', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a case asks of its arena.

    Attributes:
        records: Events to publish.
        seconds: How long publishing takes.
        workers: Pipeline → processes; one for those that are not named.
        latency_seconds: How long the portal takes for a call.
        changes: Configuration that differs, as nested mappings.
        is_proxied: Whether workers reach the broker through a proxy.
        brokers: 1 for the shared one, 0 for one broker of the case alone, 3 for a cluster.
        broker_properties: Of a broker of its own.
        has_clock: Whether the hub's processes read a clock that can be stepped.
        settle_seconds: How long the hub may take to settle everything once the case is over.
    """

    records: int = 2_000
    seconds: float = 6.0
    workers: Mapping[str, int] = field(default_factory=dict)
    latency_seconds: float = 0.01
    changes: Mapping[str, Any] = field(default_factory=dict)
    is_proxied: bool = False
    brokers: int = 1
    broker_properties: Mapping[str, str] = field(default_factory=dict)
    has_clock: bool = False
    settle_seconds: float = _PATIENCE_SECONDS


class Arena:
    """One province under test.

    Args:
        folder: An empty folder.
        province: Prefix of its topics and groups.
        servers: The broker as the suite reaches it.
        worker_servers: The broker as workers reach it.
        needs: What the case asks.
        seed: What the load follows from.
        clock: Keeps the time.
        mutant: Mechanism that is switched off; empty for none.
        environment: Further variables of the hub's processes.
    """

    def __init__(
        self,
        folder: Path,
        province: str,
        servers: str,
        worker_servers: str,
        needs: Needs,
        seed: int,
        clock: Clock,
        mutant: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.needs = needs
        self.clock = clock
        self.place = choose_place(folder, province)
        self.crew = Crew(folder, clock)
        self._mutant = mutant
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._environment = {"PYTHONPATH": path, **(environment or {})}
        self._pause = threading.Event()
        self._down: set[str] = set()
        self._worker_pipelines: dict[str, str] = {}
        self._others: dict[str, Sequence[str]] = {}
        self._servers = servers
        self._document = self.place.settings(worker_servers, portal="portal")
        self.settings = self.change_settings(needs.changes)
        self.own_kafka = self.settings.kafka.model_copy(update={"bootstrap_servers": servers})
        self.view = ClusterView({**client_configuration(self.own_kafka, "fault-suite"), "log_level": 0})
        self.scenario = make_scenario(needs.records, seed)
        write_truth(self.place.truth_file, self.scenario.each_dossier())
        write_people(self.scenario, self.place.people_file)
        self.expected = read_expectation(self.place.truth_file)
        self.effects = sum(map(len, self.expected.arrivals.values())) + self.expected.links
        self.load = Load(self.scenario, self.place.names, self.own_kafka, clock, needs.seconds)
        self.watch = Watch(self.place.url("portal"), clock)
        self.evidence: Any = None
        #: Workers that ended by themselves and were started again, as a cluster does.
        self.restarts = 0
        self.injected = False
        self.injection = ""
        self.healed_at: float | None = None
        self.recovery_seconds: float | None = None
        self.problems: list[str] = []
        #: What a case remembers for its check.
        self.notes: dict[str, Any] = {}
        #: Called at the end, whatever happens.
        self.at_end: list[Callable[[], None]] = []
        self.report = Report([])

    @property
    def portal(self) -> str:
        """Base URL of the simulated portal."""
        return self.place.url("portal")

    @property
    def pipelines(self) -> dict[str, Pipeline]:
        """The pipelines of this province."""
        known = load_pipelines(self.place.names, "development")
        return {name: known[name] for name in PIPELINES}

    def start(self) -> None:
        """Create the topics, start every process and the load."""
        crew, place = self.crew, self.place
        portal = {"user_name": ACCOUNT, "password": place.secret, "latency_seconds": str(self.needs.latency_seconds)}
        self._simulate("portal", portal)
        self._simulate(
            "population", {"user_name": ACCOUNT, "secret": place.secret, "people_file": str(place.people_file)}
        )
        self.create_topics()
        for pipeline in PIPELINES:
            for number in range(1, self.needs.workers.get(pipeline, 1) + 1):
                self.start_worker(pipeline, number)
        crew.await_ready(*crew.members)
        self.watch.start()
        self.load.start()

    def create_topics(self) -> None:
        """Create the topics of the catalogue, with three copies if there are three brokers."""
        catalogue = TopicCatalogue.installed(self.place.names, "development")
        if self.needs.brokers > 1:
            copies = {"replication_factor": 3, "min_insync_replicas": 2}
            catalogue.topics = tuple(replace(topic, **copies) for topic in catalogue.topics)
        with connect(self.own_kafka) as admin:
            admin.apply(admin.plan(catalogue))

    def change_settings(self, changes: Mapping[str, Any]) -> HubSettings:
        """Write the hub's configuration anew; processes that start from now on read it.

        Args:
            changes: What differs from now on, as nested mappings.
        """
        self._document = _merged(self._document, changes)
        return self.place.write_document(self._document)

    def start_worker(self, pipeline: str, number: int = 1) -> str:
        """Start one process of a pipeline and return its name.

        Args:
            pipeline: Its name.
            number: Which of its processes.
        """
        name = f"{pipeline}-{number}"
        (self.place.directory / "ready" / f"{name}.json").unlink(missing_ok=True)
        self._down.discard(name)
        self._worker_pipelines[name] = pipeline
        arguments = [self._mutant, "--config", str(self.place.config_file), "pipelines", "run", pipeline]
        self.crew.start(name, "hub", arguments, self._environment, program=_LAUNCH)
        return name

    def workers(self, pipeline: str) -> list[str]:
        """Return the names of the processes of a pipeline.

        Args:
            pipeline: Its name.
        """
        return [name for name, owner in self._worker_pipelines.items() if owner == pipeline]

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

    def stop_worker(self, name: str) -> int:
        """Ask a worker to stop, wait for it and return its exit code; it stays away until it is started again.

        Args:
            name: The worker.
        """
        self._down.add(name)
        process = self.crew.members[name].process
        process.send_signal(signal.SIGTERM)
        return process.wait(40)

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
            self.start_worker(self._worker_pipelines[name], int(name.rpartition("-")[2]))

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

    def behave(self, **switches: Any) -> None:
        """Switch faults of the portal.

        Args:
            **switches: Of the simulator's behaviour.
        """
        ask_json(f"{self.portal}/_control/behaviour", "PUT", switches)

    def refused_calls(self) -> dict[str, int]:
        """Return status → calls that a fault of the portal answered."""
        found: dict[str, int] = ask_json(f"{self.portal}/_control/ledger")["raw_calls"].get("refused", {})
        return found

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

    def await_share(self, share: float, seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait until the portal had a share of all effects.

        Args:
            share: 0 to 1.
            seconds: How long at most.
        """
        wanted = share * self.effects
        self.wait_until(lambda: self.watch.effects >= wanted, seconds, f"{share:.0%} of the effects")

    def tick(self) -> None:
        """Start workers again that ended by themselves."""
        for name, member in list(self.crew.members.items()):
            if name in self._down or member.process.poll() is None:
                continue
            if name not in self._worker_pipelines and name not in self._others:
                raise FatalError(f"{name} ended with {member.process.returncode}; see its log")
            self.restarts += 1
            if self.restarts > _MAX_RESTARTS:
                raise FatalError(f"{name} ends again and again ({member.process.returncode}); see its log")
            self._pause.wait(_RESTART_SECONDS)
            self.start_again(name)

    def await_settled(self) -> bool:
        """Wait until every pipeline has settled all that its topics hold; return whether that happened in time."""
        groups = {pipeline.group: pipeline.topics for pipeline in self.pipelines.values()}
        deadline = self.clock.monotonic() + self.needs.settle_seconds
        while self.clock.monotonic() < deadline:
            self.tick()
            try:
                if self.load.is_done and is_settled(self.view, groups):
                    return True
            except BrokerUnavailableError:
                pass
            self._pause.wait(_LOOK_SECONDS)
        return False

    def verdict(self) -> Verdict:
        """Return what the oracle says; nothing may be running that still writes."""
        if self.healed_at is not None and self.recovery_seconds is None:
            first = self.watch.first_after(self.healed_at)
            self.recovery_seconds = None if first is None else first - self.healed_at
        self.watch.stop()
        dossiers = ask_json(f"{self.portal}/_control/dossiers")
        self.evidence = self.evidence or gather(self.view, self.place.names)
        self.report = self.reconcile()
        return judge(self.expected, self.load.accepted, self.evidence, dossiers, self.report)

    def reconcile(self) -> Report:
        """Return what the reconciler says, from a ledger that is made from Kafka now."""
        store = LedgerStore(f"sqlite:///{self.place.directory / 'oracle.sqlite3'}")
        try:
            rebuild(self.view, store, self.place.names)
            names = self.place.names
            return asyncio.run(
                reconcile(list(self.pipelines.values()), self.view, store, names.receipts, self.clock, limit=_ALL)
            )
        finally:
            store.close()

    def end(self) -> None:
        """End every process."""
        self.watch.stop()
        self.load.cancel()
        for what in self.at_end:
            what()
        for member in self.crew.members.values():
            if member.process.poll() is None:
                os.kill(member.process.pid, signal.SIGCONT)
        self.crew.stop(patience_seconds=1.0)

    def _simulate(self, name: str, options: Mapping[str, str]) -> None:
        given = [part for key, value in options.items() for part in ("--option", f"{key}={value}")]
        self.crew.start(name, "simulator", ["simulate", name, "--port", str(self.place.ports[name]), *given])


def _merged(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(document)
    for name, value in changes.items():
        known = merged.get(name)
        merged[name] = _merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return merged
