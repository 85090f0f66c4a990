"""Usual records are taken together; one odd record among them is found as if it had come alone."""

import json
import unicodedata

import pytest

from lienthong.codec import RecordCodec
from lienthong.config.models import PublisherSettings
from lienthong.pipeline.intake import Intake
from lienthong.pipeline.publishers import Publishers
from lienthong.record import Place
from lienthong.registry.schemas import SchemaRegistry
from lienthong.testing.clock import FakeClock
from lienthong.topic_names import TopicNames
from lienthong.transport.assignment import Assignment, Slice

REGISTRY = SchemaRegistry.installed()
_LIMIT = 20_000


def _body(**changes):
    def change(message) -> None:
        message.value_ = json.dumps({**json.loads(message.value()), **changes}, ensure_ascii=False).encode()

    return change


def _headers(make):
    def change(message) -> None:
        message.headers_ = make(message.headers())

    return change


def _value(make):
    def change(message) -> None:
        message.value_ = make(message.value())

    return change


def _with_id(event_id):
    return _headers(lambda headers: [(name, event_id if name == "ce_id" else raw) for name, raw in headers])


def _swapped(headers):
    at = {name: index for index, (name, _) in enumerate(headers)}
    changed = list(headers)
    first, second = at["ce_id"], at["ce_time"]
    changed[first], changed[second] = changed[second], changed[first]
    return changed


ODD = {
    "decomposed text": _body(content=unicodedata.normalize("NFD", "Tiếp nhận")),
    "control character": _body(content="a\x07b"),
    "no value": _value(lambda _: None),
    "no JSON": _value(lambda value: value[:-1]),
    "another type's body": _value(lambda _: b"{}"),
    "larger than its topic": _value(lambda value: value + b" " * _LIMIT),
    "no id": _with_id(b""),
    "the form of a personal ID in a header": _with_id(b"000190123456"),
    "the number of an old identity card in a header": _headers(
        lambda headers: [*headers, ("ce_subject", b"000123456")]
    ),
    "digits by chance at the end of a UUID": _with_id(b"65f23a5a-e87f-4636-8423-123456789012"),
    "a header without value": _with_id(None),
    "headers in another order": _headers(lambda headers: headers[::-1]),
    "two headers in each other's place": _headers(_swapped),
    "one header more": _headers(lambda headers: [*headers, ("ce_actor", b"officer-1")]),
    "unknown source": _headers(
        lambda headers: [(name, b"/elsewhere" if name == "ce_source" else raw) for name, raw in headers]
    ),
}


@pytest.fixture
def fresh(make_pipeline):
    """Give a function that makes a step which has seen nothing yet."""
    names = TopicNames("hue")
    publishers = Publishers({"one-stop": PublisherSettings(sources=("/hue/one-stop",), domains=("dossier",))}, names)
    pipeline = make_pipeline(forward={"validate_as_publisher": True, "topic": "records.{domain}"})
    # The step subtracts what headers may add.
    limits = {"hue.records.dossier": _LIMIT + 16_384}
    return lambda codec=None: Intake(
        pipeline, "records.{domain}", REGISTRY, publishers, FakeClock(), codec, max_bytes=limits
    )


def _slice(*messages) -> Slice:
    return Slice(Assignment(Place("hue.inbound.dossier.one-stop", 0), 0), messages[0].offset(), messages)


def _shown(record):
    return record.topic, record.key, record.value, [each for each in record.headers if each[0] != "lt-error-id"]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_record_among_usual_ones_ends_as_if_alone(fresh, bench, name) -> None:
    """Neither does its neighbours' company hide it, nor does it change what becomes of them."""
    messages = [bench.progress(number) for number in range(1, 7)]
    for message in messages:
        message.headers_ = [*message.headers(), ("ce_time", b"2026-10-08T08:30:00+07:00")]
    first = messages.pop()
    ODD[name](messages[2])
    alone = [fresh().process(_slice(message)) for message in messages]
    step = fresh()
    step.process(_slice(first))

    together = step.process(_slice(*messages))

    assert together.receipts == [work.receipts[0] for work in alone]
    assert [_shown(each) for each in together.records] == [_shown(work.records[0]) for work in alone]


def test_every_value_is_encrypted_where_the_catalogue_says_so(fresh, bench) -> None:
    """The quick way for usual records must not be a way around the encryption."""

    class Codec(RecordCodec):
        """Turns values around and says so."""

        def __init__(self) -> None:
            """Need no keys."""

        def begin_batch(self) -> None:
            """Do nothing."""

        def encrypt(self, subject, headers, value):
            """Encrypt."""
            return [*headers, ("lt-key-id", subject.encode())], value[::-1]

    step = fresh(Codec())
    step.process(_slice(bench.progress(9)))
    messages = [bench.progress(number) for number in range(1, 4)]
    work = step.process(_slice(*messages))
    assert [each.value for each in work.records] == [message.value()[::-1] for message in messages]
