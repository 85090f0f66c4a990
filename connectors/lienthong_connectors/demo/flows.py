"""What each flow of a full demonstration is: its processes, its truth, and the evidence that it is compared with."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import orjson

from lienthong.config.models import KafkaSettings
from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.observe import Topics
from lienthong_connectors.demo.place import Place
from lienthong_connectors.demo.week import Name
from lienthong_schemas.generator.dossiers import FIRST_DAY


class Simulated(NamedTuple):
    """One simulated system of a flow.

    Attributes:
        process: Name of the process, and of its port.
        simulator: Name of the simulator.
        options: What it is told.
    """

    process: str
    simulator: str
    options: Mapping[str, str]


@dataclass(slots=True)
class FlowTruth:
    """What must become of a flow, written before its first record is published; it holds nothing personal.

    Attributes:
        outcomes: Pipeline → ``source id`` → outcome of each record; several, in any order, where records share a name.
        numbers: What is counted besides → how many.
        questions: Questions to the population database that the flow leads to.
    """

    outcomes: dict[str, dict[str, str]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    questions: int = 0

    def write(self, path: Path) -> None:
        """Write the truth file.

        Args:
            path: File to write.
        """
        path.write_bytes(orjson.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "FlowTruth":
        """Return what a truth file says.

        Args:
            path: The file.
        """
        return cls(**orjson.loads(path.read_bytes()))

    def named(self, pipeline: str) -> dict[Name, list[str]]:
        """Return the outcomes of one pipeline as receipts are compared with them.

        Args:
            pipeline: Its name.
        """
        return {_name(text): kind.split() for text, kind in self.outcomes.get(pipeline, {}).items()}


class Flow(ABC):
    """One flow through the hub, besides the dossiers that go up.

    Args:
        seed: What everything that it makes follows from.
        today: Day of the demonstration: a source reads back a limited number of days.
    """

    #: Short name, also of its truth file.
    name: ClassVar[str]
    #: Vietnamese, then English.
    title: ClassVar[str]
    #: Its own pipelines; ``intake`` runs anyway.
    pipelines: ClassVar[tuple[str, ...]] = ()

    def __init__(self, seed: int, today: date = FIRST_DAY) -> None:
        self.seed = seed
        self.today = today

    @abstractmethod
    def truth(self) -> FlowTruth:
        """Return what must come out."""

    @abstractmethod
    def start(self, place: Place, kafka: KafkaSettings) -> None:
        """Do what its systems do; returns when all of it was handed over.

        Args:
            place: Where everything is.
            kafka: How to reach the broker.

        Raises:
            LienthongError: If something cannot be handed over.
        """

    @abstractmethod
    def evidence(self, truth: FlowTruth, place: Place, topics: Topics) -> list[Check]:
        """Return its checks besides receipts, from the simulators' own ledgers.

        Args:
            truth: As the truth file says.
            place: Where everything is.
            topics: What Kafka holds.
        """

    def people(self) -> Sequence[Mapping[str, Any]]:
        """Return whom the population database knows besides, as rows for its simulator."""
        return ()

    def simulators(self, place: Place) -> Sequence[Simulated]:
        """Return its simulated systems.

        Args:
            place: Where they get a port.
        """
        del place
        return ()

    @abstractmethod
    def configure(self, document: dict[str, Any], place: Place) -> None:
        """Add what the flow needs to the hub's configuration.

        Args:
            document: The whole configuration.
            place: Where everything is.
        """

    def persons(self) -> Sequence[Mapping[str, Any]]:
        """Return whom nothing in the open may name: ``personal_id``, ``old_id`` and ``full_name`` of each."""
        return self.people()

    def prepare(self, place: Place) -> None:
        """Do what must be done before the hub's processes start; the flow's simulators answer by now.

        Args:
            place: Where everything is.
        """
        del place

    def is_done(self, truth: FlowTruth, place: Place) -> bool:
        """Return whether what Kafka cannot tell has happened too, such as a poll that comes later.

        Args:
            truth: As the truth file says.
            place: Where everything is.
        """
        del truth, place
        return True

    def clients(self, place: Place) -> Mapping[str, Any]:
        """Return who gets tokens besides.

        Args:
            place: Where everything is.
        """
        del place
        return {}


def all_flows(seed: int, today: date = FIRST_DAY) -> tuple[Flow, ...]:
    """Return the flows of a full demonstration besides the dossiers that go up.

    Args:
        seed: What they follow from.
        today: Day of the demonstration.
    """
    from lienthong_connectors.demo.flow_accounts import AccountFlow
    from lienthong_connectors.demo.flow_alerts import AlertFlow
    from lienthong_connectors.demo.flow_counter import CounterFlow
    from lienthong_connectors.demo.flow_feedback import FeedbackFlow
    from lienthong_connectors.demo.flow_feedback_down import FeedbackDownFlow
    from lienthong_connectors.demo.flow_life_events import LifeEventFlow
    from lienthong_connectors.demo.flow_national import NationalFlow

    kinds = (NationalFlow, LifeEventFlow, AccountFlow, FeedbackFlow, FeedbackDownFlow, AlertFlow, CounterFlow)
    return tuple(kind(seed, today) for kind in kinds)


def text_of(source: str, record_id: str) -> str:
    """Return the name of a record in a truth file.

    Args:
        source: CloudEvents source.
        record_id: CloudEvents id.
    """
    return f"{source} {record_id}"


def _name(text: str) -> Name:
    source, _, record_id = text.partition(" ")
    return source, record_id


def receipt_checks(flow: Flow, truth: FlowTruth, topics: Topics) -> list[Check]:
    """Return, for each pipeline of a flow, whether every record has exactly the receipt that it must have.

    Args:
        flow: Which flow.
        truth: As the truth file says.
        topics: What Kafka holds.
    """
    checks = []
    for pipeline in flow.pipelines:
        wanted, found = truth.named(pipeline), topics.outcomes(pipeline)
        names = sorted(wanted.keys() | found.keys())
        # Records that share a name may come from several partitions, which have no order among them.
        wrong = [text_of(*name) for name in names if sorted(wanted.get(name, ())) != sorted(found.get(name, ()))]
        title = f"{pipeline}: mỗi bản ghi một kết quả / one outcome for each record"
        checks.append(Check(flow.title, title, "as in the truth file", total(wanted), total(found), wrong))
    return checks


def total(outcomes: Mapping[Name, Sequence[str]]) -> int:
    """Return how many records have an outcome.

    Args:
        outcomes: Name of a record → its outcomes.
    """
    return sum(map(len, outcomes.values()))


class Starter:
    """Starts flows one after the other in a thread of its own, while the dossiers are published.

    Args:
        flows: Which.
        place: Where everything is.
        kafka: How to reach the broker.
    """

    def __init__(self, flows: Sequence[Flow], place: Place, kafka: KafkaSettings) -> None:
        self._flows = flows
        self._place = place
        self._kafka = kafka
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="flows", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def is_done(self) -> bool:
        """Return whether everything was handed over.

        Raises:
            LienthongError: If it cannot be.
        """
        if self._thread.is_alive():
            return False
        if self._error is not None:
            raise self._error
        return True

    def _run(self) -> None:
        try:
            for flow in self._flows:
                flow.start(self._place, self._kafka)
        except BaseException as error:  # noqa: BLE001 - told to the main thread, which raises it
            self._error = error
