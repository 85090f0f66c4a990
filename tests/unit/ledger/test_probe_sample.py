"""Which dossiers are asked for, and what of them is compared."""

from datetime import UTC, datetime

import orjson
import pytest
from pydantic import BaseModel, ConfigDict

from lienthong.ledger.probe_sample import Chosen, choose, read_delivered, sample
from lienthong.record import Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.schema import SchemaSpec, dataschema

TOPIC = "hue.records.dossier"
SOURCE = "/hue/one-stop"


class Thing(BaseModel):
    """A record type of this test."""

    model_config = ConfigDict(extra="ignore")
    status: str


REGISTRY = SchemaRegistry([SchemaSpec("thing", 1, "dossier", Thing, Thing, str, "none", "thử")])


def _record(key, record_id, body=b'{"status":"returned"}', type_name="thing"):
    attributes = {
        "specversion": "1.0",
        "id": record_id,
        "source": SOURCE,
        "type": type_name,
        "time": datetime(2026, 10, 5, tzinfo=UTC).isoformat(),
        "dataschema": dataschema(type_name, 1),
    }
    headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    return Record(TOPIC, 0, 0, 0, key.encode(), body, headers)


def test_one_seed_gives_one_sample_whatever_order_the_ledger_has():
    """A finding can be shown to somebody else, and a ledger that grew a little gives nearly the same sample."""
    keys = [f"H{number}" for number in range(500)]
    first = choose(keys, 20, 7)
    assert first == choose(reversed(keys), 20, 7)
    assert first != choose(keys, 20, 8)
    assert len(set(first) & set(choose([*keys, "H500", "H501"], 20, 7))) >= 18
    assert sorted(choose(keys[:3], 20, 7)) == keys[:3]


def test_every_dossier_has_its_turn():
    """Chance that only ever looks at one end of the ledger would show nothing."""
    keys = [f"H{number:03}" for number in range(100)]
    seen = {key for seed in range(60) for key in choose(keys, 10, seed)}
    assert len(seen) > 95


def test_only_delivered_dossiers_of_the_pipeline_are_asked_for(sqlite_feeder):
    """What was never delivered is missing at the target, rightly."""
    feeder = sqlite_feeder
    feeder.apply(
        feeder.batch(
            feeder.receipt("a", "delivered", 0, key="H1"),
            feeder.receipt("b", "superseded", 1, key="H1"),
            feeder.receipt("c", "dead_lettered", 2, key="H2"),
            feeder.receipt("d", "delivered", 3, key=""),
        ),
        feeder.batch(feeder.receipt("a", "delivered", 0, key="H3"), pipeline="intake", topic="other"),
    )
    (found,) = sample(feeder.store, "deliver-dossier", 10, 1)
    assert found.key == "H1"
    assert found.states == {(feeder.source, "a"): "delivered", (feeder.source, "b"): "superseded"}


@pytest.fixture
def read(kafka_of):
    """Return a function that reads records for one dossier with known states."""

    def fill(states, *records):
        chosen = Chosen("H1", {(SOURCE, name): kind for name, kind in states.items()})
        read_delivered([chosen], kafka_of(*records), [TOPIC], REGISTRY)
        return chosen

    return fill


def test_what_was_delivered_is_compared_and_nothing_else(read):
    """A late snapshot that was never sent is no measure for what the target holds."""
    chosen = read(
        {"a": "delivered", "b": "superseded", "c": "delivered"},
        _record("H1", "a"),
        _record("H1", "b"),
        _record("H2", "a"),
        _record("H1", "c", b'{"status":"finished"}'),
    )
    assert [(event.id, data.status) for event, data in chosen.records] == [("a", "returned"), ("c", "finished")]
    assert not chosen.is_moving


@pytest.mark.parametrize("states", [{"a": "delivered"}, {"a": "delivered", "b": "in_flight"}])
def test_a_record_on_its_way_is_noted(read, states):
    """The target may show it already, and that is no difference."""
    assert read(states, _record("H1", "a"), _record("H1", "b")).is_moving


@pytest.mark.parametrize(
    "record",
    [
        _record("H1", "a", b"{"),
        _record("H1", "a", orjson.dumps({"other": 1})),
        _record("H1", "a", type_name="gone"),
        Record(TOPIC, 0, 0, 0, b"H1", b"{}", []),
    ],
)
def test_a_record_that_cannot_be_read_any_more_is_left_out(read, record):
    """What was erased can still be asked for, but not compared."""
    chosen = read({"a": "delivered"}, record)
    assert (chosen.records, chosen.is_moving) == ([], False)
