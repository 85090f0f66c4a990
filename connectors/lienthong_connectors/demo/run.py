"""One demonstration from the first process to the last check."""

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from rich.console import Console

from lienthong.clock import Clock
from lienthong.config.models import HubSettings
from lienthong.errors import FatalError
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.embedded import EmbeddedKafka
from lienthong.kafka.settings import client_configuration
from lienthong.ledger.store import LedgerStore
from lienthong.pipeline.definitions import load_pipelines
from lienthong.registry.topics import TopicCatalogue
from lienthong_connectors.demo.ask import ask_json
from lienthong_connectors.demo.compare import Check, compare
from lienthong_connectors.demo.crew import Crew, cpu_seconds
from lienthong_connectors.demo.display import Display
from lienthong_connectors.demo.evidence import evidence
from lienthong_connectors.demo.leaks import Wanted, search, wanted_of
from lienthong_connectors.demo.meters import Meters, Stage
from lienthong_connectors.demo.observe import Platforms, Topics, is_settled, read_platforms, read_topics
from lienthong_connectors.demo.place import ACCOUNT, Place, choose_place
from lienthong_connectors.demo.publish import Publication
from lienthong_connectors.demo.result import Options, Result
from lienthong_connectors.demo.sabotage import choose_target
from lienthong_connectors.demo.stage_plan import make_counters, make_stages
from lienthong_connectors.demo.strain import Strain, measure, strain_checks
from lienthong_connectors.demo.weather import SPELLS, Spell, Weather
from lienthong_connectors.demo.week import (
    PIPELINES,
    Expectation,
    Prepared,
    prepare,
    read_expectation,
    write_people,
    write_truth,
)

_TICK_SECONDS = 0.1
_LOOK_SECONDS = 0.5
#: Slower than this, two cores are no longer to blame.
_RECORDS_PER_SECOND = 50
_LEAST_SECONDS = 300.0
#: How long the ledger may stay behind once the pipelines are done.
_LEDGER_SECONDS = 20.0
#: How long processes may take to end when the demonstration is broken off.
_HASTY_SECONDS = 3.0
_HUB = "Trục liên thông / hub"


