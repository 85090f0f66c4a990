"""``lienthong demo --full``: every flow at once, each with a truth of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from lienthong.clock import Clock, to_vietnam
from lienthong.config.models import HubSettings
from lienthong.kafka.cluster import ClusterView
from lienthong_connectors.demo.compare import Check, compare
from lienthong_connectors.demo.flows import Flow, FlowTruth, Starter, all_flows, receipt_checks, total
from lienthong_connectors.demo.leaks import Wanted, words_of
from lienthong_connectors.demo.meters import Meters, Stage
from lienthong_connectors.demo.observe import Platforms, Topics
from lienthong_connectors.demo.place import Place, add_ports
from lienthong_connectors.demo.publish import Publication
from lienthong_connectors.demo.result import FlowResult, Options
from lienthong_connectors.demo.run import Demonstration
from lienthong_connectors.demo.week import PIPELINES, Expectation, Prepared

#: Longer than the interval of a poll.
_PATIENCE_SECONDS = 60.0
_DOSSIERS = "Hồ sơ lên Cổng DVCQG / dossiers up to the portal"


class FullDemonstration(Demonstration):
    """Runs every flow in one work directory.

    Args:
        options: What was asked for.
        console: Where to say what happens.
        clock: Tells how long things take.
    """

    def __init__(self, options: Options, console: Console, clock: Clock) -> None:
        super().__init__(options, console, clock)
        self._flows: Sequence[Flow] = all_flows(options.seed, to_vietnam(clock.now()).date())
        self._truths: dict[str, FlowTruth] = {}
        self._starter: Starter | None = None
        self._quiet_since = 0.0
        for flow in self._flows:
            add_ports(self._place, [each.process for each in flow.simulators(self._place)])

    @property
    def _pipelines(self) -> Sequence[str]:
        return (*PIPELINES, *(pipeline for flow in self._flows for pipeline in flow.pipelines))

    def _document(self) -> dict[str, Any]:
        document = super()._document()
        for flow in self._flows:
            flow.configure(document, self._place)
        return document

    def _clients(self) -> Mapping[str, Any]:
        return {name: client for flow in self._flows for name, client in flow.clients(self._place).items()}

    def _write_week(self) -> tuple[Prepared, Expectation]:
        scenario, expected = super()._write_week()
        with self._place.people_file.open("ab") as file:
            for flow in self._flows:
                file.writelines(orjson.dumps(row) + b"\n" for row in flow.people())
        for flow in self._flows:
            path = truth_file(self._place, flow)
            flow.truth().write(path)
            truth = self._truths[flow.name] = FlowTruth.read(path)
            expected.outcomes["intake"] |= truth.named("intake")
        return scenario, expected

    def _start_simulators(self) -> None:
        super()._start_simulators()
        for flow in self._flows:
            for each in flow.simulators(self._place):
                self._simulate(each.simulator, each.options, each.process)
        for flow in self._flows:
            self._crew.await_ready(*(each.process for each in flow.simulators(self._place)))
            flow.prepare(self._place)

    def _make_stages(self, expected: Expectation) -> dict[str, Stage]:
        stages = super()._make_stages(expected)
        ledger = stages.pop("ledger")
        for flow in self._flows:
            taken = self._truths[flow.name].named("intake")
            # The names of intake are counted already; records that share one have a row each.
            ledger.expected += total(taken) - len(taken)
            for pipeline in flow.pipelines:
                records = total(self._truths[flow.name].named(pipeline))
                stages[pipeline] = Stage(pipeline, pipeline, records)
                ledger.expected += records
        return {**stages, "ledger": ledger}

    def _begin(self, settings: HubSettings) -> None:
        self._starter = Starter(self._flows, self._place, settings.kafka)
        self._starter.start()

    def _has_settled(self, publication: Publication, meters: Meters, view: ClusterView, ledger: Stage) -> bool:
        is_started = self._starter is not None and self._starter.is_done()
        if not (is_started and super()._has_settled(publication, meters, view, ledger)):
            return False
        # What never comes is a finding of the comparison, not something to wait for without end.
        now = self._clock.monotonic()
        self._quiet_since = self._quiet_since or now
        is_done = all(flow.is_done(self._truths[flow.name], self._place) for flow in self._flows)
        return is_done or now - self._quiet_since > _PATIENCE_SECONDS

    def _compare(
        self, expected: Expectation, publication: Publication, topics: Topics, platforms: Platforms
    ) -> list[Check]:
        questions = sum(truth.questions for truth in self._truths.values())
        checks = compare(expected, publication.result, topics, platforms, more_questions=questions)
        self._result.flows.append(FlowResult.of("dossiers", _DOSSIERS, PIPELINES, checks))
        for flow in self._flows:
            truth = self._truths[flow.name]
            mine = [*receipt_checks(flow, truth, topics), *flow.evidence(truth, self._place, topics)]
            self._result.flows.append(FlowResult.of(flow.name, flow.title, flow.pipelines, mine))
            checks += mine
        return checks

    def _wanted(self, scenario: Prepared) -> Wanted:
        wanted = super()._wanted(scenario)
        for row in (row for flow in self._flows for row in flow.persons()):
            wanted.numbers.update(str(row[name]).encode() for name in ("personal_id", "old_id"))
            wanted.names.add(words_of(row["full_name"]))
        return wanted


def truth_file(place: Place, flow: Flow) -> Path:
    """Return where the truth of a flow is written.

    Args:
        place: The work directory.
        flow: Which flow.
    """
    return place.directory / f"truth-{flow.name}.json"


__all__ = ["FullDemonstration", "truth_file"]
