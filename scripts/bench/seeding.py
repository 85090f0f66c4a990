"""Fills topics with valid records, as a publisher would write them."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from itertools import cycle, islice
from pathlib import Path

from confluent_kafka import Producer

from lienthong.config.models import KafkaSettings
from lienthong.kafka.settings import producer_configuration
from lienthong_schemas.generator import DefectRates, Scenario
from scripts.bench.harness import Place

_NO_DEFECTS = 0.0
#: The eight attributes that every publisher sends.
ATTRIBUTES = frozenset({"specversion", "id", "source", "type", "time", "dataschema", "datacontenttype", "dossiercode"})
#: A quarter of the generated events are progress.
_EVENTS_PER_WANTED = 5
#: Beyond this many, contents repeat under new ids: making them would take longer than measuring.
_MAX_DISTINCT = 20_000
#: Records that the producer may hold.
_POLL_EVERY = 5_000
Content = tuple[bytes, bytes, list[tuple[str, bytes]]]


def prepare(place: Place) -> Place:
    """Create the topics of a place and fill its inbound topic.

    Args:
        place: Where.
    """
    apply_topics(place)
    seed(place, place.topic("inbound.dossier.one-stop"), place.records)
    return place


def apply_topics(place: Place, settings: Mapping[str, str] | None = None) -> None:
    """Create the topics of a province.

    Args:
        place: Where.
        settings: More variables of the hub.
    """
    environment = {
        **os.environ,
        "LIENTHONG_PROVINCE": place.province,
        "LIENTHONG_KAFKA__BOOTSTRAP_SERVERS": place.bootstrap_servers,
        **(settings or {}),
    }
    command = [str(Path(sys.executable).parent / "lienthong"), "topics", "apply"]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def contents(type_name: str, wanted: int) -> list[Content]:
    """Return key, value and headers without id of generated records.

    Args:
        type_name: CloudEvents type.
        wanted: How many.
    """
    chosen = (event for event in _scenario(wanted).events() if event.attributes["type"] == type_name)
    found = [
        (
            event.key,
            event.data,
            [
                ("content-type" if name == "datacontenttype" else f"ce_{name}", text.encode())
                for name, text in event.attributes.items()
                if name in ATTRIBUTES and name != "id"
            ],
        )
        for event in islice(chosen, wanted)
    ]
    if len(found) < wanted:
        sys.exit(f"the generator gave only {len(found)} records of {type_name}")
    return found


def people(wanted: int) -> Iterator[Mapping[str, object]]:
    """Return the people behind :func:`contents`, as rows for the simulated population database.

    Args:
        wanted: How many contents were made.
    """
    return _scenario(wanted).population()


def _scenario(wanted: int) -> Scenario:
    rates = DefectRates(*([_NO_DEFECTS] * len(DefectRates.__dataclass_fields__)))
    return Scenario(records=wanted * _EVENTS_PER_WANTED, seed=11, defects=rates)


def seed(place: Place, topic: str, records: int, compression: str = "none") -> None:
    """Fill a topic with valid records of one type as binary CloudEvents.

    Args:
        place: Where.
        topic: Full name.
        records: How many.
        compression: As librdkafka names it; stock Faust's driver reads lz4 only with a further library.
    """
    known = contents(place.type_name, min(records, _MAX_DISTINCT))
    write(place, topic, (each for each in islice(cycle(known), records)), compression)


def write(place: Place, topic: str, records: Iterator[Content], compression: str = "none") -> None:
    """Write records under new ids.

    Args:
        place: Where.
        topic: Full name.
        records: Key, value and headers without id.
        compression: As librdkafka names it.
    """
    producer = Producer(seed_configuration(place, compression))
    prefix = uuid.uuid4().hex.encode()
    for number, (key, value, headers) in enumerate(records):
        event_id = ("ce_id", b"%b-%d" % (prefix, number))
        while True:
            try:
                producer.produce(topic, value=value, key=key, headers=[*headers, event_id])
            except BufferError:
                producer.poll(0.05)
            else:
                break
        if number % _POLL_EVERY == 0:
            producer.poll(0)
    producer.flush()


def seed_configuration(place: Place, compression: str = "none") -> dict[str, object]:
    """Return the settings of a publisher.

    Args:
        place: Where.
        compression: As librdkafka names it.
    """
    settings = KafkaSettings(bootstrap_servers=place.bootstrap_servers)
    return {**producer_configuration(settings, "bench-seed"), "compression.type": compression, "log_level": 2}
