"""Where one case runs: a province of its own on a real broker, real simulators, real workers, and a paced load."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lienthong.clock import Clock
from lienthong.config.models import HubSettings
from lienthong.errors import BrokerUnavailableError
from lienthong.kafka.admin import connect
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.settings import client_configuration
from lienthong.ledger.rebuild import rebuild
from lienthong.ledger.reconcile import reconcile
from lienthong.ledger.report import Report
from lienthong.ledger.store import LedgerStore
from lienthong.pipeline.definitions import Pipeline, load_pipelines
from lienthong.registry.topics import TopicCatalogue
from lienthong_connectors.demo.ask import ask_json
from lienthong_connectors.demo.observe import is_settled
from lienthong_connectors.demo.place import ACCOUNT, choose_place
from lienthong_connectors.demo.week import PIPELINES, read_expectation, write_people, write_truth
from scripts.fault.evidence import gather
from scripts.fault.load import Load, make_scenario
from scripts.fault.oracle import Verdict, judge
from scripts.fault.processes import Processes
from scripts.fault.watch import Watch

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 60.0
#: The reconciler lists every open record.
_ALL = 1_000_000


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


class Arena(Processes):
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
        super().__init__(choose_place(folder, province), clock, mutant, environment)
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
        self.is_timed = True
        self.recovery_seconds: float | None = None
        self.problems: list[str] = []
        #: What has not settled in time, in words; a case may allow that.
        self.unsettled: list[str] = []
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

    def await_share(self, share: float, seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait until the portal had a share of all effects.

        Args:
            share: 0 to 1.
            seconds: How long at most.
        """
        wanted = share * self.effects
        self.wait_until(lambda: self.watch.effects >= wanted, seconds, f"{share:.0%} of the effects")

    def await_settled(self) -> bool:
        """Wait until every pipeline has settled all that its topics hold; return whether that happened in time."""
        groups = {pipeline.group: pipeline.topics for pipeline in self.pipelines.values()}
        deadline = self.clock.monotonic() + self.needs.settle_seconds
        while self.clock.monotonic() < deadline:
            self.tick()
            if self.load.is_done and self._is_settled(groups):
                return True
            self._pause.wait(_LOOK_SECONDS)
        self._tell_unsettled()
        return False

    def _is_settled(self, groups: dict[str, tuple[str, ...]]) -> bool:
        try:
            return is_settled(self.view, groups)
        except BrokerUnavailableError:
            # What nobody can ask for is looked at again; the deadline bounds it.
            return False

    def _tell_unsettled(self) -> None:
        for name, pipeline in self.pipelines.items():
            committed = self.view.committed_offsets(pipeline.group, pipeline.topics)
            ends = self.view.end_offsets(pipeline.topics)
            behind = {
                place: end - (committed[place].offset if place in committed else 0) for place, end in ends.items()
            }
            waiting = {f"{place.topic}[{place.partition}]": count for place, count in behind.items() if count}
            if waiting:
                self.unsettled.append(f"{name} has not settled {waiting}")

    def verdict(self) -> Verdict:
        """Return what the oracle says; nothing may be running that still writes."""
        if self.healed_at is not None and self.recovery_seconds is None:
            first = self.watch.first_after(self.healed_at)
            self.recovery_seconds = None if first is None else first - self.healed_at
        self.watch.stop()
        dossiers = ask_json(f"{self.portal}/_control/dossiers")
        self.evidence = self.evidence or gather(self.view, self.place.names)
        self.report = self.reconcile()
        return judge(self.expected, self.load.accepted, self.evidence, dossiers, self.report, self.restarts)

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
