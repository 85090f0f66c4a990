"""CloudEvents over Kafka: round trips in both modes, and everything that is no CloudEvent."""

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.envelope import (
    EXTENSIONS,
    JSON_TYPE,
    MAX_ATTRIBUTE_CHARACTERS,
    STANDARD,
    Event,
    carried,
    check_attributes,
    from_document,
    from_json,
    from_kafka,
    to_json,
    to_kafka,
)
from lienthong.errors import DecodeError

MINIMUM = {"id": "e-1", "source": "/hue/one-stop", "specversion": "1.0", "type": "dossier.snapshot"}
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters=["\ufffe", "\uffff"]), min_size=1, max_size=60
).filter(lambda text: not any("\ufdd0" <= character <= "\ufdef" for character in text))
NAMES = st.one_of(
    st.sampled_from(sorted((STANDARD | EXTENSIONS) - {"specversion", "datacontenttype"})),
    st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).filter(lambda name: name not in {"data", "datacontenttype"}),
)
CONTENT_TYPES = st.sampled_from(
    [JSON_TYPE, "application/json; charset=utf-8", "text/plain", "application/octet-stream"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def events(draw):
    """Build an event with any valid attributes and any bytes."""
    attributes = draw(st.dictionaries(NAMES, TEXT, max_size=6))
    attributes |= {name: draw(TEXT) for name in ("id", "source", "type")} | {"specversion": "1.0"}
    attributes["datacontenttype"] = draw(CONTENT_TYPES)
    if "json" in attributes["datacontenttype"]:
        data = draw(st.none() | JSON.map(orjson.dumps))
    else:
        data = draw(st.none() | st.binary(max_size=200))
    return Event(attributes, data)


@given(events())
def test_binary_mode_comes_back_unchanged(event):
    """Every attribute and every byte survives Kafka's headers and value."""
    assert from_kafka(*to_kafka(event)) == event


@given(events())
def test_structured_mode_comes_back_unchanged(event):
    """Every attribute and every byte survives the JSON document."""
    assert from_json(to_json(event)) == event
    assert from_kafka([("content-type", b"application/cloudevents+json; charset=utf-8")], to_json(event)) == event


@given(events())
def test_both_modes_say_the_same(event):
    """An event may change its mode on the way without changing its meaning."""
    assert from_json(to_json(from_kafka(*to_kafka(event)))) == event


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_clear_error(body):
    """No body, however broken, ends in another exception."""
    with contextlib.suppress(DecodeError):
        from_json(body)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["ce_id", "ce_source", "ce_type", "ce_specversion", "CE_Subject", "ce_", "content-type", "x"]
            ),
            st.binary(max_size=20) | st.sampled_from([b"1.0", b"application/cloudevents+json"]),
        ),
        max_size=8,
    ),
    st.none() | st.binary(max_size=50),
)
def test_any_headers_are_an_event_or_a_clear_error(headers, value):
    """No header, however broken, ends in another exception."""
    with contextlib.suppress(DecodeError):
        from_kafka(headers, value)


@given(st.recursive(JSON, lambda inner: st.dictionaries(st.sampled_from([*MINIMUM, "data", "data_base64"]), inner)))
def test_any_document_is_an_event_or_a_clear_error(document):
    """No JSON value, however odd, ends in another exception."""
    with contextlib.suppress(DecodeError):
        from_document(document)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "missing_id"),
        ({"source": ""}, "missing_source"),
        ({"type": None}, "missing_type"),
        ({"specversion": None}, "missing_specversion"),
        ({"specversion": "0.3"}, "specversion"),
        ({"Subject": "x"}, "name"),
        ({"dossier_code": "x"}, "name"),
        ({"subject": "a\nb"}, "attribute_subject"),
        ({"subject": "\x00"}, "attribute_subject"),
        ({"subject": "x" * (MAX_ATTRIBUTE_CHARACTERS + 1)}, "attribute_subject"),
        ({"subject": 1.5}, "attribute_type"),
        ({"subject": {"a": 1}}, "attribute_type"),
        ({"data": {}, "data_base64": "AA=="}, "data_twice"),
        ({"data_base64": "not base64"}, "data_base64"),
        ({"data_base64": 5}, "data_base64"),
        ({"datacontenttype": "application/cloudevents+json", "data": {}}, "attribute_datacontenttype"),
        ({"datacontenttype": " Application/CloudEvents-batch+json", "data": []}, "attribute_datacontenttype"),
    ],
)
def test_what_is_no_cloudevent_is_refused_with_a_reason(change, reason):
    """A publisher learns which attribute breaks which rule, and never sees a value in the message."""
    document = {name: value for name, value in {**MINIMUM, **change}.items() if value is not None}

    with pytest.raises(DecodeError) as caught:
        from_json(orjson.dumps(document))
    assert caught.value.reason == reason
    assert "not base64" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'"x"', b"null", b'{"id":"\xff"}', b"\xef\xbb\xbf{}"])
