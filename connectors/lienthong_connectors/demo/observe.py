"""What really came out: from the simulators' own ledgers, from receipts and from Kafka's topics."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lienthong import access_log, receipt
from lienthong.errors import DecodeError
from lienthong.kafka.cluster import ClusterView
from lienthong.record import Record
from lienthong.topic_names import TopicNames
from lienthong_connectors.demo.ask import ask_json
from lienthong_connectors.demo.place import Place
from lienthong_connectors.demo.week import (
    CIVIL_STATUS_SOURCE,
    LINKED_SOURCE,
    NATIONAL_ALERT_SOURCE,
    NATIONAL_FEEDBACK_SOURCE,
    PORTAL_SOURCE,
    SIGN_IN_SOURCE,
    VERIFY_SOURCE,
    Name,
)

_PAGE = 5_000
#: Sources whose ids are the hub's own business, so that records are named by their key, such as the dossier.
_NAMED_BY_KEY = frozenset(
    {
        VERIFY_SOURCE,
        PORTAL_SOURCE,
        LINKED_SOURCE,
        CIVIL_STATUS_SOURCE,
        NATIONAL_FEEDBACK_SOURCE,
        NATIONAL_ALERT_SOURCE,
    }
)
#: Sources whose records have no name that could be known before.
_WITHOUT_NAME = frozenset({SIGN_IN_SOURCE})
#: Whose questions are counted with those about dossiers.
_REGISTER = "population"
#: Beginnings of the names of topics whose values are open: nobody needs a right to personal data to read them.
_OPEN_VALUES = ("receipts", "access-log", "state.")


@dataclass(slots=True)
class Topics:
    """What the topics hold.

    Attributes:
        counts: Topic without the province's prefix → records.
        receipts: Pipeline → record → place of the arrival → outcome.
        intents: Ids of questions to the population database whose intent is in the access log.
        answered: Ids of those whose result is there, after the intent.
        elsewhere: Other target → ids of questions whose result is there, after the intent.
        unreadable: Receipts and access-log entries that cannot be read.
        metadata: Keys, header names and header values of all records, each once.
        open_values: Topic → parts of the values of topics that may hold nothing personal, between quotation marks, each
            once: their JSON repeats itself a lot.
    """

    counts: Counter[str] = field(default_factory=Counter)
    receipts: dict[str, dict[Name, dict[tuple[str, int, int], str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )
    intents: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    elsewhere: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unreadable: int = 0
    _begun: set[str] = field(default_factory=set)
    metadata: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    open_values: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))

    def take(self, records: Iterable[Record], names: TopicNames) -> None:
        """Count and keep what is compared.

        Args:
            records: Records of any topics.
            names: The province's names.
        """
        for record in records:
            topic = names.bare(record.topic)
            self.counts[topic] += 1
            seen = self.metadata[topic]
            if record.key is not None:
                seen.add(record.key)
            for header, value in record.headers:
                seen.add(header.encode())
                seen.add(value)
            if topic.startswith(_OPEN_VALUES) and record.value is not None:
                self.open_values[topic].update(record.value.split(b'"'))
                self._read(topic, record.value)

    def outcomes(self, pipeline: str) -> dict[Name, list[str]]:
        """Return the outcomes of every record of a pipeline, in order of arrival.

        Args:
            pipeline: Its name.
        """
        return {
            name: [kind for _, kind in sorted(places.items())]
            for name, places in self.receipts.get(pipeline, {}).items()
        }

    def _read(self, topic: str, value: bytes) -> None:
        try:
            if topic == "receipts":
                self._receipts(receipt.decode(value))
            elif topic == "access-log":
                self._access(access_log.decode(value))
        except DecodeError:
            self.unreadable += 1

    def _access(self, entry: access_log.AccessEntry) -> None:
        is_register = entry.target == _REGISTER
        begun = self.intents if is_register else self._begun
        if entry.phase is access_log.AccessPhase.INTENT:
            begun.add(entry.verification_id)
        elif entry.verification_id in begun:
            (self.answered if is_register else self.elsewhere[entry.target]).add(entry.verification_id)

    def _receipts(self, batch: receipt.ReceiptBatch) -> None:
        mine = self.receipts[batch.pipeline]
        for row in batch.receipts:
            own = row.key if row.source in _NAMED_BY_KEY else row.id
            mine[row.source, "" if row.source in _WITHOUT_NAME else own][batch.topic, batch.partition, row.offset] = (
                row.kind
            )


def read_topics(view: ClusterView, names: TopicNames, topics: Iterable[str]) -> Topics:
    """Read every record of topics.

    Args:
        view: The cluster.
        names: The province's names.
        topics: Full names.

    Raises:
        BrokerUnavailableError: If Kafka cannot be reached.
    """
    found = Topics()
    wanted = list(topics)
    ends = view.end_offsets(wanted)
    with view.reader(view.beginning_offsets(wanted), ends=ends) as reader:
        for records in reader.batches():
            found.take(records, names)
    return found


@dataclass(slots=True)
class Platforms:
    """What the simulated platforms saw and changed, from their own ledgers.

    Attributes:
        dossiers: Dossier code → what the portal holds of it.
        portal: Summary of the portal's raw calls and effects.
        population: Summary of the population database's raw calls and effects.
        people_asked: How often each person was asked for; the identifiers themselves stay in the simulator.
    """

    dossiers: dict[str, dict[str, Any]]
    portal: dict[str, Any]
    population: dict[str, Any]
    people_asked: Counter[int]


def read_platforms(place: Place) -> Platforms:
    """Ask both simulators.

    Args:
        place: Where they are.

    Raises:
        FatalError: If one does not answer.
    """
    asked: Counter[int] = Counter()
    after = 0
    while True:
        page = ask_json(f"{place.url('population')}/_control/effects?after={after}&limit={_PAGE}")
        asked.update(hash(item["detail"]["identifier"]) for item in page)
        if len(page) < _PAGE:
            break
        after = page[-1]["number"]
    return Platforms(
        dossiers=ask_json(f"{place.url('portal')}/_control/dossiers"),
        portal=ask_json(f"{place.url('portal')}/_control/ledger"),
        population=ask_json(f"{place.url('population')}/_control/ledger"),
        people_asked=asked,
    )


def is_settled(view: ClusterView, groups: dict[str, tuple[str, ...]]) -> bool:
    """Return whether every group has committed everything that its topics hold.

    Args:
        view: The cluster.
        groups: Consumer group → its topics.

    Delivery:
        Commits are read first and ends after them. Whatever a pipeline writes is acknowledged before it commits, so
        nothing can be between two pipelines when all are equal.
    """
    committed = {group: view.committed_offsets(group, topics) for group, topics in groups.items()}
    for group, topics in groups.items():
        for place, end in view.end_offsets(topics).items():
            mine = committed[group].get(place)
            if end and (mine is None or mine.offset < end):
                return False
    return True
