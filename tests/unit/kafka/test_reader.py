"""What librdkafka reports → what the operator is told."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from lienthong.errors import BrokerUnavailableError, FatalError, LienthongError, TopicDriftError
from lienthong.kafka.reader import TopicReader, error_of, to_error
from lienthong.record import Place


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (KafkaError._AUTO_OFFSET_RESET, FatalError),
        (KafkaError.OFFSET_OUT_OF_RANGE, FatalError),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, TopicDriftError),
        (KafkaError._UNKNOWN_TOPIC, TopicDriftError),
        (KafkaError._ALL_BROKERS_DOWN, BrokerUnavailableError),
        (KafkaError._TIMED_OUT, BrokerUnavailableError),
    ],
)
def test_errors_are_grouped_by_what_can_be_done(code: int, expected: type[LienthongError]) -> None:
    """Expired records are fatal, missing topics are drift, everything else is a matter of time."""
    assert type(to_error(KafkaError(code), "read hue.receipts")) is expected


def test_a_fatal_error_of_the_client_is_fatal() -> None:
    """A client that librdkafka gave up cannot be used again."""
    assert isinstance(to_error(KafkaError(KafkaError._FATAL, "gone", fatal=True), "read"), FatalError)


def test_an_exception_is_read_through() -> None:
    """The error inside the exception decides; one without any is a matter of time."""
    inside = KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))

    assert isinstance(error_of(inside, "list topics"), TopicDriftError)
    assert isinstance(error_of(KafkaException("odd"), "list topics"), BrokerUnavailableError)


def test_nothing_to_read_needs_no_client() -> None:
    """A reader whose ends are its starts is done at once and can be closed twice."""
    place = Place("hue.records.dossier", 0)
    reader = TopicReader({"client.id": "test"}, {place: 7}, ends={place: 7})

    assert reader.is_done
    assert reader.read() == []
    assert list(reader.batches()) == []
    assert reader.lags() == {}
    assert reader.positions == {place: 7}
    reader.close()
    reader.close()


def test_a_silent_broker_is_noticed() -> None:
    """Reading to the end does not wait for ever for a broker that is not there."""
    place = Place("hue.records.dossier", 0)
    configuration = {"bootstrap.servers": "127.0.0.1:1", "client.id": "test", "log_level": 0}

    with (
        TopicReader(configuration, {place: 0}, ends={place: 1}) as reader,
        pytest.raises(BrokerUnavailableError, match="Kafka sent nothing"),
    ):
        list(reader.batches(silence_seconds=0.5))
