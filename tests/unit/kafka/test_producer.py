"""The acknowledged producer on a scripted librdkafka: no report of what did not happen, and nobody waits in vain."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from lienthong.config.models import KafkaSettings
from lienthong.errors import BrokerUnavailableError, FatalError, RecordTooLargeError
from lienthong.kafka import producer as module
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.record import OutgoingRecord


class ScriptedNative:
    """Stands for librdkafka's producer: keeps what was produced and reports it when polled."""

    def __init__(self, _configuration: dict[str, Any]) -> None:
        self.written: list[tuple[str, bytes | None]] = []
        self.waiting: list[tuple[Callable[[Any, Any], None], str]] = []
        self.full_times = 0
        self.refusals: dict[bytes, int] = {}
        self.reports: dict[bytes, int] = {}
        self.poll_error: Exception | None = None
        self.is_silent = False

    def produce(self, topic: str, value: bytes, _key: Any, _partition: int, on_delivery: Any, *_rest: Any) -> None:
        """Accept, refuse or be full, as scripted."""
        if self.full_times:
            self.full_times -= 1
            raise BufferError("full")
        if value in self.refusals:
            raise KafkaException(KafkaError(self.refusals[value]))
        self.written.append((topic, value))
        self.waiting.append((on_delivery, value))

    def poll(self, _timeout: float) -> int:
        """Report everything that waits."""
        if self.poll_error is not None:
            raise self.poll_error
        if self.is_silent:
            return 0
        waiting, self.waiting = self.waiting, []
        for on_delivery, value in waiting:
            code = self.reports.get(value)
            on_delivery(KafkaError(code) if code is not None else None, _Message())
        return len(waiting)

    def __len__(self) -> int:
        return len(self.waiting)


class _Message:
    def topic(self) -> str:
        return "t"


@pytest.fixture
async def pair(monkeypatch):
    """Give a started producer and the scripted client under it."""
    natives: list[ScriptedNative] = []

    def create(configuration: dict[str, Any]) -> ScriptedNative:
        natives.append(ScriptedNative(configuration))
        return natives[0]

    monkeypatch.setattr(module, "NativeProducer", create)
    ours = AcknowledgedProducer(KafkaSettings(), client_id="test")
    await ours.start()
    yield ours, natives[0]
    natives[0].is_silent = False
    natives[0].poll_error = None
    await ours.stop(timeout_seconds=0.1)


def record(value: bytes) -> OutgoingRecord:
    """Return a record with a value."""
    return OutgoingRecord("t", None, value, [])


async def test_send_returns_when_every_record_is_reported(pair) -> None:
    """An acknowledgement that is not awaited is a record that may be lost."""
    ours, native = pair
    native.is_silent = True
    sending = asyncio.ensure_future(ours.send([record(b"1"), record(b"2")]))
    await asyncio.sleep(0.01)
    assert not sending.done()
    native.is_silent = False
    await sending
    assert [value for _, value in native.written] == [b"1", b"2"]


async def test_one_failed_record_fails_the_batch(pair) -> None:
    """The caller must not settle any record of a batch that did not arrive whole."""
    ours, native = pair
    native.reports = {b"2": KafkaError._MSG_TIMED_OUT}
    with pytest.raises(BrokerUnavailableError):
        await ours.send([record(b"1"), record(b"2"), record(b"3")])


async def test_a_full_queue_only_delays(pair) -> None:
    """A slow broker slows the caller down; it loses and reorders nothing."""
    ours, native = pair
    native.full_times = 3
    await ours.send([record(b"1"), record(b"2"), record(b"3")])
    assert [value for _, value in native.written] == [b"1", b"2", b"3"]


async def test_each_record_gets_its_own_result(pair) -> None:
    """One line of a bulk stream that is too large says nothing about the others."""
    ours, native = pair
    native.refusals = {b"2": KafkaError.MSG_SIZE_TOO_LARGE}
    native.reports = {b"3": KafkaError._MSG_TIMED_OUT}
    results = await ours.send_each([record(b"1"), record(b"2"), record(b"3")])
    assert results[0] is None
    assert isinstance(results[1], RecordTooLargeError)
    assert isinstance(results[2], BrokerUnavailableError)


async def test_nobody_waits_for_reports_that_will_never_come(pair) -> None:
    """If delivery reports can no longer be read, the pipeline must stop instead of hanging silently."""
    ours, native = pair
    native.is_silent = True
    sending = asyncio.ensure_future(ours.send([record(b"1")]))
    await asyncio.sleep(0.01)
    native.poll_error = RuntimeError("broken")
    with pytest.raises(FatalError):
        await sending


async def test_a_producer_that_was_not_started_refuses(monkeypatch) -> None:
    """A forgotten start is an error at once, not a record that waits for ever."""
    del monkeypatch
    with pytest.raises(FatalError):
        await AcknowledgedProducer(KafkaSettings(), client_id="test").send([record(b"1")])
