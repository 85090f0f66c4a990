"""librdkafka's settings of all sides that stand on it: the same as the hub's own where a side leaves the choice."""

from typing import Any

PRODUCER: dict[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 5,
    "batch.size": 1_048_576,
    "batch.num.messages": 10_000,
    "compression.type": "lz4",
    "partitioner": "murmur2_random",
    "queue.buffering.max.messages": 500_000,
}
CONSUMER: dict[str, Any] = {
    "isolation.level": "read_committed",
    "fetch.queue.backoff.ms": 20,
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 32_768,
    "fetch.wait.max.ms": 100,
}
