"""Writes of the one owner: all or nothing, and nothing after a successor has begun."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from lienthong.config.models import KafkaSettings
from lienthong.errors import BrokerUnavailableError, FatalError, RecordTooLargeError
from lienthong.kafka.fenced_producer import Fenced, FencedProducer, Written
from lienthong.record import OutgoingRecord


class Broker:
    """librdkafka's transactional producer in memory.

    Attributes:
        calls: What was called.
        visible: What readers see.
        raises: Call → errors of its next calls.
        refuses: Topic → error in the report.
    """

    def __init__(self):
        self.calls = []
        self.visible = []
        self.raises = {}
        self.refuses = {}
        self.configuration = {}
        self.open, self.reports = [], []

    def __call__(self, configuration):
        """Return the client that was asked for."""
        self.configuration = configuration
        return self

    def _called(self, name):
        self.calls.append(name)
        errors = self.raises.get(name)
        if errors:
            raise KafkaException(errors.pop(0))

    def init_transactions(self, _timeout):
        """Fence."""
        self._called("init")

    def begin_transaction(self):
        """Begin."""
        self._called("begin")
        self.open, self.reports = [], []

    def produce(self, topic, value, key, partition, on_delivery, _callback, _timestamp, _headers):
        """Take one record."""
        self._called("produce")
        self.open.append((topic, value))
        self.reports.append((on_delivery, Message(topic, partition, len(self.open)), self.refuses.get(topic)))

    def poll(self, _timeout):
        """Hand out nothing."""
        return 0

    def flush(self, _timeout):
        """Hand out the reports."""
        reports, self.reports = self.reports, []
        for on_delivery, message, error in reports:
            on_delivery(error, message)
        return 0

    def commit_transaction(self, _timeout):
        """Let everybody see the records."""
        self._called("commit")
        self.visible += self.open

    def abort_transaction(self, _timeout):
        """Forget them."""
        self._called("abort")

    def purge(self):
        """Give up."""
        self._called("purge")


class Message:
    """What a report is about."""

    def __init__(self, *place):
        self._place = place

    def topic(self):
        """Return the topic."""
        return self._place[0]

    def partition(self):
        """Return the partition."""
        return self._place[1]

    def offset(self):
        """Return the offset."""
        return self._place[2]


def _error(code, **marks):
    return KafkaError(code, "text", **marks)


def _record(topic="a", value=b"1"):
    return OutgoingRecord(topic, b"k", value, [], 0)


@pytest.fixture
def broker():
    """Give a broker in memory."""
    return Broker()


@pytest.fixture
async def producer(broker):
    """Give an open producer."""
    made = FencedProducer(KafkaSettings(), "hue.lienthong.poll", broker)
    await made.open()
    yield made
    await made.close()


async def test_what_follows_from_a_write_is_part_of_it(broker, producer) -> None:
    """Receipts name the place of their records and are seen together with them."""
    told = []

    def further(written):
        told.extend(written)
        return [_record("receipts")]

    await producer.write([_record("a"), _record("b")], further)

    assert told == [Written("a", 0, 1), Written("b", 0, 2)]
    assert [topic for topic, _ in broker.visible] == ["a", "b", "receipts"]
    assert broker.configuration["transactional.id"] == "hue.lienthong.poll"
    assert broker.configuration["delivery.timeout.ms"] <= broker.configuration["transaction.timeout.ms"]


@pytest.mark.parametrize("code", [KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED])
@pytest.mark.parametrize("call", ["init", "begin", "produce", "commit"])
async def test_after_a_successor_nothing_is_written(broker, code, call) -> None:
    """Whichever call hears of it first, it is told apart from every other error."""
    producer = FencedProducer(KafkaSettings(), "name", broker)
    broker.raises = {call: [_error(code, fatal=True)]}

    async def write():
        await producer.open()
        await producer.write([_record()])

    with pytest.raises(Fenced):
        await write()
    assert broker.visible == []
    await producer.close()


async def test_a_report_of_a_fenced_producer_is_told_by_the_end_of_its_transaction(broker, producer) -> None:
    """The report itself only says that the record was given up."""
    broker.refuses = {"a": _error(KafkaError._PURGE_QUEUE)}
    broker.raises = {"abort": [_error(KafkaError._FENCED, fatal=True)]}
    with pytest.raises(Fenced):
        await producer.write([_record()])


async def test_a_producer_that_the_broker_forgot_is_like_a_fenced_one(broker, producer) -> None:
    """Whoever still owns the name makes a new one."""
    broker.raises = {"commit": [_error(KafkaError.INVALID_PRODUCER_ID_MAPPING, fatal=True)]}
    with pytest.raises(Fenced):
        await producer.write([_record()])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, RecordTooLargeError),
        (KafkaError._MSG_TIMED_OUT, BrokerUnavailableError),
    ],
)
async def test_a_refused_record_takes_the_whole_write_with_it(broker, producer, code, expected) -> None:
    """Nothing of it is seen, and the same write may be tried again."""
    broker.refuses = {"b": _error(code)}
    with pytest.raises(expected):
        await producer.write([_record("a"), _record("b")])
    assert (broker.visible, broker.calls[-1]) == ([], "abort")

    broker.refuses = {}
    await producer.write([_record("a")])
    assert broker.visible == [("a", b"1")]


async def test_a_slow_broker_is_waited_for(broker, producer) -> None:
    """The same call again, until it is answered."""
    away = _error(KafkaError._TIMED_OUT, retriable=True)
    broker.raises = {"commit": [away, away]}
    await producer.write([_record()])
    assert broker.calls.count("commit") == 3
    assert broker.visible == [("a", b"1")]


async def test_a_name_that_is_not_allowed_says_what_to_allow(broker) -> None:
    """Waiting would not help."""
    producer = FencedProducer(KafkaSettings(), "hue.lienthong.poll", broker)
    broker.raises = {"init": [_error(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)]}
    with pytest.raises(FatalError, match=r"hue\.lienthong\.poll"):
        await producer.open()
    await producer.close()


async def test_a_defect_between_record_and_receipt_leaves_nothing_open(broker, producer) -> None:
    """An unknown error passes through, and the next write begins anew."""

    def further(_written):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await producer.write([_record()], further)
    assert (broker.visible, broker.calls[-1]) == ([], "abort")


async def test_closed_twice_it_stays_closed(broker, producer) -> None:
    """Nothing is written after the end."""
    await producer.close()
    await producer.close()
    with pytest.raises(FatalError):
        await producer.write([_record()])
