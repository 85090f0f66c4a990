"""The gateway as a process on a real broker: accepted means readable, away means 503, bulk needs no memory."""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from confluent_kafka import Consumer, TopicPartition

from lienthong_schemas.generator import GeneratedEvent, generate

if TYPE_CHECKING:
    from lienthong.kafka.embedded import EmbeddedKafka

pytestmark = pytest.mark.kafka
STRUCTURED = {"content-type": "application/cloudevents+json"}
NDJSON = {"content-type": "application/x-ndjson"}


def line_of(event: GeneratedEvent) -> bytes:
    """Return an event as one structured-mode line, as broken as it was generated.

    Args:
        event: A generated event.
    """
    head = orjson.dumps(event.attributes)
    return head if event.data is None else head[:-1] + b',"data":' + event.data.replace(b"\n", b" ") + b"}"


def read_all(bootstrap_servers: str, topic: str) -> list[Any]:
    """Return all records of a topic, partition after partition.

    Args:
        bootstrap_servers: The broker.
        topic: Name of the topic.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "none", "enable.auto.commit": False})
    places = [TopicPartition(topic, partition, 0) for partition in range(4)]
    open_at = {place.partition: consumer.get_watermark_offsets(place, 10)[1] for place in places}
    left = sum(open_at.values())
    consumer.assign(places)
    found: list[Any] = []
    while left > 0:
        messages = consumer.consume(min(left, 1_000), 10)
        assert messages, "the topic ended early"
        found += messages
        left -= len(messages)
    consumer.close()
    return sorted(found, key=lambda message: (message.partition(), message.offset()))


def good_events(number: int) -> list[GeneratedEvent]:
    """Return generated events without defects.

    Args:
        number: How many.
    """
    return [event for event in generate(number * 2, seed=7) if not event.defect][:number]


def test_accepted_event_can_be_read_from_kafka(hub: Any, kafka_broker: "EmbeddedKafka") -> None:
    """At the moment of the 202 the record is in Kafka, keyed by its dossier, and its receipts can be asked for."""
    (event,) = good_events(1)

    answer = hub.client.post("/v1/events", content=line_of(event), headers=STRUCTURED)
    records = read_all(kafka_broker.bootstrap_servers, hub.topic)
    asked = hub.client.get(f"/v1/events/{event.attributes['id']}")

    headers = dict(records[-1].headers())
    assert answer.status_code == 202
    assert event.attributes["id"].encode() in [dict(record.headers())["ce_id"] for record in records]
    assert headers["ce_dataschema"].startswith(b"urn:lienthong:schemas:dossier.")
    assert event.key.encode() in [record.key() for record in records]
    assert asked.status_code == 404


def test_large_bulk_stream_needs_no_memory_and_keeps_order(hub: Any, kafka_broker: "EmbeddedKafka") -> None:
    """20,000 lines arrive complete, in order per dossier, in memory that does not grow with them."""
    events = list(generate(20_000, seed=3))
    lines = [line_of(event) + b"\n" for event in events]
    size_megabytes = sum(map(len, lines)) / 1_048_576
    hub.client.post("/v1/events:bulk", content=b"".join(lines[:2_000]), headers=NDJSON)
    before = hub.gateway.memory_megabytes()
    known = len(read_all(kafka_broker.bootstrap_servers, hub.topic))

    def chunks() -> Iterator[bytes]:
        """Yield the lines in parts."""
        for start in range(0, len(lines), 500):
            yield b"".join(lines[start : start + 500])

    began = time.monotonic()
    answer = hub.client.post("/v1/events:bulk", content=chunks(), headers=NDJSON)
    seconds = time.monotonic() - began

    *rejected, summary = [orjson.loads(line) for line in answer.text.splitlines()]
    invalid = [index for index, event in enumerate(events, 1) if event.defect.startswith("invalid.")]
    records = read_all(kafka_broker.bootstrap_servers, hub.topic)
    by_key: dict[bytes, list[bytes]] = defaultdict(list)
    ids = {(dict(record.headers())["ce_id"]) for record in records}
    for record in records:
        by_key[record.key()].append(dict(record.headers())["ce_id"])
    expected: dict[bytes, list[bytes]] = defaultdict(list)
    rejected_lines = {line["line"] for line in rejected}
    for index, event in enumerate(events, 1):
        if index not in rejected_lines:
            expected[event.key.encode()].append(event.attributes["id"].encode())
    growth = hub.gateway.memory_megabytes() - before
    sys.stdout.write(f"{len(lines) / seconds:,.0f} lines/s, {size_megabytes:.1f} MB, memory grew {growth:.1f} MB\n")

    assert rejected_lines == set(invalid)
    assert summary == {"lines": 20_000, "accepted": 20_000 - len(invalid), "rejected": len(invalid)}
    assert len(records) - known == summary["accepted"]
    assert len(ids) > 19_000
    assert all(by_key[key][-len(order) :] == order for key, order in expected.items())
    assert growth < size_megabytes


def test_nothing_personal_is_logged_or_told_back(hub: Any) -> None:
    """No answer and no log line holds a personal ID or a full name of what was published."""
    events = list(generate(3_000, seed=11))
    answers = [hub.client.post("/v1/events", content=line_of(event), headers=STRUCTURED) for event in events[:300]]
    bulk = hub.client.post("/v1/events:bulk", content=b"\n".join(map(line_of, events)), headers=NDJSON)
    secrets = {secret for event in events for secret in personal_texts(event)}

    told = "".join(answer.text for answer in answers) + bulk.text
    logged = hub.gateway.log.read_text(encoding="utf-8") + hub.issuer.log.read_text(encoding="utf-8")
    assert len(secrets) > 500
    assert "bulk_stream_ended" in logged
    assert [secret for secret in secrets if secret in told or secret in logged] == []


def personal_texts(event: GeneratedEvent) -> Iterator[str]:
    """Yield names, identifiers and phones of the owner of an event.

    Args:
        event: A generated event.
    """
    try:
        owner = orjson.loads(event.data or b"{}").get("owner")
    except (orjson.JSONDecodeError, AttributeError):
        return
    if isinstance(owner, dict):
        yield from filter(None, [owner.get("full_name"), owner.get("phone")])
        yield from (item["value"] for item in owner.get("identifiers", ()) if isinstance(item, dict))


def test_broker_that_is_away_is_503_until_it_is_back(
    start_hub: Callable[..., Any], make_topic: Callable[[str, str], None], tmp_path: Path
) -> None:
    """During an outage the publisher is told when to come back; afterwards the same gateway takes events again."""
    from lienthong.kafka.embedded import EmbeddedKafka

    with EmbeddedKafka(tmp_path / "node", die_with_parent=True) as broker:
        hub = start_hub(broker.bootstrap_servers, acknowledge_timeout_seconds=2)
        make_topic(broker.bootstrap_servers, hub.topic)
        first, second = (line_of(event) for event in good_events(2))
        before = hub.client.post("/v1/events", content=first, headers=STRUCTURED)
        broker.stop()

        away = hub.client.post("/v1/events", content=second, headers=STRUCTURED)
        stream = hub.client.post("/v1/events:bulk", content=second, headers=NDJSON)
        broker.start()
        answers = [hub.client.post("/v1/events", content=second, headers=STRUCTURED) for _ in range(5)]

        assert before.status_code == 202
        assert (away.status_code, away.headers["retry-after"]) == (503, "5")
        assert (stream.status_code, stream.headers["retry-after"]) == (503, "5")
        assert answers[-1].status_code == 202
        assert hub.gateway.stop() == 0
