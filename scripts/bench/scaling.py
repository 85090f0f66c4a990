"""What one record costs as keys, partitions, lanes and sizes grow; no bar, a table."""

import uuid
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from scripts.bench.harness import Place, python_side, run_side
from scripts.bench.intake import THIN
from scripts.bench.options import Options
from scripts.bench.rows import Row, Table
from scripts.bench.seeding import apply_topics, contents, write
from scripts.bench.side_ours_delivery import LANES_VARIABLE
from scripts.bench.subject import TOPIC_VARIABLE
from scripts.bench.target import running_target

_PARTITIONS = (1, 4, 12, 48)  # rising: partitions are never taken away
_PARTITIONS_OF_CATALOGUE = 4
_SIZES = (1_000, 10_000, 100_000)
_KEYS = (100, 1_000, 10_000)
_LANES = (10, 100, 400)
_DISTINCT = 10_000
#: Bytes of one run with large records.
_LARGE_RUN_BYTES = 400_000_000
_COLUMNS = ("what grows", "value", "records/s", "CPU µs a record")


def scaling(options: Options) -> tuple[list[Row], list[Table]]:
    """Measure the cost of one record.

    Args:
        options: Where and how much.
    """
    place = Place(options.bootstrap_servers, "scaling", THIN, 0)
    apply_topics(place)
    table = Table("Cost of one record", _COLUMNS)
    for partitions in _PARTITIONS:
        _line(table, "partitions (intake)", partitions, _intake(place, options.scaled(60_000), partitions, 0))
    for size in _SIZES:
        records = min(options.scaled(60_000), _LARGE_RUN_BYTES // max(size, 1))
        _line(table, "bytes of padding (intake)", size, _intake(place, records, 4, size))
    with running_target(options.folder) as target:
        there = replace(place, target_url=target.url)
        for keys in _KEYS:
            _line(table, "keys (delivery)", keys, _delivery(there, options.scaled(8_000), keys, 100))
        for lanes in _LANES:
            _line(table, "lanes (delivery)", lanes, _delivery(there, options.scaled(8_000), _DISTINCT, lanes))
    return [], [table]


def _line(table: Table, name: str, value: int, report: dict[str, Any]) -> None:
    micros = report["cpu_seconds"] / report["records"] * 1e6
    table.lines.append((name, value, round(report["records_per_second"]), round(micros, 1)))
    print(f"{name} {value}: {report['records_per_second']:,.0f}/s, {micros:.1f} µs", flush=True)


def _intake(place: Place, records: int, partitions: int, padding: int) -> dict[str, Any]:
    topic = _topic(place, f"inbound.dossier.parts-{partitions}-{padding}", partitions)
    # Blanks between tokens are JSON: the record stays valid, and every byte is still read and written.
    known = [
        (key, value[:-1] + b" " * padding + value[-1:], headers)
        for key, value, headers in contents(THIN, min(records, _DISTINCT))
    ]
    write(place, topic, islice(cycle(known), records), "lz4" if not padding else "none")
    side = python_side("ours", "side_ours", **{TOPIC_VARIABLE: topic})
    return run_side(side, replace(place, records=records))


def _delivery(place: Place, records: int, keys: int, lanes: int) -> dict[str, Any]:
    topic = _topic(place, f"inbound.dossier.keys-{keys}-{lanes}", 4)
    known = contents(THIN, min(records, _DISTINCT))
    spread = ((b"key-%d" % (number % keys), value, headers) for number, (_, value, headers) in enumerate(cycle(known)))
    write(place, topic, islice(spread, records), "lz4")
    side = python_side("ours", "side_ours_delivery", **{TOPIC_VARIABLE: topic, LANES_VARIABLE: str(lanes)})
    return run_side(side, replace(place, records=records))


def _topic(place: Place, name: str, partitions: int) -> str:
    topic = place.topic(f"{name}-{uuid.uuid4().hex[:8]}")
    # Bound to a name: a client that is collected gives its questions up.
    admin = AdminClient({"bootstrap.servers": place.bootstrap_servers, "log_level": 2})
    created = admin.create_topics([NewTopic(topic, partitions, 1, config={"max.message.bytes": "1048576"})])
    created[topic].result(30)
    if partitions > _PARTITIONS_OF_CATALOGUE:
        # A pipeline's own topics have as many partitions as its source.
        topics = admin.list_topics(timeout=30).topics.values()
        own = [
            each.topic
            for each in topics
            if each.topic.startswith(place.province)
            and each.topic.endswith(".intake")
            and len(each.partitions) < partitions
        ]
        for each in admin.create_partitions([NewPartitions(name, partitions) for name in own]).values():
            each.result(30)
    return topic
