"""Configuration of librdkafka clients."""

import logging
from typing import Any

from lienthong.config.models import KafkaSettings

_COMMON: dict[str, Any] = {
    "socket.keepalive.enable": True,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
    "topic.metadata.refresh.interval.ms": 60_000,
    "allow.auto.create.topics": False,
}


def client_configuration(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    """Return what every client needs: where the broker is and how to be trusted by it.

    Args:
        settings: The hub's Kafka settings; ``security`` is passed through by librdkafka's names.
        client_id: Name in the broker's logs and metrics; holds no personal data.
    """
    security = {name: value.get_secret_value() for name, value in settings.security.items()}
    log = {"logger": logging.getLogger("kafka.client")}
    return {**_COMMON, **log, "bootstrap.servers": settings.bootstrap_servers, "client.id": client_id, **security}


def producer_configuration(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    """Return the configuration of an idempotent producer that agrees with Java's on the partition of a key.

    Args:
        settings: The hub's Kafka settings.
        client_id: Name in the broker's logs.

    Delivery:
        ``acks=all``. Order holds while nothing fails; pipelines therefore never give a write up by time, so that no
        record overtakes one that failed.

    Source:
        librdkafka: the default partitioner differs from Java's murmur2.
    """
    return {
        **client_configuration(settings, client_id),
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "delivery.timeout.ms": settings.delivery_timeout_ms,
        "linger.ms": 5,
        "batch.size": 1_048_576,
        "batch.num.messages": 10_000,
        "compression.type": "lz4",
        "queue.buffering.max.messages": 500_000,
        "queue.buffering.max.kbytes": 262_144,
        # The topic's own limit decides; this one only has to be above every topic of the catalogue.
        "message.max.bytes": 4_194_304,
    }


#: A pipeline waits for the broker for ever: giving one write up by time would let the next one overtake it.
PIPELINE_OVERRIDES: dict[str, Any] = {"delivery.timeout.ms": 0}


def consumer_configuration(settings: KafkaSettings, client_id: str, group: str) -> dict[str, Any]:
    """Return the configuration of a group member whose offsets only the watermark moves.

    Args:
        settings: The hub's Kafka settings.
        client_id: Name in the broker's logs.
        group: Consumer group.

    Delivery:
        Nothing is committed by the client itself, and an offset out of range is an error, never a skip.

    Source:
        KIP-848 refuses session, heartbeat and strategy settings of the client.
    """
    configuration: dict[str, Any] = {
        **client_configuration(settings, client_id),
        "group.id": group,
        "group.protocol": settings.group_protocol,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "max.poll.interval.ms": 300_000,
        "fetch.wait.max.ms": 100,
        "fetch.min.bytes": 1,
        # librdkafka waits a whole second, by default, before it looks again at a queue that was full.
        "fetch.queue.backoff.ms": 20,
        "queued.min.messages": 20_000,
        "queued.max.messages.kbytes": 32_768,
        "enable.partition.eof": False,
    }
    if settings.group_protocol == "classic":
        configuration |= {
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": settings.session_timeout_ms,
            "heartbeat.interval.ms": max(settings.session_timeout_ms // 6, 100),
        }
    return configuration
