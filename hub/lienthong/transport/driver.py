"""Faust's transport ``rdkafka://``: Faust runs the worker, librdkafka moves the records."""

from faust.transport import base

from lienthong.transport.consumer import Consumer
from lienthong.transport.producer import Producer


class Transport(base.Transport):
    """Registered as ``rdkafka`` under ``faust.transports``."""

    Consumer = Consumer
    Producer = Producer
    default_port = 9092
    driver_version = "confluent-kafka"
