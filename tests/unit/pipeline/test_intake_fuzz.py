"""No bytes whatsoever stop intake: every record of a slice ends in one outcome and one receipt."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lienthong import receipt
from lienthong.clock import SystemClock
from lienthong.config.models import PublisherSettings
from lienthong.delivery.dead_letter import parse
from lienthong.pipeline.intake import Intake
from lienthong.pipeline.publishers import Publishers
from lienthong.pipeline.pure import PureEngine
from lienthong.receipt import ReceiptBatch
from lienthong.record import Place, Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.testing.clock import FakeClock
from lienthong.topic_names import TopicNames
from lienthong.transport.assignment import Assignment, Slice

REGISTRY = SchemaRegistry.installed()
NAMES = ["ce_id", "CE_ID", "ce_source", "ce_type", "ce_dataschema", "ce_subject", "ce_specversion", "content-type"]
NAMES += ["ce_time", "ce_actor", "ce_traceparent", "ce_", "ce_datacontenttype", "lt-key-id", "lt-error-id", "x", ""]
VALUES = [b"1.0", b"application/json", b"application/cloudevents+json", b"dossier.snapshot", b"dossier.progress", b""]
VALUES += [b"urn:lienthong:schemas:dossier.snapshot:1", b"\xff", b"000190123456", "Trần".encode(), b"a" * 2_000, None]
HEADERS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.one_of(st.sampled_from(VALUES), st.binary(max_size=20))), max_size=12
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["1900-01-01", "20261008", "2026-02-30", "9999-12-31T23:59:59+07:00", "0001-01-01T00:00:00+14:00"]),
)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))


@pytest.fixture(scope="module")
def take():
    """Give a function that takes one message in."""
    from lienthong.pipeline.definitions import Pipeline, PipelineDefinition

    document = {
        "name": "intake",
        "description": {"vi": "Thử", "en": "Test"},
        "sources": ["inbound.dossier.one-stop"],
        "forward": {"validate_as_publisher": True, "topic": "records.{domain}"},
    }
    names = TopicNames("hue")
    pipeline = Pipeline(PipelineDefinition.model_validate(document), ("hue.inbound.dossier.one-stop",), "g", names)
    return Intake(pipeline, "records.{domain}", REGISTRY, Publishers({}, names), SystemClock())


def _paths(value, path=()):
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*path, index))


def _replace(document, path, value):
    if not path:
        return value
    changed = copy.deepcopy(document)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return changed


def _check(take, bench, message) -> None:
    work = take.process(bench.slice(message))
    assert len(work.records) == len(work.receipts) == 1
    (out,), (told,) = work.records, work.receipts
    assert told.kind in {"delivered", "dead_lettered"}
    if told.kind == "dead_lettered":
        parse(Record(out.topic, 0, 0, 0, out.key, out.value, out.headers))
    receipt.encode(ReceiptBatch("intake", "t", 0, SystemClock().now(), work.receipts), "receipts")


SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(
    headers=HEADERS,
    value=st.one_of(st.none(), st.binary(max_size=60), JSON.map(lambda each: json.dumps(each).encode())),
)
def test_any_headers_and_bytes_end_in_one_outcome(take, make_bench, headers, value) -> None:
    """Direct publishers may write anything."""
    bench = make_bench()
    _check(take, bench, bench.message(value, headers))


@SETTINGS
@given(headers=HEADERS)
def test_any_further_headers_on_a_good_record_end_in_one_outcome(take, make_bench, headers) -> None:
    """Attributes are repeated, shadowed and without value in the wild."""
    bench = make_bench()
    message = bench.progress(1)
    message.headers_ = [*message.headers(), *headers]
    _check(take, bench, message)


@SETTINGS
@given(data=st.data(), value=JSON)
def test_any_value_in_any_field_ends_in_one_outcome(take, make_bench, data, value) -> None:
    """Whatever stands in a field, also where a finding or the key is computed from it."""
    bench = make_bench()
    message = bench.snapshot(1)
    document = json.loads(message.value())
    path = data.draw(st.sampled_from(sorted(_paths(document), key=repr)))
    message.value_ = json.dumps(_replace(document, path, value)).encode()
    _check(take, bench, message)


@SETTINGS
@given(cut=st.integers(0, 1_200), insert=st.binary(max_size=6))
def test_any_damage_to_the_bytes_ends_in_one_outcome(take, make_bench, cut, insert) -> None:
    """Bytes that were cut or hit on the way."""
    bench = make_bench()
    message = bench.snapshot(1)
    message.value_ = message.value()[:cut] + insert + message.value()[cut + len(insert) :]
    _check(take, bench, message)


TEXTS = st.sampled_from(["", "Hồ sơ", "Hồ sơ".encode().decode(), "Ho\u0300 so", "a\x7f", "\x07", "½ Ñ", "\\u0301", "ñ"])
ALTERED = st.tuples(
    st.sampled_from(["good", "text", "value", "header", "double", "nameless"]), TEXTS, st.sampled_from(VALUES), HEADERS
)


def _altered(bench, number, change):
    kind, text, value, headers = change
    message = bench.progress(number)
    if kind == "text":
        message.value_ = json.dumps({**json.loads(message.value()), "content": text}, ensure_ascii=False).encode()
    elif kind == "value":
        message.value_ = value
    elif kind == "header":
        message.headers_ = [(name, value if name == "ce_id" else raw) for name, raw in message.headers()]
    elif kind == "double":
        message.headers_ = [*message.headers(), *headers]
    elif kind == "nameless":
        message.headers_ = headers
    return message


@SETTINGS
@given(changes=st.lists(ALTERED, min_size=1, max_size=12), seed=st.randoms(use_true_random=False))
def test_company_changes_nothing_for_a_record(make_pipeline, make_bench, changes, seed) -> None:
    """Many records are looked at together; each must end as if it had come alone, to a worker that knows nothing."""
    names = TopicNames("hue")
    publishers = Publishers({"one-stop": PublisherSettings(sources=("/hue/one-stop",), domains=("dossier",))}, names)
    pipeline = make_pipeline(forward={"validate_as_publisher": True, "topic": "records.{domain}"})

    def fresh() -> Intake:
        return Intake(pipeline, "records.{domain}", REGISTRY, publishers, FakeClock())

    bench = make_bench()
    messages = [_altered(bench, number + 1, change) for number, change in enumerate([changes[0], *changes])]
    for number, message in enumerate(messages):
        message.offset_ = number
    alone = [fresh().process(_slice(message)) for message in messages]
    experienced = fresh()
    experienced.process(_slice(*seed.sample(messages, len(messages))))
    together = experienced.process(_slice(*messages))

    assert alone[0].receipts[0].kind == "delivered" or changes[0][0] != "good"
    assert together.receipts == [work.receipts[0] for work in alone]
    assert [_shown(each) for each in together.records] == [_shown(work.records[0]) for work in alone]


def _slice(*messages) -> Slice:
    return Slice(Assignment(Place("hue.inbound.dossier.one-stop", 0), 0), messages[0].offset_, messages)


def _shown(record):
    own = ("lt-error-id", "lt-error-first-failed-at")
    return record.topic, record.key, record.value, [header for header in record.headers if header[0] not in own]


async def test_receipts_of_a_whole_slice_of_long_names_fit_into_their_topic(
    take, make_bench, make_pipeline, producer, clock, metrics
) -> None:
    """Two thousand records with the longest allowed id and source must not make a batch that Kafka refuses."""
    bench = make_bench()
    messages = []
    for number in range(2_000):
        message = bench.progress(number + 1)
        long = {"ce_id": f"{number}-" + "ế" * 1_000, "ce_source": "/" + "ế" * 1_000}
        message.headers_ = [(name, long.get(name, raw.decode()).encode()) for name, raw in message.headers()]
        messages.append(message)
    engine = PureEngine(make_pipeline(forward={"topic": "records.dossier"}), take, producer, clock, metrics)
    await engine.submit(bench.slice(*messages))
    assert await engine.drain(5.0)
    written = producer.of("receipts")
    assert sum(len(receipt.decode(each.value).receipts) for each in written) == 2_000
    assert max(len(each.value) for each in written) < 4_000_000
