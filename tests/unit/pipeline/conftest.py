"""Slices, a producer and a good dossier for the engines and steps."""

import asyncio
import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from lienthong.errors import LienthongError
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.definitions import Pipeline, PipelineDefinition
from lienthong.record import OutgoingRecord, Place
from lienthong.schema import dataschema
from lienthong.testing.clock import FakeClock
from lienthong.topic_names import TopicNames
from lienthong.transport.assignment import Assignment, Slice

NAMES = TopicNames("hue")
CODE = "H57.21-261008-0001"
SOURCE = "/hue/one-stop"
_PROGRESS = {
    "dossier_code": CODE,
    "step_id": "step-1",
    "sequence": 1,
    "occurred_at": "2026-10-08T08:30:00+07:00",
    "handler_name": "Cán bộ tiếp nhận",
    "handler_title": "Cán bộ",
    "department": "Trung tâm Phục vụ hành chính công",
    "content": "Tiếp nhận hồ sơ",
    "status": "accepted",
    "started_at": "2026-10-08T08:30:00+07:00",
}
_SNAPSHOT = {
    "dossier_code": CODE,
    "sequence": 3,
    "occurred_at": "2026-10-08T08:30:00+07:00",
    "procedure": {"code": "1.004194", "name": "Đăng ký tạm trú", "field_code": "G01-CT01", "field_name": "Cư trú"},
    "channel": "counter",
    "subject_kind": "citizen",
    "owner": {
        "full_name": "Nguyễn Thị Thuận",
        "identifiers": [{"type": "personal_id", "value": "000190123456"}],
        "birth_date": "1990-02-03",
        "gender": "female",
        "address": {
            "unit": {"code_system": "GSO-34", "code": "19753", "as_of": "2025-07-01"},
            "detail": "12 Lê Lợi",
        },
    },
    "summary": "Đăng ký tạm trú cho hộ gia đình",
    "submitted_at": "2026-10-08T08:00:00+07:00",
    "received_at": "2026-10-08T08:30:00+07:00",
    "due_at": "2026-10-11T17:00:00+07:00",
    "status": "accepted",
    "return_method": "counter",
    "handling_unit": {"code": "H57.21", "name": "Ủy ban nhân dân Phường Phú Xuân"},
    "origin": "local",
    "has_digitised_components": True,
    "account_verified_by_vneid": False,
    "online_payment": "none",
}


@dataclass
class Message:
    """What librdkafka hands out for one record."""

    offset_: int
    value_: bytes | None
    headers_: list[tuple[str, Any]]
    key_: bytes | None = None
    topic_: str = "hue.inbound.dossier.one-stop"
    partition_: int = 0

    def topic(self) -> str:
        """Return the topic."""
        return self.topic_

    def partition(self) -> int:
        """Return the partition."""
        return self.partition_

    def offset(self) -> int:
        """Return the offset."""
        return self.offset_

    def timestamp(self) -> tuple[int, int]:
        """Return kind and time."""
        return 1, 1_000

    def key(self) -> bytes | None:
        """Return the key."""
        return self.key_

    def value(self) -> bytes | None:
        """Return the value."""
        return self.value_

    def headers(self) -> list[tuple[str, Any]]:
        """Return the headers."""
        return self.headers_


class Pending:
    """Writes that the test acknowledges or refuses."""

    def __init__(self, records: Sequence[OutgoingRecord]) -> None:
        self.records = list(records)
        self.failed_topic = ""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        """Wait for the acknowledgement."""
        await self.done