def test_what_is_no_object_is_refused(body):
    """An empty body, another JSON value, a byte order mark or broken UTF-8 is named as such."""
    with pytest.raises(DecodeError):
        from_json(body)


def test_a_payload_cannot_be_smuggled_in_as_an_event():
    """Bytes that were checked as data must not be read as an event with its own attributes further on."""
    inner = to_json(Event({**MINIMUM, "source": "/somebody/else"}, b"{}"))
    outer = Event({**MINIMUM, "datacontenttype": "application/cloudevents+json"}, inner)

    with pytest.raises(DecodeError):
        check_attributes(outer.attributes)
    with pytest.raises(DecodeError):
        from_json(orjson.dumps({**outer.attributes, "data": orjson.loads(inner)}))


def test_an_attribute_cannot_stand_for_the_data():
    """A header named like the payload would replace it in structured mode."""
    headers, _ = to_kafka(Event(MINIMUM, None))

    with pytest.raises(DecodeError):
        from_kafka([*headers, ("ce_data", b"x")], None)


@pytest.mark.parametrize("content_type", [b"application/cloudevents-batch+json", b"application/cloudevents+avro"])
def test_other_cloudevents_formats_are_refused(content_type):
    """Batches go through the gateway; other formats are not read as if they were data."""
    with pytest.raises(DecodeError) as caught:
        from_kafka([("content-type", content_type)], b"[]")
    assert caught.value.reason == "content_type"


def test_structured_mode_is_known_in_any_letter_case():
    """Content types have no letter case, and header names have none either."""
    body = to_json(Event({**MINIMUM, "datacontenttype": JSON_TYPE}, b"{}"))

    assert from_kafka([("Content-Type", b"Application/CloudEvents+JSON")], body).id == "e-1"


def test_integers_and_booleans_become_text():
    """Attributes of other types have one text form in the Kafka binding."""
    event = from_document({**MINIMUM, "sequence": 7, "flag": True, "other": False, "none": None})

    assert event.get("sequence") == "7"
    assert (event.get("flag"), event.get("other"), event.get("none", "?")) == ("true", "false", "?")


@pytest.mark.parametrize(
    ("part", "data"),
    [({}, None), ({"data": None}, b"null"), ({"data": "x"}, b'"x"'), ({"data_base64": None}, None),
     ({"data_base64": ""}, b""), ({"data": "x", "datacontenttype": "text/plain"}, b"x")],
)  # fmt: skip
def test_data_has_one_meaning(part, data):
    """No data, null, text and bytes are told apart."""
    assert from_document({**MINIMUM, **part}).data == data


def test_only_what_the_hub_vouches_for_is_carried_on():
    """Unknown extension attributes end at intake."""
    assert set(carried({**MINIMUM, "purpose": "p", "nickname": "n"})) == {*MINIMUM, "purpose"}


def test_nothing_personal_is_in_the_repr():
    """An event in a log line or traceback shows its type and size only."""
    event = Event({**MINIMUM, "subject": "secret"}, b"secret")

    assert repr(event) == "Event(type='dossier.snapshot', data_bytes=6)"
