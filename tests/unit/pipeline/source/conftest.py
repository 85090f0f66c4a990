"""A platform with a list that is ordered by time, a source that reads it, and the desk of an owner that may crash."""

import asyncio
import itertools
import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from pydantic import BaseModel

from lienthong.connector import ConnectorContext, Source, SourceBatch, SourceEvent
from lienthong.envelope import Event
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.definitions import Pipeline, PipelineDefinition
from lienthong.pipeline.polling import Polling, Seen
from lienthong.pipeline.source_intake import SourceIntake
from lienthong.pipeline.target import Target
from lienthong.registry.schemas import SchemaRegistry
from lienthong.registry.topics import TopicCatalogue
from lienthong.testing.clock import FakeClock
from lienthong.topic_names import TopicNames

NAMES = TopicNames("hue")
REGISTRY = SchemaRegistry.installed()
CATALOGUE = TopicCatalogue.installed(NAMES, "development")
POLL = {"connector": "feed", "topic": "records.dossier", "purpose": "p", "legal_basis": "l", "overlap": "5s"}


class Crash(BaseException):
    """The process dies here."""


def body_of(name, **changes):
    """Return the bytes of one step of one dossier."""
    found = {
        "dossier_code": "H57.21-261008-0001",
        "step_id": f"step-{name}",
        "sequence": 1,
        "occurred_at": "2026-10-08T08:30:00+07:00",
        "handler_name": "Cán bộ tiếp nhận",
        "handler_title": "Cán bộ",
        "department": "Trung tâm Phục vụ hành chính công",
        "content": "Tiếp nhận hồ sơ",
        "status": "accepted",
        "started_at": "2026-10-08T08:30:00+07:00",
    }
    return json.dumps(found | changes, ensure_ascii=False).encode()


def event_of(name, data=None, **changes):
    """Return what a source finds; an attribute that is None is left out."""
    attributes = {"id": name, "source": "/national/feed", "type": "dossier.progress", **changes}
    present = {each: text for each, text in attributes.items() if text is not None}
    return SourceEvent(f"H57.21-{name}", Event(present, body_of(name) if data is None else data))


class _NoSettings(BaseModel):
    """Nothing to configure."""


class Feed(Source):
    """Reads the list from the last time that it saw, that time included.

    Attributes:
        items: Time → names, as the platform shows them now.
        before_page: Called before each page; may change the list or raise.
    """

    def __init__(self, size=3):
        super().__init__(_NoSettings(), ConnectorContext(http=None, clock=FakeClock(), logger=None))
        self.items = []
        self.size = size
        self.before_page = lambda: None
        self.acknowledged = []
        self.polls = []
        self.closed = 0
        self.contexts = []
        self.made = event_of
        self.wall = lambda: float("inf")

    async def poll(self, cursor, context):
        """Yield pages; one full of one time is asked for in a larger size. No cursor is later than the poll's begin."""
        began = self.wall()
        self.polls.append(cursor)
        self.contexts.append(context)
        since = int(cursor) - context.overlap_seconds if cursor else float("-inf")
        size = self.size
        try:
            while True:
                self.before_page()
                page = sorted(item for item in self.items if item[0] >= since)[:size]
                is_full = len(page) == size
                if is_full and page[-1][0] == since:
                    size *= 2
                    continue
                if page:
                    newest = max(min(page[-1][0], began), int(cursor) if cursor else -100)
                    yield SourceBatch([self.made(name) for _, name in page], str(newest), [name for _, name in page])
                if not is_full:
                    return
                since, size = page[-1][0], self.size
        finally:
            self.closed += 1

    async def acknowledge(self, batch, context):
        """Write down what was acknowledged."""
        self.acknowledged += batch.receipt


@dataclass
class FakeDesk:
    """Writes down what the owner does, in order; dies before or after a step when told to."""

    log: list = field(default_factory=list)
    written: list = field(default_factory=list)
    saved: str = ""
    steps: itertools.count = field(default_factory=itertools.count)
    dies_at: int = -1
    is_owner: bool = True
    refuse: list = field(default_factory=list)

    def step(self):
        """Die if this is the step."""
        if next(self.steps) == self.dies_at:
            raise Crash

    async def is_ours(self):
        """Say who owns the cursor."""
        return self.is_owner

    async def write(self, admitted):
        """Write records."""
        self.step()
        if self.refuse:
            raise self.refuse.pop(0)
        self.written += [each.outgoing for each in admitted]
        self.log.append("write")
        self.step()

    async def save(self, cursor):
        """Save a cursor."""
        self.step()
        self.saved = cursor
        self.log.append("save")
        self.step()

    @property
    def names(self):
        """What was written as records."""
        assert all(each.topic == "hue.records.dossier" for each in self.written)
        return [each.key.decode().removeprefix("H57.21-") for each in self.written]


@pytest.fixture
def feed():
    """Give a source with an empty list."""
    return Feed()


@pytest.fixture
def desk():
    """Give the desk of an owner."""
    return FakeDesk()


@pytest.fixture
def metrics():
    """Give metrics of this test alone."""
    return Metrics(with_process=False)


def polling_of(feed, desk, clock=None, metrics=None, seen=None, **policy):
    """Return polls that end at the first wait of the interval."""
    clock = clock or FakeClock()
    metrics = metrics or Metrics(with_process=False)
    document = {
        "name": "intake",
        "description": {"vi": "Thử", "en": "Test"},
        "poll": POLL,
        "policy": {"retry": {"initial_interval": "1s", "jitter": "0ms"}, **policy},
    }
    definition = PipelineDefinition.model_validate(document)
    pipeline = Pipeline(definition, ("hue.cursors",), "group", NAMES)
    step = definition.poll
    cursors = SimpleNamespace(partition=2)
    intake = SourceIntake(pipeline, step, REGISTRY, CATALOGUE, clock, cursors)
    target = Target(pipeline, "feed", definition.policy, clock, metrics)
    made = Polling(pipeline, step, feed, target, intake, clock, metrics, seen)
    sleep = clock.sleep

    async def sleep_or_stop(seconds):
        if seconds >= step.interval:
            made.stop()
        await sleep(seconds)

    clock.sleep = sleep_or_stop
    return made


@pytest.fixture
def poll_once(feed, desk, metrics):
    """Give a function that polls once to the end of the list, as a new process or with a memory."""

    def poll(seen=None, clock=None, **policy):
        made = polling_of(feed, desk, clock, metrics, seen or Seen(), **policy)
        asyncio.run(made.run(desk.saved, desk))

    return poll
