"""Replayed records of an older version become new ones without losing their name, place or encryption."""

import orjson
import pytest
from pydantic import BaseModel

from lienthong.codec import RecordCodec
from lienthong.delivery.upcast import upcast
from lienthong.errors import TransformError
from lienthong.keys import FileKeyProvider
from lienthong.record import Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.schema import SchemaSpec
from lienthong.testing.clock import FakeClock


def _spec(version, change=None):
    return SchemaSpec("x.y", version, "x", BaseModel, BaseModel, lambda _: "k", "none", "X", upcast=change)


def _rename(document):
    return {"new_name": document["name"], "v": 2}


REGISTRY = SchemaRegistry([_spec(2, _rename), _spec(3, lambda document: document | {"v": 3})])


def _record(version=1, value=b'{"name":"a"}', **changes):
    headers = [
        ("ce_type", b"x.y"),
        ("ce_id", b"e-1"),
        ("ce_dataschema", b"urn:lienthong:schemas:x.y:%d" % version),
        ("content-type", b"application/json"),
    ]
    return Record("t", 1, 7, 5, b"k", value, headers)._replace(**changes)


def test_a_record_goes_through_every_version_in_between():
    """Each schema knows only the one before it, also when that is not installed any more."""
    found = upcast(_record(), REGISTRY, None)
    assert orjson.loads(found.value) == {"new_name": "a", "v": 3}
    assert found.header("ce_dataschema") == b"urn:lienthong:schemas:x.y:3"
    assert (found.place_id, found.key, found.header("ce_id")) == ("t:1:7", b"k", b"e-1")


def test_an_encrypted_record_stays_encrypted_for_the_same_person(tmp_path):
    """Erasing the person must still destroy the new value."""
    codec = RecordCodec(FileKeyProvider(tmp_path / "keys.json", FakeClock()), enabled=True)
    headers, value = codec.encrypt("subject", _record().headers, b'{"name":"a"}')
    found = upcast(_record(headers=headers, value=value), REGISTRY, codec)
    assert b"new_name" not in found.value
    assert found.header("lt-key-id") == dict(headers)["lt-key-id"]
    assert orjson.loads(codec.decrypt(found)) == {"new_name": "a", "v": 3}


@pytest.mark.parametrize(
    ("record", "registry"),
    [
        (_record(3), REGISTRY),
        (_record(4), REGISTRY),
        (_record(1), SchemaRegistry([_spec(2)])),
        (_record(1), SchemaRegistry([_spec(3, _rename)])),
        (_record(1, value=None), REGISTRY),
        (_record(1, value=b"\x00"), REGISTRY),
        (_record(headers=[("ce_type", b"x.y")]), REGISTRY),
        (_record(headers=[("ce_type", b"x.y"), ("ce_dataschema", b"urn:other:1")]), REGISTRY),
        (_record(headers=[]), REGISTRY),
    ],
)
def test_what_is_new_or_cannot_become_new_stays_as_it_is(record, registry):
    """What is wrong with it is then told in the same words as for any other record."""
    assert upcast(record, registry, None) is record


def test_a_document_that_does_not_fit_is_named_without_its_values():
    """The error of an upcast may quote the document, so only its place is told."""
    with pytest.raises(TransformError) as caught:
        upcast(_record(value=b'{"secret":"a"}'), REGISTRY, None)
    assert caught.value.reason == "upcast"
    assert caught.value.__cause__ is None
    assert "secret" not in str(caught.value)
