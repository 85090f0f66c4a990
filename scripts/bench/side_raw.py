"""The limit: a bare librdkafka loop that validates, keys and forwards; no receipts, no engine."""

from typing import Any

from confluent_kafka import Consumer, Producer

from lienthong.config.models import KafkaSettings
from lienthong.kafka.settings import consumer_configuration, producer_configuration
from scripts.bench.subject import Stopwatch, from_arguments, validator


def main() -> None:
    """Process the topic once and report."""
    subject = from_arguments()
    settings = KafkaSettings(bootstrap_servers=subject.bootstrap_servers)
    consumer = Consumer(
        consumer_configuration(settings, "bench-raw", subject.group) | {"auto.offset.reset": "earliest"}
    )
    producer = Producer(producer_configuration(settings, "bench-raw"))
    consumer.subscribe([subject.source])
    validate = validator(subject.type_name)
    produce: Any = producer.produce
    watch = Stopwatch()
    acknowledged = 0

    def on_delivery(error: Any, _message: Any) -> None:
        nonlocal acknowledged
        if error is None:
            acknowledged += 1

    read = 0
    while read < subject.records:
        messages = consumer.consume(2_000, 0.05)
        if messages:
            watch.start()
        for message in messages:
            if message.error() is not None:
                continue
            value = message.value()
            model = validate(value)
            produce(
                subject.target,
                value=value,
                key=model.dossier_code.encode(),
                headers=message.headers(),
                on_delivery=on_delivery,
            )
            read += 1
        producer.poll(0)
    producer.flush()
    watch.report(acknowledged)
    consumer.close()


if __name__ == "__main__":
    main()