@dataclass
class FakeProducer:
    """Writes down what it is given; acknowledges at once unless it is held."""

    written: list[OutgoingRecord] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    is_held: bool = False
    refuse: Callable[[OutgoingRecord], LienthongError | None] = lambda _: None
    log: list[str] = field(default_factory=list)
    is_started: bool = False

    async def start(self) -> None:
        """Start."""
        self.is_started = True

    async def stop(self) -> None:
        """Stop."""
        self.is_started = False

    async def begin(self, records: Sequence[OutgoingRecord]) -> Pending:
        """Take records."""
        batch = Pending(records)
        self.pending.append(batch)
        if not self.is_held:
            self.acknowledge()
        return batch

    async def send(self, records: Sequence[OutgoingRecord]) -> None:
        """Take records and wait for their acknowledgement."""
        await (await self.begin(records)).wait()

    def acknowledge(self, number: int | None = None) -> None:
        """Acknowledge the oldest batches, or refuse what is refused."""
        for batch in self.pending[:number]:
            refused = ((each, found) for each in batch.records if (found := self.refuse(each)) is not None)
            record, error = next(refused, (None, None))
            if batch.done.done():
                continue
            if record is not None and error is not None:
                batch.failed_topic = record.topic
                batch.done.set_exception(error)
                continue
            self.written += batch.records
            self.log += [f"write {each.topic.removeprefix('hue.')}" for each in batch.records]
            batch.done.set_result(None)
        self.pending = [] if number is None else self.pending[number:]

    def of(self, topic: str) -> list[OutgoingRecord]:
        """Return what was written to a topic, without the province."""
        return [each for each in self.written if each.topic == f"hue.{topic}"]


def pipeline_of(**document: Any) -> Pipeline:
    """Return a pipeline with one source."""
    base = {"name": "intake", "description": {"vi": "Thử", "en": "Test"}, "sources": ["inbound.dossier.one-stop"]}
    definition = PipelineDefinition.model_validate(base | document)
    return Pipeline(definition, tuple(NAMES.full(each) for each in definition.sources), "group", NAMES)


def headers_of(type_name: str, event_id: str = "e-1", **changes: bytes | None) -> list[tuple[str, bytes]]:
    """Return the headers of a good record; None leaves one out."""
    found: dict[str, bytes | None] = {
        "ce_specversion": b"1.0",
        "ce_id": event_id.encode(),
        "ce_source": SOURCE.encode(),
        "ce_type": type_name.encode(),
        "ce_dataschema": dataschema(type_name, 1).encode(),
        "content-type": b"application/json",
    }
    found |= changes
    return [(name, raw) for name, raw in found.items() if raw is not None]


@dataclass
class Bench:
    """Makes records and slices of one partition."""

    assignment: Assignment
    next_offset: int = 0

    def progress(self, number: int = 1, **changes: Any) -> Message:
        """Return a step of the dossier."""
        body = _PROGRESS | {"step_id": f"step-{number}", "sequence": number} | changes
        return self.message(body, headers_of("dossier.progress", f"p-{number}"))

    def snapshot(self, sequence: int = 3, event_id: str = "", change: Callable[[Any], None] | None = None) -> Message:
        """Return a snapshot of the dossier."""
        body = copy.deepcopy(_SNAPSHOT)
        body["sequence"] = sequence
        if change is not None:
            change(body)
        return self.message(body, headers_of("dossier.snapshot", event_id or f"s-{sequence}"))

    def message(self, body: Any, headers: list[tuple[str, Any]]) -> Message:
        """Return a record of any bytes or document."""
        value = body if isinstance(body, bytes) or body is None else json.dumps(body, ensure_ascii=False).encode()
        made = Message(self.next_offset, value, headers, CODE.encode(), *self.assignment.place)
        self.next_offset += 1
        return made

    def slice(self, *messages: Message) -> Slice:
        """Deliver records and return their slice."""
        self.assignment.deliver([each.offset() for each in messages])
        return Slice(self.assignment, messages[0].offset(), list(messages))


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    """Give a function that makes a bench for a topic without the province."""
    return lambda topic="inbound.dossier.one-stop", partition=0: Bench(Assignment(Place(f"hue.{topic}", partition), 0))


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """Give a bench for the one-stop centre's topic."""
    return make_bench()


@pytest.fixture
def producer() -> FakeProducer:
    """Give a producer that writes down."""
    return FakeProducer()


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that is moved by hand."""
    return FakeClock()


@pytest.fixture
def metrics() -> Metrics:
    """Give metrics of this test alone."""
    return Metrics(with_process=False)


@pytest.fixture
def make_pipeline() -> Callable[..., Pipeline]:
    """Give a function that makes a pipeline from parts of its declaration."""
    return pipeline_of


@pytest.fixture
def make_headers() -> Callable[..., list[tuple[str, bytes]]]:
    """Give a function that makes the headers of a good record."""
    return headers_of