class Demonstration:
    """Runs everything in one work directory.

    Args:
        options: What was asked for.
        console: Where to say what happens.
        clock: Tells how long things take.
    """

    def __init__(self, options: Options, console: Console, clock: Clock) -> None:
        self._options = options
        self._console = console
        self._clock = clock
        self._result = Result(options)
        self._place: Place = choose_place(options.directory)
        self._crew = Crew(options.directory, clock)
        self._pause = threading.Event()
        self._generator = ThreadPoolExecutor(1)
        self._metrics_ports: dict[str, int] = {}
        self._groups: dict[str, tuple[str, ...]] = {}
        self._settled_at = 0.0
        self._strain = Strain()
        self._questions = 0
        self._waiting: int | None = None
        self._broker = EmbeddedKafka(
            options.directory / "kafka", port=self._place.ports["kafka"], die_with_parent=True, clock=clock
        )

    @property
    def _pipelines(self) -> Sequence[str]:
        """The pipelines that run."""
        return PIPELINES

    @property
    def _limited(self) -> str:
        """The platform that has limits."""
        return "portal"

    @property
    def _late(self) -> str:
        """The pipeline that starts last, once the limits of its platform are known; empty for none."""
        return "deliver-dossier" if self._options.has_strain else ""

    def run(self) -> Result:
        """Run it; call it from the main thread.

        Raises:
            LienthongError: If a process ends by itself, or something cannot be started or read.
            KeyboardInterrupt: On Ctrl-C; all processes are gone then.
        """
        with ExitStack() as stack:
            stack.callback(self._end)
            with self._timed("start"):
                settings, scenario, expected = self._set_up()
            # Without its own log: the broker ends before this client does.
            view = ClusterView({**client_configuration(settings.kafka, "lienthong-demo"), "log_level": 0})
            store = LedgerStore(settings.ledger.url.get_secret_value())
            stack.callback(store.close)
            with self._timed("run"):
                due = self._due_seconds(scenario)
                publication = Publication(scenario, self._place, settings.kafka, self._clock, due)
                stack.callback(publication.cancel)
                self._begin(settings)
                pages = self._follow(publication, expected, view, store)
            with self._timed("compare"):
                evidence_of = self._check(expected, publication, view, pages)
            # The last connection folds SQLite's log into its file: half as much to search.
            store.close()
            with self._timed("search"):
                self._search(scenario, evidence_of)
        return self._result

    def _set_up(self) -> tuple[HubSettings, Prepared, Expectation]:
        place, crew, sabotage = self._place, self._crew, self._options.sabotage
        self._say("Dựng Kafka, hai hệ thống quốc gia giả lập, cổng API và các luồng / starting all processes …")
        settings = place.write_document(self._document(), self._clients())
        self._start_simulators()
        crew.start(
            "issuer", "hub", ["issuer", "--port", str(place.ports["issuer"]), "--clients", str(place.clients_file)]
        )
        week = self._generator.submit(self._write_week)
        self._broker.start()
        crew.begin("topics", ["topics", "apply"])
        code, said = crew.finish("topics")
        if code != 0:
            raise FatalError(f"lienthong topics apply ended with {code}\n{said}")
        for name in self._pipelines:
            if name != self._late:
                crew.start(name, "hub", ["pipelines", "run", name])
        for name, arguments, tells_ready in (("ledger", ["ledger", "run"], False), ("gateway", ["gateway"], True)):
            metrics = {"LIENTHONG_METRICS_PORT": str(place.ports[f"{name}-metrics"])}
            crew.start(name, "hub", arguments, metrics, tells_ready=tells_ready)
        scenario, expected = week.result()
        self._questions = expected.questions
        self._simulate(
            "population", {"user_name": ACCOUNT, "secret": place.secret, "people_file": str(place.people_file)}
        )
        if sabotage:
            self._start_saboteur(choose_target(expected))
        ready = crew.await_ready(*(name for name in crew.members if name != "ledger"))
        if self._late:
            ready |= self._start_limited()
        self._metrics_ports = {name: int(ready[name]["metrics_port"]) for name in self._pipelines}
        return settings, scenario, expected

    def _start_limited(self) -> dict[str, dict[str, Any]]:
        """Tell the portal what it allows, then its pipeline; last of all, so that the window comes soon after."""
        self._strain = self._plan_strain()
        ask_json(f"{self._place.url(self._limited)}/_control/behaviour", "PUT", self._strain.behaviour())
        self._place.write_document(self._document(), self._clients())
        self._crew.start(self._late, "hub", ["pipelines", "run", self._late])
        return self._crew.await_ready(self._late)

    def _plan_strain(self) -> Strain:
        return Strain.plan(self._clock.now(), self._options.window_seconds, self._options.requests_per_second)

    def _document(self) -> dict[str, Any]:
        """Return the configuration of the hub, with the limits that are known by now."""
        servers, portal = f"127.0.0.1:{self._place.ports['kafka']}", "saboteur" if self._options.sabotage else "portal"
        return self._place.settings(servers, portal=portal, limits=self._strain.limits())

    def _prepare(self) -> Prepared:
        return prepare(self._options.records, self._options.seed)

    def _write_week(self) -> tuple[Prepared, Expectation]:
        scenario = self._prepare()
        # Before the first event is published: nothing can be fitted to what came out.
        write_truth(self._place.truth_file, scenario.each_dossier())
        write_people(scenario, self._place.people_file)
        return scenario, read_expectation(self._place.truth_file)

    def _clients(self) -> Mapping[str, Any]:
        """Return who gets tokens besides the publishing systems."""
        return {}

    def _start_simulators(self) -> None:
        """Start those that need nothing but the settings."""
        self._simulate("portal", {"user_name": ACCOUNT, "password": self._place.secret})

    def _simulate(self, name: str, options: Mapping[str, str], process: str = "") -> None:
        process = process or name
        given = [part for key, value in options.items() for part in ("--option", f"{key}={value}")]
        port = str(self._place.ports[process])
        self._crew.start(process, "simulator", ["simulate", name, "--port", port, *given])

    def _start_saboteur(self, target: str) -> None:
        place = self._place
        arguments = ["--port", str(place.ports["saboteur"]), "--portal", place.url("portal")]
        arguments += ["--kind", self._options.sabotage, "--target", target]
        self._crew.start("saboteur", "demo", arguments, program="lienthong_connectors.demo.saboteur")

    def _follow(
        self, publication: Publication, expected: Expectation, view: ClusterView, store: LedgerStore
    ) -> dict[str, bytes]:
        """Publish and watch until everything has settled; returns the metrics pages of that moment."""
        meters, stages = Meters(self._metrics_ports, self._clock), self._make_stages(expected)
        self._result.stages = stages
        effects = sum(map(len, expected.arrivals.values())) + expected.links
        weather = Weather(self._place.url("portal"), effects, self._clock, self._spells())
        counters = make_counters(publication.result, store)
        patience = max(_LEAST_SECONDS, self._options.records / _RECORDS_PER_SECOND)
        limit = self._clock.monotonic() + patience + self._strain.seconds_for(2 * effects)
        next_look = self._clock.monotonic()
        with Display(self._console, self._clock, is_shown=self._options.has_progress) as display:
            publication.start()
            while True:
                weather.tick()
                if self._clock.monotonic() >= next_look:
                    next_look = self._clock.monotonic() + _LOOK_SECONDS
                    self._crew.check()
                    meters.look(stages, counters)
                    self._note_backlog(expected, stages)
                    display.show(stages, weather.name)
                    if self._has_settled(publication, meters, view, stages["ledger"]):
                        break
                    if self._clock.monotonic() > limit:
                        raise FatalError(f"not settled in time; lag by pipeline: {meters.lags}")
                self._pause.wait(_TICK_SECONDS)
        return meters.pages({name: self._place.ports[f"{name}-metrics"] for name in ("gateway", "ledger")})

    def _make_stages(self, expected: Expectation) -> dict[str, Stage]:
        return make_stages(expected)

    def _begin(self, settings: HubSettings) -> None:
        """Begin what happens besides the publication."""

    def _spells(self) -> Sequence[Spell]:
        return () if self._options.has_strain else SPELLS

    def _due_seconds(self, scenario: Prepared) -> Sequence[float] | None:
        """Return when each event is published; None for as fast as it goes."""
        del scenario
        return None

    def _note_backlog(self, expected: Expectation, stages: Mapping[str, Stage]) -> None:
        if self._waiting is None and self._strain.ends is not None and self._clock.now() >= self._strain.ends:
            self._waiting = self._backlog(expected, stages)

    def _backlog(self, expected: Expectation, stages: Mapping[str, Stage]) -> int:
        """Return how much waits when the window ends."""
        del expected
        return stages[self._late].expected - stages[self._late].observed

    def _has_settled(self, publication: Publication, meters: Meters, view: ClusterView, ledger: Stage) -> bool:
        if publication.result.error is not None:
            raise publication.result.error
        if not (publication.result.is_done and meters.is_idle):
            return False
        self._groups = self._groups or {
            pipeline.group: pipeline.topics
            for name, pipeline in load_pipelines(self._place.names, "development").items()
            if name in self._pipelines and pipeline.definition.poll is None
        }
        if not is_settled(view, self._groups):
            return False
        # What is missing in the ledger is a finding of the comparison, not something to wait for without end.
        now = self._clock.monotonic()
        self._settled_at = self._settled_at or now
        return ledger.observed >= ledger.expected or now - self._settled_at > _LEDGER_SECONDS

    def _check(
        self, expected: Expectation, publication: Publication, view: ClusterView, pages: Mapping[str, bytes]
    ) -> Iterator[tuple[str, bytes]]:
        """Compare everything but leaks; returns the evidence that they are searched in."""
        self._say("So sánh dự kiến với thực tế / comparing what was expected with what came out …")
        result, crew, names = self._result, self._crew, self._place.names
        result.cpu_seconds = {**crew.measure(), "kafka": ("kafka", cpu_seconds(self._broker.pid or 0) or 0.0)}
        result.trace_of = _interesting(expected)
        crew.begin("reconcile", ["reconcile", "--limit", "5"])
        crew.begin("trace", ["trace", result.trace_of])
        platforms = read_platforms(self._place)
        catalogue = TopicCatalogue.installed(names, "development")
        topics = read_topics(view, names, [topic.full_name for topic in catalogue])
        result.checks = self._compare(expected, publication, topics, platforms)
        code, said = crew.finish("reconcile")
        _, result.trace = crew.finish("trace")
        ledger = result.stages["ledger"]
        result.checks += [
            Check(_HUB, "Sổ kết quả / rows of the ledger", "one for each record", ledger.expected, ledger.observed),
            Check(_HUB, "lienthong reconcile", "exit code", 0, code, [] if code == 0 else said.splitlines()[:5]),
        ]
        # Stopped before the search, so that what they say while stopping is searched too.
        crew.stop()
        return evidence(self._options.directory, topics, pages)

    def _compare(
        self, expected: Expectation, publication: Publication, topics: Topics, platforms: Platforms
    ) -> list[Check]:
        has_strain = self._options.has_strain
        checks = compare(expected, publication.result, topics, platforms, has_weather=not has_strain)
        if has_strain:
            checks += self._strain_checks()
        return checks

    def _strain_checks(self) -> list[Check]:
        counted = ask_json(f"{self._place.url(self._limited)}/_control/quota")
        self._result.drain = drain = measure(self._strain, counted, self._waiting or 0)
        return strain_checks(self._strain, counted, drain)

    def _search(self, scenario: Prepared, pieces: Iterator[tuple[str, bytes]]) -> None:
        wanted = self._wanted(scenario)
        leaks, self._result.bytes_searched = search(wanted, pieces)
        title = f"{wanted.total:,} số và họ tên / numbers and full names"
        found = [str(leak) for leak in leaks]
        self._result.checks.append(Check("Rò rỉ / leaks", title, "nowhere in the open", 0, len(leaks), found))

    def _wanted(self, scenario: Prepared) -> Wanted:
        return wanted_of(scenario.each_dossier())

    def _end(self) -> None:
        # A second Ctrl-C must not leave processes behind.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        self._generator.shutdown(wait=False, cancel_futures=True)
        self._crew.stop(patience_seconds=_HASTY_SECONDS)
        self._broker.kill()
        # A week that is still being written would outlive the directory that is removed next.
        self._generator.shutdown()

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = self._clock.monotonic()
        yield
        self._result.durations[part] = self._clock.monotonic() - began


def _interesting(expected: Expectation) -> str:
    """Return a dossier of which there is something to see: confirmed, with a repeat or a late snapshot."""
    special = {event.dossier_code for event in expected.events if event.defect in {"late", "repeated"}}
    linked = [code for code, dossier in expected.dossiers.items() if dossier.verification_link]
    return next((code for code in linked if code in special), (linked or list(expected.dossiers))[0])
